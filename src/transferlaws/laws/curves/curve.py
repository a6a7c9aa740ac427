"""One curve a size: the from-scratch loss against data, L(D) = E + B (D + D0)^-b, and its inverse.

The floor E is what the paper's appendix E lacked. PCHIP in log D (made monotone) is the model-free
alternative: it follows the measured means and answers nothing beyond them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.status import CellStatus


@dataclass(frozen=True)
class Curve:
    """E + B (D + D0)^-b of one size: loss in nats/token, D in characters; runs from `d_min` to `d_max`."""

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

    def invert(self, loss: float) -> tuple[float, CellStatus]:
        """Characters at which the curve reaches `loss`, and how: interpolated, extrapolated or below_floor.

        Below the floor no amount of data reaches it: inf. Above the curve's start the answer is negative.
        """
        if loss <= self.E:
            return float("inf"), CellStatus.BELOW_FLOOR
        with np.errstate(over="ignore"):
            d = float(np.exp((np.log(self.B) - np.log(loss - self.E)) / self.b) - self.D0)
        measured = self.d_min <= d <= self.d_max
        return d, CellStatus.INTERPOLATED if measured else CellStatus.EXTRAPOLATED

    def d_n(self, level: float = 0.99) -> float:
        """D(N): characters where `level` times the loss is the floor (footnote 7); inf without a floor."""
        if not 0 < level < 1:
            raise TransferLawsError(f"level is {level!r}; it takes a number between 0 and 1, such as 0.99")
        return max(self.invert(self.E / level)[0], 0.0) if self.E > 0 else float("inf")


LOW_DATA = 0.1
"""The low-data regime: D_F at most this share of D(N)."""


def regime_of(d_chars: float, d_n: tuple[float, float]) -> str:
    """low: `d_chars` is at most a tenth of D(N); medium: at most D(N); high: more.

    In characters, `d_n` being the ends of D(N). Where these leave room for more than one: unknown.
    """
    low, high = d_n
    if d_chars <= LOW_DATA * low:
        return "low"
    if d_chars > high:
        return "high"
    return "medium" if LOW_DATA * high < d_chars <= low else "unknown"


@dataclass(frozen=True)
class MeasuredCurve:
    """PCHIP through the measured means of one size, made monotone; it knows no floor, and no data beyond."""

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
        return np.asarray(self._through()(np.log(np.asarray(d_chars, float))))

    def slope(self, d_chars: ArrayLike) -> NDArray[np.float64]:
        """dL/d ln D in nats/token; NaN outside the measured range."""
        return np.asarray(self._through().derivative()(np.log(np.asarray(d_chars, float))))

    def _through(self) -> Any:
        from scipy.interpolate import PchipInterpolator  # a second's import that a planner need not wait for

        return PchipInterpolator(np.log(self.d_chars), self.losses, extrapolate=False)

    def invert(self, loss: float) -> tuple[float, CellStatus]:
        """Characters with this loss; above the curve NaN (extrapolated), under it inf (below_floor)."""
        if loss < self.losses[-1]:
            return float("inf"), CellStatus.BELOW_FLOOR
        if loss > self.losses[0]:
            return float("nan"), CellStatus.EXTRAPOLATED
        grid = np.geomspace(self.d_min, self.d_max, 2000)
        values = self.loss(grid)
        return float(np.exp(np.interp(-loss, -values, np.log(grid)))), CellStatus.INTERPOLATED

    def d_n(self, level: float = 0.99) -> float:  # noqa: ARG002
        """Not known without a floor: inf."""
        return float("inf")


@dataclass(frozen=True)
class Curves(Mapping[float, "Curve | MeasuredCurve"]):
    """The curves of a table by size (parameters without embeddings)."""

    by_size: Mapping[float, Curve | MeasuredCurve]

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

    def to_rows(self) -> list[dict[str, float | None]]:
        """The curves as laws.json holds them, one object a size; d_n_chars is null where D(N) has no end."""
        fitted = [curve for curve in self.values() if isinstance(curve, Curve)]
        return [
            {name: getattr(curve, name) for name in ("n_params", "E", "B", "b", "D0")}
            | {"d_n_chars": curve.d_n() if curve.d_n() < 1e300 else None}
            for curve in fitted
        ]
