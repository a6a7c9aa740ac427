"""All cells at once: L(N, D_F) = f_N(D_F + k D_F^alpha N^beta), one curve f_N a size, one law a source.

Residuals stay bounded where effective data explodes, so cells below the floor take part. The law is centred,
ln D_T = c + alpha (ln D - m_D) + beta (ln N - m_N), which makes c, alpha and beta nearly independent.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from transferlaws.laws.curves.floor import N_CURVE, floor_loss
from transferlaws.laws.curves.scratch import reference, scratch_theta, table_box
from transferlaws.laws.data.cells import Cells
from transferlaws.laws.numerics.bootstrap import power_of
from transferlaws.laws.numerics.one_sided import one_sided
from transferlaws.laws.numerics.solver import Box, Solution, huber, solve

Floats = NDArray[np.float64]

HUBER = 3.0
"""Residuals beyond this many standard deviations pull linearly, not quadratically."""
EXPONENTS = {"alpha": 1, "beta": 2}
"""Where the exponents stand among the three law parameters of a source."""
EXPONENT_BOUNDS = {"alpha": (-2.0, 3.0), "beta": (-3.0, 4.0)}
CURVATURE, CURVATURE_BOUNDS = 3, (-1.0, 1.0)
"""Where the curvature of a law stands among its parameters, and its bounds."""
STEPS, TOLERANCE = 100, 1e-6
"""When the search for a minimum stops: in units of the noise, 1e-6 is far below what one draw moves."""


@dataclass(frozen=True)
class LossSpace:
    """The joint problem for the cells of one table; `covariance` (m, m) is the noise of their means, nats^2.

    `coordinates` is what the three law parameters stand for, so that each can be profiled: "centred" (c,
    alpha, beta), "ln_k" (ln k, alpha, beta) or "ratio" (c, alpha, beta/alpha). `tied` names the exponent
    that the sources share, if they do. `curved` gives the law of one source a fourth parameter, the change
    of alpha for a factor e of data.
    """

    cells: Cells
    covariance: Floats
    coordinates: str = "centred"
    tied: str = ""
    curved: bool = False

    @property
    def sd(self) -> Floats:
        """Standard deviation (m,) of each cell's mean, nats/token."""
        return np.sqrt(np.diag(self.covariance))

    @cached_property
    def apart(self) -> Floats:
        """The covariance (m, m) with each upper end by itself: such a likelihood has no closed form else."""
        ends = self.cells.upper
        return self.covariance * ~((ends[:, None] | ends) & ~np.eye(len(ends), dtype=bool))

    @cached_property
    def whiten(self) -> Floats:
        """What makes residuals (m,) independent and of unit variance (m, m)."""
        return power_of(self.apart, -0.5)

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
        """Number of law parameters, three a source less those that are tied, and one more if it is curved."""
        return 3 * self.n_sources - (self.n_sources - 1 if self.tied else 0) + self.curved

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
            column = EXPONENTS[self.tied]
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
        if self.curved:
            few = len(np.unique(self.cells.d_chars[at])) < 3
            lower[CURVATURE], upper[CURVATURE] = (0.0, 0.0) if few else CURVATURE_BOUNDS
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
        bend = theta[:, CURVATURE, None] * x**2 / 2 if self.curved else 0.0
        transferred = np.exp(np.clip(c + alpha * x + slope_n * y + bend, -60.0, 60.0))
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
        if self.curved:
            jacobian[:, at, CURVATURE] = by_log * x**2 / 2
        return loss, jacobian

    def minimise(
        self,
        losses: Floats,
        start: Floats,
        bounds: tuple[Floats, Floats] | None = None,
        threshold: float = HUBER,
    ) -> Solution:
        """Fit a batch of loss vectors (B, m) from `start` (B, p)."""
        n_law, mine = self.n_law, [np.flatnonzero(self.cells.size == s) for s in range(len(self.cells.sizes))]
        columns = [slice(n_law + N_CURVE * s, n_law + N_CURVE * (s + 1)) for s in range(len(mine))]

        def residuals(theta: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
            value, plain = self.predict(theta)
            left = (value - losses[rows]) @ self.whiten
            jacobian = np.empty_like(plain)
            jacobian[:, :, :n_law] = self.whiten @ plain[:, :, :n_law]
            # A curve moves the cells of its own size only.
            for at, of_curve in zip(mine, columns, strict=True):
                jacobian[:, :, of_curve] = self.whiten[:, at] @ plain[:, at, of_curve]
            return one_sided(left, jacobian, self.cells.upper)

        return solve(
            residuals, start, self.box(), bounds=bounds, threshold=threshold, steps=STEPS, tolerance=TOLERANCE
        )

    def starts(self, losses: Floats, count: int = 8) -> Floats:
        """Starts (count, p) for losses (m,): scratch curves, and the best laws of a grid given these."""
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
                    (np.linspace(-0.4, 1.4, 10), np.linspace(-0.4, 1.6, 11)), self.places[k, 1:], strict=True
                )
            )
            grid = np.stack(np.meshgrid(c, alpha, beta, indexing="ij"), -1).reshape(-1, 3)
            d = self.cells.d_chars[mine]
            x, y = np.log(d) - m_d, np.log(self.cells.n_params[mine]) - self.centre[1]
            effective = d + np.exp(np.clip(grid @ np.stack([np.ones_like(x), x, y]), -60, 60))
            shape = (len(grid), len(mine), N_CURVE)
            held = np.broadcast_to(curves[self.cells.size[mine]], shape)
            away = (floor_loss(held, effective, self.d_ref)[0] - losses[mine]) / self.sd[mine]
            ends = self.cells.upper[mine]
            away[:, ends] = np.maximum(away[:, ends], 0.0)
            misfit = huber(away, HUBER).sum(1)
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
