"""Which rows of a table are independent: checkpoints of one run, or runs on one sample, miss a law together.

A column that names the run says so. Without one, rows of one size and seed, or of one data size and seed, are
taken together if what a law leaves of them goes together (the F test of an analysis of variance); where no
seeds are named either, only if most of it does.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]

RUN_COLUMNS = ("run", "run_id", "run_name", "model", "model_name")
TOGETHER = 0.001
"""p-value below which rows are taken to go together."""
MOST = 0.5
"""Correlation of rows, by size or data size alone, below which they are still taken for runs of their own."""
CLIP = 3.0
"""Residuals beyond this many standard deviations (by their median) are drawn in."""


def independent_units(table: pd.DataFrame, data: str, residual: Floats) -> tuple[Numbers, tuple[str, ...]]:
    """The number of its unit for every row (m,), and a note where units are fewer than rows.

    `data` names the column of data sizes, `residual` (m,) is what a law leaves of each row.
    """
    rows = np.arange(len(table))
    for name in RUN_COLUMNS:
        if name in table.columns and table[name].notna().all():
            unit = _numbered(table, name)
            return unit, _note(unit, f"rows with the same {name}")
    seed = ["seed"] if "seed" in table.columns else []
    said: tuple[str, ...] = ()
    best, least = rows, TOGETHER
    for column, what in (("n_params", "size"), (data, "data size")):
        unit = _numbered(table, column, *seed)
        p, correlation = _together(residual, unit)
        if p < least and (seed or correlation > MOST):
            words = f"rows of one {what}{' and seed' * bool(seed)}, which miss the law together,"
            best, said, least = unit, _note(unit, words), p
    return best, said


def _numbered(table: pd.DataFrame, *columns: str) -> Numbers:
    return np.asarray(table.groupby(list(columns), sort=False).ngroup(), np.intp)


def _note(unit: Numbers, words: str) -> tuple[str, ...]:
    count = int(unit.max()) + 1
    if count == len(unit):
        return ()
    return (f"{words} count as one: {count} independent units in {len(unit)} rows, and intervals by these",)


def _together(residual: Floats, unit: Numbers) -> tuple[float, float]:
    """p-value of residuals whose units have means as far apart, and the correlation of a unit's rows."""
    count = np.bincount(unit)
    within, between = len(unit) - len(count), len(count) - 1
    if within < 1 or between < 1:
        return 1.0, 0.0
    limit = CLIP * 1.4826 * float(np.median(np.abs(residual)))
    clipped = np.clip(residual, -limit, limit)
    means = np.bincount(unit, clipped) / count
    inside = float(np.sum((clipped - means[unit]) ** 2)) / within
    outside = float(np.sum(count * (means - clipped.mean()) ** 2)) / between
    if inside <= 1e-18:
        return 1.0, 0.0  # a law without noise
    size = (len(unit) - np.sum(count**2) / len(unit)) / between
    correlation = (outside - inside) / (outside + (size - 1) * inside)
    return float(f_distribution.sf(outside / inside, between, within)), float(correlation)
