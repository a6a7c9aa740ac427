"""What pre-training gained in the cells that were run: loss from scratch less loss of the source, measured.

A seed draws the same sample for both arms, so where seeds are shared their differences are what counts. Few
seeds make a poor estimate of their scatter, which is why cells of one source share it: a cell's variance is
that of all pairs at its data size, drawn towards the variance of all pairs of the source (weight: SHARED).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.cells import run_noise
from transferlaws.laws.data.table import check_table, sole_source
from transferlaws.laws.estimators.result import LEAST_DRAWS, Interval, require_options

Floats = NDArray[np.float64]

SHARED = 4.0
"""Weight, in degrees of freedom, of a source's scatter of pairs against the scatter at one data size."""


@dataclass(frozen=True)
class Gain:
    """The measured gain of one cell: `gain` in nats/token, positive where pre-training lowers the loss.

    `loss` (pre-trained) and `loss_scratch` are means over seeds, `n_pairs` the seeds that both arms share,
    `sd` the standard deviation of the difference of one pair (None: not known). `how` the interval came
    about is paired, unpaired (Welch's), noise (one pair or one run each, with the noise of other cells) or
    open (nothing was repeated).
    """

    n_params: float
    d_chars: float
    loss: float
    loss_scratch: float
    gain: Interval
    n_pairs: int
    sd: float | None
    how: str

    def to_json(self) -> dict[str, Any]:
        """The cell as laws.json holds it."""
        return {**vars(self), "gain": self.gain.to_json()}


@dataclass(frozen=True)
class _Cell:
    """The runs of one cell: losses by seed of both arms."""

    n: float
    d: float
    tuned: pd.Series
    alone: pd.Series

    @property
    def pairs(self) -> Floats:
        """Scratch less pre-trained loss of every shared seed."""
        return np.asarray((self.alone - self.tuned).dropna(), float)


def gain(table: pd.DataFrame, source: str | None = None, *, level: float = 0.95) -> list[Gain]:
    """The gain of every cell with runs from scratch and of `source` (by default the sole one), by N and D.

    Raises TransferLawsError for a table that cannot be used and for several sources of which none is named;
    a source without such cells has no gains.
    """
    require_options(LEAST_DRAWS, level)
    table = check_table(table)
    source = source or sole_source(table)
    cells = list(_cells(table, source))
    squares = np.array([float(np.sum((cell.pairs - cell.pairs.mean()) ** 2)) if len(cell.pairs) else 0.0
                        for cell in cells])  # fmt: skip
    freedom = np.array([max(len(cell.pairs) - 1, 0) for cell in cells])
    noise = _noise(table, source)
    return [_gain(cell, _scatter(cell, cells, squares, freedom), noise, level) for cell in cells]


def _cells(table: pd.DataFrame, source: str) -> Iterator[_Cell]:
    runs = table[table["arm"].isin([SCRATCH, source])]
    for _, cell in runs.groupby(["n_params", "d_chars"]):
        tuned, alone = (cell[cell["arm"] == arm].groupby("seed")["loss"].mean() for arm in (source, SCRATCH))
        if len(tuned) and len(alone):
            yield _Cell(float(cell["n_params"].iloc[0]), float(cell["d_chars"].iloc[0]), tuned, alone)


def _noise(table: pd.DataFrame, source: str) -> tuple[float, int]:
    """Standard deviation of one run in nats/token and its degrees of freedom; NaN and 0 without repeats."""
    runs = table[table["arm"].isin([SCRATCH, source])]
    dof = len(runs) - len(runs.drop_duplicates(["n_params", "arm", "d_chars"]))
    return (run_noise(table, source), dof) if dof else (float("nan"), 0)


def _scatter(
    cell: _Cell, cells: list[_Cell], squares: Floats, freedom: NDArray[np.int64]
) -> tuple[float, float]:
    """Variance of one pair's difference in a cell, in nats^2, and its degrees of freedom (0: not known)."""
    if not freedom.any():
        return float("nan"), 0.0
    data = np.array([other.d for other in cells])
    known = data[freedom > 0]
    near = data == known[np.argmin(np.abs(np.log(known / cell.d)))]
    here, whole = float(freedom[near].sum()), float(freedom.sum())
    weight = min(SHARED, whole - here)
    variance = (squares[near].sum() + weight * squares.sum() / whole) / (here + weight)
    return float(variance), here + weight


def _gain(cell: _Cell, scatter: tuple[float, float], noise: tuple[float, int], level: float) -> Gain:
    pairs = cell.pairs
    losses = float(cell.tuned.mean()), float(cell.alone.mean())
    few = min(len(cell.tuned), len(cell.alone)) < 2
    if len(pairs) > 1 or (len(pairs) == 1 and few and scatter[1]):
        variance, dof = scatter
        value, error = float(pairs.mean()), float(np.sqrt(variance / len(pairs)))
        sd, how = float(np.sqrt(variance)), "paired" if len(pairs) > 1 else "noise"
    elif not few:
        parts = [float(arm.var(ddof=1)) / len(arm) for arm in (cell.tuned, cell.alone)]
        value, error, how = losses[1] - losses[0], float(np.sqrt(sum(parts))), "unpaired"
        weights = sum(
            part**2 / (len(arm) - 1) for part, arm in zip(parts, (cell.tuned, cell.alone), strict=True)
        )
        dof = sum(parts) ** 2 / weights if weights else float("inf")
        sd = error * float(np.sqrt(min(len(cell.tuned), len(cell.alone))))
    else:
        run, dof = noise
        value, how = losses[1] - losses[0], "noise" if dof else "open"
        error = run * float(np.sqrt(1 / len(cell.tuned) + 1 / len(cell.alone)))
        sd = run * float(np.sqrt(2.0))
    if how == "open":
        return Gain(cell.n, cell.d, *losses, Interval(value, None, None), len(pairs), None, how)
    reach = float(student.ppf((1 + level) / 2, dof)) * error
    return Gain(cell.n, cell.d, *losses, Interval(value, value - reach, value + reach), len(pairs), sd, how)
