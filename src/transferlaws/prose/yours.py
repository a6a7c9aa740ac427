"""A study of one's own: does it agree with the published one, and do its decisions hold in runs unseen?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferlaws.laws import Fit, read_laws
from transferlaws.planner import measured_cells, should_pretrain
from transferlaws.prose.decisions import verdict
from transferlaws.prose.law import EXPONENTS
from transferlaws.prose.numbers import Prose, counted, grid, interval, scientific


def apart(published: Fit, mine: Fit) -> Prose:
    """Whether the intervals of two studies meet, number by number, and what a miss would mean."""
    if published is mine:
        return Prose("One study in both places: nothing to compare. `-p live=smoke` trains another.")
    rows, misses, opened = [], [], []
    for name in ("k", *EXPONENTS):
        sign = "$k$" if name == "k" else f"$\\{name}$"
        there, here = getattr(published, name), getattr(mine, name)
        if not (there.closed and here.closed):
            opened.append(sign)
            said = "an end is open: they cannot be told apart"
        elif max(there.low, here.low) > min(there.high, here.high):
            misses.append(sign)
            said = "**do not meet**"
        else:
            said = "meet"
        rows.append((sign, interval(there), interval(here), said))
    table = grid(("number", "published", "this machine", "intervals"), rows)
    if misses:
        end = (
            f"The intervals of {' and '.join(misses)} do not meet, though each is closed. An interval says "
            "how far a law could have moved with other seeds, on the sizes, the data and the recipe of its "
            f"own study. It says nothing of other ones: this machine's law is of N up to {_largest(mine)}, "
            f"the published one of N up to {_largest(published)}. **A closed interval can still miss.**"
        )
    elif opened:
        end = (
            f"The smaller study leaves {' and '.join(opened)} open, so it neither confirms nor contradicts "
            "the published law. That is what few sizes and seeds buy."
        )
    else:
        end = (
            "The two do not contradict each other, for what that is worth: with wide intervals many laws "
            "meet. The narrower one says more."
        )
    return Prose(f"{table}\n\n{end}")


def _largest(fit: Fit) -> str:
    return scientific(float(fit.range["n_params"][1]))


def decision(folder: str, source: str = "") -> Prose:
    """What a study in the folder that `transferlaws study --out` wrote says of its middle cell.

    Without a folder, or a folder without laws, it says how to get one.
    """
    path = Path(folder) / "laws.json" if folder else None
    if path is None or not path.is_file():
        return Prose(
            "No study of your own was given to this page. After the command above, `-p own=OUT` shows its "
            "decision here."
        )
    laws: Mapping[str, object] = read_laws(path)
    cells = measured_cells(laws, source or None)
    if not cells:
        return Prose("This study measured no cell in both arms, so there is nothing to decide by.")
    middle = sorted(cells, key=lambda cell: (cell.n_params, cell.d_chars))[len(cells) // 2]
    found = should_pretrain(laws, source or None, middle.n_params, middle.d_chars)
    return Prose(
        f"At N = {middle.n_params:,.0f} with {scientific(middle.d_chars)} characters: {verdict(found)}"
    )


def unseen(cells: pd.DataFrame) -> Prose:
    """What reports said of each cell, and the gain of runs they had not seen (nats/token).

    A row a cell: source, target, n_params, d_chars, basis, pretrain (empty: cannot say), gain with its ends
    low and high (NaN: open or none), and unseen with its half-width unseen_half.
    """
    columns = ("pair", "N", "characters", "by", "pre-train?", "gain said", "gain of unseen runs", "")
    return grid(columns, (_cell(row) for _, row in cells.iterrows()))


def keeping(cells: pd.DataFrame) -> Prose:
    """Whether any decision was wrong, how many were not taken, and how often intervals held."""
    verdicts = [_judged(row) for _, row in cells.iterrows()]
    wrong, idle = verdicts.count("wrong"), verdicts.count("cannot say")
    told, held = _intervals(cells)
    were = f"{counted(wrong, 'decision')} of {len(cells) - idle} {'was' if wrong == 1 else 'were'} wrong"
    said = f"**{were}**" if wrong else "No decision was wrong"
    said += f", and in {counted(idle, 'cell')} of {len(cells)} the runs could not say." if idle else "."
    if told:
        said += (
            f" Of {counted(told, 'interval')} closed at both ends {held} held the gain of the unseen runs, "
            f"{100 * held / told:.0f} %, where 95 % were promised."
        )
    return Prose(said)


def _cell(row: "pd.Series[Any]") -> tuple[str, ...]:
    ends = (f"{end:.3f}" if np.isfinite(end) else "open" for end in (row["low"], row["high"]))
    return (
        f"{row['source']} to {row['target']}",
        f"{row['n_params']:,}",
        f"{row['d_chars']:,}",
        str(row["basis"]),
        {True: "yes", False: "no", None: "cannot say"}[_said(row)],
        f"{row['gain']:.3f} [{', '.join(ends)}]" if np.isfinite(row["gain"]) else "none",
        f"{row['unseen']:.3f} ± {row['unseen_half']:.3f}",
        _judged(row),
    )


def _said(row: "pd.Series[Any]") -> bool | None:
    return {"True": True, "False": False}.get(str(row["pretrain"]))


def _judged(row: "pd.Series[Any]") -> str:
    """Whether a decision was right, by the sign of the gain that unseen runs came to."""
    said = _said(row)
    if said is None:
        return "cannot say"
    return "right" if said == (row["unseen"] > 0) else "wrong"


def _intervals(cells: pd.DataFrame) -> tuple[int, int]:
    """How many intervals are closed, and how many of these hold the unseen gain, whose own noise is added."""
    closed = cells[np.isfinite(cells["low"]) & np.isfinite(cells["high"])]
    off = closed["unseen"] - closed["gain"]
    side = np.where(off > 0, closed["high"] - closed["gain"], closed["gain"] - closed["low"])
    return len(closed), int((off.abs() <= np.hypot(side, closed["unseen_half"])).sum())
