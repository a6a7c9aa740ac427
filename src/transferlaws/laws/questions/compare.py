"""Which law predicts? Held-out error of every form against a baseline that fits nothing and the seeds' noise.

The hold-out is declared before any fit: the largest size of the source arm and both ends of its data sizes.
From-scratch runs stay in, since whoever uses a transfer law has them. Errors are |predicted/measured - 1|.
Cells whose runs ended at a limit are upper ends and judge no prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.curve import Curve, Curves
from transferlaws.laws.curves.scratch import curves_of, fit_curves
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.cells import reduce_to_cells, run_noise
from transferlaws.laws.data.table import check_table, sole_source
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import fit_joint
from transferlaws.laws.estimators.loss_form import fit_form
from transferlaws.laws.estimators.result import LEAST_DRAWS
from transferlaws.laws.estimators.transfer import fit
from transferlaws.laws.forms import LOSS_FORMS
from transferlaws.laws.questions.curvature import law_of

Floats = NDArray[np.float64]

COMPARED = (
    "additive", "multiplicative", "rectified", "transfer_gap", "eq_6_1", "eq_6_1_floor", "broken_power",
)  # fmt: skip
BASELINE = "nearest cell"
NOISE = "seed noise"


@dataclass(frozen=True)
class Comparison:
    """Which form predicts runs it has not seen: `scores`, best first, and the `predictions` behind them.

    `scores` has one row a form: form, n_free (parameters that describe the source arm), error_loss and
    worst_loss (shares of the loss), error_d_effective (median share), n_cells. `predictions` has one row a
    form and held-out cell: form, n_params, d_chars, loss, predicted, error. `declared` says what was held
    out, in one sentence.
    """

    source: str
    declared: str
    scores: pd.DataFrame = field(repr=False)
    predictions: pd.DataFrame = field(repr=False)


def declare_hold_out(table: pd.DataFrame, source: str | None = None) -> tuple[pd.Series, str]:
    """Which runs of `source` (by default the sole one) are held out, by row, and the sentence that says so.

    Raises TransferLawsError if fewer than two sizes and two data sizes would be left to fit.
    """
    source = source or sole_source(table)
    arm = table["arm"] == source
    if not arm.any():
        raise TransferLawsError(f"column arm holds no source {source!r}")
    sizes, data = np.unique(table.loc[arm, "n_params"]), np.unique(table.loc[arm, "d_chars"])
    if len(sizes) < 3 or len(data) < 4:
        raise TransferLawsError(
            f"arm {source!r} has {len(sizes)} sizes and {len(data)} data sizes; holding out the largest size "
            "and both ends of the data takes at least 3 sizes and 4 data sizes"
        )
    held = arm & ((table["n_params"] == sizes[-1]) | table["d_chars"].isin([data[0], data[-1]]))
    return held, (
        f"held out of {source}: its cells of {sizes[-1]:,.0f} parameters, and those of {data[0]:,.0f} and of "
        f"{data[-1]:,.0f} characters at every size that has them"
    )


def compare(
    table: pd.DataFrame, source: str | None = None, *, forms: Sequence[str] = COMPARED, seed: int = 0
) -> Comparison:
    """Fit Hernandez, curved too, and `forms` to what is not held out of `source`, and score them on what is.

    `source` is by default the sole one, `forms` are names of `LOSS_FORMS`; those that the runs are too few
    for are left out, and `declared` says so. Raises TransferLawsError as `declare_hold_out` and `fit` do.
    """
    table = check_table(table)
    source = source or sole_source(table)
    held, declared = declare_hold_out(table, source)
    train = table[~held]
    test = reduce_to_cells(table[held | (table["arm"] == SCRATCH)], (source,))
    test = test.only(~test.scratch)
    if test.upper.any():
        ended = int(test.upper.sum())
        declared += (
            f"; {ended} of these {len(test.upper)} cells have runs that met their limit, so that a lower "
            "prediction may be right: they are not scored"
        )
        test = test.only(~test.upper)
        if not len(test.loss):
            raise TransferLawsError(f"every cell {declared}")
    n, d, measured = test.n_params, test.d_chars, test.loss
    law = fit(train, source, bootstrap=LEAST_DRAWS, seed=seed)
    known = np.isin(n, list(law.curves))
    by_law = np.full(len(n), np.nan)
    by_curved = by_law.copy()
    by_law[known] = law.predict_loss(n[known], d[known])
    by_curved[known] = _curved(train, source, n[known], d[known])
    predicted = {
        BASELINE: (0, _nearest(train[train["arm"] == source], n, d)),
        "hernandez": (3, by_law),
        "curved": (4, by_curved),
    }
    for name in forms:
        try:
            found = fit_form(LOSS_FORMS[name], train, source, bootstrap=0)
        except TransferLawsError as why:  # more parameters than runs
            declared += f"; {name} is left out: {why}"
            continue
        predicted[name] = found.law.n_free(), found.predict_loss(n, d)
    curves = fit_curves(table)
    truth = _effective(curves, n, measured)
    scores, rows = [], []
    for name, (n_free, loss) in predicted.items():
        error = np.abs(loss / measured - 1)
        in_data = np.abs(_effective(curves, n, loss) / truth - 1)
        scores.append(
            {
                "form": name,
                "n_free": n_free,
                "error_loss": float(np.nanmean(error)),
                "worst_loss": float(np.nanmax(error)),
                "error_d_effective": float(np.nanmedian(in_data)) if np.isfinite(in_data).any() else np.nan,
                "n_cells": int(np.isfinite(error).sum()),
            }
        )
        columns = {"n_params": n, "d_chars": d, "loss": measured, "predicted": loss, "error": error}
        rows.append(pd.DataFrame({"form": name, **columns}))
    noise = run_noise(table, source)
    if np.isnan(noise):  # no cell was repeated
        noise = float(np.sqrt(fit_joint(source_cells(table, (source,))[0]).run_variance))
    # The mean size of a normal error is sqrt(2/pi) of its standard deviation.
    floor = float(np.mean(noise / np.sqrt(test.n_seeds) / measured) * np.sqrt(2 / np.pi))
    scores.append({"form": NOISE, "n_free": 0, "error_loss": floor, "n_cells": len(n)})
    frame = pd.DataFrame(scores).sort_values("error_loss", ignore_index=True)
    return Comparison(source, declared, frame, pd.concat(rows, ignore_index=True))


def _curved(train: pd.DataFrame, source: str, n: Floats, d: Floats) -> Floats:
    """Loss (m,) in nats/token of the law whose alpha changes along the data."""
    joint = fit_joint(source_cells(train, (source,))[0], curved=True)
    curves = curves_of(joint.problem.cells, joint.curves())
    effective = law_of(joint).d_effective(n_params=n, d_chars=d)
    return np.array([float(curves[size].loss(data)) for size, data in zip(n, effective, strict=True)])


def _nearest(train: pd.DataFrame, n: Floats, d: Floats) -> Floats:
    """The measured mean of the nearest fitted cell in (ln N, ln D): what one would say without any law."""
    cells = train.groupby(["n_params", "d_chars"], as_index=False)["loss"].mean()
    x, y = np.log(cells["n_params"].to_numpy(float)), np.log(cells["d_chars"].to_numpy(float))
    away = (np.log(n)[:, None] - x) ** 2 + (np.log(d)[:, None] - y) ** 2
    return cells["loss"].to_numpy()[away.argmin(1)]


def _effective(curves: Curves, n: Floats, loss: Floats) -> Floats:
    """Effective data (m,) in characters of losses (m,) at sizes n (m,); NaN where there is none."""
    out = np.full(len(n), np.nan)
    for i in np.flatnonzero(np.isin(n, list(curves)) & np.isfinite(loss)):
        curve = curves[n[i]]
        value = curve.invert(float(loss[i]))[0] if isinstance(curve, Curve) else np.nan
        out[i] = value if np.isfinite(value) and value > 0 else np.nan
    return out
