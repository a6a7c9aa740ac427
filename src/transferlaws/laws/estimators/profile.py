"""How much the misfit rises as one parameter of the law is held elsewhere: the profile of a joint fit.

A likelihood-ratio interval ends where the rise passes an F quantile. Where it never does, within bounds far
wider than any plausible law, the data do not bound the parameter, and the end is open (None).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transferlaws.laws.estimators.joint import JointFit
from transferlaws.laws.estimators.problem import EXPONENT_BOUNDS, LossSpace

Floats = NDArray[np.float64]

NEAR = np.array([0.6, 0.9, 1.1, 1.4, 2.0, 3.5])
FURTHER = np.array([5.0, 8.0, 14.0, 25.0])
"""Where a profile is read, in units of the half-width that the curvature at the optimum suggests."""
COORDINATES = {
    "ln_k": ("ln_k", 0),
    "alpha": ("centred", 1),
    "beta": ("centred", 2),
    "beta_over_alpha": ("ratio", 2),
}
FAR = {
    "ln_k": (-90.0, 90.0),
    "alpha": EXPONENT_BOUNDS["alpha"],
    "beta": EXPONENT_BOUNDS["beta"],
    "beta_over_alpha": (-50.0, 50.0),
}
"""Where a profile stops looking: an end beyond is open."""


@dataclass(frozen=True)
class Profile:
    """Values (j,) a parameter was held at and the rise (j,) of the objective there; ends of its interval."""

    parameter: str
    values: Floats
    rises: Floats
    low: float | None
    high: float | None


def profile(joint: JointFit, parameter: str, level: float = 0.95, wider: float = 1.0) -> Profile:
    """Profile `parameter` (ln_k, alpha, beta or beta_over_alpha) of a fit of one source.

    Its interval is `wider` than what the noise alone would make it (`JointFit.wider`).
    """
    coordinates, index = COORDINATES[parameter]
    problem = replace(joint.problem, coordinates=coordinates)
    theta = _transform(joint.theta, joint.problem, problem)
    at = replace(joint, problem=problem, theta=theta)
    box, covariance = problem.box(), at.covariance()
    low, high = FAR[parameter]
    value, threshold = theta[index], joint.threshold(level) * wider**2
    if box.lower[index] == box.upper[index] and coordinates != "ratio" and parameter != "ln_k":
        return Profile(parameter, np.array([value]), np.zeros(1), None, None)
    sd = float(np.sqrt(max(covariance[index, index], 0.0)))
    if not 1e-6 < sd < (high - low):
        sd = (high - low) / 40
    unit = np.sqrt(threshold) * sd
    response = covariance[:, index] / max(covariance[index, index], 1e-300)
    response[index] = 1.0

    def read(grid: Floats) -> Profile:
        moved = theta + (grid - value)[:, None] * response
        rises = _objective(problem, index, grid, [moved, np.tile(theta, (len(grid), 1))]) - joint.objective
        left, right = grid <= value, grid >= value
        return Profile(
            parameter,
            grid,
            rises,
            _end(grid[left][::-1], rises[left][::-1], value, threshold),
            _end(grid[right], rises[right], value, threshold),
        )

    def around(steps: Floats) -> Floats:
        offsets = unit * steps
        return np.unique(np.clip(np.concatenate([value - offsets, value + offsets, [low, high]]), low, high))

    found = read(around(NEAR))
    # A profile that is no valley, or not closed nearby, is read again further out.
    if found.low is None or found.high is None or not _valley(found, value):
        found = read(around(np.concatenate([NEAR, FURTHER])))
    return found


def _objective(problem: LossSpace, index: int, grid: Floats, starts: list[Floats]) -> Floats:
    """The least misfit (j,) with parameter `index` held at each of `grid`, from starts and neighbours."""

    def least(starts: list[Floats]) -> tuple[Floats, Floats]:
        held = np.stack(starts)
        held[..., index] = grid
        each = np.tile(grid, len(starts))
        bounds = problem.box().fixing(index, each)
        losses = np.tile(problem.cells.loss, (len(each), 1))
        found = problem.minimise(losses, np.clip(held.reshape(len(each), -1), *bounds), bounds)
        objective = found.objective.reshape(len(starts), -1)
        best, place = objective.argmin(0), np.arange(len(grid))
        return found.theta.reshape(held.shape)[best, place], objective[best, place]

    best, objective = least(starts)
    if len(grid) > 2 * len(NEAR) + 2:
        # The curves' own bounds can part two neighbours of a profile: each may start from the other's end.
        for _ in range(2):
            best, again = least([np.roll(best, shift, axis=0) for shift in (1, -1)] + [best])
            objective = np.minimum(objective, again)
    return objective


def _valley(found: Profile, value: float) -> bool:
    left, right = found.rises[found.values <= value], found.rises[found.values >= value]
    slack = 0.05
    return bool(np.all(np.diff(left) < slack) and np.all(np.diff(right) > -slack))


def _end(values: Floats, rises: Floats, value: float, threshold: float) -> float | None:
    """Where the rise last passes the threshold going outwards; None if it is below it at the far end."""
    values, root = np.concatenate([[value], values]), np.sqrt(np.maximum(np.concatenate([[0.0], rises]), 0.0))
    limit = np.sqrt(threshold)
    under = np.flatnonzero(root < limit)
    last = int(under[-1])
    if last == len(values) - 1:
        return None
    share = (limit - root[last]) / (root[last + 1] - root[last])
    return float(values[last] + share * (values[last + 1] - values[last]))


def _transform(theta: Floats, before: LossSpace, after: LossSpace) -> Floats:
    m_d, m_n = before.centre
    c, alpha, beta = theta[:3]
    out = theta.copy()
    if after.coordinates == "ln_k":
        out[0] = c - alpha * m_d - beta * m_n
    elif after.coordinates == "ratio":
        out[2] = beta / alpha if abs(alpha) > 1e-6 else np.sign(beta) * 50.0
    return out
