"""The joint fit itself: noise, ossified cells and the minimum found together, with every optimum on the way.

Cells weigh by the seeds' noise plus what the law leaves unexplained; a fine-tuned cell well above its own
from-scratch curve has no D_T > 0 and is set aside, since no transfer law can express it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.floor import N_CURVE, floor_loss
from transferlaws.laws.curves.predictive import Predictive
from transferlaws.laws.curves.scratch import reference
from transferlaws.laws.data.cells import Cells
from transferlaws.laws.data.noise import Misfit, misfit_of
from transferlaws.laws.data.words import listed
from transferlaws.laws.estimators.problem import HUBER, LossSpace
from transferlaws.laws.estimators.unrepeated import noise_by_residuals, widening
from transferlaws.laws.numerics.bootstrap import eigen
from transferlaws.laws.numerics.solver import Solution

Floats = NDArray[np.float64]

OSSIFIED = 2.5
"""Standard deviations above its own from-scratch curve from which a fine-tuned cell has no D_T > 0."""


@dataclass(frozen=True)
class JointFit:
    """A joint fit: the problem with its final noise, theta (p,), the objective, what it left unexplained.

    `free` are the residual degrees of freedom, `optima` (j, 1 + n_law) lists every distinct minimum found,
    objective first; `ossified` (m,) marks the cells of the table that took no part.
    """

    problem: LossSpace
    theta: Floats
    objective: float
    misfit: Misfit
    free: float
    optima: Floats
    ossified: NDArray[np.bool_]
    converged: bool

    @property
    def fitted(self) -> Floats:
        """Fitted loss of every cell that took part (m,)."""
        return self.problem.predict(self.theta[None])[0][0]

    @property
    def centre(self) -> Floats:
        """What redrawn studies scatter about (m,): the fitted loss, or an upper end if that lies above it."""
        cells, fitted = self.problem.cells, self.fitted
        return np.where(cells.upper, np.maximum(cells.loss, fitted), fitted)

    @property
    def dof(self) -> float:
        """Degrees of freedom of the noise."""
        return self.misfit.dof

    @property
    def parts(self) -> dict[str, float]:
        """Standard deviations in nats/token: a run's sample, the run's own, and the cells' misfit."""
        return self.misfit.parts(self.problem.cells.parts)

    @property
    def run_variance(self) -> float:
        """Variance of one run in nats^2: the seeds', and what the law leaves unexplained."""
        return sum(sd**2 for sd in self.parts.values())

    def curves(self) -> Floats:
        """Curve parameters (S, 4)."""
        return self.theta[self.problem.n_law :].reshape(-1, N_CURVE)

    def threshold(self, level: float) -> float:
        """The rise of the objective that bounds one parameter at `level`, by F, as the noise is estimated."""
        return float(f_distribution.ppf(level, 1, self.dof))

    def covariance(self) -> Floats:
        """Covariance (p, p) from the curvature at the optimum, parameters on a bound held."""
        return curvature(self.problem, self.theta)[0]

    def wider(self, seed: int) -> Floats:
        """How much further the law's parameters (n_law,) scatter than their covariance says, at least 1."""
        if self.problem.cells.noise.dof:
            return np.ones(self.problem.n_law)
        return widening(self.problem, self.theta, self.free, seed)

    def predictive(self, wider: Floats) -> Predictive:
        """What the fit of one source predicts of a cell or a run, its law scattering `wider` (3,)."""
        stretch = np.ones(len(self.theta))
        stretch[: self.problem.n_law] = wider
        noise = self.problem.cells.noise
        return Predictive(
            law=self.theta[: self.problem.n_law],
            curves=self.curves(),
            n_params=self.problem.cells.sizes,
            centre=self.problem.centre,
            d_ref=self.problem.d_ref,
            covariance=self.covariance() * np.outer(stretch, stretch),
            data=noise.data,
            variance=noise.variance[1] * self.misfit.scale,
            misfit=self.misfit.extra,
            dof=self.dof,
        )

    def law_information(self) -> Floats:
        """Information (n_law, n_law) on the law's parameters after the curves are solved out."""
        covariance = self.covariance()[: self.problem.n_law, : self.problem.n_law]
        return np.asarray(np.linalg.pinv(covariance, hermitian=True), float)


def curvature(problem: LossSpace, theta: Floats) -> tuple[Floats, Floats]:
    """Covariance (p, p) by the curvature at theta (p,), parameters on a bound held; gradient (m, p)."""
    value, gradient = (part[0] for part in problem.predict(theta[None]))
    j, ends = problem.whiten @ gradient, problem.cells.upper
    j[ends & (value <= problem.cells.loss)] = 0.0
    box = problem.box()
    hessian = j.T @ j + np.diag(box.precision)
    free = (theta > box.lower) & (theta < box.upper)
    out = np.zeros_like(hessian)
    if free.any():
        scale = np.sqrt(np.maximum(np.diag(hessian)[free], 1e-12))
        inner = hessian[np.ix_(free, free)] / np.outer(scale, scale)
        out[np.ix_(free, free)] = np.linalg.pinv(inner, rcond=1e-12, hermitian=True) / np.outer(scale, scale)
    return out, j


def fit_joint(cells: Cells, tied: str = "", *, curved: bool = False) -> JointFit:
    """Fit curves and laws to all cells; estimate the noise between cells; set ossified cells aside.

    Those that pre-training hurt, by the from-scratch runs beside them, take no part unless there are no more:
    in a fit of all they would bend the curve that they are judged by. `tied` and `curved` as in `LossSpace`.
    """
    hurt = hurt_cells(cells) if cells.noise.dof else np.zeros(len(cells.loss), bool)
    if (hurt | cells.scratch).all():
        hurt[:] = False
    helped = cells.only(~hurt) if hurt.any() else cells
    problem = LossSpace(helped, helped.covariance, tied=tied, curved=curved)
    found = problem.minimise(np.tile(helped.loss, (8, 1)), problem.starts(helped.loss), threshold=20.0)
    order = np.argsort(found.objective)
    theta = found.theta[order[0]]
    optima = _distinct(found, order, problem.n_law)
    if not cells.noise.dof:
        problem, theta = noise_by_residuals(problem, theta)
        cells = problem.cells
    keep, misfit = ~hurt, Misfit()
    for turn in range(4):
        kept = cells.only(keep)
        free = _freedom(replace(problem, cells=kept, covariance=misfit.onto(kept.covariance)), theta)
        problem = replace(problem, cells=kept, covariance=kept.covariance)
        points = ~kept.upper
        residual = (problem.predict(theta[None])[0][0] - kept.loss)[points]
        misfit = _robust_misfit(residual, kept.only(points), free)
        problem = replace(problem, covariance=misfit.onto(kept.covariance))
        settled = problem.minimise(kept.loss[None], theta[None])
        theta = settled.theta[0]
        now = ~hurt & ~_ossified(cells, theta, problem, misfit)
        if not (now & ~cells.scratch).any():
            raise TransferLawsError(
                f"every cell of {listed(cells.sources)} left to fit lies above its own from-scratch "
                "curve: pre-training costs data there, which no law of transfer can say"
            )
        if np.array_equal(now, keep) and turn > 0:
            break
        keep = now
    return JointFit(
        problem, theta, float(settled.objective[0]), misfit, free, optima, ~keep, bool(settled.converged[0])
    )


def _freedom(problem: LossSpace, theta: Floats) -> float:
    """Cells less the trace of the hat matrix: residual degrees of freedom, a pulled parameter in part.

    An upper end leaves no residual, and is no degree of freedom.
    """
    covariance, j = curvature(problem, theta)
    j = j[~problem.cells.upper]
    return max(float(len(j) - np.sum((j.T @ j) * covariance)), 1.0)


def _robust_misfit(residual: Floats, cells: Cells, dof: float) -> Misfit:
    """`misfit_of` with residuals beyond HUBER standard deviations (by their median) drawn in."""
    variance, vectors = eigen(cells.covariance)
    along, sd = residual @ vectors, np.sqrt(variance)
    spread = 1.4826 * np.median(np.abs(along) / sd) * np.sqrt(len(residual) / max(dof, 1.0))
    limit = HUBER * max(spread, 1.0 if cells.noise.dof else 0.0) * sd
    return misfit_of(np.clip(along, -limit, limit), variance, dof, cells.noise)


def hurt_cells(cells: Cells) -> NDArray[np.bool_]:
    """Fine-tuned cells above the from-scratch runs of their size and data by OSSIFIED standard deviations."""
    hurt = np.zeros(len(cells.loss), bool)
    alone = {(cells.size[i], cells.d_chars[i]): i for i in np.flatnonzero(cells.scratch)}
    for i in np.flatnonzero(~cells.scratch & ~cells.upper):
        j = alone.get((cells.size[i], cells.d_chars[i]))
        if j is not None:
            variance = cells.covariance[i, i] + cells.covariance[j, j] - 2 * cells.covariance[i, j]
            hurt[i] = cells.loss[i] - cells.loss[j] > OSSIFIED * np.sqrt(variance)
    return hurt


def _ossified(cells: Cells, theta: Floats, problem: LossSpace, misfit: Misfit) -> NDArray[np.bool_]:
    """Fine-tuned cells whose loss lies more than OSSIFIED standard deviations above their own curve."""
    curves = theta[problem.n_law :].reshape(-1, N_CURVE)
    own = floor_loss(curves[cells.size][None], cells.d_chars, reference(cells))[0][0]
    sd = np.sqrt(np.diag(misfit.onto(cells.covariance)))
    return ~cells.scratch & ~cells.upper & (cells.loss - own > OSSIFIED * sd)


def _distinct(found: Solution, order: NDArray[np.intp], n_law: int) -> Floats:
    rows: list[Floats] = []
    for i in order:
        row = np.concatenate([[found.objective[i]], found.theta[i, :n_law]])
        if all(np.abs(row[1:] - other[1:]).max() > 0.05 for other in rows):
            rows.append(row)
    return np.array(rows)
