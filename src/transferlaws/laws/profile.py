"""How much the misfit rises as one parameter of the law is held elsewhere: the profile of a joint fit.

A likelihood-ratio interval ends where the rise passes an F quantile. Where it never does, within bounds far
wider than any plausible law, the data do not bound the parameter, and the end is open (None).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from transferlaws.laws.loss_space import EXPONENT_BOUNDS, HUBER, JointFit, LossSpace

Floats = NDArray[np.float64]

STEPS = np.array([0.4, 0.8, 1.0, 1.2, 1.6, 2.2, 3.0, 4.5, 7.0, 12.0, 20.0])
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


def profile(joint: JointFit, parameter: str, level: float = 0.95) -> Profile:
    """Profile `parameter` (ln_k, alpha, beta or beta_over_alpha) of a fit of one source."""
    coordinates, index = COORDINATES[parameter]
    problem = replace(joint.problem, coordinates=coordinates)
    theta = _transform(joint.theta, joint.problem, problem)
    at = JointFit(
        problem, joint.all_cells, theta, joint.objective, joint.dof, 0.0, joint.optima, joint.ossified, True
    )
    box, covariance = problem.box(), at.covariance()
    low, high = FAR[parameter]
    value, threshold = theta[index], joint.threshold(level)
    if box.lower[index] == box.upper[index] and coordinates != "ratio" and parameter != "ln_k":
        return Profile(parameter, np.array([value]), np.zeros(1), None, None)
    sd = float(np.sqrt(max(covariance[index, index], 0.0)))
    if not 1e-6 < sd < (high - low):
        sd = (high - low) / 40
    offsets = np.sqrt(threshold) * sd * STEPS
    grid = np.unique(np.clip(np.concatenate([value - offsets, value + offsets, [low, high]]), low, high))
    response = covariance[:, index] / max(covariance[index, index], 1e-300)
    response[index] = 1.0
    moved = theta + (grid - value)[:, None] * response
    still = np.tile(theta, (len(grid), 1))
    still[:, index] = grid
    starts = np.concatenate([moved, still])
    bounds = box.fixing(index, np.concatenate([grid, grid]))
    losses = np.tile(problem.cells.loss, (len(starts), 1))
    found = problem.minimise(losses, np.clip(starts, *bounds), bounds, threshold=HUBER)
    objective = found.objective.reshape(2, -1).min(0)
    # A neighbour's end is a third start: profiles bend where a curve parameter meets its bound.
    best = np.where(
        (found.objective[: len(grid)] <= found.objective[len(grid) :])[:, None], *np.split(found.theta, 2)
    )
    for shift in (1, -1):
        again = np.roll(best, shift, axis=0)
        again[:, index] = grid
        retry = problem.minimise(losses[: len(grid)], again, box.fixing(index, grid), threshold=HUBER)
        objective = np.minimum(objective, retry.objective)
    rises = objective - joint.objective
    return Profile(
        parameter,
        grid,
        rises,
        _end(grid[grid <= value][::-1], rises[grid <= value][::-1], value, threshold),
        _end(grid[grid >= value], rises[grid >= value], value, threshold),
    )


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
    m_d, m_n = before.centre()
    c, alpha, beta = theta[:3]
    out = theta.copy()
    if after.coordinates == "ln_k":
        out[0] = c - alpha * m_d - beta * m_n
    elif after.coordinates == "ratio":
        out[2] = beta / alpha if abs(alpha) > 1e-6 else np.sign(beta) * 50.0
    return out
