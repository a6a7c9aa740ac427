"""The noise of a run, in one place: how far the same run with another seed would have ended elsewhere.

A loss is its cell's mean, plus what its seed shares over all cells of a size (initialisation and sample),
plus noise of the run's own, whose variance is pooled over the cells of a data size. What a model of the means
leaves unexplained is added as Paule and Mandel (1982) do, so that a form that does not quite fit widens every
interval built on it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

Floats = NDArray[np.float64]

PRIOR_RUNS = 8.0
"""Weight, in degrees of freedom, of the table's pooled noise against the noise seen at one data size."""

UNSEEN = 0.01
"""Standard deviation, nats/token, to start from where no cell was repeated; the misfit then decides."""


@dataclass(frozen=True)
class Noise:
    """What repeats of cells say about the noise of a run.

    `loss` (r,) is every run's loss less its seed's shared part, in nats/token; `variance` (m,) that of one
    run in each cell, in nats^2; `dof` the degrees of freedom behind it, which without repeats is at most 0,
    and the variance 0.
    """

    loss: Floats
    variance: Floats
    dof: int


def noise_of_runs(
    loss: Floats, cell: NDArray[np.intp], seed: NDArray[np.intp], size: NDArray[np.intp], d_chars: Floats
) -> Noise:
    """The noise of runs (r,) whose cells `cell`, seeds `seed` and sizes `size` are numbered from 0.

    `d_chars` (m,) are the cells' data sizes. A seed's shared part is taken out where an F test (5 %) finds
    one, so that unequal sets of seeds do not tilt a curve.
    """
    loss, shared = _without_seed_effects(loss, cell, seed, size)
    count = np.bincount(cell)
    mean = np.bincount(cell, loss) / count
    squares = np.asarray(np.bincount(cell, (loss - mean[cell]) ** 2), float)
    dof = int(len(loss) - len(count) - shared)
    if dof < 1:
        return Noise(loss, np.zeros_like(squares), dof)
    pooled = squares.sum() / dof
    _, group = np.unique(d_chars, return_inverse=True)
    seen = np.bincount(group, squares)
    # The seed effects' degrees of freedom are shared out evenly.
    share = dof / max((count - 1).sum(), 1)
    freedom = np.bincount(group, count - 1) * share
    return Noise(loss, ((seen + PRIOR_RUNS * pooled) / (freedom + PRIOR_RUNS))[group], dof)


def _without_seed_effects(
    loss: Floats, cell: NDArray[np.intp], seed: NDArray[np.intp], size: NDArray[np.intp]
) -> tuple[Floats, int]:
    """Losses less the part each seed shares over the cells of its size (two-way least squares), if real."""
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


def excess_variance(residuals: Floats, variance: Floats, dof: float) -> float:
    """The variance to add to each cell's so that sum r^2 / (variance + it) = dof; 0 if it is that small."""

    def chi2(extra: float) -> float:
        return float(np.sum(residuals**2 / np.maximum(variance + extra, 1e-18)))

    if chi2(0.0) <= dof:
        return 0.0
    low, high = 0.0, float(np.sum(residuals**2)) / dof + 1e-18
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chi2(middle) > dof else (low, middle)
    return high
