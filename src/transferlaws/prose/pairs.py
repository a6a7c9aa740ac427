"""Two arms in the cells that both were run in: how far apart they ended, paired by seed.

A difference is called one only where its whole 95 % interval lies on one side of zero. A cell in which a run
met its token limit is *capped*: it could still have gained, so nothing is said of it.
"""

from collections.abc import Mapping

import pandas as pd

from transferlaws.design.question import BASELINE
from transferlaws.laws import Gain, gain
from transferlaws.prose.numbers import Prose, counted, grid, scientific

BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"
COLUMNS = ("n_params", "d_chars", "gain", "low", "high", "n_pairs", "capped", "verdict")


def differences(table: pd.DataFrame, arm: str, other: str = BASELINE) -> pd.DataFrame:
    """What `arm` gains over `other` in every cell that both have, by size and data size.

    Columns: n_params, d_chars, gain with low and high (nats/token, or the unit of the column loss; NaN is an
    open end), n_pairs (seeds both have), capped, and verdict (better, worse, undecided). Losses are lower
    where the gain is positive.
    """
    runs = table[table["arm"].isin([arm, other]) & (table["d_chars"] > 0)]
    if set(runs["arm"]) != {arm, other}:
        return pd.DataFrame(columns=list(COLUMNS))
    ended = runs["ended"] if "ended" in runs else pd.Series("", index=runs.index)
    limited = runs[ended == "limit"]
    capped = set(zip(limited["n_params"], limited["d_chars"], strict=True))
    found = gain(runs.assign(arm=runs["arm"].replace(other, BASELINE)), arm)
    rows = [(*_ends(cell), (cell.n_params, cell.d_chars) in capped) for cell in found]
    frame = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    return frame.assign(
        verdict=[_verdict(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)]
    )


def _ends(cell: Gain) -> tuple[float, float, float, float | None, float | None, int]:
    found = cell.gain
    return cell.n_params, cell.d_chars, found.value, found.low, found.high, cell.n_pairs


def _verdict(low: float | None, high: float | None) -> str:
    if pd.notna(low) and low > 0:
        return BETTER
    return WORSE if pd.notna(high) and high < 0 else UNDECIDED


def firm(found: pd.DataFrame) -> pd.DataFrame:
    """The cells of `differences` that may be judged: repeated with shared seeds, no run at its limit."""
    return found[(found["n_pairs"] > 1) & ~found["capped"].astype(bool)]


def counts(found: pd.DataFrame) -> str:
    """In how many cells which arm ended lower, as half a sentence; for no cell, that there is none."""
    if found.empty:
        return "no cell was run with both"
    of = {verdict: int((found["verdict"] == verdict).sum()) for verdict in (BETTER, WORSE, UNDECIDED)}
    return (
        f"of {counted(len(found), 'cell')} the loss is lower in {of[BETTER] or 'none'}, higher in "
        f"{of[WORSE] or 'none'}, undecided in {of[UNDECIDED] or 'none'}"
    )


def summary(found: Mapping[str, pd.DataFrame], unit: str = "nats/token") -> Prose:
    """One row a comparison: its cells, in how many each side ended lower, and the range of the gains."""
    rows: list[tuple[object, ...]] = []
    for title, frame in found.items():
        if frame.empty:
            rows.append((title, "0", "–", "–", "–", "not run"))
            continue
        of = [int((frame["verdict"] == verdict).sum()) for verdict in (BETTER, WORSE, UNDECIDED)]
        ends = f"{frame['gain'].min():+.3f} to {frame['gain'].max():+.3f}"
        rows.append((title, str(len(frame)), *map(str, of), ends))
    columns = ("first and second", "cells", "first is lower", "second is lower", "undecided")
    return grid((*columns, f"gain of the first ({unit})"), rows)


def listed(found: pd.DataFrame) -> str:
    """The cells of a frame, by size and data size, in words."""
    return "; ".join(
        f"N = {n:,.0f} with {scientific(d, 1)} characters"
        for n, d in zip(found["n_params"], found["d_chars"], strict=True)
    )
