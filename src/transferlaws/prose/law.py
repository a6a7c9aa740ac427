"""A fitted law in words: its numbers beside the paper's, and what its status allows a reader to say."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from transferlaws.escape import markdown
from transferlaws.laws import Fit, FormFit, Hernandez, Interval, LocalAlpha, individual_lines
from transferlaws.laws.paper import REPORTED
from transferlaws.prose.numbers import Prose, counted, grid, interval, scientific

EXPONENTS = ("alpha", "beta")
METHOD_NAMES = {"paper": "the paper's way", "logit": "logit regression", "loss_space": "loss space"}
ORDER = tuple(METHOD_NAMES)
MEANINGS = {"alpha": "fine-tuning data", "beta": "size"}


def table(fits: Iterable[Fit], paper: Mapping[str, Hernandez]) -> Prose:
    """k, alpha, beta: the paper's row and ours for each source and method, with status and runs."""
    columns = ("source", "whose", "$k$", "$\\alpha$", "$\\beta$", "$\\beta/\\alpha$", "runs", "judged")
    rows: list[tuple[object, ...]] = []
    for source, law in paper.items():
        values = (scientific(law.k), f"{law.alpha:g}", f"{law.beta:g}", f"{law.beta / law.alpha:.1f}")
        rows.append((markdown(source), "paper, Table 1", *values, "not stated", "not said"))
    fits = list(fits)
    order = {source: place for place, source in enumerate(dict.fromkeys(fit.source for fit in fits))}
    for fit in sorted(fits, key=lambda fit: (order[fit.source], ORDER.index(fit.method))):
        found = map(interval, (fit.k, fit.alpha, fit.beta, fit.beta_over_alpha))
        whose = f"ours, {METHOD_NAMES[fit.method]}"
        rows.append((markdown(fit.source), whose, *found, fit.n_runs, judged(fit)))
    return grid(columns, rows)


def judged(fit: Fit) -> str:
    """The judgements of a fit in a cell of a table; the search only where it did not end."""
    words = [fit.identification.words, fit.adequacy.verdict.words]
    return ", ".join(words if fit.search.value == "finished" else [fit.search.words, *words])


def verdict(fit: Fit, said: Collection[str] = ()) -> Prose:
    """Three judgements: of the search, of whether the runs identify the law, of whether it follows them.

    Notes that were `said` elsewhere are left out.
    """
    judged = (
        ("the search", fit.search.words, fit.search.sentence),
        ("the runs", fit.identification.words, fit.identification.sentence),
        ("the law", fit.adequacy.verdict.words, fit.adequacy.sentence),
    )
    listed = "\n".join(f"- {what}: **{word}**. {sentence}" for what, word, sentence in judged)
    may = (
        "All three hold, so its exponents may be quoted with their intervals."
        if fit.quotable
        else "Not all three hold, so its exponents describe these runs and may not be quoted as measured."
    )
    zero = "".join(
        f" The interval of $\\{name}$ contains zero: that {meaning} moves $D_T$ is not shown."
        for name, meaning in MEANINGS.items()
        if getattr(fit, name).covers(0.0)
    )
    notes = "".join(f"\n- {note}" for note in fit.notes if note not in said)
    return Prose(
        f"{listed}\n\n{may}{zero} Intervals are {100 * fit.level:g} %, from {fit.n_runs} runs in "
        f"{sum(fit.n_cells.values())} fine-tuned cells.\n{notes}"
    )


def verdicts(fits: Mapping[str, Fit]) -> Prose:
    """The verdict on each source's law; a note that several share is said once."""
    said: list[str] = []
    parts = []
    for source, fit in fits.items():
        parts.append(f"*{markdown(source)}*\n\n{verdict(fit, said)}")
        said += fit.notes
    return Prose("\n\n".join(parts))


def refusals(reasons: Mapping[tuple[str, str], str]) -> Prose:
    """Why some ways to fit some sources gave no law."""
    listed = "".join(f"\n- Not possible here: {markdown(reason)}." for reason in reasons.values())
    return Prose(listed or "Each way that is used here gave a law for every source.")


def meet(first: Interval, second: Interval) -> bool:
    """Whether two intervals have a value in common, an open end being no bound."""
    low = max((end for end in (first.low, second.low) if end is not None), default=-float("inf"))
    high = min((end for end in (first.high, second.high) if end is not None), default=float("inf"))
    return low <= high


def agreement(fits: Sequence[Fit]) -> Prose:
    """Whether several ways to fit one source agree, exponent by exponent, and what it means if not."""
    if len(fits) < 2:
        return Prose("One way to fit gave a law here, so there is nothing to agree with.")
    fits = sorted(fits, key=lambda fit: ORDER.index(fit.method))
    said, apart_on = [], []
    for name in EXPONENTS:
        values = ", ".join(f"{METHOD_NAMES[fit.method]} {interval(getattr(fit, name))}" for fit in fits)
        apart = [
            f"{METHOD_NAMES[one.method]} and {METHOD_NAMES[other.method]}"
            for one, other in combinations(fits, 2)
            if not meet(getattr(one, name), getattr(other, name))
        ]
        if apart:
            apart_on.append(name)
        how = f"**no value in common: {'; '.join(apart)}**" if apart else "a value in common"
        said.append(f"- $\\{name}$: {values}; {how}.")
    closed = [fit for fit in fits if fit.alpha.closed or fit.beta.closed]
    meaning = (
        "Intervals that exclude each other cannot all hold the truth. They come from the same runs, so it is "
        "not chance: each assumes that the law holds where it looks, and they look at different cells. Read "
        "the distance between the methods as the error of the *form*, which no interval contains."
        if apart_on
        else f"{len(fits) - len(closed)} of {len(fits)} methods leave both exponents open, so that whether "
        "they agree is not tested here."
        if len(closed) < 2
        else "The methods do not contradict each other. They share their runs: that is a check of the form "
        "and no second measurement."
    )
    return Prose("\n".join(said) + f"\n\n{meaning}")


def beside(fits: Iterable[Fit], paper: Mapping[str, Hernandez]) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: each exponent, the paper's way first, then the other ways, for sources that it has."""
    ordered = sorted(fits, key=lambda fit: ORDER.index(fit.method))
    for source, law in paper.items():
        own = [fit for fit in ordered if fit.source == source]
        for name in EXPONENTS if own else ():
            printed = getattr(law, name)
            said = []
            if own[0].method != "paper":
                said.append("the paper's way gives no law on these runs")
            for fit in own:
                found = getattr(fit, name)
                said.append(f"{METHOD_NAMES[fit.method]}: {interval(found)}, {against(found, printed)}")
            yield f"$\\{name}$, {markdown(source)}", f"{printed:g}, the paper's way", "; ".join(said)


def drawn(shown: Mapping[str, Fit], refused: Mapping[tuple[str, str], str]) -> Prose:
    """By which method the lines of a page are drawn, and why not by the paper's."""
    methods = {fit.method for fit in shown.values()}
    if methods == {"paper"}:
        return Prose("The lines are fitted the paper's way.")
    reasons = "; ".join(why for (_, method), why in refused.items() if method == "paper")
    return Prose(
        f"**The paper's way gives no law here** ({reasons}), so the lines are those of the loss-space fit: "
        "the "
        "figures are the paper's, the lines are not."
    )


def shares(cells: pd.DataFrame) -> Prose:
    """Whether the transferred fraction and D_T rise or fall with data, over neighbouring cells of a size."""
    read = cells["status"].isin(["interpolated", "extrapolated"])
    used = cells[read & cells["fraction"].gt(0)].sort_values("d_chars")
    steps = [
        (second["fraction"] > first["fraction"], second["d_transferred"] > first["d_transferred"])
        for _, group in used.groupby("n_params")
        for (_, first), (_, second) in pairwise(group.iterrows())
    ]
    if not steps:
        return Prose("no size has two amounts of data with a fraction, so nothing rises or falls.")
    up = [sum(step[i] for step in steps) for i in (0, 1)]
    return Prose(
        f"with more data the fraction went down in {len(steps) - up[0]} of {counted(len(steps), 'step')} "
        "between "
        f"neighbouring cells, up in {up[0]}; $D_T$ itself went up in {up[1]} and down in "
        f"{len(steps) - up[1]}."
    )


def own_slopes(cells: pd.DataFrame) -> Prose:
    """The slope of each amount of data by itself, and whether slopes go with the data."""
    lines = individual_lines(cells)
    if len(lines) < 2:
        return Prose(
            "fewer than two amounts of data have a line of their own, so there is nothing to compare."
        )
    ends = f"from {lines['slope'].min():.2f} to {lines['slope'].max():.2f} over {len(lines)} amounts of data"
    if len(lines) < 4:
        return Prose(f"the slopes reach {ends}; too few to say whether they drift.")
    found = spearmanr(lines["d_chars"], lines["slope"])
    how = (
        f"they {'rise' if found.statistic > 0 else 'fall'} with data (rank correlation "
        f"{found.statistic:+.2f}, "
        f"p = {found.pvalue:.2g})"
        if found.pvalue < 0.05
        else f"they go no one way with data (rank correlation {found.statistic:+.2f}, p = {found.pvalue:.2g})"
    )
    return Prose(f"the slopes reach {ends}; {how}.")


def largest_alpha(fits: Mapping[str, Sequence[Fit]]) -> Prose:
    """Which way of fitting finds the largest alpha of each source, and which the smallest."""
    said = []
    for source, own in fits.items():
        if len(own) < 2:
            said.append(f"{markdown(source)}: one way only")
            continue
        ranked = sorted(own, key=lambda fit: fit.alpha.value)
        said.append(
            f"{markdown(source)}: largest by {METHOD_NAMES[ranked[-1].method]} "
            f"({ranked[-1].alpha.value:.2f}), "
            f"smallest by {METHOD_NAMES[ranked[0].method]} ({ranked[0].alpha.value:.2f})"
        )
    return Prose("; ".join(said) + ".")


def breaks(cells: pd.DataFrame, fit: Fit) -> Prose:
    """How far cells lie from a law where D_E is calm and where it is nervous, and to which side."""
    used = cells[cells["status"].isin(["interpolated", "extrapolated"]) & np.isfinite(cells["amplification"])]
    by_law = np.asarray(fit.law.d_transferred(n_params=used["n_params"], d_chars=used["d_chars"]), float)
    off = np.log(used["d_transferred"].to_numpy(float) / by_law)
    if len(off) < 4:
        return Prose("Too few cells have a finite $D_T > 0$ to say where the law breaks.")
    nervous = (used["amplification"] >= used["amplification"].median()).to_numpy()
    late = (used["d_chars"] >= used["d_chars"].median()).to_numpy()

    def factor(part: np.ndarray) -> str:
        return f"a factor of {np.exp(np.median(np.abs(off[part]))):.2f}"

    thirds = np.digitize(used["d_chars"], np.quantile(used["d_chars"], [1 / 3, 2 / 3]))
    along = [f"{np.exp(np.median(off[thirds == part])):.2f}" for part in range(3) if (thirds == part).any()]
    return Prose(
        f"In the median, cells lie {factor(~nervous)} from the law where the inversion is calm, and "
        f"{factor(nervous)} "
        f"where it is nervous; {factor(~late)} in the half with less data and {factor(late)} in the half "
        "with more. "
        f"From the least data to the most, $D_T$ is {' to '.join(along)} times that of the law (medians of "
        "thirds). Nervousness alone would scatter cells to both sides of one; a move to one side is the "
        "form's, or the cells'."
    )


def drift(found: Mapping[str, LocalAlpha]) -> Prose:
    """Whether alpha changes along the data, source by source: its ends, and its drift with an interval."""
    said = []
    for source, local in found.items():
        title, steps = f"*{markdown(source)}*", local.steps.dropna()
        if not local.drift.closed:
            count = counted(len(steps), "step")
            said.append(f"- {title}: only {count} of data can be read with an interval, too few for a drift.")
            continue
        first, last = steps.iloc[0], steps.iloc[-1]
        ends = " to ".join(
            f"{step['alpha']:.2f} [{step['low']:.2f}, {step['high']:.2f}] between "
            f"{scientific(step['d_low'], 1)} and {scientific(step['d_high'], 1)} characters"
            for step in (first, last)
        )
        change = f"{interval(local.drift)} for ten times the data"
        verdict = (
            f"these steps alone do not show that it changes (drift {change})"
            if local.drift.covers(0.0)
            else f"**it {'rises' if local.drift.value > 0 else 'falls'}**, by {change}: one alpha does not "
            "describe these cells"
        )
        said.append(f"- {title}: from {ends}; {verdict}.")
    return Prose("\n".join(said))


def against(found: Interval, printed: float) -> str:
    """How an interval stands to a printed value."""
    if found.low is None and found.high is None:
        return "open on both sides, so nothing is said"
    if found.low is not None and printed < found.low:
        return "the paper's value lies below our interval"
    if found.high is not None and printed > found.high:
        return "the paper's value lies above our interval"
    return "our interval contains the paper's value" + ("" if found.closed else ", and is open on one side")


def intervals(fits: Mapping[str, Fit], paper: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: the interval of each exponent, of which the paper has none for any of its sources."""
    for source, fit in fits.items():
        for name in EXPONENTS:
            yield (
                f"interval of $\\{name}$, {markdown(source)}",
                REPORTED["intervals"] if source in paper else "no such source",
                interval(getattr(fit, name)),
            )


def form(fit: FormFit, title: str) -> Prose:
    """Every parameter of a form of loss with its interval, its status and its notes."""
    columns = (title, f"value [{100 * fit.level:g} % interval]")
    listed = grid(columns, ((f"`{name}`", interval(found)) for name, found in fit.parameters.items()))
    notes = "".join(f"\n- {markdown(note)}" for note in fit.notes)
    return Prose(
        f"{listed}\n\n{fit.status.sentence} From {fit.n_runs} runs; whether the form follows them is for its "
        f"residuals to say.\n{notes}"
    )
