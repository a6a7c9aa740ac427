"""The curve with a floor, E + B (D + D0)^-b, for many tables at once: value, gradient, inverse, fit.

E is what the fit of the paper's appendix E lacked. Variable projection gives the start: on a grid of
(b, D0), E and the amplitude follow in closed form; then all four parameters are refined together.
"""

import numpy as np
from numpy.typing import NDArray

from transferlaws.laws.numerics.one_sided import one_sided
from transferlaws.laws.numerics.solver import Box, solve

Floats = NDArray[np.float64]

N_CURVE = 4
"""Parameters of one curve: E, ln R, ln b, ln D0, with R = B (D_ref + D0)^-b the reducible loss at D_ref."""


def floor_loss(theta: Floats, d: Floats, d_ref: float) -> tuple[Floats, Floats, Floats]:
    """Loss (B, m), its gradient in theta (B, m, 4) and its slope dL/d ln D (B, m).

    `theta` is (B, 4) or (B, m, 4), `d` is (m,) or (B, m) characters.
    """
    if theta.ndim == 2:
        theta = theta[:, None, :]
    e, r, b, d0 = theta[..., 0], np.exp(theta[..., 1]), np.exp(theta[..., 2]), np.exp(theta[..., 3])
    log_x = np.log(d + d0) - np.log(d_ref + d0)
    part = r * np.exp(-b * log_x)
    by_d0 = -b * part * d0 * (1 / (d + d0) - 1 / (d_ref + d0))
    gradient = np.stack([np.ones_like(part), part, -b * log_x * part, by_d0], axis=-1)
    return e + part, gradient, -b * part * d / (d + d0)


def floor_inverse(theta: Floats, loss: Floats, d_ref: float) -> Floats:
    """Characters at which the curve has `loss`: inf up to the floor, negative above L(0); broadcasts."""
    e, r, b, d0 = theta[..., 0], np.exp(theta[..., 1]), np.exp(theta[..., 2]), np.exp(theta[..., 3])
    above = loss - e
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_x = -(np.log(np.maximum(above, 0.0)) - np.log(r)) / b
        return np.where(above > 0, np.exp(np.minimum(log_x, 500.0)) * (d_ref + d0) - d0, np.inf)


def fit_floor(
    d: Floats,
    losses: Floats,
    sd: Floats,
    d_ref: float,
    box: Box,
    near: Floats | None = None,
    upper: NDArray[np.bool_] | None = None,
) -> Floats:
    """Curve parameters (B, 4) for losses (B, m) at d (m,) with noise sd (m,); `near` (4,) is a start.

    `upper` (m,) marks losses that are upper ends.
    """
    starts = (
        _projected_start(d, losses, sd, d_ref, box) if near is None else [np.tile(near, (len(losses), 1))]
    )

    def residuals(theta: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        value, gradient, _ = floor_loss(theta, d, d_ref)
        return one_sided((value - losses[rows]) / sd, gradient / sd[:, None], upper)

    best = None
    for start in starts:
        found = solve(residuals, start, box, steps=100, tolerance=1e-7)
        if best is None:
            best, value = found.theta, found.objective
        else:
            win = found.objective < value
            best, value = np.where(win[:, None], found.theta, best), np.where(win, found.objective, value)
    assert best is not None
    return best


def _projected_start(d: Floats, losses: Floats, sd: Floats, d_ref: float, box: Box) -> list[Floats]:
    """The two best starts (B, 4), D0 at rest and D0 free: E and R solved at each (b, D0) of a grid."""
    exponents = np.log(np.array([0.08, 0.15, 0.25, 0.4, 0.65, 1.0, 1.6]))
    offsets = np.concatenate([[box.lower[3]], np.log(np.geomspace(0.1 * d.min(), 3 * d.max(), 6))])
    weight = 1 / sd**2
    best = np.full((2, len(losses)), np.inf)
    theta = np.zeros((2, len(losses), N_CURVE))
    for offset in offsets:
        for exponent in exponents:
            shape = floor_loss(np.array([[0.0, 0.0, exponent, offset]]), d, d_ref)[0][0]
            sw, sx, sxx = weight.sum(), (weight * shape).sum(), (weight * shape**2).sum()
            sy, sxy = losses @ weight, losses @ (weight * shape)
            r = (sw * sxy - sx * sy) / max(sw * sxx - sx**2, 1e-300)
            e = (sy - r * sx) / sw
            low = e < 0
            r, e = np.where(low, sxy / sxx, r), np.where(low, 0.0, e)
            r = np.maximum(r, 1e-4)
            misfit = ((e[:, None] + r[:, None] * shape - losses) ** 2 * weight).sum(1)
            side = int(offset > box.lower[3])
            win = misfit < best[side]
            best[side] = np.where(win, misfit, best[side])
            here = np.column_stack([e, np.log(r), np.full_like(e, exponent), np.full_like(e, offset)])
            theta[side] = np.where(win[:, None], here, theta[side])
    return [theta[0], theta[1]]
