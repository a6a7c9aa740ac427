"""An arm's best rate and weight decay as smooth functions of model size and data, from all that was tried.

In each cell the loss is a valley in the logarithms of rate r and weight decay w,

    L = L_cell + a (ln r - ln r*)^2 + b (ln w - ln w*)^2 ,

whose floor L_cell is the cell's own, whose curvatures a and b belong to the arm, and whose bottom moves
smoothly: ln r* and ln w* are linear in ln N, ln D and their product. One noisy loss then moves the choice of
a cell little, and cells too dear to be searched take theirs from the others. Torch-free.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEAR = 0.1  # nats/token above the best of a cell, beyond which the valley is no parabola
NOISE = 0.02  # nats/token by which one loss misses it; those further off count linearly
CURVATURE = 0.05  # nats for a factor e off the bottom, expected within a factor e
SLOPES = np.array([0.5, 0.5, 0.1])  # of ln N, ln D and their product: one standard deviation about 0
AXES = ("rate", "weight_decay")


@dataclass(frozen=True)
class Trial:
    """A tuning run: its cell, what was tried, the validation loss in nats/token (infinite: it diverged)."""

    n_params: int
    d_chars: int
    rate: float
    weight_decay: float
    loss: float


@dataclass(frozen=True)
class Surface:
    """Where the valleys lie: `bottoms` (2, 4), terms of ln r* and ln w* about `centre`; `curvatures` (2,).

    `residuals` has a row a trial near its cell's best: the trial, the fitted loss and the difference.
    """

    centre: tuple[float, float]
    bottoms: Floats
    curvatures: Floats
    limits: Floats
    residuals: pd.DataFrame = field(repr=False)

    def rate(self, n_params: float, d_chars: float) -> float:
        """The learning rate of a cell, to three digits and within what was tried anywhere."""
        return self._at(0, n_params, d_chars)

    def weight_decay(self, n_params: float, d_chars: float) -> float:
        """The weight decay of a cell, likewise."""
        return self._at(1, n_params, d_chars)

    def _at(self, axis: int, n_params: float, d_chars: float) -> float:
        terms = _terms(np.log([n_params]), np.log([d_chars]), self.centre)[0]
        value = np.clip(terms @ self.bottoms[axis], *self.limits[axis])
        return float(f"{math.exp(value):.3g}")


def fit_surface(trials: Sequence[Trial]) -> Surface:
    """The surface through an arm's trials; raises ValueError if none of them has a finite loss."""
    from scipy.optimize import least_squares  # half a second that a reader of studies need not wait

    table = pd.DataFrame(trials)
    if table.empty or not np.isfinite(table["loss"]).any():
        raise ValueError("a surface needs a tuning run with a finite loss")
    best = table.groupby(["n_params", "d_chars"])["loss"].transform("min")
    table = table[table["loss"] <= best + NEAR].reset_index(drop=True)
    cell = table.groupby(["n_params", "d_chars"]).ngroup().to_numpy()
    log_n, log_d = np.log(table["n_params"].to_numpy(float)), np.log(table["d_chars"].to_numpy(float))
    centre = (float(log_n.mean()), float(log_d.mean()))
    terms, tried = _terms(log_n, log_d, centre), np.log(table[list(AXES)].to_numpy(float).T)
    loss = table["loss"].to_numpy(float)
    floors = table.groupby(cell)["loss"].min().to_numpy()
    best_tried = tried[:, loss <= floors[cell]].mean(axis=1)

    def unpack(theta: Floats) -> tuple[Floats, Floats, Floats]:
        return theta[:8].reshape(2, 4), np.exp(theta[8:10]), theta[10:]

    def fitted(theta: Floats) -> Floats:
        bottoms, curvatures, floor = unpack(theta)
        return np.asarray(floor[cell] + curvatures @ (tried - bottoms @ terms.T) ** 2)

    def residuals(theta: Floats) -> Floats:
        bottoms, curvatures, _ = unpack(theta)
        held = [(bottoms[:, 1:] / SLOPES).ravel(), bottoms[:, 0] - best_tried, np.log(curvatures / CURVATURE)]
        misses = (fitted(theta) - loss) / NOISE
        # Huber's loss as a residual: quadratic up to one standard deviation, linear beyond.
        size = np.abs(misses)
        drawn_in = np.sign(misses) * np.sqrt(np.where(size <= 1, size**2, 2 * size - 1))
        return np.concatenate([drawn_in, *held])

    start = np.concatenate(
        [np.column_stack([best_tried, np.zeros((2, 3))]).ravel(), np.log([CURVATURE] * 2), floors]
    )
    theta = least_squares(residuals, start, x_scale="jac").x
    bottoms, curvatures, _ = unpack(theta)
    predicted = fitted(theta)
    return Surface(
        centre=centre,
        bottoms=bottoms,
        curvatures=curvatures,
        limits=np.column_stack([tried.min(axis=1), tried.max(axis=1)]),
        residuals=table.assign(fitted=predicted, residual=loss - predicted),
    )


def _terms(log_n: Floats, log_d: Floats, centre: tuple[float, float]) -> Floats:
    """1, ln N, ln D and their product about the centre (m, 4)."""
    n, d = log_n - centre[0], log_d - centre[1]
    return np.column_stack([np.ones_like(n), n, d, n * d])
