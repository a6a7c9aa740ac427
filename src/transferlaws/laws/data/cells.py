"""From runs to cells: one mean loss for each (size, data size, arm), with the noise of that mean.

Seeds that share initialisation and sample move all cells of a size together; that part is estimated by least
squares (two-way: cell + seed) and taken out where it is real, so unequal sets of seeds do not tilt a curve.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from transferlaws.laws.data.table import SCRATCH

Floats = NDArray[np.float64]

NOISE_PRIOR_RUNS = 8.0
"""Weight, in degrees of freedom, of the table's pooled noise against the noise seen at one data size."""


@dataclass(frozen=True)
class Cells:
    """Mean losses of m cells; `size` indexes `sizes`, `variance` is the seeds' variance of each mean
    (nats^2).
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

    def only(self, keep: NDArray[np.bool_]) -> "Cells":
        """The cells where `keep` is true, sizes unchanged."""
        return Cells(
            self.sizes,
            self.size[keep],
            self.d_chars[keep],
            self.source[keep],
            self.sources,
            self.loss[keep],
            self.n_seeds[keep],
            self.variance[keep],
            self.dof,
            self.n_runs,
        )


def reduce_to_cells(table: pd.DataFrame, sources: tuple[str, ...]) -> Cells:
    """Cells of the scratch arm (source -1) and of each of `sources` (0, 1, ...) of a checked table."""
    arms = (SCRATCH, *sources)
    runs = table[table["arm"].isin(arms)]
    n, d = runs["n_params"].to_numpy(float), runs["d_chars"].to_numpy(float)
    arm = runs["arm"].map({name: i - 1 for i, name in enumerate(arms)}).to_numpy(int)
    loss = runs["loss"].to_numpy(float)
    sizes, size = np.unique(n, return_inverse=True)
    keys, cell = np.unique(np.column_stack([size, arm, d]), axis=0, return_inverse=True)
    cell = cell.ravel()
    seed = pd.factorize(runs["seed"].astype(str) + "|" + runs["n_params"].astype(str))[0]
    loss, seed_dof = _without_seed_effects(loss, cell, seed, size)
    count = np.bincount(cell)
    mean = np.bincount(cell, loss) / count
    squares = np.asarray(np.bincount(cell, (loss - mean[cell]) ** 2), float)
    dof = int(len(loss) - len(count) - seed_dof)
    return Cells(
        sizes=sizes,
        size=keys[:, 0].astype(np.intp),
        d_chars=keys[:, 2].copy(),
        source=keys[:, 1].astype(np.intp),
        sources=sources,
        loss=mean,
        n_seeds=count,
        variance=_noise(keys[:, 2].astype(float), squares, count, dof) / count,
        dof=max(dof, 0),
        n_runs=len(loss),
    )


def _without_seed_effects(
    loss: Floats, cell: NDArray[np.intp], seed: NDArray[np.intp], size: NDArray[np.intp]
) -> tuple[Floats, int]:
    """Losses less the part a seed shares over all cells of its size, if an F test (5 %) finds such a part."""
    n_cells, n_seeds = cell.max() + 1, seed.max() + 1
    effect = np.zeros(n_seeds)
    per_cell, per_seed = np.bincount(cell), np.bincount(seed)
    owner = np.zeros(n_seeds, dtype=np.intp)
    owner[seed] = size
    for _ in range(200):
        mean = np.bincount(cell, loss - effect[seed], n_cells) / per_cell
        update = np.bincount(seed, loss - mean[cell], n_seeds) / per_seed
        # Only differences between the seeds of one size can be seen; their mean belongs to the cells.
        update -= (np.bincount(owner, update) / np.bincount(owner))[owner]
        if np.max(np.abs(update - effect)) < 1e-9:
            break
        effect = update
    plain = np.bincount(cell, loss, n_cells) / per_cell
    before = float(np.sum((loss - plain[cell]) ** 2))
    mean = np.bincount(cell, loss - effect[seed], n_cells) / per_cell
    after = float(np.sum((loss - effect[seed] - mean[cell]) ** 2))
    used = n_seeds - len(np.unique(size))
    dof = len(loss) - n_cells - used
    if used < 1 or dof < 4 or after <= 0 or after >= before:
        return loss, 0
    ratio = ((before - after) / used) / (after / dof)
    if f_distribution.sf(ratio, used, dof) > 0.05:
        return loss, 0
    # Shrunken towards zero by the share of an effect's variance that is noise.
    return loss - (1 - 1 / ratio) * effect[seed], used


def _noise(d_chars: Floats, squares: Floats, count: NDArray[np.int64], dof: int) -> Floats:
    """Variance of one run in each cell: pooled over the cells of a data size, drawn towards the table's."""
    if dof < 1:
        return np.zeros_like(squares)
    pooled = squares.sum() / dof
    _, group = np.unique(d_chars, return_inverse=True)
    seen = np.bincount(group, squares)
    # The seed effects' degrees of freedom are shared out evenly.
    share = dof / max((count - 1).sum(), 1)
    freedom = np.bincount(group, count - 1) * share
    return ((seen + NOISE_PRIOR_RUNS * pooled) / (freedom + NOISE_PRIOR_RUNS))[group]
