"""Laws fitted to effective data itself: the paper's two steps (appendix C), and one weighted logit
regression.

logit of the fraction D_T/(D_F + D_T) is ln(D_T/D_F) = ln k + (alpha - 1) ln D_F + beta ln N (eq. B.2):
straight in ln N for each D_F. Both take cells of the low-data regime with D_T > 0 only, as the paper does.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.laws.estimators.effective import LOW_DATA, Inversion

Floats = NDArray[np.float64]
Estimate = Callable[[Floats, Floats, Floats, Floats], Floats]


def usable(inversion: Inversion) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which source cells (s,) have a bounded D_T > 0 in the low-data regime, and which are in that regime."""
    d = inversion.cells.d_chars[inversion.at]
    d_e = inversion.d_effective
    low = d <= LOW_DATA * inversion.d_n[inversion.cells.size[inversion.at]]
    return low & np.isfinite(d_e) & (d_e > d), low


def paper_steps(inversion: Inversion) -> tuple[Floats, Floats]:
    """(ln k, alpha, beta) by the paper's way, of the measured (3,) and of the redrawn studies (B, 3).

    Step 1: parallel lines on the logit axis, one N* a data size. Step 2: ln N* against ln D_F, equal weight a
    data size; its slope is (1 - alpha)/beta, its height -ln k/beta (algebra of eq. C.1). NaN where
    impossible.
    """
    return _both(inversion, _paper)


def individual_lines(cells: pd.DataFrame) -> pd.DataFrame:
    """Step 1 without the shared slope: a straight line in ln N on the logit axis for each D_F (figure 10).

    `cells` is an `effective_data` frame; one row a data size with two cells of bounded D_T > 0 or more:
    d_chars, n_cells, slope (a beta of its own), height (logit at ln N = 0) and n_star (NaN unless the line
    rises).
    """
    rows = []
    for d_chars, group in cells[cells["fraction"].gt(0) & cells["fraction"].lt(1)].groupby("d_chars"):
        x, p = np.log(group["n_params"].to_numpy(float)), group["fraction"].to_numpy(float)
        if len(np.unique(x)) < 2:
            continue
        slope, height = np.polyfit(x, np.log(p / (1 - p)), 1)
        n_star = float(np.exp(-height / slope)) if slope > 0 else np.nan
        rows.append((d_chars, len(group), slope, height, n_star))
    return pd.DataFrame(rows, columns=["d_chars", "n_cells", "slope", "height", "n_star"])


def logit_regression(inversion: Inversion) -> tuple[Floats, Floats]:
    """(ln k, alpha, beta) by one regression on the logit axis, weighted by each cell's redrawn variance."""
    return _both(inversion, _regression)


def _both(inversion: Inversion, estimate: Estimate) -> tuple[Floats, Floats]:
    cells, at = inversion.cells, inversion.at
    use, _ = usable(inversion)
    x, y = np.log(cells.d_chars[at][use]), np.log(cells.n_params[at][use])
    d = cells.d_chars[at][use]

    def logits(d_effective: Floats) -> Floats:
        ratio = d_effective[..., use] / d - 1
        return np.where(np.isfinite(ratio) & (ratio > 0), np.log(np.where(ratio > 0, ratio, 1.0)), np.nan)

    drawn = logits(inversion.redrawn)
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(drawn)
        count = np.maximum(seen.sum(0), 1)
        middle = np.where(seen, drawn, 0).sum(0) / count
        variance = np.where(seen, (drawn - middle) ** 2, 0).sum(0) / np.maximum(count - 1, 1)
    # A cell that often leaves the axis when redrawn is worth less than its surviving draws suggest.
    share = seen.mean(0) if len(drawn) else np.ones(len(d))
    weight = share**2 / np.maximum(variance, 1e-4) if len(drawn) else np.ones(len(d))
    value = estimate(logits(inversion.d_effective[None]), x, y, weight)[0]
    return value, estimate(drawn, x, y, weight)


def _paper(logits: Floats, x: Floats, y: Floats, weight: Floats) -> Floats:  # noqa: ARG001
    data, group = np.unique(x, return_inverse=True)
    use = np.isfinite(logits).astype(float)
    z = np.where(use > 0, logits, 0.0)
    batch = len(logits)
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
    return np.where(np.isfinite(out).all(1)[:, None], out, np.nan).reshape(batch, 3)


def _regression(logits: Floats, x: Floats, y: Floats, weight: Floats) -> Floats:
    m_x, m_y = (x.mean(), y.mean()) if x.size else (0.0, 0.0)
    design = np.column_stack([np.ones_like(x), x - m_x, y - m_y])
    use = np.isfinite(logits) * weight
    z = np.where(np.isfinite(logits), logits, 0.0)
    normal = np.einsum("bm,mi,mj->bij", use, design, design)
    right = (use * z) @ design
    out = np.full((len(logits), 3), np.nan)
    good = np.linalg.cond(normal) < 1e10 if len(normal) else np.zeros(0, bool)
    if good.any():
        c, by_d, beta = np.linalg.solve(normal[good], right[good][:, :, None])[:, :, 0].T
        out[good] = np.column_stack([c - by_d * m_x - beta * m_y, 1 + by_d, beta])
    return out
