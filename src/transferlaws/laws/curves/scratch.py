"""The from-scratch arm of a table: which sizes have a curve, the curves, and the noise about them.

The noise of a cell's mean is the seeds' plus what the curves leave unexplained (Paule and Mandel 1982), so
that a form that does not quite fit widens every interval built on it.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.floor import N_CURVE, curve_box, fit_floor, floor_loss
from transferlaws.laws.data.cells import Cells
from transferlaws.laws.data.table import SCRATCH
from transferlaws.laws.numerics.solver import Box

Floats = NDArray[np.float64]


def scratch_ranges(cells: Cells) -> Floats:
    """Smallest and largest from-scratch data size of each size (S, 2), characters."""
    return np.array(
        [
            [
                cells.d_chars[cells.scratch & (cells.size == s)].min(),
                cells.d_chars[cells.scratch & (cells.size == s)].max(),
            ]
            for s in range(len(cells.sizes))
        ]
    )


def with_curves(cells: Cells, at_least: int = 3) -> tuple[Cells, tuple[str, ...]]:
    """The cells of sizes whose scratch arm has `at_least` data sizes, and a sentence on those left out.

    Raises TransferLawsError when no size has as many: without a curve there is no effective data.
    """
    counts = np.bincount(cells.size[cells.scratch], minlength=len(cells.sizes))
    good = counts >= at_least
    if not good.any():
        data = np.unique(cells.d_chars[cells.scratch])
        what = (
            f"one data size only (d_chars = {data[0]:g})"
            if data.size == 1
            else f"{int(counts.max())} data sizes at most"
        )
        raise TransferLawsError(
            f"the {SCRATCH} arm has {what} for each size; a curve of loss against d_chars needs at least "
            f"{at_least}"
        )
    if good.all():
        return cells, ()
    keep = good[cells.size]
    new_index = np.cumsum(good) - 1
    kept = cells.only(keep)
    names = ", ".join(f"{n:g}" for n in cells.sizes[~good][:5])
    said = (
        f"left out {int((~good).sum())} sizes with fewer than {at_least} from-scratch data sizes "
        f"(n_params {names}{', ...' if (~good).sum() > 5 else ''}; {int(cells.n_seeds[~keep].sum())} runs)"
    )
    return (
        Cells(
            cells.sizes[good],
            new_index[kept.size],
            kept.d_chars,
            kept.source,
            kept.sources,
            kept.loss,
            kept.n_seeds,
            kept.variance,
            kept.dof,
            int(kept.n_seeds.sum()),
        ),
        (said,),
    )


def reference(cells: Cells) -> float:
    """D_ref: the geometric middle of the from-scratch data sizes, characters."""
    return float(np.exp(np.mean(np.log(np.unique(cells.d_chars[cells.scratch])))))


def table_box(cells: Cells) -> Box:
    """The bounds of one curve's parameters for this table."""
    d = cells.d_chars[cells.scratch]
    return curve_box(d.min(), d.max(), cells.loss.max())


def scratch_theta(cells: Cells, losses: Floats, sd: Floats, near: Floats | None = None) -> Floats:
    """Curve parameters (B, S, 4) from the scratch cells alone, for losses (B, m) of all cells, sd (m,).

    `near` (S, 4) starts every search at known curves instead of over a grid: for redrawn studies.
    """
    box, d_ref = table_box(cells), reference(cells)
    out = np.empty((len(losses), len(cells.sizes), N_CURVE))
    for s in range(len(cells.sizes)):
        at = np.flatnonzero(cells.scratch & (cells.size == s))
        start = None if near is None else near[s]
        out[:, s] = fit_floor(cells.d_chars[at], losses[:, at], sd[at], d_ref, box, start)
    return out


def curve_noise(cells: Cells) -> tuple[Floats, Floats, float]:
    """Scratch curves (S, 4), the sd (m,) of each cell's mean about them, and its degrees of freedom.

    The seeds' noise, plus what the curves leave unexplained (Paule and Mandel 1982) spread evenly.
    """
    at = cells.scratch
    free = int(at.sum()) - 3 * len(cells.sizes)
    typical = np.sqrt(cells.variance.mean()) if cells.dof else 0.01
    theta = scratch_theta(cells, cells.loss[None], np.full(len(cells.loss), max(typical, 1e-6)))[0]
    fitted = floor_loss(theta[cells.size][None], cells.d_chars, reference(cells))[0][0]
    extra = excess_variance((cells.loss - fitted)[at], cells.variance[at], free) if free > 0 else 0.0
    sd = np.sqrt(cells.variance + extra)
    if not np.all(sd > 1e-9):
        sd = np.full_like(sd, 0.01 if free <= 0 else 1e-6)
    dof = float(max(free, 0) + (cells.dof if extra == 0 else 0))
    return theta, sd, max(dof, 1.0)


def excess_variance(residuals: Floats, variance: Floats, dof: float) -> float:
    """The variance to add to each cell so that sum r^2 / (variance + it) = dof; 0 if it is that small
    already.
    """

    def chi2(extra: float) -> float:
        return float(np.sum(residuals**2 / np.maximum(variance + extra, 1e-18)))

    if chi2(0.0) <= dof:
        return 0.0
    low, high = 0.0, float(np.sum(residuals**2)) / dof + 1e-18
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chi2(middle) > dof else (low, middle)
    return high


def require_scratch(table: pd.DataFrame) -> None:
    """Raise TransferLawsError unless the table has from-scratch runs."""
    if SCRATCH not in set(table["arm"]):
        arms = ", ".join(sorted(set(table["arm"]))[:8])
        raise TransferLawsError(
            f"column arm has no {SCRATCH!r} run (it holds {arms}); effective data is measured against the "
            f"{SCRATCH} arm"
        )
