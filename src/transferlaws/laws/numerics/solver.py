"""Many small bounded least-squares problems solved at once: Levenberg-Marquardt over a batch axis.

Each problem b minimises sum_i rho(r_bi(theta_b)) + sum_j precision_j (theta_bj - centre_j)^2 inside a box;
rho is Huber's (1964) loss. A bootstrap of a thousand resamples is one call, not a thousand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Residuals = Callable[[Floats, NDArray[np.intp]], tuple[Floats, Floats]]


AT_ONCE = 4e6
"""Numbers in the gradients of problems solved at once: what is held in memory is a few times as much."""


@dataclass(frozen=True)
class Box:
    """Bounds (p,) on the parameters and a weak pull of strength `precision` towards `centre` (0: none)."""

    lower: Floats
    upper: Floats
    centre: Floats
    precision: Floats

    def __post_init__(self) -> None:
        if not (self.lower.shape == self.upper.shape == self.centre.shape == self.precision.shape):
            raise ValueError("lower, upper, centre and precision must have one entry a parameter")
        if np.any(self.lower > self.upper):
            raise ValueError("a lower bound lies above its upper bound")

    def fixing(self, index: int, values: Floats) -> "tuple[Floats, Floats]":
        """Bounds (B, p) that pin parameter `index` to each of `values` (B,)."""
        lower = np.tile(self.lower, (len(values), 1))
        upper = np.tile(self.upper, (len(values), 1))
        lower[:, index] = upper[:, index] = values
        return lower, upper


@dataclass(frozen=True)
class Solution:
    """Minimisers (B, p), their objectives (B,), the data's part of each (B,), and whether each settled."""

    theta: Floats
    objective: Floats
    misfit: Floats
    converged: NDArray[np.bool_]


def huber(residuals: Floats, threshold: float) -> Floats:
    """Twice Huber's loss: r^2 up to `threshold`, then linear. Any shape, elementwise."""
    size = np.abs(residuals)
    return np.where(size <= threshold, residuals**2, threshold * (2 * size - threshold))


def solve(
    residuals: Residuals,
    start: Floats,
    box: Box,
    *,
    bounds: tuple[Floats, Floats] | None = None,
    weights: Floats | None = None,
    threshold: float = np.inf,
    steps: int = 200,
    tolerance: float = 1e-8,
) -> Solution:
    """Minimise a batch of problems from `start` (B, p).

    `residuals(theta, rows)` returns r (b, m) and dr/dtheta (b, m, p) for the problems `rows` of the batch.
    `bounds` (B, p) replaces the box's own, problem by problem: equal bounds hold a parameter fixed.
    `weights` (B, m) counts each residual that often (a resample with replacement).
    """
    n_problems = len(start)
    n_residuals = residuals(start[:1], np.arange(1))[0].shape[1] if n_problems else 1
    chunk = int(np.clip(AT_ONCE / (n_residuals * start.shape[1]), 1, 256))
    lower, upper = bounds or tuple(
        np.broadcast_to(side, (n_problems, box.lower.size)) for side in (box.lower, box.upper)
    )

    def solve_rows(rows: NDArray[np.intp]) -> Solution:
        theta = np.clip(start[rows], lower[rows], upper[rows]).astype(float)
        r, jacobian = residuals(theta, rows)
        times = np.ones_like(r) if weights is None else weights[rows]

        def cost(theta: Floats, r: Floats, times: Floats) -> tuple[Floats, Floats]:
            misfit = (times * huber(r, threshold)).sum(1)
            return misfit, misfit + (box.precision * (theta - box.centre) ** 2).sum(1)

        misfit, objective = cost(theta, r, times)
        damping, quiet = np.full(len(rows), 1e-3), np.zeros(len(rows), int)
        settled = np.zeros(len(rows), bool)
        for _ in range(steps):
            busy = np.flatnonzero(~settled)
            if not busy.size:
                break
            weight = np.sqrt(np.minimum(1.0, threshold / np.maximum(np.abs(r[busy]), 1e-300)) * times[busy])
            wj = jacobian[busy] * weight[:, :, None]
            hessian = wj.transpose(0, 2, 1) @ wj
            pull = box.precision * (theta[busy] - box.centre)
            gradient = np.einsum("bmp,bm->bp", wj, r[busy] * weight) + pull
            diagonal = np.einsum("bpp->bp", hessian)
            diagonal += box.precision
            low, high = lower[rows[busy]], upper[rows[busy]]
            # A parameter that leans on its bound and wants out is held there for this step.
            outwards = np.where(gradient > 0, theta[busy] <= low, (theta[busy] >= high) & (gradient < 0))
            held = outwards | (low == high)
            hessian = np.where(held[:, :, None] | held[:, None, :], 0.0, hessian)
            scale = np.where(held, 1.0, np.maximum(diagonal, 1e-12))
            index = np.arange(theta.shape[1])
            hessian[:, index, index] = np.where(held, 1.0, scale * (1 + damping[busy, None]))
            root = np.sqrt(scale)
            step = np.linalg.solve(
                hessian / (root[:, :, None] * root[:, None, :]),
                -(np.where(held, 0.0, gradient) / root)[:, :, None],
            )[:, :, 0]
            trial = np.clip(theta[busy] + step / root, low, high)
            r_trial, j_trial = residuals(trial, rows[busy])
            misfit_trial, objective_trial = cost(trial, r_trial, times[busy])
            better = objective_trial <= objective[busy]
            gain = objective[busy] - objective_trial
            small = gain <= tolerance * (1e-3 + np.abs(objective[busy]))
            won = busy[better]
            theta[won], r[won], jacobian[won] = trial[better], r_trial[better], j_trial[better]
            objective[won], misfit[won] = objective_trial[better], misfit_trial[better]
            damping[busy] = np.where(better, np.maximum(damping[busy] / 5, 1e-10), damping[busy] * 4)
            quiet[busy] = np.where(better & small, quiet[busy] + 1, np.where(better, 0, quiet[busy]))
            settled[busy] = (quiet[busy] >= 2) | (damping[busy] > 1e9)
        return Solution(theta, objective, misfit, settled)

    parts = [
        solve_rows(rows) for rows in np.array_split(np.arange(n_problems), max(1, -(-n_problems // chunk)))
    ]
    return Solution(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Solution.__annotations__)
    )
