"""The search for a law of loss: a grid over the exponents, the rest solved, and both refined together.

Follows Hoffmann et al. 2022: Huber's loss (1e-3) on ln L. The start grid is over the exponents only, the
other coefficients by non-negative least squares (variable projection), which makes it well conditioned.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats.qmc import Halton

from transferlaws.laws.forms import LossForm
from transferlaws.laws.numerics.solver import Box, Solution, solve

Floats = NDArray[np.float64]
HUBER_LOG = 1e-3
"""Hoffmann et al. 2022; for noise of known normal shape a larger threshold wastes less of it."""
STARTS = 256
REFINED = 12


@dataclass(frozen=True)
class Points:
    """Runs a form of loss is fitted to: arrays (m,), sizes and data over their geometric means n_0, d_0."""

    n: Floats
    d: Floats
    source: NDArray[np.bool_]
    log_loss: Floats
    n_0: float
    d_0: float

    @classmethod
    def of(cls, n: Floats, d: Floats, source: NDArray[np.bool_], loss: Floats) -> "Points":
        """Points from parameters, characters (or tokens), arm flags and nats/token."""
        n_0, d_0 = float(np.exp(np.log(n).mean())), float(np.exp(np.log(d[d > 0]).mean()))
        return cls(n / n_0, d / d_0, source, np.log(loss), n_0, d_0)


def minimise(law: type[LossForm], points: Points, huber: float = HUBER_LOG) -> tuple[Floats, pd.DataFrame]:
    """The best parameters (q + terms,), and every distinct optimum found with its objective."""
    grid = _grid(law)
    shapes = law.basis(grid, points.n, points.d, points.source)
    power = law.power(grid)
    terms = np.empty((len(grid), len(law.terms)))
    misfit = np.empty(len(grid))
    for i, (shape, outer) in enumerate(zip(shapes, power[:, 0], strict=True)):
        # (sum of terms)^power = L, in relative terms: the sum over L^(1/power) should be 1.
        relative = shape / np.exp(points.log_loss / outer)[:, None]
        terms[i], misfit[i] = nnls(relative, np.ones(len(relative)))
        misfit[i] *= outer
    order = np.argsort(misfit)[:REFINED]
    found = refine(law, points, np.column_stack([grid, terms])[order], huber)
    ranked = np.argsort(found.objective)
    kept: list[int] = []
    for i in ranked:
        if all(
            np.abs(found.theta[i, : grid.shape[1]] - found.theta[j, : grid.shape[1]]).max() > 0.02
            for j in kept
        ):
            kept.append(int(i))
    rows = [{"objective": found.objective[i], **vars(to_law(law, found.theta[i], points))} for i in kept]
    return found.theta[kept[0]], pd.DataFrame(rows)


def to_law(law: type[LossForm], theta: Floats, points: Points) -> LossForm:
    """The law in parameters and characters (or tokens) from normalised theta (q + terms,)."""
    q = len(law.exponents)
    normal = theta[None, :q]
    raw = normal.copy()
    for i, name in enumerate(law.exponents):
        if name in law.lengths:
            raw[0, i] *= points.d_0
    # Terms are monomials: each changes by one factor, read off at any point of its arm.
    one, flags = np.ones(2), np.array([False, True])
    own = law.basis(normal, one, one, flags)[0].max(0)
    other = law.basis(raw, one * points.n_0, one * points.d_0, flags)[0].max(0)
    terms = theta[q:] * own / other
    return law.assemble(
        dict(zip(law.exponents, map(float, raw[0]), strict=True)),
        dict(zip(law.terms, map(float, terms), strict=True)),
    )


def _grid(law: type[LossForm]) -> Floats:
    lower, upper = np.array(list(law.exponents.values())).T
    start_low, start_high = np.maximum(lower, -0.3), np.minimum(upper, 1.5)
    unit = Halton(len(lower), scramble=False).random(STARTS + 1)[1:]
    grid = start_low + unit * (start_high - start_low)
    for i, name in enumerate(law.exponents):
        if name in law.lengths:
            grid[:, i] = lower[i] * (upper[i] / lower[i]) ** unit[:, i]
    return grid


def box_of(law: type[LossForm]) -> Box:
    lower, upper = np.array(list(law.exponents.values())).T
    terms = len(law.terms)
    none = np.zeros(len(lower) + terms)
    return Box(
        np.concatenate([lower, np.zeros(terms)]), np.concatenate([upper, np.full(terms, 1e30)]), none, none
    )


def log_loss(law: type[LossForm], points: Points, theta: Floats) -> tuple[Floats, Floats]:
    """ln L (B, m) and its gradient (B, m, q + terms); exponents by central differences."""
    q = len(law.exponents)

    def total(exponents: Floats) -> tuple[Floats, Floats]:
        shapes = law.basis(exponents, points.n, points.d, points.source)
        return shapes, np.maximum(np.einsum("bmt,bt->bm", shapes, theta[:, q:]), 1e-12)

    shapes, sums = total(theta[:, :q])
    power = law.power(theta[:, :q])
    gradient = np.empty((*sums.shape, theta.shape[1]))
    gradient[:, :, q:] = power[:, :, None] * shapes / sums[:, :, None]
    for i, name in enumerate(law.exponents):
        step = np.zeros_like(theta[:, :q])
        step[:, i] = 1e-5 * (np.maximum(np.abs(theta[:, i]), 1e-3) if name in law.lengths else 1.0)
        up, down = theta[:, :q] + step, theta[:, :q] - step
        rise = law.power(up) * np.log(total(up)[1]) - law.power(down) * np.log(total(down)[1])
        gradient[:, :, i] = rise / (2 * step[:, i : i + 1])
    return power * np.log(sums), gradient


def refine(
    law: type[LossForm], points: Points, start: Floats, huber: float, weights: Floats | None = None
) -> Solution:
    def residuals(theta: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:  # noqa: ARG001
        value, gradient = log_loss(law, points, theta)
        return (value - points.log_loss) / huber, gradient / huber

    return solve(residuals, start, box_of(law), weights=weights, threshold=1.0, steps=400, tolerance=1e-10)


def condition_of(law: type[LossForm], points: Points, theta: Floats) -> float:
    """Condition number of the exponents' information once the terms are solved out (variable projection)."""
    q = len(law.exponents)
    gradient = log_loss(law, points, theta[None])[1][0]
    inside = np.flatnonzero(theta[q:] > 0) + q
    basis, _ = np.linalg.qr(gradient[:, inside])
    projected = gradient[:, :q] - basis @ (basis.T @ gradient[:, :q])
    return float(np.linalg.cond(projected.T @ projected))
