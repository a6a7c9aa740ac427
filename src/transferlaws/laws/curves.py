"""One curve a size: the from-scratch loss against data, L(D) = E + B (D + D0)^-b, and its inverse.

The floor E is what the paper's appendix E lacked. PCHIP in log D (made monotone) is the model-free
alternative: it follows the measured means and answers nothing beyond them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression

from transferlaws.errors import TransferLawsError
from transferlaws.laws.cells import Cells, reduce_to_cells
from transferlaws.laws.solver import Box, solve
from transferlaws.laws.table import SCRATCH, check_table

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
    """Characters at which the curve has `loss`: inf at or below the floor, negative above L(0).
    Broadcasts.
    """
    e, r, b, d0 = theta[..., 0], np.exp(theta[..., 1]), np.exp(theta[..., 2]), np.exp(theta[..., 3])
    above = loss - e
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_x = -(np.log(np.maximum(above, 0.0)) - np.log(r)) / b
        return np.where(above > 0, np.exp(np.minimum(log_x, 500.0)) * (d_ref + d0) - d0, np.inf)


def curve_box(d_low: float, d_high: float, loss_high: float) -> Box:
    """Bounds of the four parameters, and a weak pull (one sd: a factor e in b, e^2.5 in D0) where data are
    few.
    """
    return Box(
        lower=np.array([0.0, np.log(1e-4), np.log(0.02), np.log(1e-3 * d_low)]),
        upper=np.array([loss_high, np.log(30.0), np.log(3.0), np.log(10 * d_high)]),
        centre=np.array([0.0, 0.0, np.log(0.35), np.log(0.1 * d_low)]),
        precision=np.array([0.0, 0.0, 1.0, 1 / 2.5**2]),
    )


def fit_floor(
    d: Floats, losses: Floats, sd: Floats, d_ref: float, box: Box, near: Floats | None = None
) -> Floats:
    """Curve parameters (B, 4) for losses (B, m) at d (m,): variable projection over (b, D0), then all
    four.
    """
    starts = (
        _projected_start(d, losses, sd, d_ref, box) if near is None else [np.tile(near, (len(losses), 1))]
    )

    def residuals(theta: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        value, gradient, _ = floor_loss(theta, d, d_ref)
        return (value - losses[rows]) / sd, gradient / sd[:, None]

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
    """The two best starts (B, 4), one with D0 at rest and one free: E and R solved at each (b, D0) of a
    grid.
    """
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


@dataclass(frozen=True)
class Curve:
    """E + B (D + D0)^-b of one size: loss in nats/token, D in characters; `d_min`..`d_max` is where runs
    lie.
    """

    n_params: float
    E: float
    B: float
    b: float
    D0: float
    d_min: float
    d_max: float

    def loss(self, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token at `d_chars` characters."""
        d = np.asarray(d_chars, float)
        return self.E + np.exp(np.log(self.B) - self.b * np.log(d + self.D0))

    def slope(self, d_chars: ArrayLike) -> NDArray[np.float64]:
        """dL/d ln D in nats/token (negative)."""
        d = np.asarray(d_chars, float)
        return -self.b * (self.loss(d) - self.E) * d / (d + self.D0)

    def invert(self, loss: float) -> tuple[float, str]:
        """Characters at which the curve reaches `loss`, and how: interpolated, extrapolated or below_floor.

        Below the floor no amount of data reaches it: inf. Above the curve's start the answer is negative.
        """
        if loss <= self.E:
            return float("inf"), "below_floor"
        with np.errstate(over="ignore"):
            d = float(np.exp((np.log(self.B) - np.log(loss - self.E)) / self.b) - self.D0)
        return d, "interpolated" if self.d_min <= d <= self.d_max else "extrapolated"

    def d_n(self, level: float = 0.99) -> float:
        """D(N): characters where `level` times the loss is the floor (footnote 7); inf without a floor, 0 at
        once.
        """
        if not 0 < level < 1:
            raise TransferLawsError(f"level is {level!r}; it takes a number between 0 and 1, such as 0.99")
        return max(self.invert(self.E / level)[0], 0.0) if self.E > 0 else float("inf")


@dataclass(frozen=True)
class MeasuredCurve:
    """PCHIP through the measured means of one size, made monotone; it knows no floor and never
    extrapolates.
    """

    n_params: float
    d_chars: tuple[float, ...]
    losses: tuple[float, ...]

    @property
    def d_min(self) -> float:
        """Smallest measured data size, characters."""
        return self.d_chars[0]

    @property
    def d_max(self) -> float:
        """Largest measured data size, characters."""
        return self.d_chars[-1]

    def loss(self, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token; NaN outside the measured range."""
        inner = PchipInterpolator(np.log(self.d_chars), self.losses, extrapolate=False)
        return np.asarray(inner(np.log(np.asarray(d_chars, float))))

    def slope(self, d_chars: ArrayLike) -> NDArray[np.float64]:
        """dL/d ln D in nats/token; NaN outside the measured range."""
        inner = PchipInterpolator(np.log(self.d_chars), self.losses, extrapolate=False).derivative()
        return np.asarray(inner(np.log(np.asarray(d_chars, float))))

    def invert(self, loss: float) -> tuple[float, str]:
        """Characters at which the curve has `loss`; NaN and `extrapolated` above it, inf and `below_floor`
        under it.
        """
        if loss < self.losses[-1]:
            return float("inf"), "below_floor"
        if loss > self.losses[0]:
            return float("nan"), "extrapolated"
        grid = np.geomspace(self.d_min, self.d_max, 2000)
        values = self.loss(grid)
        return float(np.exp(np.interp(-loss, -values, np.log(grid)))), "interpolated"

    def d_n(self, level: float = 0.99) -> float:  # noqa: ARG002
        """Not known without a floor: inf."""
        return float("inf")


@dataclass(frozen=True)
class Curves(Mapping[float, "Curve | MeasuredCurve"]):
    """The curves of a table by size; `theta` (S, 4) and `d_ref` are the floor model's own parameters."""

    by_size: Mapping[float, Curve | MeasuredCurve]
    d_ref: float = 1.0
    theta: Floats = field(default_factory=lambda: np.zeros((0, N_CURVE)), repr=False)

    def __getitem__(self, n_params: float) -> Curve | MeasuredCurve:
        try:
            return self.by_size[n_params]
        except KeyError:
            sizes = ", ".join(f"{n:g}" for n in self.by_size)
            raise TransferLawsError(f"no curve for n_params = {n_params:g}; there are {sizes}") from None

    def __iter__(self) -> Iterator[float]:
        return iter(self.by_size)

    def __len__(self) -> int:
        return len(self.by_size)

    @classmethod
    def from_theta(cls, sizes: Floats, theta: Floats, d_ref: float, ranges: Floats) -> "Curves":
        """Curves from parameters (S, 4) and the data range (S, 2) of each size."""
        b, d0 = np.exp(theta[:, 2]), np.exp(theta[:, 3])
        big = np.exp(theta[:, 1] + b * np.log(d_ref + d0))
        return cls(
            {
                _whole(n): Curve(
                    _whole(n),
                    float(theta[i, 0]),
                    float(big[i]),
                    float(b[i]),
                    float(d0[i]),
                    *map(float, ranges[i]),
                )
                for i, n in enumerate(sizes)
            },
            d_ref,
            theta,
        )


def _whole(n: float) -> float:
    return int(n) if n == int(n) else float(n)


def scratch_ranges(cells: Cells) -> Floats:
    """Smallest and largest from-scratch data size of each size (S, 2), characters."""
    return np.array(
        [
            [
                cells.d_chars[cells.scratch & (cells.size == s)].min(),
                cells.d_chars[cells.scratch & (cells.size == s)].max(),
            ]
            for s in range(len(cells.sizes))
        ]
    )


def with_curves(cells: Cells, at_least: int = 3) -> tuple[Cells, tuple[str, ...]]:
    """The cells of sizes whose scratch arm has `at_least` data sizes, and a sentence on those left out.

    Raises TransferLawsError when no size has as many: without a curve there is no effective data.
    """
    counts = np.bincount(cells.size[cells.scratch], minlength=len(cells.sizes))
    good = counts >= at_least
    if not good.any():
        data = np.unique(cells.d_chars[cells.scratch])
        what = (
            f"one data size only (d_chars = {data[0]:g})"
            if data.size == 1
            else f"{int(counts.max())} data sizes at most"
        )
        raise TransferLawsError(
            f"the {SCRATCH} arm has {what} for each size; a curve of loss against d_chars needs at least "
            f"{at_least}"
        )
    if good.all():
        return cells, ()
    keep = good[cells.size]
    new_index = np.cumsum(good) - 1
    kept = cells.only(keep)
    names = ", ".join(f"{n:g}" for n in cells.sizes[~good][:5])
    said = (
        f"left out {int((~good).sum())} sizes with fewer than {at_least} from-scratch data sizes "
        f"(n_params {names}{', ...' if (~good).sum() > 5 else ''}; {int(cells.n_seeds[~keep].sum())} runs)"
    )
    return (
        Cells(
            cells.sizes[good],
            new_index[kept.size],
            kept.d_chars,
            kept.source,
            kept.sources,
            kept.loss,
            kept.n_seeds,
            kept.variance,
            kept.dof,
            int(kept.n_seeds.sum()),
        ),
        (said,),
    )


def reference(cells: Cells) -> float:
    """D_ref: the geometric middle of the from-scratch data sizes, characters."""
    return float(np.exp(np.mean(np.log(np.unique(cells.d_chars[cells.scratch])))))


def table_box(cells: Cells) -> Box:
    """The bounds of one curve's parameters for this table."""
    d = cells.d_chars[cells.scratch]
    return curve_box(d.min(), d.max(), cells.loss.max())


def scratch_theta(cells: Cells, losses: Floats, sd: Floats, near: Floats | None = None) -> Floats:
    """Curve parameters (B, S, 4) from the scratch cells alone, for losses (B, m) of all cells, sd (m,).

    `near` (S, 4) starts every search at known curves instead of over a grid: for redrawn studies.
    """
    box, d_ref = table_box(cells), reference(cells)
    out = np.empty((len(losses), len(cells.sizes), N_CURVE))
    for s in range(len(cells.sizes)):
        at = np.flatnonzero(cells.scratch & (cells.size == s))
        start = None if near is None else near[s]
        out[:, s] = fit_floor(cells.d_chars[at], losses[:, at], sd[at], d_ref, box, start)
    return out


def curve_noise(cells: Cells) -> tuple[Floats, Floats, float]:
    """Scratch curves (S, 4), the sd (m,) of each cell's mean about them, and its degrees of freedom.

    The seeds' noise, plus what the curves leave unexplained (Paule and Mandel 1982) spread evenly.
    """
    at = cells.scratch
    free = int(at.sum()) - 3 * len(cells.sizes)
    typical = np.sqrt(cells.variance.mean()) if cells.dof else 0.01
    theta = scratch_theta(cells, cells.loss[None], np.full(len(cells.loss), max(typical, 1e-6)))[0]
    fitted = floor_loss(theta[cells.size][None], cells.d_chars, reference(cells))[0][0]
    extra = excess_variance((cells.loss - fitted)[at], cells.variance[at], free) if free > 0 else 0.0
    sd = np.sqrt(cells.variance + extra)
    if not np.all(sd > 1e-9):
        sd = np.full_like(sd, 0.01 if free <= 0 else 1e-6)
    dof = float(max(free, 0) + (cells.dof if extra == 0 else 0))
    return theta, sd, max(dof, 1.0)


def excess_variance(residuals: Floats, variance: Floats, dof: float) -> float:
    """The variance to add to each cell so that sum r^2 / (variance + it) = dof; 0 if it is that small
    already.
    """

    def chi2(extra: float) -> float:
        return float(np.sum(residuals**2 / np.maximum(variance + extra, 1e-18)))

    if chi2(0.0) <= dof:
        return 0.0
    low, high = 0.0, float(np.sum(residuals**2)) / dof + 1e-18
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chi2(middle) > dof else (low, middle)
    return high


def fit_curves(table: pd.DataFrame, model: str = "floor") -> Curves:
    """A curve for every size of the table's scratch arm; `model` is "floor" or "pchip".

    Raises TransferLawsError for an unknown model, no scratch arm, or too few data sizes for any curve.
    """
    if model not in ("floor", "pchip"):
        raise TransferLawsError(f"model is {model!r}; it takes 'floor' or 'pchip'")
    table = check_table(table)
    require_scratch(table)
    cells, _ = with_curves(reduce_to_cells(table, ()), 3 if model == "floor" else 2)
    if model == "floor":
        theta, _, _ = curve_noise(cells)
        return Curves.from_theta(cells.sizes, theta, reference(cells), scratch_ranges(cells))
    by_size: dict[float, Curve | MeasuredCurve] = {}
    for s, n in enumerate(cells.sizes):
        at = np.flatnonzero(cells.size == s)
        at = at[np.argsort(cells.d_chars[at])]
        falling = isotonic_regression(
            cells.loss[at], weights=cells.n_seeds[at].astype(float), increasing=False
        ).x
        by_size[_whole(n)] = MeasuredCurve(_whole(n), tuple(cells.d_chars[at]), tuple(falling))
    return Curves(by_size)


def require_scratch(table: pd.DataFrame) -> None:
    """Raise TransferLawsError unless the table has from-scratch runs."""
    if SCRATCH not in set(table["arm"]):
        arms = ", ".join(sorted(set(table["arm"]))[:8])
        raise TransferLawsError(
            f"column arm has no {SCRATCH!r} run (it holds {arms}); effective data is measured against the "
            f"{SCRATCH} arm"
        )
