"""The two-step estimates as a `Fit`: intervals over redrawn studies, and when these cannot be believed.

Only cells with a bounded D_T > 0 have a logit. Where many low-data cells have none, the rest are a choice
made by the noise, and the intervals are left open.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves import Curves
from transferlaws.laws.curves.floor import floor_loss
from transferlaws.laws.curves.scratch import reference, scratch_ranges
from transferlaws.laws.estimators.effective import Inversion
from transferlaws.laws.estimators.result import ILL_CONDITIONED, Fit, Interval, exp_end
from transferlaws.laws.estimators.two_step import logit_regression, paper_steps, usable
from transferlaws.laws.forms.hernandez import Hernandez
from transferlaws.laws.numerics.bootstrap import percentiles

Floats = NDArray[np.float64]

OFF_AXIS = 0.15
"""Share of low-data cells without a logit beyond which the two-step methods leave their intervals open."""


def fit_two_step(
    inversion: Inversion, common: dict[str, Any], method: str, bootstrap: int, level: float
) -> Fit:
    """The fit of one source by "paper" or "logit"; `common` holds the fields of `Fit` that all methods
    share.
    """
    cells = inversion.cells
    estimate = paper_steps if method == "paper" else logit_regression
    value, drawn = estimate(inversion)
    use, low_data = usable(inversion)
    at = inversion.at
    n_sizes, n_data = len(np.unique(cells.n_params[at][use])), len(np.unique(cells.d_chars[at][use]))
    why: list[str] = []
    if n_sizes < 2 or n_data < 2 or not np.all(np.isfinite(value)) or use.sum() < 4:
        raise TransferLawsError(
            f"method {method} needs low-data cells with bounded D_T > 0 at two sizes and two data sizes or "
            "more; "
            f"arm {common['source']!r} has {int(use.sum())} such cells at {n_sizes} sizes and {n_data} data "
            "sizes. "
            "Use --method loss_space, which takes every cell"
        )
    good = np.isfinite(drawn).all(1)
    laws = drawn[good][:bootstrap]
    samples = pd.DataFrame(
        {
            "k": np.exp(np.clip(laws[:, 0], -600, 600)),
            "ln_k": laws[:, 0],
            "alpha": laws[:, 1],
            "beta": laws[:, 2],
        }
    )
    law = Hernandez.from_ln_k(*value)
    lost = 1 - good.mean()
    off_axis = 1 - use.sum() / low_data.sum()
    open_ended = lost > (1 - level) / 2 or off_axis > OFF_AXIS
    if off_axis > OFF_AXIS:
        why.append(
            f"{100 * off_axis:.0f} % of the low-data cells are below the floor or show no transfer and "
            "cannot be "
            "drawn on the logit axis; what is left of them is a biased choice"
        )
    if lost > (1 - level) / 2:
        why.append(
            f"{100 * lost:.0f} % of the redrawn studies leave too few cells on the logit axis to fit a law"
        )

    def interval(centre: float, draws: Floats) -> Interval:
        if open_ended:
            return Interval(centre, None, None)
        return Interval(centre, *percentiles(draws, level))

    alpha = interval(law.alpha, laws[:, 1])
    beta = interval(law.beta, laws[:, 2])
    ln_k = interval(float(value[0]), laws[:, 0])
    ratio = Interval(law.beta / law.alpha if law.alpha else float("inf"), None, None)
    if alpha.closed and not alpha.covers(0.0):
        ratio = interval(law.beta / law.alpha, laws[:, 2] / laws[:, 1])
    design = np.column_stack(
        [np.ones(int(use.sum())), *(_standard(v[at][use]) for v in (cells.d_chars, cells.n_params))]
    )
    condition = float(np.linalg.cond(design) ** 2)
    status = (
        "not_identified" if open_ended else "ill_conditioned" if condition > ILL_CONDITIONED else "converged"
    )
    left = int((~use).sum())
    if left:
        why.append(
            f"{left} cells outside the low-data regime, below the floor or without transfer took no part"
        )
    return Fit(
        law=law,
        k=Interval(law.k, exp_end(ln_k.low), exp_end(ln_k.high)),
        alpha=alpha,
        beta=beta,
        beta_over_alpha=ratio,
        status=status,
        condition_number=condition,
        samples=samples,
        curves=Curves.from_theta(cells.sizes, inversion.theta, reference(cells), scratch_ranges(cells)),
        residuals=_two_step_residuals(inversion, law, use),
        profile=pd.DataFrame({"parameter": [], "value": [], "rise": []}),
        optima=pd.DataFrame(
            {"objective": [0.0], "k": [law.k], "ln_k": [value[0]], "alpha": [law.alpha], "beta": [law.beta]}
        ),
        noise=float(np.sqrt(np.mean(inversion.sd**2 * cells.n_seeds))),
        dof=inversion.dof,
        **{**common, "notes": (*common["notes"], *why)},
    )


def _standard(values: Floats) -> Floats:
    logs = np.log(values)
    return (logs - logs.mean()) / max(float(logs.std()), 1e-9)


def _two_step_residuals(inversion: Inversion, law: Hernandez, use: NDArray[np.bool_]) -> pd.DataFrame:
    cells, at = inversion.cells, inversion.at[use]
    n, d = cells.n_params[at], cells.d_chars[at]
    effective = law.d_effective(n_params=n, d_chars=d)
    fitted = floor_loss(inversion.theta[cells.size[at]][None], effective, reference(cells))[0][0]
    return pd.DataFrame(
        {
            "arm": cells.sources[0],
            "n_params": n,
            "d_chars": d,
            "loss": cells.loss[at],
            "fitted": fitted,
            "residual": cells.loss[at] - fitted,
            "sd": inversion.sd[at],
        }
    )
