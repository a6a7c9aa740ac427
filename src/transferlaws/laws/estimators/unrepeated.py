"""Cells none of which was repeated: their noise by what a law leaves of them, and what not knowing it costs.

A curve follows the noise at its ends and leaves less of it there, so residuals are set against what the fit
would leave of each variance (C. R. Rao 1972, MINQUE), by turns with the fit. Weights that follow residuals
make an estimate scatter further than its covariance says (Kackar and Harville 1984), and redrawn studies say
how much further.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from transferlaws.laws.data.cells import Cells
from transferlaws.laws.data.noise import UNSEEN, UNSEEN_SHARE, UNSEEN_SHARES, noise_of_residuals
from transferlaws.laws.estimators.problem import LossSpace
from transferlaws.laws.numerics.bootstrap import power_of

Floats = NDArray[np.float64]

ROUNDS = 5
"""How often a law and the noise that its residuals show are found by turns."""
REDRAWN = (10, 49)
"""Studies redrawn to see how the weights' own error spreads a law: fewest, where cells are many, and most."""
CELLS_REDRAWN = 5000
RIDGE = 1e-9
"""Keeps the curvature of a parameter that no cell moves from being singular."""


def noise_by_residuals(problem: LossSpace, theta: Floats) -> tuple[LossSpace, Floats]:
    """The problem with the noise that its residuals show, and its minimum (p,), from `theta` (p,)."""
    for _ in range(ROUNDS):
        value, gradient = (part[0] for part in problem.predict(theta[None]))
        cells, points = problem.cells, ~problem.cells.upper
        error, precision = (cells.loss - value)[points], problem.box().precision
        found = _reweighted(cells.only(points), error, gradient[points], precision)
        cells = cells.with_noise(found.noise)
        problem = replace(problem, cells=cells, covariance=cells.covariance)
        theta = problem.minimise(cells.loss[None], theta[None]).theta[0]
    return problem, theta


def widening(problem: LossSpace, theta: Floats, free: float, seed: int) -> Floats:
    """How much further the law's parameters (n_law,) scatter than the curvature at theta says, at least 1.

    Studies are redrawn with the noise found and any share of the sample, which is a guess here, and their
    noise is found anew; `free` are the residual degrees of freedom.
    """
    points, n_law = ~problem.cells.upper, problem.n_law
    cells, known = problem.cells.only(points), problem.covariance[points][:, points]
    gradient, precision = problem.predict(theta[None])[1][0][points], problem.box().precision
    rng = np.random.default_rng([seed, 5])
    flat = cells.with_noise(replace(cells.noise, variance=np.full_like(cells.noise.variance, UNSEEN**2)))
    arm, squares = cells.source + 1, np.zeros(n_law)
    redrawn = int(np.clip(CELLS_REDRAWN / len(arm), *REDRAWN))
    for _ in range(redrawn):
        shares = rng.uniform(*UNSEEN_SHARES, len(cells.sources) + 1)
        change = np.sqrt(np.outer(shares, shares)) / UNSEEN_SHARE
        drawn = known * change[np.ix_(arm, arm)]
        np.fill_diagonal(drawn, np.diag(known))
        error, found = power_of(drawn, 0.5) @ rng.standard_normal(len(drawn)), flat
        for _ in range(ROUNDS):
            found = _reweighted(found, error, gradient, precision)
        estimate, covariance = _linear(found.covariance, gradient, precision, error)
        left = error - gradient @ estimate
        scale = left @ np.linalg.solve(found.covariance, left) / free
        squares += estimate[:n_law] ** 2 / np.maximum(scale * np.diag(covariance)[:n_law], 1e-300)
    return np.asarray(np.sqrt(np.maximum(squares / redrawn, 1.0)))


def _linear(covariance: Floats, gradient: Floats, precision: Floats, error: Floats) -> tuple[Floats, Floats]:
    """The shift (p,) of a model of gradient (m, p) by errors (m,), and its covariance (p, p)."""
    weighted = np.linalg.solve(covariance, gradient)
    inverse = np.linalg.inv(gradient.T @ weighted + np.diag(precision + RIDGE))
    return inverse @ (weighted.T @ error), inverse


def _reweighted(cells: Cells, error: Floats, gradient: Floats, precision: Floats) -> Cells:
    """The cells with the noise that errors (m,) about a model of gradient (m, p) show."""
    weighted = np.linalg.solve(cells.covariance, gradient)
    hat = gradient @ np.linalg.solve(gradient.T @ weighted + np.diag(precision + RIDGE), weighted.T)
    remains = np.eye(len(error)) - hat
    noise = noise_of_residuals(
        cells.noise, remains @ error, remains, cells.covariance, cells.source + 1, cells.d_chars
    )
    return cells.with_noise(noise)
