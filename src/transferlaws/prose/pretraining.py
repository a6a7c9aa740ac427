"""How much pre-training: what more of the same source is worth, step by step, and where it leads.

Arms that differ in their budget of pre-training alone. A loss with a limit, G + c T^-a in T tokens of
pre-training (the transfer gap of Mikami et al. 2021 at one size and data size), has three parameters, so that
it takes four budgets to say anything.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from transferlaws.design.question import Question
from transferlaws.laws import Interval
from transferlaws.prose import pairs
from transferlaws.prose.numbers import Prose, counted, grid, interval, scientific
from transferlaws.prose.sources import worth

Floats = NDArray[np.float64]

FEWEST_BUDGETS = 4
"""Budgets from which on a form of three parameters leaves a degree of freedom."""
LEVEL = 0.95
POWERS = np.geomspace(0.02, 3.0, 400)
GAPS = 1200


def budgets(question: Question, tokens: int, table: pd.DataFrame) -> dict[str, int]:
    """Arms of the main source by tokens of pre-training, least first; `tokens` is the scale's own budget.

    Arms that have not been run are left out.
    """
    main = replace(question.pretrained[question.main], tokens=None)
    found = {
        arm: mixture.tokens or tokens
        for arm, mixture in question.pretrained.items()
        if replace(mixture, tokens=None) == main and arm in set(table["arm"])
    }
    return dict(sorted(found.items(), key=lambda entry: entry[1]))


def by_budget(table: pd.DataFrame, lengths: Mapping[str, int], *, seed: int = 0) -> pd.DataFrame:
    """Effective data of every budget in the cells that all of them have, with its tokens."""
    found = worth(table, lengths, seed=seed)
    return found.assign(tokens=found["arm"].map(lengths)).sort_values(["n_params", "d_chars", "tokens"])


def steps(table: pd.DataFrame, lengths: Mapping[str, int]) -> Prose:
    """What each step to a larger budget did to the fine-tuned loss, by paired differences."""
    if len(lengths) < 2:
        return Prose("One budget of pre-training only: what more of it is worth has not been measured yet.")
    found = {
        f"{scientific(lengths[more])} against {scientific(lengths[less])} tokens": pairs.differences(
            table, more, less
        )
        for less, more in pairwise(lengths)
    }
    firm = pd.concat([pairs.firm(frame) for frame in found.values()])
    worse = firm[firm["verdict"] == pairs.WORSE]
    better = int((firm["verdict"] == pairs.BETTER).sum())
    said = (
        f"Of {counted(len(firm), 'step')} to a longer pre-training in cells that were repeated and met no "
        f"token limit (the table below counts all), {better or 'none'} lowered "
        f"the fine-tuned loss and {len(worse) or 'none'} raised it"
    )
    said += f": {pairs.listed(worse)}." if len(worse) else "."
    if undecided := len(firm) - better - len(worse):
        said += f" In {undecided} the runs cannot say."
    return Prose(f"{said}\n\n{pairs.summary(found)}")


def exponents(found: pd.DataFrame) -> Prose:
    """d ln D_T / d ln tokens from the least to the largest budget, cell by cell.

    The two D_T share their from-scratch curve, so that an interval from both is too wide rather than too
    narrow. It is open where D_T may be zero or has no end.
    """
    if found.empty or found["tokens"].nunique() < 2:
        return Prose("An exponent takes two budgets in the same cells; these runs have one.")
    rows, known = [], []
    for _, cells in found.groupby(["n_params", "d_chars"]):
        n_params, d_chars = (float(cells[name].iloc[0]) for name in ("n_params", "d_chars"))
        first, last = cells.iloc[0], cells.iloc[-1]
        value = _exponent(first, last)
        if value is not None:
            known.append((n_params, value))
        said = interval(value) if value is not None else "no number: $D_T$ is not positive, or has no end"
        rows.append((f"{n_params:,.0f}", scientific(d_chars, 1), *map(_transferred, (first, last)), said))
    tokens = [scientific(float(found["tokens"].iloc[i])) for i in (0, -1)]
    columns = ("N", "$D_F$", *(f"$D_T$ after {t} tokens" for t in tokens), "$d\\ln D_T/d\\ln T$")
    return Prose(f"{_grown(known)}\n\n{grid(columns, rows)}")


def _grown(known: Sequence[tuple[float, Interval]]) -> str:
    """Whether data transferred grow in proportion to pre-training, and at which size by more."""
    if not known:
        return "In no cell can $D_T$ be read at both ends, so whether it grows in proportion is not known."
    less = sum(value.value < 1 for _, value in known)
    firm = sum(value.high is not None and value.high < 1 for _, value in known)
    none = sum(value.covers(0.0) for _, value in known)
    by_size = pd.Series([value.value for _, value in known]).groupby([n for n, _ in known]).mean()
    sizes = "" if len(by_size) < 2 else f" On average the exponent is largest at N = {by_size.idxmax():,.0f}."
    return (
        f"Less than in proportion in {less} of {counted(len(known), 'cell')}, in {firm} by the whole "
        f"interval; in {none} the interval allows for no growth at all.{sizes}"
    )


def _exponent(first: pd.Series, last: pd.Series) -> Interval | None:
    ends = [float(cell["d_transferred"]) for cell in (first, last)]
    if not all(np.isfinite(ends)) or min(ends) <= 0:
        return None
    span = np.log(float(last["tokens"]) / float(first["tokens"]))
    value = float(np.log(ends[1] / ends[0]) / span)
    reach = []
    for below, above in (("low", "high"), ("high", "low")):
        parts = [
            float(last["d_transferred"]) / float(last[f"d_transferred_{below}"]),
            float(first["d_transferred"]) / float(first[f"d_transferred_{above}"]),
        ]
        usable = all(np.isfinite(part) and part > 0 for part in parts)
        reach.append(float(np.hypot(*np.log(parts)) / span) if usable else None)
    low, high = reach
    return Interval(value, None if low is None else value - low, None if high is None else value + high)


def _transferred(cell: pd.Series) -> str:
    beyond = "beyond " if cell["status"] == "extrapolated" else ""
    if cell["status"] == "below_floor":
        return "no end"
    return beyond + scientific(float(cell["d_transferred"]))


def limit(tokens: Floats, losses: Floats, sds: Floats, level: float = LEVEL) -> Interval:
    """G of the loss G + c T^-a through means (m,) with standard deviations (m,), and what the profile allows.

    An end that the profile does not close is open: without an upper curvature there is no limit to see.
    """
    design = tokens[:, None] / tokens.max()
    gaps = np.linspace(0.0, float(losses.min()), GAPS)
    shape = design**-POWERS  # (m, p)
    left = (losses[:, None] - gaps) / sds[:, None]  # (m, g)
    weighted = shape / sds[:, None]
    c = np.maximum((weighted.T @ left) / (weighted**2).sum(0)[:, None], 0.0)  # (p, g)
    misfit = ((left[:, None, :] - weighted[:, :, None] * c[None]) ** 2).sum(0).min(0)
    best = int(misfit.argmin())
    free = len(tokens) - 3
    scale = max(1.0, float(misfit[best]) / free) if free > 0 else 1.0
    near = misfit - misfit[best] <= scale * float(chi2.ppf(level, 1))
    # The grid's next values outside: an interval may be too wide by a step, never too narrow.
    first, last = np.flatnonzero(near)[[0, -1]]
    low = None if near[0] else float(gaps[first - 1])
    high = None if near[-1] else float(gaps[last + 1])
    return Interval(float(gaps[best]), low, high)


def gaps(table: pd.DataFrame, lengths: Mapping[str, int]) -> Prose:
    """The loss that endless pre-training would leave, cell by cell, or why these runs cannot say it."""
    if len(lengths) < FEWEST_BUDGETS:
        return Prose(
            f"{counted(len(lengths), 'budget').capitalize()} of pre-training: a loss with a limit has three "
            "parameters, so no transfer gap is fitted, and none is quoted."
        )
    rows, known = [], 0
    for n_params, d_chars, tokens, losses, sds in _cells(table, lengths):
        found = limit(tokens, losses, sds)
        known += found.closed
        rows.append(
            (
                f"{n_params:,.0f}",
                scientific(d_chars, 1),
                interval(found, 3) if found.closed else "not identified",
                scientific(losses[-1], 3),
            )
        )
    columns = ("N", "$D_F$", "limit (nats/token)", "at the largest budget")
    lead = (
        f"The limit has a closed interval in {known} of {counted(len(rows), 'cell')}."
        if known
        else "**In no cell do these runs identify the limit**: the loss falls too evenly to show its end."
    )
    return Prose(f"{lead}\n\n{grid(columns, rows)}")


def _cells(
    table: pd.DataFrame, lengths: Mapping[str, int]
) -> Iterator[tuple[float, float, Floats, Floats, Floats]]:
    """Size, data size, tokens, mean losses and their standard deviations, of cells that every budget has."""
    runs = table[table["arm"].isin(list(lengths)) & (table["d_chars"] > 0)]
    means = runs.groupby(["n_params", "d_chars", "arm"])["loss"].agg(["mean", "count"])
    spread = runs["loss"] - runs.groupby(["n_params", "d_chars", "arm"])["loss"].transform("mean")
    freedom = len(runs) - len(means)
    sd = float(np.sqrt((spread**2).sum() / freedom)) if freedom else 0.01
    for n_params, d_chars in sorted({(n, d) for n, d, _ in means.index}):
        here = means.loc[(n_params, d_chars)]
        if len(here) < len(lengths):
            continue
        own = here.loc[list(lengths)]
        tokens = np.array(list(lengths.values()), float)
        yield (
            float(n_params),
            float(d_chars),
            tokens,
            own["mean"].to_numpy(float),
            sd / np.sqrt(own["count"].to_numpy(float)),
        )


def ladder(lengths: Mapping[str, int], table: pd.DataFrame) -> Prose:
    """Which budgets there are, in tokens and in the characters they read, and at how many sizes."""
    rows = []
    for arm, tokens in lengths.items():
        runs = table[table["arm"] == arm]
        read = runs["pretrain_chars"].max()
        rows.append((scientific(tokens), scientific(float(read)), runs["n_params"].nunique()))
    return grid(("tokens of pre-training", "characters read", "sizes"), rows)
