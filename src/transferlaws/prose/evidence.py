"""Sentences about how far a law can be believed: regions, leave-outs, planted studies, tests.

Each function reads a result and writes Markdown that says no more than it shows: open ends are called open.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import beta as beta_distribution

from transferlaws.escape import markdown
from transferlaws.laws import Curvature, Equality, Fit, Hernandez, Power
from transferlaws.laws.status import Adequate
from transferlaws.prose.law import EXPONENTS, judged
from transferlaws.prose.numbers import Prose, grid, interval, scientific


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
            f"- *{markdown(source)}*: {len(draws):,} redrawn studies; {together}; condition number "
            f"{scientific(fit.condition_number)}; {judged(fit)}."
        )
    return Prose("\n".join(lines))


def moved(fits: Mapping[str, Fit]) -> Prose:
    """What each leave-out did to alpha and beta; the first fit is of all runs."""
    (_, whole), *parts = fits.items()
    columns = ("runs used", "runs", "fine-tuned cells", "$\\alpha$", "$\\beta$", "judged")
    rows = (
        (
            markdown(part),
            fit.n_runs,
            sum(fit.n_cells.values()),
            interval(fit.alpha),
            interval(fit.beta),
            judged(fit),
        )
        for part, fit in fits.items()
    )
    said = [f"\n*{markdown(part)}*: {_shift(whole, fit)}." for part, fit in parts]
    return Prose("\n".join([grid(columns, rows), *said]))


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


def bends(found: Mapping[str, Curvature]) -> Prose:
    """Whether the law of each source bends along the data, where one alpha holds, and whether that helps."""
    return Prose("\n".join(f"- *{markdown(source)}*: {_bend(each)}." for source, each in found.items()))


def _bend(found: Curvature) -> str:
    if found.p is None:
        return "too few amounts of data to ask whether alpha changes"
    change = f"{interval(found.drift)} for ten times the data ($F$ test of no change: $p$ = {found.p:.2g})"
    if found.drift.covers(0.0):
        return f"all cells together do not show that alpha changes: {change}"
    first, last = found.along.iloc[0], found.along.iloc[-1]
    ends = " to ".join(
        f"{step['alpha']:.2f} [{step['low']:.2f}, {step['high']:.2f}] at {scientific(step['d_chars'], 1)}"
        for step in (first, last)
    )
    where = (
        "there is no range of data in which one alpha describes them"
        if found.range is None
        else f"one alpha of {found.alpha:.2f} is the local law between "
        f"{' and '.join(scientific(float(f'{end:.1e}')) for end in found.range)} characters, and no further"
    )
    straight, curved = found.straight, found.curved
    held = [each.verdict in (Adequate.ADEQUATE, Adequate.UNTESTED) for each in (straight, curved)]
    left = (
        ""
        if straight.ratio is None or curved.ratio is None
        else f" ({curved.ratio:.2g} times the variance of the noise between seeds; without it "
        f"{straight.ratio:.2g})"
    )
    follows = {
        (False, True): "with that change the law follows the runs, and without it it does not",
        (False, False): "that is not all the law lacks: with it, too, it does not follow the runs",
        (True, True): "the runs do not speak against the form with it, nor without it",
        (True, False): "the runs do not speak against the law without it, and do with it",
    }[held[0], held[1]]
    return f"**alpha changes**, from {ends} characters, by {change}; {where}; {follows}{left}"


def planted(law: Hernandez, studies: int, redraws: int) -> Prose:
    """What was planted, how often, and how its height was chosen."""
    return Prose(
        f"Planted: ${law.latex()}$, with the noise that repeated runs have here, sample and run, by arm and "
        f"data size; {studies} studies, {redraws} redraws each. Only $k$ is taken from the runs, such that "
        "the "
        "cell in the middle of the grid transfers what was measured there (within a tenth and a hundred "
        "times "
        "its $D_F$). What a law misses beyond that noise is not planted: the test is of the method where its "
        "law is true."
    )


def recovered(power: Power) -> Prose:
    """How many planted studies' intervals held the truth, and what that many studies can tell."""
    columns = (
        "exponent",
        "planted",
        "intervals that hold it",
        "open on a side",
        "mean error",
        "median width",
    )
    lines, told = [], []
    for exponent in EXPONENTS:
        rows = power.studies[power.studies["parameter"] == exponent]
        count, held, closed = len(rows), int(rows["covered"].sum()), rows["identified"].astype(bool)
        width = f"{rows.loc[closed, 'width'].median():.2g}" if closed.any() else "–"
        counts = (f"{getattr(power.law, exponent):g}", f"{held} of {count}", int((~closed).sum()))
        lines.append((f"$\\{exponent}$", *counts, f"{rows['error'].mean():+.2g}", width))
        low, high = _binomial_range(held, count)
        told.append(f"for $\\{exponent}$ {100 * low:.0f} to {100 * high:.0f} %")
    return Prose(
        grid(columns, lines)
        + "\n\nAn open interval holds every value on its open side, so it never misses there. "
        f"From {count} studies the true coverage can only be placed within wide limits: {', '.join(told)}."
    )


def _binomial_range(hits: int, count: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % range of a share."""
    low = beta_distribution.ppf(0.025, hits, count - hits + 1) if hits else 0.0
    high = beta_distribution.ppf(0.975, hits + 1, count - hits) if hits < count else 1.0
    return float(low), float(high)


def bought(designs: pd.DataFrame) -> Prose:
    """What each larger design costs and how much narrower it makes the intervals."""
    columns = ("design", "runs", "cost", "width of $\\alpha$", "width of $\\beta$", "narrower ($\\beta$)")
    narrower = designs["width_beta"].iloc[0] / designs["width_beta"]
    rows = (
        (
            markdown(row.design),
            row.runs,
            f"{row.cost:.1f}",
            f"{row.width_alpha:.2g}",
            f"{row.width_beta:.2g}",
            f"{by:.2f}-fold",
        )
        for row, by in zip(designs.itertuples(), narrower, strict=True)
    )
    best = (np.log(narrower.iloc[1:]) / np.log(designs["cost"].iloc[1:])).idxmax()
    return Prose(
        grid(columns, rows) + f"\n\nMost for its cost, for $\\beta$: **{markdown(designs['design'][best])}** "
        f"({narrower[best]:.2f} times narrower at {designs['cost'][best]:.1f} times the cost). These widths "
        "take the law, the curves and the noise for granted: they say what a design could tell if the law "
        "holds, not whether it does."
    )


def obtained(designs: pd.DataFrame, fit: Fit) -> Prose:
    """The width of this study's intervals beside what its design should give if the law holds."""
    said = []
    for exponent in EXPONENTS:
        expected, found = float(designs[f"width_{exponent}"].iloc[0]), getattr(fit, exponent)
        if not found.closed:
            said.append(f"$\\{exponent}$: expected {expected:.2g}, obtained an open interval")
            continue
        ratio = found.width / expected
        said.append(
            f"$\\{exponent}$: expected {expected:.2g}, obtained {found.width:.2g} ({ratio:.1f} times)"
        )
    misfit, noise = (
        fit.noise_parts["misfit"],
        float(np.hypot(fit.noise_parts["sample"], fit.noise_parts["run"])),
    )
    why = (
        f"What is obtained carries what the law misses beyond noise ({misfit:.3f} nats/token, beside "
        f"{noise:.3f} of noise): more runs of these cells do not take that off."
        if misfit > 0
        else "The law misses nothing beyond noise here, so what is obtained differs by the planted exponents "
        "and by chance alone."
    )
    return Prose(
        "Widths of this study's own intervals, expected under the planted law and obtained from the runs: "
        f"{'; '.join(said)}. {why}"
    )


def together(tests: Mapping[str, Sequence[Equality]]) -> Prose:
    """Whether pairs of sources share alpha and beta, test by test."""
    if not tests:
        return Prose("With one source there is no pair to compare.")
    columns = (
        "pair",
        "exponent",
        "separate",
        "common",
        "difference",
        "likelihood ratio $p$",
        "bootstrap $p$",
    )
    rows, said = [], []
    for pair, both in tests.items():
        for test in both:
            exponent, separate = f"$\\{test.parameter}$", f"{test.first:.2f}, {test.second:.2f}"
            chances = ("–" if p is None else scientific(p) for p in (test.p_ratio, test.p_bootstrap))
            rows.append(
                (
                    markdown(pair),
                    exponent,
                    separate,
                    f"{test.common:.2f}",
                    interval(test.difference),
                    *chances,
                )
            )
            said.append(f"- {markdown(pair)}, {exponent}: {_verdict(test)}.")
    return Prose("\n".join([grid(columns, rows), "", *said]))


def chances(tests: Mapping[str, Sequence[Equality]], redrawn: int) -> Prose:
    """How small a p-value can be, and how many one should expect by chance."""
    return Prose(
        f"Each test redrew {redrawn} studies, so no bootstrap $p$ can be smaller than "
        f"{1 / (1 + redrawn):.2g}. There are {2 * len(tests)} tests here: by chance alone one in twenty "
        "comes out below 0.05."
    )


def one_exponent(tests: Mapping[str, Sequence[Equality]], parameter: str) -> str:
    """The verdicts on a common alpha or beta over all pairs, for the box."""
    said = [
        f"{markdown(pair)}: {_verdict(test)}"
        for pair, both in tests.items()
        for test in both
        if test.parameter == parameter
    ]
    return "; ".join(said) or "one source only, so nothing to compare"


def _verdict(test: Equality) -> str:
    """The test's own verdict with its exponent as mathematics."""
    return test.verdict().replace(test.parameter, f"$\\{test.parameter}$")
