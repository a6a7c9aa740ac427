"""Ossified, or merely untuned? What may be called worse than from scratch, and what may not.

A pre-trained model is called ossified in a cell only where the paired difference of at least two seeds has
its whole interval on the wrong side, and no run met its token limit. Everything else is said as what it is: a
single pair, a capped run, or a difference that these seeds cannot tell from none.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.laws import Floor
from transferlaws.prose import pairs
from transferlaws.prose.numbers import Prose, counted, grid, scientific

OSSIFIED, HELPS, CAPPED, SINGLE, EVEN = "ossified", "pre-training helps", "capped", "one pair", "undecided"
PINNED = 10.0
"""Ratio of the ends of D(N) up to which it is known well enough to divide by."""
MEANINGS = {
    OSSIFIED: "worse than from scratch, by repeated pairs of uncapped runs",
    HELPS: "better than from scratch, by repeated pairs of uncapped runs",
    CAPPED: "a run met its token limit: it could still have gained, so nothing is said",
    SINGLE: "run once in each arm: an interval would be borrowed, so nothing is said",
    EVEN: "repeated, and the interval of the difference holds zero",
}


def cells(table: pd.DataFrame, source: str, floors: Sequence[Floor] = ()) -> pd.DataFrame:
    """`pairs.differences` of a source and from scratch, judged: columns `judged` and `share` beside its own.

    `share` is D_F / D(N), NaN where D(N) is not known to a factor of `PINNED`.
    """
    found = pairs.differences(table, source)
    known = {floor.n_params: floor.d_n.value for floor in floors if _pinned(floor)}
    limits = found["n_params"].map(known).astype(float)
    judged = [
        _judged(bool(capped), int(n_pairs), verdict)
        for capped, n_pairs, verdict in zip(found["capped"], found["n_pairs"], found["verdict"], strict=True)
    ]
    return found.assign(judged=judged, share=found["d_chars"].astype(float) / limits)


def _pinned(floor: Floor) -> bool:
    low, high = floor.d_n.low, floor.d_n.high
    return low is not None and high is not None and high <= PINNED * low


def _judged(capped: bool, n_pairs: int, verdict: str) -> str:
    if capped:
        return CAPPED
    if n_pairs < 2:
        return SINGLE
    return {pairs.WORSE: OSSIFIED, pairs.BETTER: HELPS}.get(verdict, EVEN)


def verdict(found: pd.DataFrame, titles: Titles = UNTITLED, source: str = "") -> Prose:
    """Whether ossification was seen, was not seen, or could not have been."""
    name = titles.arm(source) if source else "pre-trained"
    judged = found[found["judged"].isin([OSSIFIED, HELPS, EVEN])]
    if judged.empty:
        return Prose(
            "**Not measured yet.** No cell was run twice in both arms without meeting a token limit, so no "
            "cell can be called ossified, and none can be called free of it."
        )
    worse = judged[judged["judged"] == OSSIFIED]
    largest = scientific(float(judged["d_chars"].max()), 1)
    if len(worse):
        by = -worse["gain"]
        return Prose(
            f"**Ossified in {counted(len(worse), 'cell')} of {len(judged)} that can be judged.** Models "
            f"{name} end up worse than from scratch by {by.min():.3f} to {by.max():.3f} nats/token: "
            f"{pairs.listed(worse)}."
        )
    even = int((judged["judged"] == EVEN).sum())
    return Prose(
        f"**Not seen.** In none of the {counted(len(judged), 'cell')} that can be judged do models {name} "
        f"end up worse than from scratch; in {even} the difference cannot be told from none. The largest "
        f"data set among them has {largest} characters: beyond it nothing has been shown, either way."
    )


def tally(found: pd.DataFrame) -> Prose:
    """How many cells there are of each kind, and what each kind means."""
    counts = found["judged"].value_counts()
    rows = ((kind, int(counts[kind]), meaning) for kind, meaning in MEANINGS.items() if kind in counts)
    return grid(("judged", "cells", "what it is"), rows)


def most_data(found: pd.DataFrame) -> Prose:
    """The difference at the largest data of every size: the place where ossification would be."""
    rows = []
    for n_params, own in found.groupby("n_params"):
        cell = own.sort_values("d_chars").iloc[-1]
        ends = [
            "open" if pd.isna(cell[end]) else f"{-cell[end]:+.3f}" for end in ("high", "low")
        ]  # a loss rises by what a gain falls
        share = f"{cell['share']:.2g}" if np.isfinite(cell["share"]) else "not pinned down"
        difference = f"{-cell['gain']:+.3f} [{ends[0]}, {ends[1]}]"
        data = scientific(float(cell["d_chars"]), 1)
        rows.append((f"{n_params:,.0f}", data, share, difference, int(cell["n_pairs"]), cell["judged"]))
    columns = ("N", "largest $D_F$", "$D_F/D(N)$", "pre-trained less scratch (nats/token)", "pairs", "judged")
    borrowed = any(int(cells) < 2 for *_, cells, _ in rows)
    note = "\n\nWith one pair the interval is that of the seeds elsewhere in the study." if borrowed else ""
    return Prose(grid(columns, rows) + note)


def beside_paper(found: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: ossification in the paper's words, and ours."""
    counts = found["judged"].value_counts()
    kinds = ", ".join(f"{counts[kind]} judged *{kind}*" for kind in MEANINGS if kind in counts)
    said = f"of {counted(len(found), 'cell')}, {kinds}" if kinds else "no cell was run"
    yield (
        "small pre-trained models with much data",
        "worse than from scratch, a 1M model above 1e8 characters, and even at 10 to 100 times D(N) "
        "(sections 3.1 and 6.6); without intervals",
        said,
    )
    reached = found["share"].dropna()
    yield (
        "how far beyond D(N)",
        "up to 100 times",
        f"up to {scientific(float(reached.max()))} times, where D(N) is known to a factor of ten"
        if len(reached)
        else "not known: these runs pin no size's D(N) to a factor of ten",
    )
