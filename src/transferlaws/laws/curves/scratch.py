"""The from-scratch arm of a table: which sizes have a curve, the curves, and the noise about them."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.curve import Curve, Curves, MeasuredCurve
from transferlaws.laws.curves.floor import N_CURVE, fit_floor, floor_loss
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.cells import Cells, reduce_to_cells
from transferlaws.laws.data.noise import Misfit, misfit_of
from transferlaws.laws.data.table import check_table
from transferlaws.laws.data.words import listed
from transferlaws.laws.numerics.solver import Box

Floats = NDArray[np.float64]


def fit_curves(table: pd.DataFrame, model: str = "floor") -> Curves:
    """A curve for every size of the table's scratch arm; `model` is "floor" or "pchip".

    Raises TransferLawsError for an unknown model, no scratch arm, or too few data sizes for any curve.
    """
    if model not in ("floor", "pchip"):
        raise TransferLawsError(f"model is {model!r}; it takes 'floor' or 'pchip'")
    table = check_table(table)
    require_scratch(table)
    cells, _ = with_curves(reduce_to_cells(table, ()), 3 if model == "floor" else 2)
    if model == "floor":
        return curves_of(cells, curve_noise(cells)[0])
    by_size: dict[float, Curve | MeasuredCurve] = {}
    for s, n in enumerate(cells.sizes):
        at = np.flatnonzero((cells.size == s) & ~cells.upper)
        at = at[np.argsort(cells.d_chars[at])]
        weights = cells.n_seeds[at].astype(float)
        falling = isotonic_regression(cells.loss[at], weights=weights, increasing=False).x
        by_size[_whole(n)] = MeasuredCurve(_whole(n), tuple(cells.d_chars[at]), tuple(falling))
    return Curves(by_size)


def curves_of(cells: Cells, theta: Floats) -> Curves:
    """Curves from the parameters (S, 4) of `floor_loss`, one row for each size of `cells`."""
    b, d0 = np.exp(theta[:, 2]), np.exp(theta[:, 3])
    big = np.exp(theta[:, 1] + b * np.log(reference(cells) + d0))
    points = cells.scratch & ~cells.upper
    data = [cells.d_chars[points & (cells.size == s)] for s in range(len(cells.sizes))]
    ranges = np.array([[d.min(), d.max()] for d in data])
    rows = np.column_stack([theta[:, 0], big, b, d0, ranges])
    return Curves(
        {_whole(n): Curve(_whole(n), *map(float, row)) for n, row in zip(cells.sizes, rows, strict=True)}
    )


def _whole(n: float) -> float:
    return int(n) if n == int(n) else float(n)


def with_curves(cells: Cells, at_least: int = 3) -> tuple[Cells, tuple[str, ...]]:
    """The cells of sizes whose scratch arm has `at_least` data sizes, and a sentence on those left out.

    A cell whose loss is an upper end does not count as one.

    Raises TransferLawsError when no size has as many: without a curve there is no effective data.
    """
    counts = np.bincount(cells.size[cells.scratch & ~cells.upper], minlength=len(cells.sizes))
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
    n_runs = int(kept.n_seeds.sum())
    return replace(kept, sizes=cells.sizes[good], size=new_index[kept.size], n_runs=n_runs), (said,)


def reference(cells: Cells) -> float:
    """D_ref: the geometric middle of the from-scratch data sizes, characters."""
    return float(np.exp(np.mean(np.log(np.unique(cells.d_chars[cells.scratch])))))


def table_box(cells: Cells) -> Box:
    """Bounds of one curve's parameters, and a weak pull for few data (one sd: e in b, e^2.5 in D0)."""
    d = cells.d_chars[cells.scratch]
    return Box(
        lower=np.array([0.0, np.log(1e-4), np.log(0.02), np.log(1e-3 * d.min())]),
        upper=np.array([cells.loss.max(), np.log(30.0), np.log(3.0), np.log(10 * d.max())]),
        centre=np.array([0.0, 0.0, np.log(0.35), np.log(0.1 * d.min())]),
        precision=np.array([0.0, 0.0, 1.0, 1 / 2.5**2]),
    )


def scratch_theta(cells: Cells, losses: Floats, sd: Floats, near: Floats | None = None) -> Floats:
    """Curve parameters (B, S, 4) from the scratch cells alone, for losses (B, m) of all cells, sd (m,).

    `near` (S, 4) starts every search at known curves instead of over a grid: for redrawn studies.
    """
    box, d_ref = table_box(cells), reference(cells)
    out = np.empty((len(losses), len(cells.sizes), N_CURVE))
    for s in range(len(cells.sizes)):
        at = np.flatnonzero(cells.scratch & (cells.size == s))
        start = None if near is None else near[s]
        out[:, s] = fit_floor(cells.d_chars[at], losses[:, at], sd[at], d_ref, box, start, cells.upper[at])
    return out


def curve_noise(cells: Cells) -> tuple[Floats, Misfit]:
    """Scratch curves (S, 4), and what they leave unexplained of the cells' means."""
    at = cells.scratch & ~cells.upper
    free = int(at.sum()) - 3 * len(cells.sizes)
    theta = scratch_theta(cells, cells.loss[None], np.full(len(cells.loss), max(cells.typical_sd, 1e-6)))[0]
    fitted = floor_loss(theta[cells.size][None], cells.d_chars, reference(cells))[0][0]
    residual, own = (cells.loss - fitted)[at], cells.variance[at]
    return theta, misfit_of(residual, own, free, cells.noise)


def require_scratch(table: pd.DataFrame) -> None:
    """Raise TransferLawsError unless the table has from-scratch runs."""
    if SCRATCH not in set(table["arm"]):
        arms = listed(sorted(set(table["arm"])))
        raise TransferLawsError(
            f"column arm has no {SCRATCH!r} run (it holds {arms}); effective data is measured against the "
            f"{SCRATCH} arm"
        )
