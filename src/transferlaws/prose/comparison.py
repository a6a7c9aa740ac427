"""Forms of loss against each other: what they are called, how they predict, and whether the cells can tell.

A ranking that another draw of the same cells would reverse is called undecided.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from transferlaws.laws import BASELINE, NOISE, Comparison, FormFit
from transferlaws.laws.paper import REPORTED
from transferlaws.prose.numbers import Prose, closing, counted, grid, multiple, scientific

FORM_NAMES = {
    "hernandez": "transfer law, eq. 1.1",
    "additive": "additive",
    "multiplicative": "multiplicative",
    "rectified": "rectified",
    "transfer_gap": "transfer gap",
    "curved": "transfer law with a changing alpha",
    "eq_6_1": "the paper's eq. 6.1",
    "eq_6_1_floor": "the same with a floor",
    "broken_power": "broken power law",
    BASELINE: "no fit: nearest cell",
    NOISE: "noise between seeds",
}
LAWS = {
    "loss_space": "one curve per size (loss space)",
    "eq_6_1": "one form for all (the paper's eq. 6.1)",
}
SAME = 1e-4
"""Share by which two errors may differ and still be one."""
DECIDED = 0.95
"""Share of redrawn choices of cells in which a form must be best to be called best."""


def form_name(form: str) -> str:
    """What a form is called on a page; one without a title goes by its own name."""
    return FORM_NAMES.get(form, form.replace("_", " "))


def declared(sentence: str, held: int, of: int) -> Prose:
    """The declaration of a hold-out, quoted, with the number of its runs."""
    return Prose(f"> {sentence[0].upper()}{sentence[1:]}: {held} runs of {of}.")


def compared(comparison: Comparison, n_fitted: int, seed: int = 0, draws: int = 2000) -> Prose:
    """Which form has the least held-out error, and whether these cells can tell it from the others.

    `n_fitted` is the number of fine-tuned cells the forms were fitted to.
    """
    table = comparison.scores.set_index("form")
    forms = [form for form in table.index if form not in (BASELINE, NOISE)]
    best = forms[0]
    least, baseline, noise = table["error_loss"].loc[[best, BASELINE, NOISE]].to_numpy(float)

    def percent(value: float) -> str:
        return f"{100 * value:.3g} %" if np.isfinite(value) else "–"

    errors = table[["error_loss", "worst_loss", "error_d_effective"]].map(percent).to_numpy()
    counts = zip(map(int, table["n_free"]), map(int, table["n_cells"]), strict=True)
    rows = (
        (form_name(form), n_free or "–", n_cells, *found)
        for form, (n_free, n_cells), found in zip(table.index, counts, errors, strict=True)
    )
    worse = [form_name(form) for form in forms if not table.loc[form, "error_loss"] < baseline]
    losers = (
        f"No better than fitting nothing: {', '.join(worse)}."
        if worse
        else "Every form beats fitting nothing."
    )
    # Eq. 6.1 is fitted to the from-scratch cells too.
    loose = [form_name(f) for f in forms if not f.startswith("eq_6_1") and table.loc[f, "n_free"] >= n_fitted]
    too_free = (
        f"\n\n**Fitted to {n_fitted} fine-tuned cells, {', '.join(loose)} "
        f"{'has' if len(loose) == 1 else 'have'} at least as many parameters as there are cells.** Such a "
        "form is not determined, and what it misses by says little about it."
    )
    alike = [
        f"{form_name(one)} and {form_name(other)}"
        for one, other in pairwise(forms)
        if abs(table.loc[one, "error_loss"] / table.loc[other, "error_loss"] - 1) < SAME
    ]
    if alike:
        losers += (
            f" Equal to every digit shown: {'; '.join(alike)}. One of two such forms contains the other, and "
            "its "
            "further terms have gone to nothing: on these cells they are one form, not two that agree."
        )
    columns = ("form", "parameters", "cells", "mean error", "worst cell", "error in $D_E$")
    return Prose(
        grid(columns, rows)
        + f"\n\nLeast error on the held-out cells: **{form_name(best)}**, {100 * least:.2g} % on average, "
        f"where fitting nothing misses by {100 * baseline:.2g} % and noise alone would leave "
        f"{100 * noise:.2g} %. {_ranking(comparison, forms, seed, draws)} {losers}{too_free if loose else ''}"
    )


def _ranking(comparison: Comparison, forms: Sequence[str], seed: int, draws: int) -> str:
    """How firmly the first of `forms` comes first, when the held-out cells are drawn with replacement."""
    wide = comparison.predictions.pivot(index=["n_params", "d_chars"], columns="form", values="error")
    errors = wide[list(forms)].dropna()
    if errors.empty:
        return "No held-out cell was predicted by every form, so the forms cannot be ranked."
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(errors), np.full(len(errors), 1 / len(errors)), size=draws)
    first = (weights @ errors.to_numpy()).argmin(axis=1)
    share = pd.Series(np.bincount(first, minlength=len(forms)) / draws, index=list(forms))
    best = f"{100 * share[forms[0]]:.0f} %"
    if share[forms[0]] >= DECIDED:
        return f"It comes first in {best} of {draws:,} redrawn choices of the held-out cells."
    rivals = share[share >= 1 - DECIDED].drop(forms[0], errors="ignore").sort_values(ascending=False)
    named = ", ".join(f"{form_name(str(form))} ({100 * value:.0f} %)" for form, value in rivals.items())
    return (
        f"But in {draws:,} redrawn choices of these cells it comes first in only {best}, beside "
        f"{named or 'several others'}: **these cells do not single out a law.**"
    )


def unseen(comparison: Comparison) -> tuple[str, str, str]:
    """A row of the box: what the transfer law misses by on losses that it has not seen."""
    error = float(comparison.scores.set_index("form")["error_loss"]["hernandez"])
    title = "the transfer law on losses it has not seen"
    return title, "not among the numbers it prints", f"{100 * error:.2g} % of the loss"


def leaning(comparison: Comparison) -> Prose:
    """Signed held-out errors of each form at the largest size and at both ends of the data."""
    cells = comparison.predictions.assign(signed=lambda rows: 100 * (rows["predicted"] / rows["loss"] - 1))
    least, most, largest = cells["d_chars"].min(), cells["d_chars"].max(), cells["n_params"].max()
    views = {
        "largest size": cells["n_params"] == largest,
        f"least data ({scientific(least, 1)})": cells["d_chars"] == least,
        f"most data ({scientific(most, 1)})": cells["d_chars"] == most,
    }
    rows = []
    for form in (form for form in comparison.scores["form"] if form != NOISE):
        own = cells.loc[cells["form"] == form, "signed"]
        means = (own[view].mean() for view in views.values())
        said = (f"{mean:+.2g} %" if np.isfinite(mean) else "–" for mean in means)
        rows.append((form_name(form), *said, f"{int((own < 0).sum())} of {own.count()} cells"))
    return grid(("form", *views, "too low in"), rows)


def where_it_misses(cells: pd.DataFrame) -> Prose:
    """Where eq. 6.1 misses most: the rows of cells, by size and by data, with the largest mean miss."""
    used = cells[np.isfinite(cells["eq_6_1"])]
    miss = used["loss"] - used["eq_6_1"]
    said = []
    for column, words in (("n_params", "N ="), ("d_chars", "D =")):
        by = miss.abs().groupby(used[column]).mean()
        values = sorted(by.index)
        worst = by.idxmax()
        place = " (the smallest)" if worst == values[0] else " (the largest)" if worst == values[-1] else ""
        side = miss[used[column] == worst].mean()
        said.append(
            f"by {'size' if column == 'n_params' else 'data'}, most at {words} {scientific(worst)}{place}, "
            f"by {by[worst]:.3f} nats/token on average ({'too low' if side > 0 else 'too high'}), and least "
            "at "
            f"{words} {scientific(by.idxmin())}, by {by.min():.3f}"
        )
    why = "One exponent for all sizes and one for all data leave a form no freedom to bend where the runs do"
    by_data = miss.groupby(used["d_chars"]).mean()
    end, most = by_data.iloc[-1], by_data.abs().idxmax()
    level = (
        f", and without a floor it goes on falling at the most data, by {end:.3f} too far"
        if end > 0 and most == by_data.index[-1]
        else ""
    )
    return closing(f"The paper's eq. 6.1 misses {said[0]}; {said[1]}.", f"{why}{level}.")


def laid_over(cells: pd.DataFrame, noise: float, parameters: Mapping[str, int]) -> Prose:
    """How well each law describes all cells it was fitted to, with its parameters counted."""
    rows = []
    for law, title in LAWS.items():
        used = cells[np.isfinite(cells[law]) & (cells["in_law"] | (law != "loss_space"))]
        miss = used["loss"] - used[law]
        typical = float(np.sqrt(np.mean(miss**2)))
        misses = (f"{typical:.4f}", multiple(typical, noise), f"{miss.abs().max():.3f}")
        rows.append((title, parameters[law], len(used), *misses))
    columns = ("law", "parameters", "cells", "typical miss (nats/token)", "in noise of one run", "worst miss")
    outside = int((~cells["in_law"]).sum())
    note = (
        f"\n\n{counted(outside, 'cell')} took no part in the loss-space fit (pre-training had made it worse "
        "than from scratch): drawn as a cross."
    )
    return Prose(grid(columns, rows) + (note if outside else ""))


def all_cells(cells: pd.DataFrame) -> tuple[str, str, str]:
    """A row of the box: what each law misses over all cells."""
    used = cells[cells["in_law"]]
    misses = {law: float(((used["loss"] - used[law]) ** 2).mean() ** 0.5) for law in LAWS}
    ours = (
        f"typical miss {misses['eq_6_1']:.3f} nats/token; with one curve per size {misses['loss_space']:.3f}"
    )
    return "one expression for all cells", REPORTED["unified"], ours


def floor_needed(kaplan: FormFit, floor: FormFit) -> Prose:
    """Whether the form with a floor follows the from-scratch cells better than the one without."""
    misses = [float(np.sqrt(np.mean(fit.residuals["residual"] ** 2))) for fit in (kaplan, floor)]
    parameters = [fit.law.n_free() for fit in (kaplan, floor)]
    if misses[0] < 1.1 * misses[1] and misses[1] < 1.1 * misses[0]:
        said = "Neither form is better by more than a tenth: this comparison does not decide for a floor"
    elif misses[1] < misses[0]:
        said = f"The form with a floor misses {misses[0] / misses[1]:.1f} times less"
    else:
        said = f"The form without a floor misses {misses[1] / misses[0]:.1f} times less"
    return Prose(
        f"{said} (with {parameters[1]} parameters against {parameters[0]}). Look at the panels for what is "
        "left: "
        "where points of a size lie on one side in a row, the form is wrong there, however small its misses."
    )


def two_forms(kaplan: FormFit, floor: FormFit) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: what a form without a floor and one with it miss of the from-scratch losses."""
    named = (
        ("Kaplan's form, from scratch", "kaplan_form", kaplan),
        ("a form with a floor", "floor_form", floor),
    )
    for title, reported, fit in named:
        left = fit.residuals["residual"]
        typical = float(np.sqrt(np.mean(left**2)))
        yield (
            title,
            REPORTED[reported],
            f"typical miss {typical:.3f} nats/token, worst {left.abs().max():.3f}",
        )
