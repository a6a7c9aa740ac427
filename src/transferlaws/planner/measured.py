"""What was measured, as a laws.json holds it: the gain of every cell that was run, and what lies around one.

Measured goes before predicted: a law of transfer can only say that pre-training helps, a cell can say that it
hurts. Sizes and data sizes are compared in ratios, a question within NEAR of a cell being that cell's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NEAR = 1.05
"""Ratio of sizes, and of data sizes, up to which a question is about the cell that was run."""
MOST_SEEDS = 200
Z = 1.96

HOW = {
    "paired": "over {} pairs of runs with the same seed",
    "unpaired": "over runs whose seeds differ",
    "noise": "over one seed, with the noise of other cells",
    "open": "over one seed, and nothing was repeated",
}


@dataclass(frozen=True)
class MeasuredCell:
    """One cell that was run: mean losses of both arms and the gain, in nats/token, with its interval.

    Fields are those of `laws.Gain`; an end of the interval that is None is open.
    """

    n_params: float
    d_chars: float
    loss: float
    loss_scratch: float
    gain: float
    low: float | None
    high: float | None
    n_pairs: int
    sd: float | None
    how: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "MeasuredCell":
        """The cell of an entry of `measured` in laws.json; `sd` may be missing."""
        gain = row["gain"]
        return cls(
            row["n_params"], row["d_chars"], row["loss"], row["loss_scratch"], gain["value"], gain["low"],
            gain["high"], row["n_pairs"], row.get("sd"), row["how"],
        )  # fmt: skip

    @property
    def hurts(self) -> bool:
        """Whether the whole interval lies below zero: pre-training costs data here."""
        return self.high is not None and self.high < 0

    def said(self) -> str:
        """What was measured and how, as half a sentence."""
        return f"{effect(self.gain, self.low, self.high)} {self.said_how()}"

    def said_how(self) -> str:
        """How it was measured, as the end of half a sentence."""
        return HOW[self.how].format(self.n_pairs)

    def would_tell(self, worth: float = 0.0) -> str:
        """How many seeds of each arm would tell the gain from `worth` nats, if it stays what it is."""
        if self.sd is None:
            return "a second seed of both arms would give the difference an interval"
        away = abs(self.gain - worth)
        # The sample size of a t test at 95 %: Guenther's correction of the normal one.
        seeds = np.ceil((Z * self.sd / away) ** 2 + Z**2 / 2) if away else np.inf
        if seeds > MOST_SEEDS:
            return f"more than {MOST_SEEDS} seeds of each arm would be needed to tell"
        return (
            f"about {max(int(seeds), self.n_pairs + 1, 2)} seeds of each arm would tell, if the difference "
            "stays what it is"
        )


@dataclass(frozen=True)
class Between:
    """A gain read off the measured cells around a question: interpolated, within the hull of their ends."""

    gain: float
    low: float | None
    high: float | None
    cells: tuple[MeasuredCell, ...]


def effect(gain: float, low: float | None, high: float | None) -> str:
    """A gain as what it does to the loss: "lowers the loss by 0.36 nats [0.3, 0.42]"."""
    verb = "lowers" if gain >= 0 else "raises"
    if gain < 0:
        gain, low, high = -gain, None if high is None else -high, None if low is None else -low
    ends = ["open" if end is None else f"{end:.3g}" for end in (low, high)]
    return f"{verb} the loss by {gain:.3g} nats [{ends[0]}, {ends[1]}]"


def cell_at(cells: Iterable[MeasuredCell], n_params: float, d_chars: float) -> MeasuredCell | None:
    """The measured cell a question is about, the nearest if several are; None if there is none."""
    asked = np.log([n_params, d_chars])
    near = [
        (float(away.sum()), i, cell)
        for i, cell in enumerate(cells)
        if (away := np.abs(np.log([cell.n_params, cell.d_chars]) - asked)).max() <= np.log(NEAR)
    ]
    return min(near)[2] if near else None


def cells_around(cells: Sequence[MeasuredCell], n_params: float, d_chars: float) -> list[MeasuredCell]:
    """The measured cells next to a question: of the sizes and data sizes around it, or at the nearest end."""
    sizes = _brackets([cell.n_params for cell in cells], n_params)
    mine = [cell for cell in cells if cell.n_params in sizes]
    data = {size: _brackets([c.d_chars for c in mine if c.n_params == size], d_chars) for size in sizes}
    return [cell for cell in mine if cell.d_chars in data[cell.n_params]]


def between(cells: Sequence[MeasuredCell], n_params: float, d_chars: float) -> Between | None:
    """The gain read off the cells around a question, in ln N and ln D; None unless they enclose it."""
    around = cells_around(cells, n_params, d_chars)
    sizes = sorted({cell.n_params for cell in around})
    if not around or not _encloses(sizes, n_params):
        return None
    at_sizes = []
    for size in sizes:
        row = sorted((cell for cell in around if cell.n_params == size), key=lambda cell: cell.d_chars)
        data = [cell.d_chars for cell in row]
        if not _encloses(data, d_chars):
            return None
        at_sizes.append(np.interp(np.log(d_chars), np.log(data), [cell.gain for cell in row]))
    lows, highs = [cell.low for cell in around], [cell.high for cell in around]
    return Between(
        float(np.interp(np.log(n_params), np.log(sizes), at_sizes)),
        None if None in lows else min(low for low in lows if low is not None),
        None if None in highs else max(high for high in highs if high is not None),
        tuple(around),
    )


def _brackets(values: Iterable[float], asked: float) -> set[float]:
    """The values next below and above the one asked for, or the one it equals; at an end, that end."""
    held = sorted(set(values))
    same = sorted((abs(np.log(value / asked)), value) for value in held)[:1]
    if same and same[0][0] <= np.log(NEAR):
        return {same[0][1]}
    below, above = [v for v in held if v < asked], [v for v in held if v > asked]
    return {*below[-1:], *above[:1]}


def _encloses(ends: Sequence[float], asked: float) -> bool:
    return bool(ends) and ends[0] / NEAR <= asked <= ends[-1] * NEAR
