"""Laws fitted to effective data itself: the paper's two steps (appendix C), and one logit regression.

logit of the fraction D_T/(D_F + D_T) is ln(D_T/D_F) = ln k + (alpha - 1) ln D_F + beta ln N (eq. B.2):
straight in ln N for each D_F. Both take low-data cells with a bounded D_T > 0 only, as the paper does; where
many low-data cells have none, the rest are a choice made by the noise, and the intervals are left open. Which
cells are low is read off the D(N) of the fitted curves, whether or not the runs know it (`floors`), and is
not drawn anew: no interval here holds that doubt.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.curve import LOW_DATA
from transferlaws.laws.curves.floor import floor_loss
from transferlaws.laws.curves.scratch import curves_of, reference
from transferlaws.laws.estimators.adequacy import adequacy
from transferlaws.laws.estimators.effective import Inversion
from transferlaws.laws.estimators.loss_space import ILL_CONDITIONED
from transferlaws.laws.estimators.problem import LossSpace
from transferlaws.laws.estimators.result import Estimate, Interval, law_samples
from transferlaws.laws.forms import Hernandez
from transferlaws.laws.numerics.bootstrap import percentiles
from transferlaws.laws.status import CellStatus, Search, Status

Floats = NDArray[np.float64]

OFF_AXIS = 0.15
"""Share of low-data cells without a logit beyond which the two-step methods leave their intervals open."""


def two_step(inversion: Inversion, method: str, bootstrap: int, level: float) -> Estimate:
    """The law of one source by "paper" or "logit"; intervals are percentiles over the redrawn studies.

    Raises TransferLawsError where fewer than four cells, two sizes or two data sizes can be used.
    """
    cells = inversion.cells
    tuned = cells.only(inversion.at)
    low_data = tuned.d_chars <= LOW_DATA * inversion.d_n[tuned.size]
    use = low_data & np.isfinite(inversion.d_effective) & (inversion.d_effective > tuned.d_chars)
    use &= ~tuned.upper
    used = tuned.only(use)
    n_sizes, n_data = len(np.unique(used.n_params)), len(np.unique(used.d_chars))
    enough = n_sizes >= 2 and n_data >= 2 and use.sum() >= 4
    value, drawn = _estimates(inversion, use, method) if enough else (np.full(3, np.nan), np.zeros((0, 3)))
    if not np.all(np.isfinite(value)):
        raise TransferLawsError(
            f"method {method} needs low-data cells with bounded D_T > 0 at two sizes and two data sizes or "
            f"more; arm {cells.sources[0]!r} has {int(use.sum())} such cells at {n_sizes} sizes and {n_data} "
            "data sizes. Use --method loss_space, which takes every cell"
        )
    good = np.isfinite(drawn).all(1)
    laws = drawn[good][:bootstrap]
    law = Hernandez.from_ln_k(*value)
    lost, off_axis, idle = 1 - good.mean(), 1 - use.sum() / low_data.sum(), int((~use).sum())
    why = []
    if off_axis > OFF_AXIS:
        why.append(
            f"{100 * off_axis:.0f} % of the low-data cells are below the floor, at a limit or show no "
            "transfer and cannot be drawn on the logit axis; what is left of them is a biased choice"
        )
    if lost > (1 - level) / 2:
        why.append(
            f"{100 * lost:.0f} % of the redrawn studies leave too few cells on the logit axis to fit a law"
        )
    open_ended = bool(why)
    if idle:
        why.append(
            f"{idle} cells outside the low-data regime, below the floor, at a limit or without transfer took "
            "no part"
        )

    def interval(centre: float, draws: Floats) -> Interval:
        return Interval(centre, *((None, None) if open_ended else percentiles(draws, level)))

    alpha = interval(law.alpha, laws[:, 1])
    ratio = Interval(law.beta / law.alpha if law.alpha else float("inf"), None, None)
    if alpha.closed and not alpha.covers(0.0):
        ratio = interval(ratio.value, laws[:, 2] / laws[:, 1])
    design = np.column_stack([np.ones(len(used.loss)), _standard(used.d_chars), _standard(used.n_params)])
    condition = float(np.linalg.cond(design) ** 2)
    told_apart = Status.ILL_CONDITIONED if condition > ILL_CONDITIONED else Status.CONVERGED
    effective = law.d_effective(n_params=used.n_params, d_chars=used.d_chars)
    fitted = floor_loss(inversion.theta[used.size][None], effective, reference(cells))[0][0]
    part = cells.only(np.concatenate([np.flatnonzero(cells.scratch & ~cells.upper), inversion.at[use]]))
    problem = LossSpace(part, part.covariance, coordinates="ln_k")
    loss, gradient = problem.predict(np.concatenate([value, inversion.theta.ravel()])[None])
    return Estimate(
        law=law,
        ln_k=interval(float(value[0]), laws[:, 0]),
        alpha=alpha,
        beta=interval(law.beta, laws[:, 2]),
        beta_over_alpha=ratio,
        status=Status.NOT_IDENTIFIED if open_ended else told_apart,
        search=Search.FINISHED,
        adequacy=adequacy(part, part.loss - loss[0], gradient[0], inversion.misfit, 0),
        why=tuple(why),
        condition_number=condition,
        samples=law_samples(*laws.T),
        curves=curves_of(cells, inversion.theta),
        residuals=used.frame(fitted, inversion.sd[inversion.at][use]),
        optima=law_samples(*value[:, None]).assign(objective=0.0),
        noise_parts=inversion.misfit.parts(cells.parts),
        dof=inversion.misfit.dof,
    )


def individual_lines(cells: pd.DataFrame) -> pd.DataFrame:
    """Step 1 without the shared slope: a straight line in ln N on the logit axis for each D_F (figure 10).

    `cells` is an `effective_data` frame; one row a data size with two cells of bounded D_T > 0 or more:
    d_chars, n_cells, slope (a beta of its own), height (logit at ln N = 0), n_star (NaN unless it rises).
    """
    rows = []
    read = cells["status"].isin([CellStatus.INTERPOLATED, CellStatus.EXTRAPOLATED])
    for d_chars, group in cells[read & cells["fraction"].gt(0)].groupby("d_chars"):
        x, p = np.log(group["n_params"].to_numpy(float)), group["fraction"].to_numpy(float)
        if len(np.unique(x)) < 2:
            continue
        slope, height = np.polyfit(x, np.log(p / (1 - p)), 1)
        n_star = float(np.exp(-height / slope)) if slope > 0 else np.nan
        rows.append((d_chars, len(group), slope, height, n_star))
    return pd.DataFrame(rows, columns=["d_chars", "n_cells", "slope", "height", "n_star"])


def _estimates(inversion: Inversion, use: NDArray[np.bool_], method: str) -> tuple[Floats, Floats]:
    """(ln k, alpha, beta) of the measured study (3,) and of the redrawn ones (B, 3); NaN where impossible."""
    used = inversion.cells.only(inversion.at).only(use)
    x, y, d = np.log(used.d_chars), np.log(used.n_params), used.d_chars

    def logits(d_effective: Floats) -> Floats:
        ratio = d_effective[..., use] / d - 1
        return np.where(np.isfinite(ratio) & (ratio > 0), np.log(np.where(ratio > 0, ratio, 1.0)), np.nan)

    measured, drawn = logits(inversion.d_effective[None]), logits(inversion.redrawn)
    if method == "paper":
        return _paper(measured, x, y)[0], _paper(drawn, x, y)
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(drawn)
        count = np.maximum(seen.sum(0), 1)
        middle = np.where(seen, drawn, 0).sum(0) / count
        variance = np.where(seen, (drawn - middle) ** 2, 0).sum(0) / np.maximum(count - 1, 1)
    # A cell that often leaves the axis when redrawn is worth less than its surviving draws suggest.
    weight = seen.mean(0) ** 2 / np.maximum(variance, 1e-4)
    return _regression(measured, x, y, weight)[0], _regression(drawn, x, y, weight)


def _paper(logits: Floats, x: Floats, y: Floats) -> Floats:
    """Laws (B, 3) by the paper's way: parallel lines on the logit axis, then a line through their N*.

    Step 1: one slope beta and an N* for each data size. Step 2: ln N* against ln D_F, each data size alike;
    its slope is (1 - alpha)/beta, its height -ln k/beta (eq. C.1).
    """
    data, group = np.unique(x, return_inverse=True)
    use = np.isfinite(logits).astype(float)
    z = np.where(use > 0, logits, 0.0)
    one_hot = np.eye(len(data))[group]
    count = use @ one_hot
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_z, mean_y = (z @ one_hot) / count, ((use * y) @ one_hot) / count
        dz = np.where(use > 0, z - mean_z[:, group], 0.0)
        dy = np.where(use > 0, y - mean_y[:, group], 0.0)
        beta = (dz * dy).sum(1) / (dy**2).sum(1)
        log_n_star = mean_y - mean_z / beta[:, None]
        seen = np.isfinite(log_n_star).astype(float)
        star = np.where(seen > 0, log_n_star, 0.0)
        total = seen.sum(1)
        centre_x, centre_s = (seen * data).sum(1) / total, star.sum(1) / total
        slope = (star * (data - centre_x[:, None])).sum(1) / (seen * (data - centre_x[:, None]) ** 2).sum(1)
        height = centre_s - slope * centre_x
        out = np.column_stack([-height * beta, 1 - slope * beta, beta])
    return np.where(np.isfinite(out).all(1)[:, None], out, np.nan)


def _regression(logits: Floats, x: Floats, y: Floats, weight: Floats) -> Floats:
    """Laws (B, 3) by one regression on the logit axis, each cell of weight (m,)."""
    m_x, m_y = x.mean(), y.mean()
    design = np.column_stack([np.ones_like(x), x - m_x, y - m_y])
    use = np.isfinite(logits) * weight
    z = np.where(np.isfinite(logits), logits, 0.0)
    normal = np.einsum("bm,mi,mj->bij", use, design, design)
    right = (use * z) @ design
    out = np.full((len(logits), 3), np.nan)
    good = np.linalg.cond(normal) < 1e10
    if good.any():
        c, by_d, beta = np.linalg.solve(normal[good], right[good][:, :, None])[:, :, 0].T
        out[good] = np.column_stack([c - by_d * m_x - beta * m_y, 1 + by_d, beta])
    return out


def _standard(values: Floats) -> Floats:
    logs = np.log(values)
    return (logs - logs.mean()) / max(float(logs.std()), 1e-9)
