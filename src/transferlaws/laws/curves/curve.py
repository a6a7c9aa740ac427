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
from transferlaws.laws.curves.floor import N_CURVE
from transferlaws.laws.curves.scratch import (
    curve_noise,
    reference,
    require_scratch,
    scratch_ranges,
    with_curves,
)
from transferlaws.laws.data.cells import reduce_to_cells
from transferlaws.laws.data.table import check_table

Floats = NDArray[np.float64]


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
