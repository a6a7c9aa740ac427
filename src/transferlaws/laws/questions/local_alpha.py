"""Does one exponent of data describe all cells? Alpha between neighbouring data sizes, and how it drifts.

A law of transfer has ln D_T = ln k + alpha ln D_F + beta ln N: any two data sizes give its alpha (eq. 1.1 of
Hernandez et al. 2021). Intervals are of studies redrawn about their cells and from-scratch curves, so what
neighbours share (a curve, a sample) cancels where it does.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.laws.data.table import check_table, sole_source
from transferlaws.laws.estimators.effective import invert_cells, source_cells
from transferlaws.laws.estimators.result import Interval, require_options
from transferlaws.laws.numerics.bootstrap import percentiles

Floats = NDArray[np.float64]

LEAST_KEPT = 0.9
"""Share of the redrawn studies in which all cells of a step must have a bounded D_T > 0."""


@dataclass(frozen=True)
class LocalAlpha:
    """Alpha step by step for a source, and its `drift`: what it gains for ten times the data.

    `steps` has one row for each two neighbouring data sizes with a size at which both have a bounded D_T > 0:
    d_low, d_high (characters), alpha (mean over those sizes), low, high (NaN: open), n_sizes. The drift is a
    straight line through the closed steps, by their variances; open where there are fewer than three.
    """

    source: str
    steps: pd.DataFrame = field(repr=False)
    drift: Interval


def local_alpha(
    table: pd.DataFrame,
    source: str | None = None,
    *,
    bootstrap: int = 400,
    seed: int = 0,
    level: float = 0.95,
) -> LocalAlpha:
    """Alpha between neighbouring data sizes of `source` (by default the sole one); options as in `fit`.

    A step takes the sizes that redrawn studies lose no more often than an interval at `level` allows, and is
    open where there are none; of cells at a limit D_T is a lower end, and they take no part. Raises
    TransferLawsError for a table without that source or without from-scratch curves.
    """
    require_options(bootstrap, level)
    table = check_table(table)
    source = source or sole_source(table)
    cells, _ = source_cells(table, (source,))
    inversion = invert_cells(cells, bootstrap, seed)
    own = cells.only(inversion.at)
    measured, redrawn = (
        np.where(own.upper, np.nan, _log_transferred(d_effective, own.d_chars))
        for d_effective in (inversion.d_effective[None], inversion.redrawn)
    )
    rows, drawn = [], []
    for first, second in pairwise(np.unique(own.d_chars)):
        left, right = _pairs(own.n_params, own.d_chars, first, second)
        use = np.isfinite(measured[0, left] + measured[0, right])
        if not use.any():
            continue
        # A size whose D_T is lost to many redrawn studies would open the step for all of them.
        firm = use & (np.isfinite(redrawn[:, left] + redrawn[:, right]).mean(axis=0) >= (1 + level) / 2)
        use = firm if firm.any() else use
        left, right, step = left[use], right[use], float(np.log(second / first))
        values = (measured[0, right] - measured[0, left]).mean() / step
        draws = (redrawn[:, right] - redrawn[:, left]).mean(axis=1) / step
        kept = draws[np.isfinite(draws)]
        closed = bool(firm.any()) and len(kept) >= LEAST_KEPT * len(draws)
        low, high = percentiles(kept, level) if closed else (np.nan, np.nan)
        rows.append((first, second, float(values), low, high, int(use.sum())))
        drawn.append(draws)
    steps = pd.DataFrame(rows, columns=["d_low", "d_high", "alpha", "low", "high", "n_sizes"])
    return LocalAlpha(source, steps, _drift(steps, np.array(drawn).reshape(len(rows), bootstrap), level))


def _log_transferred(d_effective: Floats, d_chars: Floats) -> Floats:
    """ln D_T (B, m); NaN where it is not positive or has no end."""
    transferred = d_effective - d_chars
    good = np.isfinite(transferred) & (transferred > 0)
    return np.where(good, np.log(np.where(good, transferred, 1.0)), np.nan)


def _pairs(
    n_params: Floats, d_chars: Floats, first: float, second: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the cells at two data sizes whose size both have."""
    sizes = np.intersect1d(n_params[d_chars == first], n_params[d_chars == second])
    places = [
        np.array([np.flatnonzero((n_params == n) & (d_chars == d))[0] for n in sizes], np.intp)
        for d in (first, second)
    ]
    return places[0], places[1]


def _drift(steps: pd.DataFrame, drawn: Floats, level: float) -> Interval:
    """The slope of alpha in log10 of data, over the closed ones of the steps (j,) with draws (j, B)."""
    closed = steps["low"].notna().to_numpy()
    if closed.sum() < 3:
        return Interval(float("nan"), None, None)
    at = np.log10((steps["d_low"] * steps["d_high"]).to_numpy(float))[closed] / 2
    draws = drawn[closed][:, np.isfinite(drawn[closed]).all(axis=0)]
    weight = 1 / np.maximum(draws.var(axis=1), 1e-12)
    x = at - np.average(at, weights=weight)
    by_step = weight * x / np.sum(weight * x**2)
    value = float(by_step @ steps["alpha"].to_numpy(float)[closed])
    return Interval(value, *percentiles(by_step @ draws, level))
