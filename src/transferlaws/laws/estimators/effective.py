"""Effective data of every fine-tuned cell: D_E = f_N^-1(L), D_T = D_E - D_F (appendix B.1), with a status.

Its status says whether the answer was read off within the from-scratch runs, beyond them, has no end (a loss
below the floor), is a lower end (a run that ended at a limit) or no transfer at all (D_T <= 0, ossified). No
cell is dropped or clipped; the error goes through the inversion by redrawing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.curve import Curves, MeasuredCurve, regime_of
from transferlaws.laws.curves.floor import N_CURVE, floor_inverse, floor_loss
from transferlaws.laws.curves.scratch import (
    curve_noise,
    curves_of,
    reference,
    require_scratch,
    scratch_theta,
    with_curves,
)
from transferlaws.laws.data.cells import Cells, reduce_to_cells
from transferlaws.laws.data.noise import Misfit
from transferlaws.laws.data.table import check_table, sole_source, sources
from transferlaws.laws.data.words import listed
from transferlaws.laws.estimators.joint import fit_joint
from transferlaws.laws.numerics.bootstrap import redraw
from transferlaws.laws.status import CellStatus

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inversion:
    """Effective data (s,) in characters of the source cells, and redrawn (B, s); inf below the floor.

    `theta` (S, 4) are the from-scratch curves, `misfit` is what they leave unexplained, and `d_n` (S,) is
    D(N) in characters, `d_n_redrawn` (B, S) that of redrawn studies.
    """

    cells: Cells
    theta: Floats
    misfit: Misfit
    d_effective: Floats
    redrawn: Floats
    d_n: Floats
    d_n_redrawn: Floats

    @property
    def sd(self) -> Floats:
        """Standard deviation (m,) of each cell's mean, nats/token."""
        return np.sqrt(np.diag(self.misfit.onto(self.cells.covariance)))

    @property
    def at(self) -> NDArray[np.intp]:
        """Indices of the source cells."""
        return np.flatnonzero(~self.cells.scratch)


def source_cells(table: pd.DataFrame, names: tuple[str, ...]) -> tuple[Cells, tuple[str, ...]]:
    """Cells of the scratch arm and the sources `names`, sizes without a curve left out and said so.

    Raises TransferLawsError for an arm the table does not hold or sizes that do not meet.
    """
    require_scratch(table)
    for name in names:
        if name not in sources(table):
            raise TransferLawsError(
                f"column arm holds no source {name!r}; it holds {listed(sources(table)) or 'no source'}"
            )
    cells, said = with_curves(reduce_to_cells(table, names))
    for k, name in enumerate(names):
        if not np.any(cells.source == k):
            raise TransferLawsError(f"no size has both a from-scratch curve and runs of arm {name!r}")
    return cells, said


def invert_cells(cells: Cells, bootstrap: int, seed: int) -> Inversion:
    """Scratch curves, their inverse at every source cell, and both again for `bootstrap` redrawn studies."""
    theta, misfit = curve_noise(cells)
    if not cells.noise.dof and misfit.dof < 4 and not np.all(cells.scratch):
        # One seed, and hardly more points than the curves have parameters: only the joint fit has residuals.
        misfit = fit_joint(cells).misfit
    d_ref = reference(cells)
    at = np.flatnonzero(~cells.scratch)
    size = cells.size[at]
    value = floor_inverse(theta[size], cells.loss[at], d_ref)
    fitted = floor_loss(theta[cells.size][None], cells.d_chars, d_ref)[0][0]
    centre = np.where(cells.scratch, fitted, cells.loss)
    centre[cells.upper] = np.maximum(centre, cells.loss)[cells.upper]
    covariance = misfit.onto(cells.covariance)
    losses = redraw(centre, covariance, misfit.dof, bootstrap, np.random.default_rng(seed))
    sd = np.sqrt(np.diag(covariance))
    drawn = scratch_theta(cells, losses, sd, theta) if bootstrap else np.zeros((0, len(cells.sizes), N_CURVE))
    redrawn = floor_inverse(drawn[:, size], losses[:, at], d_ref)
    d_n, again = (np.maximum(floor_inverse(each, each[..., 0] / 0.99, d_ref), 0.0) for each in (theta, drawn))
    return Inversion(cells, theta, misfit, value, redrawn, d_n, again)


def effective_data(
    table: pd.DataFrame,
    source: str | None = None,
    *,
    curves: Curves | None = None,
    bootstrap: int = 200,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """One row for every cell of `source` (by default the sole one): effective data, interval and status.

    `curves` (of `fit_curves`, either model) replaces the table's own in the values; intervals at `level`
    always come from redrawing the table `bootstrap` times. Columns: n_params, d_chars, loss and loss_sd (of
    one run; nats/token), n_seeds, d_effective (_low, _high) and d_transferred (_low, _high) in characters,
    fraction, multiplier, amplification |d ln D_E / d L| in 1/nats, status (a `CellStatus`), regime (low: D_F
    up to 0.1 D(N); medium: up to D(N); high; unknown where the interval of D(N) leaves more than one), and
    d_n_chars (_low, _high). Unbounded ends are inf, unknown values NaN. Raises TransferLawsError for a table
    without that source or without from-scratch curves.
    """
    table = check_table(table)
    cells, _ = source_cells(table, (source or sole_source(table),))
    return describe_cells(invert_cells(cells, bootstrap, seed), curves, level)


def describe_cells(inversion: Inversion, curves: Curves | None = None, level: float = 0.95) -> pd.DataFrame:
    """The frame of `effective_data` from an inversion already made."""
    cells, at = inversion.cells, inversion.at
    curves = curves or curves_of(cells, inversion.theta)
    rows = []
    for j, i in enumerate(at):
        n, d_chars, loss = float(cells.n_params[i]), float(cells.d_chars[i]), float(cells.loss[i])
        curve = curves[n]
        d_effective, status = curve.invert(loss)
        if status is CellStatus.BELOW_FLOOR:
            d_effective = np.nan
        elif (d_effective <= d_chars) or (np.isnan(d_effective) and loss > float(curve.loss(d_chars))):
            status = CellStatus.NO_TRANSFER
        low, high = _interval(inversion.redrawn[:, j], level)
        if cells.upper[i]:
            status, high = CellStatus.AT_LIMIT, float("inf")
        inside = np.isfinite(d_effective)
        slope = float(curve.slope(d_effective)) if inside and d_effective > 0 else np.nan
        if inside and isinstance(curve, MeasuredCurve) and not curve.d_min <= d_effective <= curve.d_max:
            slope = np.nan
        d_n = _interval(inversion.d_n_redrawn[:, cells.size[i]], level)
        rows.append(
            {
                "n_params": cells.n_params[i],
                "d_chars": d_chars,
                "loss": loss,
                "loss_sd": float(inversion.sd[i] * np.sqrt(cells.n_seeds[i])),
                "n_seeds": int(cells.n_seeds[i]),
                "d_effective": d_effective,
                "d_effective_low": low,
                "d_effective_high": high,
                "d_transferred": d_effective - d_chars,
                "d_transferred_low": low - d_chars,
                "d_transferred_high": high - d_chars,
                "fraction": (d_effective - d_chars) / d_effective if inside and d_effective > 0 else np.nan,
                "multiplier": d_effective / d_chars if inside else np.nan,
                "amplification": 1 / abs(slope) if slope else np.nan,
                "status": status.value,
                "regime": regime_of(d_chars, d_n),
                "d_n_chars": curve.d_n(),
                "d_n_chars_low": d_n[0],
                "d_n_chars_high": d_n[1],
            }
        )
    frame = pd.DataFrame(rows).sort_values(["n_params", "d_chars"], ignore_index=True)
    return frame.astype({"n_params": "int64"}) if np.all(frame["n_params"] % 1 == 0) else frame


def _interval(redrawn: Floats, level: float) -> tuple[float, float]:
    if not redrawn.size:
        return float("nan"), float("nan")
    # Order statistics, not interpolation: some redrawn values are inf.
    low, high = np.quantile(redrawn, [(1 - level) / 2, (1 + level) / 2], method="nearest")
    return float(low), float(high)
