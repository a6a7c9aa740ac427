"""Sentences about how far a law can be believed: leave-outs, planted studies, held-out errors, tests.

Like `words`, each function reads a result and writes Markdown that says no more than it shows: open ends are
called open, and a ranking that another draw of the same cells would reverse is called undecided.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import beta as beta_distribution

from transferlaws.figures.comparison import FORM_NAMES
from transferlaws.figures.unified import LAWS
from transferlaws.laws.estimators.result import Fit
from transferlaws.laws.questions.compare import BASELINE, NOISE, Comparison
from transferlaws.laws.questions.equality import Equality
from transferlaws.laws.questions.power import Power
from transferlaws.prose.words import Prose, interval, scientific

EXPONENTS = ("alpha", "beta")
DECIDED = 0.95
"""Share of redrawn choices of cells in which a form must be best to be called best."""


def region(fits: Mapping[str, Fit]) -> Prose:
    """How alpha and beta move together over the redrawn studies of each source."""
    lines = []
    for source, fit in fits.items():
        draws = fit.samples[list(EXPONENTS)].to_numpy(float)
        draws = draws[np.isfinite(draws).all(axis=1)]
        spread = draws.std(axis=0)
        together = (
            f"correlation of $\\alpha$ and $\\beta$ {np.corrcoef(draws.T)[0, 1]:+.2f}"
            if (spread > 0).all()
            else "an exponent does not move at all (it is on a bound or was held)"
        )
        lines.append(
            f"- *{source}*: {len(draws):,} redrawn studies; {together}; condition number "
            f"{scientific(fit.condition_number)}; {fit.status.replace('_', ' ')}."
        )
    return Prose("\n".join(lines))


def moved(fits: Mapping[str, Fit]) -> Prose:
    """What each leave-out did to alpha and beta; the first fit is of all runs."""
    (_, whole), *parts = fits.items()
    lines = [
        "| runs used | runs | fine-tuned cells | $\\alpha$ | $\\beta$ | status |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {part} | {fit.n_runs} | {sum(fit.n_cells.values())} | {interval(fit.alpha)} "
        f"| {interval(fit.beta)} | {fit.status.replace('_', ' ')} |"
        for part, fit in fits.items()
    ]
    said = [f"\n*{part}*: {_shift(whole, fit)}." for part, fit in parts]
    return Prose("\n".join([*lines, *said]))


def _shift(whole: Fit, part: Fit) -> str:
    if part.n_runs == whole.n_runs:
        return "takes nothing away here, so it says nothing"
    said = []
    for exponent in EXPONENTS:
        before, after = getattr(whole, exponent), getattr(part, exponent)
        change = f"$\\{exponent}$ moves by {after.value - before.value:+.2g}"
        if not before.closed:
            said.append(f"{change}, and was not bounded before")
        elif not after.closed:
            said.append(f"{change}, and is no longer bounded")
        elif before.low <= after.value <= before.high:
            said.append(f"{change}, inside the interval of all runs")
        else:
            said.append(f"**{change}, outside the interval of all runs**")
    return "; ".join(said)


def recovered(power: Power) -> Prose:
    """How many planted studies' intervals held the truth, and what that many studies can tell."""
    lines = [
        "| exponent | planted | intervals that hold it | open on a side | mean error | median width |",
        "|---|---|---|---|---|---|",
    ]
    told = []
    for exponent in EXPONENTS:
        rows = power.studies[power.studies["parameter"] == exponent]
        count, held, closed = len(rows), int(rows["covered"].sum()), rows["identified"].astype(bool)
        width = "–" if not closed.any() else f"{rows.loc[closed, 'width'].median():.2g}"
        lines.append(
            f"| $\\{exponent}$ | {getattr(power.law, exponent):g} | {held} of {count} "
            f"| {int((~closed).sum())} | {rows['error'].mean():+.2g} | {width} |"
        )
        low, high = _binomial_range(held, count)
        told.append(f"for $\\{exponent}$ {100 * low:.0f} to {100 * high:.0f} %")
    return Prose(
        "\n".join(lines)
        + f"\n\nAn open interval holds every value on its open side, so it never misses there. "
        f"From {count} studies the true coverage can only be placed within wide limits: "
        + ", ".join(told)
        + "."
    )


def _binomial_range(hits: int, count: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % range of a share."""
    low = beta_distribution.ppf(0.025, hits, count - hits + 1) if hits else 0.0
    high = beta_distribution.ppf(0.975, hits + 1, count - hits) if hits < count else 1.0
    return float(low), float(high)


def bought(designs: pd.DataFrame) -> Prose:
    """What each larger design costs and how much narrower it makes the intervals."""
    now = designs.iloc[0]
    lines = [
        "| design | runs | cost | width of $\\alpha$ | width of $\\beta$ | narrower ($\\beta$) |",
        "|---|---|---|---|---|---|",
    ]
    for row in designs.itertuples():
        lines.append(
            f"| {row.design} | {row.runs} | {row.cost:.1f} | {row.width_alpha:.2g} | {row.width_beta:.2g} "
            f"| {now['width_beta'] / row.width_beta:.2f}-fold |"
        )
    more = designs.iloc[1:]
    gain = np.log(now["width_beta"] / more["width_beta"]) / np.log(more["cost"])
    best = more.loc[gain.idxmax()]
    return Prose(
        "\n".join(lines) + f"\n\nMost for its cost, for $\\beta$: **{best['design']}** "
        f"({now['width_beta'] / best['width_beta']:.2f} times narrower at {best['cost']:.1f} times "
        "the cost). These widths take the law, the curves and the noise for granted: they say what a design "
        "could tell if the law holds, not whether it does."
    )


def compared(comparison: Comparison, n_fitted: int, seed: int = 0, draws: int = 2000) -> Prose:
    """Which form has the least held-out error, and whether these cells can tell it from the others.

    `n_fitted` is the number of fine-tuned cells the forms were fitted to.
    """
    table = comparison.scores.set_index("form")
    forms = [form for form in table.index if form not in (BASELINE, NOISE)]
    best = forms[0]
    least, baseline, noise = table["error_loss"].loc[[best, BASELINE, NOISE]].to_numpy(float)
    lines = [
        "| form | parameters | cells | mean error | worst cell | error in $D_E$ |",
        "|---|---|---|---|---|---|",
    ]
    for form, row in table.iterrows():
        worst, in_data = (
            f"{100 * row[column]:.3g} %" if np.isfinite(row[column]) else "–"
            for column in ("worst_loss", "error_d_effective")
        )
        lines.append(
            f"| {FORM_NAMES[str(form)]} | {int(row['n_free']) or '–'} | {int(row['n_cells'])} "
            f"| {100 * row['error_loss']:.3g} % | {worst} | {in_data} |"
        )
    share = _shares_of_best(comparison, forms, seed, draws)
    if share.empty:
        ranking = "No held-out cell was predicted by every form, so the forms cannot be ranked."
    elif share[best] >= DECIDED:
        ranking = (
            f"It comes first in {100 * share[best]:.0f} % of {draws:,} redrawn choices of the held-out cells."
        )
    else:
        rivals = share[share >= 1 - DECIDED].drop(best, errors="ignore").sort_values(ascending=False)
        named = ", ".join(f"{FORM_NAMES[form]} ({100 * value:.0f} %)" for form, value in rivals.items())
        ranking = (
            f"But in {draws:,} redrawn choices of these cells it comes first in only "
            f"{100 * share[best]:.0f} %, beside {named or 'several others'}: "
            "**these cells do not single out a law.**"
        )
    worse = [FORM_NAMES[form] for form in forms if not table.loc[form, "error_loss"] < baseline]
    # Eq. 6.1 is fitted to the from-scratch cells too.
    loose = [FORM_NAMES[f] for f in forms if f != "eq_6_1" and table.loc[f, "n_free"] >= n_fitted]
    too_free = (
        f"\n\n**Fitted to {n_fitted} fine-tuned cells, {', '.join(loose)} "
        f"{'has' if len(loose) == 1 else 'have'} at least as many parameters as there are cells.** Such a "
        "form is not determined, and what it misses by says little about it."
        if loose
        else ""
    )
    losers = (
        f" No better than fitting nothing: {', '.join(worse)}."
        if worse
        else " Every form beats fitting nothing."
    )
    return Prose(
        "\n".join(lines)
        + f"\n\nLeast error on the held-out cells: **{FORM_NAMES[best]}**, {100 * least:.2g} % on average, "
        f"where fitting nothing misses by {100 * baseline:.2g} % and noise alone would leave "
        f"{100 * noise:.2g} %. {ranking}{losers}{too_free}"
    )


def _shares_of_best(comparison: Comparison, forms: Sequence[str], seed: int, draws: int) -> pd.Series:
    """How often each form has the least mean error when the held-out cells are drawn with replacement."""
    wide = comparison.predictions.pivot(index=["n_params", "d_chars"], columns="form", values="error")
    errors = wide[list(forms)].dropna()
    if errors.empty:
        return pd.Series(dtype=float)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(errors), np.full(len(errors), 1 / len(errors)), size=draws)
    first = (weights @ errors.to_numpy()).argmin(axis=1)
    return pd.Series(np.bincount(first, minlength=len(forms)) / draws, index=list(forms))


def leaning(comparison: Comparison) -> Prose:
    """Signed held-out errors of each form at the largest size and at both ends of the data."""
    cells = comparison.predictions.assign(signed=lambda rows: 100 * (rows["predicted"] / rows["loss"] - 1))
    least, most, largest = cells["d_chars"].min(), cells["d_chars"].max(), cells["n_params"].max()
    views = {
        "largest size": cells[cells["n_params"] == largest],
        "least data": cells[cells["d_chars"] == least],
        "most data": cells[cells["d_chars"] == most],
    }
    lines = ["| form | " + " | ".join(views) + " | too low in |", "|---" * (len(views) + 2) + "|"]
    for form in (form for form in comparison.scores["form"] if form != NOISE):
        own = cells.loc[cells["form"] == form, "signed"].dropna()
        means = [view.loc[view["form"] == form, "signed"].mean() for view in views.values()]
        said = " | ".join(f"{mean:+.2g} %" if np.isfinite(mean) else "–" for mean in means)
        lines.append(f"| {FORM_NAMES[form]} | {said} | {int((own < 0).sum())} of {len(own)} cells |")
    return Prose("\n".join(lines))


def laid_over(cells: pd.DataFrame, noise: float, parameters: Mapping[str, int]) -> Prose:
    """How well each law describes all cells it was fitted to, with its parameters counted."""
    lines = [
        "| law | parameters | cells | typical miss (nats/token) | in noise of one run | worst miss |",
        "|---|---|---|---|---|---|",
    ]
    for law, title in LAWS.items():
        used = cells[np.isfinite(cells[law]) & (cells["in_law"] | (law != "loss_space"))]
        miss = used["loss"] - used[law]
        typical = float(np.sqrt(np.mean(miss**2)))
        lines.append(
            f"| {title} | {parameters[law]} | {len(used)} | {typical:.4f} | {_multiple(typical, noise)} "
            f"| {miss.abs().max():.3f} |"
        )
    outside = int((~cells["in_law"]).sum())
    note = (
        f"\n\n{outside} {'cell' if outside == 1 else 'cells'} took no part in the loss-space fit "
        "(pre-training had made it worse than from scratch): drawn as a cross."
        if outside
        else ""
    )
    return Prose("\n".join(lines) + note)


def _multiple(value: float, unit: float) -> str:
    """A value in units of another; a dash where the unit is not known."""
    return f"{value / unit:.1f}" if np.isfinite(unit) and unit > 0 else "–"


def together(tests: Mapping[str, Sequence[Equality]]) -> Prose:
    """Whether pairs of sources share alpha and beta, test by test."""
    lines = [
        "| pair | exponent | separate | common | difference | likelihood ratio $p$ | bootstrap $p$ |",
        "|---|---|---|---|---|---|---|",
    ]
    for pair, both in tests.items():
        for test in both:
            chances = ["–" if p is None else scientific(p) for p in (test.p_ratio, test.p_bootstrap)]
            lines.append(
                f"| {pair} | $\\{test.parameter}$ | {test.first:.2f}, {test.second:.2f} | {test.common:.2f} "
                f"| {interval(test.difference)} | {' | '.join(chances)} |"
            )
    said = [
        f"- {pair}, $\\{test.parameter}$: {_verdict(test)}." for pair, both in tests.items() for test in both
    ]
    return Prose("\n".join([*lines, "", *said]))


def one_exponent(tests: Mapping[str, Sequence[Equality]], parameter: str) -> str:
    """The verdicts on a common alpha or beta over all pairs, for the box."""
    said = [
        f"{pair}: {_verdict(test)}"
        for pair, both in tests.items()
        for test in both
        if test.parameter == parameter
    ]
    return "; ".join(said) or "one source only, so nothing to compare"


def _verdict(test: Equality) -> str:
    """The test's own verdict with its exponent as mathematics."""
    return test.verdict().replace(test.parameter, f"$\\{test.parameter}$")
