"""From runs to cells: one mean loss for each (size, data size, arm), with the noise of that mean."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.noise import UNSEEN, noise_of_runs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cells:
    """Mean losses of m cells: `size` indexes `sizes`, `source` indexes `sources` (-1: from scratch).

    `d_chars` are characters, `loss` nats/token, `variance` the seeds' variance of each mean in nats^2, known
    to `dof` degrees of freedom (0, and all of it 0, where no cell was repeated).
    """

    sizes: Floats
    size: NDArray[np.intp]
    d_chars: Floats
    source: NDArray[np.intp]
    sources: tuple[str, ...]
    loss: Floats
    n_seeds: NDArray[np.int64]
    variance: Floats
    dof: int
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
        return float(np.sqrt(self.variance.mean())) if self.dof else UNSEEN

    def only(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> "Cells":
        """The cells that `keep` marks or numbers, sizes unchanged."""
        names = ("size", "d_chars", "source", "loss", "n_seeds", "variance")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    def run_variance(self, sd: Floats | None = None) -> float:
        """Variance of one run in nats^2: the mean over cells of a mean's variance times its number of runs.

        `sd` (m,) are the standard deviations of the means in nats/token, by default the seeds' own.
        """
        return float(np.mean((self.variance if sd is None else sd**2) * self.n_seeds))

    def frame(self, fitted: Floats, sd: Floats) -> pd.DataFrame:
        """One row a cell: arm, n_params, d_chars, loss, fitted, residual, sd (nats/token)."""
        return pd.DataFrame(
            {
                "arm": np.array([*self.sources, SCRATCH])[self.source],
                "n_params": self.n_params,
                "d_chars": self.d_chars,
                "loss": self.loss,
                "fitted": fitted,
                "residual": self.loss - fitted,
                "sd": sd,
            }
        )


def reduce_to_cells(table: pd.DataFrame, sources: tuple[str, ...]) -> Cells:
    """Cells of the scratch arm (source -1) and of each of `sources` (0, 1, ...) of a checked table."""
    arms = (SCRATCH, *sources)
    runs = table[table["arm"].isin(arms)]
    n, d = runs["n_params"].to_numpy(float), runs["d_chars"].to_numpy(float)
    arm = runs["arm"].map({name: i - 1 for i, name in enumerate(arms)}).to_numpy(int)
    sizes, size = np.unique(n, return_inverse=True)
    keys, cell = np.unique(np.column_stack([size, arm, d]), axis=0, return_inverse=True)
    cell = cell.ravel()
    seed = pd.factorize(runs["seed"].astype(str) + "|" + runs["n_params"].astype(str))[0]
    noise = noise_of_runs(runs["loss"].to_numpy(float), cell, seed, size, keys[:, 2].astype(float))
    count = np.bincount(cell)
    return Cells(
        sizes=sizes,
        size=keys[:, 0].astype(np.intp),
        d_chars=keys[:, 2].copy(),
        source=keys[:, 1].astype(np.intp),
        sources=sources,
        loss=np.bincount(cell, noise.loss) / count,
        n_seeds=count,
        variance=noise.variance / count,
        dof=max(noise.dof, 0),
        n_runs=len(runs),
    )


def run_noise(table: pd.DataFrame, *arms: str) -> float:
    """Standard deviation of one run in nats/token, from the repeats of `arms` and of the scratch arm.

    Every cell counts alike, whatever its number of runs. NaN where no cell was repeated. Takes a checked
    table (`check_table`) with runs of at least one of these arms.
    """
    cells = reduce_to_cells(table, tuple(arm for arm in arms if arm != SCRATCH))
    return float(np.sqrt(cells.run_variance())) if cells.dof else float("nan")
