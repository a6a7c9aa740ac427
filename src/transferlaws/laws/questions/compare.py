"""Which law predicts? Held-out error of every form against a baseline that fits nothing and the seeds' noise.

The hold-out is declared before any fit: the largest size of the source arm and both ends of its data sizes.
From-scratch runs stay in, since whoever uses a transfer law has them. Errors are |predicted/measured - 1|.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves import Curve, Curves, fit_curves
from transferlaws.laws.data.cells import reduce_to_cells
from transferlaws.laws.data.table import SCRATCH, check_table
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import fit_joint
from transferlaws.laws.estimators.loss_form import fit_loss_form
from transferlaws.laws.estimators.transfer import fit_transfer
from transferlaws.laws.forms import LOSS_FORMS

Floats = NDArray[np.float64]

COMPARED = ("additive", "multiplicative", "rectified", "transfer_gap", "eq_6_1", "broken_power")
BASELINE = "nearest cell"
NOISE = "seed noise"


@dataclass(frozen=True)
class Comparison:
    """`scores`: one row a form (form, n_free, error_loss, worst_loss, error_d_effective, n_cells), best
    first.

    n_free counts the parameters that describe the source arm. `predictions`: form, n_params, d_chars, loss,
    predicted, error. `declared` says what was held out, in one sentence; `rule` likewise in data.
    """

    source: str
    declared: str
    scores: pd.DataFrame = field(repr=False)
    predictions: pd.DataFrame = field(repr=False)


def declare_hold_out(table: pd.DataFrame, source: str) -> tuple[pd.Series, str]:
    """Which runs of `source` are held out (boolean by row), and the sentence that declares it.

    Raises TransferLawsError if fewer than two sizes and two data sizes would be left to fit.
    """
    arm = table["arm"] == source
    if not arm.any():
        raise TransferLawsError(f"column arm holds no source {source!r}")
    sizes, data = np.unique(table.loc[arm, "n_params"]), np.unique(table.loc[arm, "d_chars"])
    if len(sizes) < 3 or len(data) < 4:
        raise TransferLawsError(
            f"arm {source!r} has {len(sizes)} sizes and {len(data)} data sizes; holding out the largest "
            "size and "
            "both ends of the data takes at least 3 sizes and 4 data sizes"
        )
    held = arm & ((table["n_params"] == sizes[-1]) | table["d_chars"].isin([data[0], data[-1]]))
    return held, (
        f"held out of {source}: n_params = {sizes[-1]:g}, and d_chars = {data[0]:g} and {data[-1]:g} of "
        "every size"
    )


def compare_forms(
    table: pd.DataFrame, source: str, forms: tuple[str, ...] = COMPARED, seed: int = 0
) -> Comparison:
    """Fit Hernandez and `forms` to what is not held out, and score them once on what is."""
    table = check_table(table)
    held, declared = declare_hold_out(table, source)
    train = table[~held]
    test = reduce_to_cells(table[held | (table["arm"] == SCRATCH)], (source,))
    at = ~test.scratch
    n, d, measured = test.n_params[at], test.d_chars[at], test.loss[at]
    curves = fit_curves(table)
    with_curve = np.array([size in curves for size in n])
    predicted = {BASELINE: _nearest(train[train["arm"] == source], n, d)}
    n_free = {BASELINE: 0}
    law = fit_transfer(train, source, bootstrap=50, seed=seed)
    effective = law.law.d_effective(n_params=n, d_chars=d)
    predicted["hernandez"] = np.array(
        [
            float(law.curves[a].loss(b)) if a in law.curves else np.nan
            for a, b in zip(n, effective, strict=True)
        ]
    )
    n_free["hernandez"] = 3
    for name in forms:
        form = LOSS_FORMS[name]
        found = fit_loss_form(form, train, source, bootstrap=2, seed=seed)
        predicted[name] = found.law.loss(n_params=n, d_chars=d)
        n_free[name] = form.n_free()
    inverted = {name: _effective(curves, n, loss, with_curve) for name, loss in predicted.items()}
    truth = _effective(curves, n, measured, with_curve)
    scores, rows = [], []
    for name, loss in predicted.items():
        error = np.abs(loss / measured - 1)
        in_data = np.abs(inverted[name] / truth - 1)
        scores.append(
            {
                "form": name,
                "n_free": n_free[name],
                "error_loss": float(np.nanmean(error)),
                "worst_loss": float(np.nanmax(error)),
                "error_d_effective": float(np.nanmedian(in_data)) if np.isfinite(in_data).any() else np.nan,
                "n_cells": int(np.isfinite(error).sum()),
            }
        )
        rows.append(
            pd.DataFrame(
                {
                    "form": name,
                    "n_params": n,
                    "d_chars": d,
                    "loss": measured,
                    "predicted": loss,
                    "error": error,
                }
            )
        )
    noise = _run_noise(table, source) / np.sqrt(test.n_seeds[at])
    # The mean size of a normal error is sqrt(2/pi) of its standard deviation.
    floor = float(np.mean(noise / measured) * np.sqrt(2 / np.pi))
    scores.append(
        {"form": NOISE, "n_free": 0, "error_loss": floor, "worst_loss": np.nan, "error_d_effective": np.nan,
         "n_cells": int(at.sum())}
    )  # fmt: skip
    return Comparison(
        source,
        declared,
        pd.DataFrame(scores).sort_values("error_loss", ignore_index=True),
        pd.concat(rows, ignore_index=True),
    )


def _nearest(train: pd.DataFrame, n: Floats, d: Floats) -> Floats:
    """The measured mean of the nearest fitted cell in (ln N, ln D): what one would say without any law."""
    cells = train.groupby(["n_params", "d_chars"], as_index=False)["loss"].mean()
    x, y = np.log(cells["n_params"].to_numpy(float)), np.log(cells["d_chars"].to_numpy(float))
    away = (np.log(n)[:, None] - x) ** 2 + (np.log(d)[:, None] - y) ** 2
    return cells["loss"].to_numpy()[away.argmin(1)]


def _effective(curves: Curves, n: Floats, loss: Floats, with_curve: NDArray[np.bool_]) -> Floats:
    out = np.full(len(n), np.nan)
    for i in np.flatnonzero(with_curve & np.isfinite(loss)):
        curve = curves[n[i]]
        value = curve.invert(float(loss[i]))[0] if isinstance(curve, Curve) else np.nan
        out[i] = value if np.isfinite(value) and value > 0 else np.nan
    return out


def _run_noise(table: pd.DataFrame, source: str) -> float:
    """Standard deviation of one run in nats: from seeds where there are any, else from the joint fit's
    residuals.
    """
    cells, _ = source_cells(table, (source,))
    if cells.dof:
        return float(np.sqrt(np.mean(cells.variance * cells.n_seeds)))
    problem = fit_joint(cells).problem
    return float(np.sqrt(np.mean(problem.sd**2 * problem.cells.n_seeds)))
