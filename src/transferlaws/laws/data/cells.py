"""From runs to cells: one mean loss for each (size, data size, arm), and how the means vary together."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.noise import Noise, generalised_means, noise_of_runs
from transferlaws.laws.data.words import word

Floats = NDArray[np.float64]

AT_LIMIT = "limit"
"""What the column `ended` says of a run that ended at a limit, before its loss stopped falling."""


@dataclass(frozen=True)
class Cells:
    """Mean losses of m cells: `size` indexes `sizes`, `source` indexes `sources` (-1: from scratch).

    `d_chars` are characters, `loss` nats/token, `covariance` (m, m) that of the means between seeds, nats^2,
    and `noise` that of the runs behind them, whose scale is a guess where no cell was repeated (`noise.dof`
    0); `present` (m, S) marks which seeds each cell has, and `upper` (m,) the cells whose loss is an upper
    end, since a run of theirs ended at a limit (column `ended`: limit).
    """

    sizes: Floats
    size: NDArray[np.intp]
    d_chars: Floats
    source: NDArray[np.intp]
    sources: tuple[str, ...]
    loss: Floats
    upper: NDArray[np.bool_]
    n_seeds: NDArray[np.int64]
    covariance: Floats
    noise: Noise
    present: Floats
    n_runs: int

    @property
    def n_params(self) -> Floats:
        """Size of each cell (m,)."""
        return self.sizes[self.size]

    @property
    def scratch(self) -> NDArray[np.bool_]:
        """Which cells are from scratch (m,)."""
        return self.source < 0

    @property
    def typical_sd(self) -> float:
        """Standard deviation of a mean in nats/token, over all cells alike: the first guess of every fit."""
        return float(np.sqrt(self.variance.mean()))

    @property
    def variance(self) -> Floats:
        """Variance (m,) of each mean between seeds, nats^2."""
        return np.diag(self.covariance)

    @property
    def parts(self) -> dict[str, float]:
        """Standard deviation of one run between seeds, nats/token: of its sample, and the run's own."""
        return self.noise.parts(self.source + 1, self.d_chars)

    def only(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Cells":
        """The cells that `keep` marks or numbers, sizes unchanged."""
        names = ("size", "d_chars", "source", "loss", "upper", "n_seeds", "present")
        kept = {name: getattr(self, name)[keep] for name in names}
        return replace(self, **kept, covariance=self.covariance[keep][:, keep])

    def with_noise(self, noise: Noise) -> "Cells":
        """The same cells with other variances of their runs."""
        before, after = (each.run_variance(self.source + 1, self.d_chars) for each in (self.noise, noise))
        ratio = np.sqrt(after / before)
        return replace(self, noise=noise, covariance=self.covariance * np.outer(ratio, ratio))

    def frame(self, fitted: Floats, sd: Floats) -> pd.DataFrame:
        """One row a cell: arm, n_params, d_chars, loss, fitted, residual (NaN: of an upper end), sd, nats."""
        return pd.DataFrame(
            {
                "arm": np.array([*self.sources, SCRATCH])[self.source],
                "n_params": self.n_params,
                "d_chars": self.d_chars,
                "loss": self.loss,
                "fitted": fitted,
                "residual": np.where(self.upper, np.nan, self.loss - fitted),
                "sd": sd,
            }
        )


def reduce_to_cells(table: pd.DataFrame, sources: tuple[str, ...], noise: Noise | None = None) -> Cells:
    """Cells of the scratch arm (source -1) and of each of `sources` (0, 1, ...) of a checked table.

    `noise` is what one knows of it beforehand; by default the table's repeats say it.
    """
    arms = (SCRATCH, *sources)
    runs = table[table["arm"].isin(arms)]
    n, d = runs["n_params"].to_numpy(float), runs["d_chars"].to_numpy(float)
    arm = runs["arm"].map({name: i - 1 for i, name in enumerate(arms)}).to_numpy(int)
    sizes, size = np.unique(n, return_inverse=True)
    keys, cell = np.unique(np.column_stack([size, arm, d]), axis=0, return_inverse=True)
    cell = cell.ravel()
    place, d_chars = keys[:, 1].astype(np.intp) + 1, keys[:, 2].copy()
    # A seed that a cell has twice counts as two.
    twice = runs.groupby(["n_params", "arm", "d_chars", "seed"]).cumcount().astype(str)
    seed = pd.factorize(runs["seed"].astype(str) + "|" + twice)[0]
    shape = (len(keys), seed.max() + 1)
    present, total = np.zeros(shape), np.zeros(shape)
    present[cell, seed], total[cell, seed] = 1.0, runs["loss"].to_numpy(float)
    count = present.sum(1)
    upper = np.zeros(len(keys), bool)
    if "ended" in runs.columns:
        np.logical_or.at(upper, cell, (runs["ended"].map(word) == AT_LIMIT).to_numpy())
    if noise is None:
        deviation = total - present * (total.sum(1) / count)[:, None]
        noise = noise_of_runs(deviation, present, place, d_chars, len(arms))
    loss, covariance = generalised_means(total, present, noise.covariance(place, d_chars))
    return Cells(
        sizes=sizes,
        size=keys[:, 0].astype(np.intp),
        d_chars=d_chars,
        source=place - 1,
        sources=sources,
        loss=loss,
        upper=upper,
        n_seeds=count.astype(np.int64),
        covariance=covariance,
        noise=noise,
        present=present,
        n_runs=len(runs),
    )


def noise_of(table: pd.DataFrame, *arms: str) -> Noise:
    """The noise of a run of `arms` and from scratch (arm 0), as the repeats of a checked table have it."""
    return reduce_to_cells(table, tuple(arm for arm in arms if arm != SCRATCH)).noise


def run_noise(table: pd.DataFrame, *arms: str) -> float:
    """Standard deviation of one run in nats/token, from the repeats of `arms` and of the scratch arm.

    Every cell counts alike, whatever its number of runs. NaN where no cell was repeated. Takes a checked
    table (`check_table`) with runs of at least one of these arms.
    """
    cells = reduce_to_cells(table, tuple(arm for arm in arms if arm != SCRATCH))
    return float(np.sqrt(sum(sd**2 for sd in cells.parts.values()))) if cells.noise.dof else float("nan")
