"""All cells at once: L(N, D_F) = f_N(D_F + k D_F^alpha N^beta), one curve f_N a size, one law a source.

Residuals stay bounded where effective data explodes, so cells below the floor take part. The law is centred,
ln D_T = c + alpha (ln D - m_D) + beta (ln N - m_N), which makes c, alpha and beta nearly independent.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from transferlaws.laws.cells import Cells
from transferlaws.laws.curves import N_CURVE, excess_variance, floor_loss, reference, scratch_theta, table_box
from transferlaws.laws.solver import Box, Solution, huber, solve

Floats = NDArray[np.float64]

HUBER = 3.0
"""Residuals beyond this many standard deviations pull linearly, not quadratically."""
EXPONENT_BOUNDS = {"alpha": (-2.0, 3.0), "beta": (-3.0, 4.0)}
STEPS, TOLERANCE = 100, 1e-6
"""When the search for a minimum stops: the misfit is in units of the noise, so 1e-6 of it is far below a
draw.
"""
OSSIFIED = 2.5
"""A fine-tuned cell this many standard deviations above its own from-scratch curve has no D_T > 0 to speak
of.
"""


@dataclass(frozen=True)
class LossSpace:
    """The joint problem for the cells of one table; `sd` (m,) is the noise of each cell's mean, in nats.

    `coordinates` is what the three law parameters stand for: "centred" (c, alpha, beta), "ln_k" (ln k, alpha,
    beta) or "ratio" (c, alpha, beta/alpha), so that each can be profiled. `tied` shares alpha or beta over
    sources.
    """

    cells: Cells
    sd: Floats
    coordinates: str = "centred"
    tied: str = ""

    @property
    def n_sources(self) -> int:
        """Number of laws fitted together."""
        return len(self.cells.sources)

    @cached_property
    def d_ref(self) -> float:
        """D_ref of the curves, characters."""
        return reference(self.cells)

    @property
    def n_law(self) -> int:
        """Number of law parameters, three a source less those that are tied."""
        return 3 * self.n_sources - (self.n_sources - 1 if self.tied else 0)

    @cached_property
    def centre(self) -> tuple[float, float]:
        """m_D and m_N: the middle of ln D_F and of ln N over the fine-tuned cells."""
        if self.coordinates == "ln_k":
            return 0.0, 0.0
        at = ~self.cells.scratch
        return float(np.log(self.cells.d_chars[at]).mean()), float(np.log(self.cells.n_params[at]).mean())

    @cached_property
    def places(self) -> NDArray[np.intp]:
        """Where the three law parameters of each source (K, 3) stand in theta."""
        places = np.arange(3 * self.n_sources).reshape(-1, 3)
        if self.tied:
            column = {"alpha": 1, "beta": 2}[self.tied]
            places[:, column] = places[0, column]
            places = np.unique(places, return_inverse=True)[1].reshape(-1, 3)
        return places

    def box(self) -> Box:
        """Bounds of all parameters; an exponent along which the design does not vary is held at 0."""
        curve = table_box(self.cells)
        at = ~self.cells.scratch
        m_d, _ = replace(self, coordinates="centred").centre
        lower, upper = np.full(self.n_law, m_d - 12.0), np.full(self.n_law, m_d + 14.0)
        if self.coordinates == "ln_k":
            lower[:], upper[:] = -120.0, 120.0
        for k, (_, i_alpha, i_beta) in enumerate(self.places):
            mine = at & (self.cells.source == k)
            flat_d = np.ptp(self.cells.d_chars[mine]) == 0
            flat_n = np.ptp(self.cells.n_params[mine]) == 0
            lower[i_alpha], upper[i_alpha] = (0.0, 0.0) if flat_d else EXPONENT_BOUNDS["alpha"]
            lower[i_beta], upper[i_beta] = (0.0, 0.0) if flat_n else EXPONENT_BOUNDS["beta"]
            if self.coordinates == "ratio":
                lower[i_beta], upper[i_beta] = -60.0, 60.0
        s = len(self.cells.sizes)
        none = np.zeros(self.n_law)
        return Box(
            np.concatenate([lower, np.tile(curve.lower, s)]),
            np.concatenate([upper, np.tile(curve.upper, s)]),
            np.concatenate([none, np.tile(curve.centre, s)]),
            np.concatenate([none, np.tile(curve.precision, s)]),
        )

    def predict(self, theta: Floats) -> tuple[Floats, Floats]:
        """Loss of every cell (B, m) and its gradient in theta (B, m, p)."""
        cells, n_law = self.cells, self.n_law
        batch = len(theta)
        curves = theta[:, n_law:].reshape(batch, -1, N_CURVE)[:, cells.size]
        m_d, m_n = self.centre
        at = np.flatnonzero(~cells.scratch)
        where = self.places[cells.source[at]]
        c, alpha, beta = (theta[:, where[:, j]] for j in range(3))
        x, y = np.log(cells.d_chars[at]) - m_d, np.log(cells.n_params[at]) - m_n
        slope_n = alpha * beta if self.coordinates == "ratio" else beta
        transferred = np.exp(np.clip(c + alpha * x + slope_n * y, -60.0, 60.0))
        d = np.broadcast_to(cells.d_chars, (batch, len(cells.d_chars))).copy()
        d[:, at] += transferred
        loss, by_curve, slope = floor_loss(curves, d, self.d_ref)
        jacobian = np.zeros((*loss.shape, theta.shape[1]))
        column = n_law + N_CURVE * cells.size
        rows = np.arange(len(cells.size))
        for j in range(N_CURVE):
            jacobian[:, rows, column + j] = by_curve[..., j]
        by_log = slope[:, at] * transferred / d[:, at]
        by_alpha = x + beta * y if self.coordinates == "ratio" else x
        by_beta = alpha * y if self.coordinates == "ratio" else y
        for j, factor in enumerate((np.ones_like(x), by_alpha, by_beta)):
            jacobian[:, at, where[:, j]] += by_log * factor
        return loss, jacobian

    def minimise(
        self,
        losses: Floats,
        start: Floats,
        bounds: tuple[Floats, Floats] | None = None,
        threshold: float = HUBER,
    ) -> Solution:
        """Fit a batch of loss vectors (B, m) from `start` (B, p)."""

        def residuals(theta: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
            value, jacobian = self.predict(theta)
            return (value - losses[rows]) / self.sd, jacobian / self.sd[:, None]

        return solve(
            residuals, start, self.box(), bounds=bounds, threshold=threshold, steps=STEPS, tolerance=TOLERANCE
        )

    def starts(self, losses: Floats, count: int = 8) -> Floats:
        """Starts (count, p) for losses (m,): scratch curves, and the best laws of a grid with these curves
        held.
        """
        curves = scratch_theta(self.cells, losses[None], self.sd)[0]
        m_d, _ = self.centre
        box = self.box()
        best = []
        for k in range(self.n_sources):
            mine = np.flatnonzero(self.cells.source == k)
            c = m_d + np.arange(-5.0, 8.0, 0.75)
            alpha, beta = (
                np.unique(np.clip(grid, box.lower[i], box.upper[i]))
                for grid, i in zip(
                    (np.linspace(-0.4, 1.4, 10), np.linspace(-0.4, 1.6, 11)),
                    self.places[k, 1:],
                    strict=True,
                )
            )
            grid = np.stack(np.meshgrid(c, alpha, beta, indexing="ij"), -1).reshape(-1, 3)
            d = self.cells.d_chars[mine]
            x, y = np.log(d) - m_d, np.log(self.cells.n_params[mine]) - self.centre[1]
            effective = d + np.exp(np.clip(grid @ np.stack([np.ones_like(x), x, y]), -60, 60))
            shape = (len(grid), len(mine), N_CURVE)
            held = np.broadcast_to(curves[self.cells.size[mine]], shape)
            value = floor_loss(held, effective, self.d_ref)[0]
            misfit = huber((value - losses[mine]) / self.sd[mine], HUBER).sum(1)
            best.append(grid[_spread(grid, misfit, count)])
        laws = np.zeros((count, self.n_law))
        for k, found in enumerate(best):
            laws[:, self.places[k]] = found
        return np.column_stack([laws, np.tile(curves.ravel(), (count, 1))])


def _spread(grid: Floats, misfit: Floats, count: int) -> NDArray[np.intp]:
    """Indices of the `count` best grid points that are not neighbours of a better one."""
    chosen: list[int] = []
    order = np.argsort(misfit)
    for i in order:
        if all(
            np.abs(grid[i] - grid[j]).max() > 0.8 or np.abs(grid[i, 1:] - grid[j, 1:]).max() > 0.25
            for j in chosen
        ):
            chosen.append(int(i))
        if len(chosen) == count:
            break
    return np.array((chosen * count)[:count])


@dataclass(frozen=True)
class JointFit:
    """A joint fit: problem (with its final noise), theta (p,), objective, residual degrees of freedom.

    `optima` (j, 1 + n_law) lists every distinct minimum found, objective first; `ossified` (m,) marks the
    cells of the table that took no part, in the order of `all_cells`.
    """

    problem: LossSpace
    all_cells: Cells
    theta: Floats
    objective: float
    dof: float
    extra_variance: float
    optima: Floats
    ossified: NDArray[np.bool_]
    converged: bool

    @property
    def fitted(self) -> Floats:
        """Fitted loss of every cell that took part (m,)."""
        return self.problem.predict(self.theta[None])[0][0]

    def curves(self) -> Floats:
        """Curve parameters (S, 4)."""
        return self.theta[self.problem.n_law :].reshape(-1, N_CURVE)

    def threshold(self, level: float) -> float:
        """The rise of the objective that bounds one parameter at `level` (F distribution: the noise is
        estimated).
        """
        return float(f_distribution.ppf(level, 1, self.dof))

    def covariance(self) -> Floats:
        """Covariance (p, p) from the curvature at the optimum, parameters on a bound held."""
        return curvature(self.problem, self.theta)[0]

    def law_information(self) -> Floats:
        """Information (n_law, n_law) on the law's parameters after the curves are solved out."""
        covariance = self.covariance()[: self.problem.n_law, : self.problem.n_law]
        return np.asarray(np.linalg.pinv(covariance, hermitian=True), float)


def curvature(problem: LossSpace, theta: Floats) -> tuple[Floats, Floats]:
    """Covariance (p, p) from the curvature at theta (p,), parameters on a bound held, and the gradient (m,
    p).
    """
    j = problem.predict(theta[None])[1][0] / problem.sd[:, None]
    box = problem.box()
    hessian = j.T @ j + np.diag(box.precision)
    free = (theta > box.lower) & (theta < box.upper)
    out = np.zeros_like(hessian)
    if free.any():
        scale = np.sqrt(np.maximum(np.diag(hessian)[free], 1e-12))
        inner = hessian[np.ix_(free, free)] / np.outer(scale, scale)
        out[np.ix_(free, free)] = np.linalg.pinv(inner, rcond=1e-12, hermitian=True) / np.outer(scale, scale)
    return out, j


def fit_joint(cells: Cells, tied: str = "") -> JointFit:
    """Fit curves and laws to all cells; noise between cells is estimated, ossified cells are found and set
    aside.
    """
    typical = float(np.sqrt(cells.variance.mean())) if cells.dof else 0.01
    sd = np.sqrt(cells.variance) if cells.dof else np.full(len(cells.loss), typical)
    sd = np.maximum(sd, 1e-5)
    problem = LossSpace(cells, sd, tied=tied)
    found = problem.minimise(np.tile(cells.loss, (8, 1)), problem.starts(cells.loss), threshold=20.0)
    order = np.argsort(found.objective)
    theta = found.theta[order[0]]
    optima = _distinct(found, order, problem.n_law)
    keep = np.ones(len(cells.loss), bool)
    extra, dof = 0.0, 1.0
    for turn in range(4):
        problem = replace(problem, cells=cells.only(keep), sd=np.ones(int(keep.sum())))
        dof = _freedom(replace(problem, sd=sd[keep]), theta)
        residual = problem.predict(theta[None])[0][0] - problem.cells.loss
        extra = _robust_excess(residual, problem.cells.variance, dof)
        sd = np.sqrt(np.maximum(cells.variance + extra, 1e-12))
        problem = replace(problem, sd=sd[keep])
        settled = problem.minimise(problem.cells.loss[None], theta[None])
        theta = settled.theta[0]
        now = ~_ossified(cells, theta, problem, extra)
        if np.array_equal(now, keep) and turn > 0:
            break
        keep = now
    within = cells.dof if extra == 0 else 0
    return JointFit(
        problem,
        cells,
        theta,
        float(settled.objective[0]),
        max(dof + within, 1.0),
        extra,
        optima,
        ~keep,
        bool(settled.converged[0]),
    )


def _freedom(problem: LossSpace, theta: Floats) -> float:
    """Residual degrees of freedom: cells less the trace of the hat matrix, so a pulled parameter counts in
    part.
    """
    covariance, j = curvature(problem, theta)
    return max(float(len(problem.cells.loss) - np.sum((j.T @ j) * covariance)), 1.0)


def _robust_excess(residual: Floats, variance: Floats, dof: float) -> float:
    """`excess_variance` with residuals beyond HUBER standard deviations (by their median) drawn in."""
    spread = 1.4826 * np.median(np.abs(residual)) * np.sqrt(len(residual) / max(dof, 1.0))
    limit = HUBER * np.maximum(spread, np.sqrt(variance)) + 1e-12
    return excess_variance(np.clip(residual, -limit, limit), variance, dof)


def _ossified(cells: Cells, theta: Floats, problem: LossSpace, extra: float) -> NDArray[np.bool_]:
    """Fine-tuned cells whose loss lies OSSIFIED standard deviations or more above their from-scratch
    curve.
    """
    curves = theta[problem.n_law :].reshape(-1, N_CURVE)
    own = floor_loss(curves[cells.size][None], cells.d_chars, reference(cells))[0][0]
    sd = np.sqrt(cells.variance + extra)
    return ~cells.scratch & (cells.loss - own > OSSIFIED * sd)


def _distinct(found: Solution, order: NDArray[np.intp], n_law: int) -> Floats:
    rows: list[Floats] = []
    for i in order:
        row = np.concatenate([[found.objective[i]], found.theta[i, :n_law]])
        if all(np.abs(row[1:] - other[1:]).max() > 0.05 for other in rows):
            rows.append(row)
    return np.array(rows)
