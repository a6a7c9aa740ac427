"""What a law predicts of a cell's mean or of one run: law, curves, misfit and noise together.

By the delta method: the gradient of the predicted loss in all parameters, their covariance, and the variance
of what sets a cell and a run apart from the law. Between sizes that have a curve losses are linear in ln N.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.floor import N_CURVE, floor_loss

Floats = NDArray[np.float64]

N_LAW = 3
SAME = 1.05
"""Ratio up to which a size is the size of a sole curve."""


@dataclass(frozen=True)
class Predictive:
    """A source's law and curves as values with their covariance, and the noise about them.

    `law` (3,) is c, alpha, beta about `centre` (m_D, m_N), and `curves` (S, 4) are E, ln R, ln b, ln D0 of
    sizes `n_params` (S,) about `d_ref` characters (`floor_loss`); `covariance` (3 + 4 S, 3 + 4 S) is theirs.
    `variance` (J,) of one run in nats^2 at ln of data size `data` (J,), `misfit` that of a cell about the law
    in nats^2, all known to `dof` degrees of freedom.
    """

    law: Floats
    curves: Floats
    n_params: Floats
    centre: tuple[float, float]
    d_ref: float
    covariance: Floats
    data: Floats
    variance: Floats
    misfit: float
    dof: float

    def _at(self, n_params: float, d_chars: float) -> tuple[float, Floats]:
        """Loss in nats/token at a size and characters, and its gradient (3 + 4 S,)."""
        sizes, n = np.log(self.n_params), np.log(n_params)
        if len(sizes) == 1:
            if abs(n - sizes[0]) > np.log(SAME):
                raise TransferLawsError(
                    f"no curve for n_params = {n_params:g}; there is {self.n_params[0]:g}"
                )
            weights = {0: 1.0}
        else:
            right = int(np.clip(np.searchsorted(sizes, n), 1, len(sizes) - 1))
            share = float((n - sizes[right - 1]) / (sizes[right] - sizes[right - 1]))
            weights = {right - 1: 1 - share, right: share}
        at = np.array([1.0, np.log(d_chars) - self.centre[0], n - self.centre[1]])
        transferred = np.exp(np.clip(self.law @ at, -60.0, 60.0))
        effective = d_chars + transferred
        loss, gradient = 0.0, np.zeros(len(self.covariance))
        for s, weight in weights.items():
            value, by_curve, slope = floor_loss(self.curves[s][None], np.array([effective]), self.d_ref)
            loss += weight * float(value[0, 0])
            start = N_LAW + N_CURVE * s
            gradient[start : start + N_CURVE] += weight * by_curve[0, 0]
            gradient[:N_LAW] += weight * float(slope[0, 0]) * transferred / effective * at
        return loss, gradient

    def sd(self, n_params: float, d_chars: float, runs: float = np.inf) -> float:
        """Standard deviation, nats/token, of the mean of `runs` runs about what the law predicts."""
        _, gradient = self._at(n_params, d_chars)
        run = float(np.exp(np.interp(np.log(d_chars), self.data, np.log(self.variance))))
        return float(np.sqrt(gradient @ self.covariance @ gradient + self.misfit + run / runs))

    def interval(
        self, n_params: float, d_chars: float, runs: float = np.inf, level: float = 0.95
    ) -> tuple[float, float, float]:
        """Loss in nats/token at a size and characters, and the ends that hold the mean of `runs` runs.

        One run is `runs` 1; infinitely many, the default, are the cell's own mean. Raises TransferLawsError
        for another size than the only one.
        """
        from scipy.stats import t as student  # a second's import that a planner need not wait for

        value, _ = self._at(n_params, d_chars)
        reach = float(student.ppf((1 + level) / 2, self.dof)) * self.sd(n_params, d_chars, runs)
        return value, value - reach, value + reach

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back: of the covariance the lower triangle, row by row."""
        arrays = ("law", "curves", "n_params", "centre", "data", "variance")
        held: dict[str, Any] = {name: _short(np.asarray(getattr(self, name))) for name in arrays}
        lower = self.covariance[np.tril_indices(len(self.covariance))]
        return held | {
            "d_ref": self.d_ref,
            "misfit": self.misfit,
            "dof": min(self.dof, 1e9),
            "covariance": _short(lower),
        }

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> "Predictive":
        """The value that `to_json` wrote; raises KeyError, TypeError or ValueError for what is none."""

        def array(name: str) -> Floats:
            return np.array(held[name], float)

        curves, (m_d, m_n) = array("curves"), map(float, held["centre"])
        size = N_LAW + curves.size
        covariance = np.zeros((size, size))
        covariance[np.tril_indices(size)] = held["covariance"]
        return cls(
            law=array("law"),
            curves=curves,
            n_params=array("n_params"),
            centre=(m_d, m_n),
            d_ref=float(held["d_ref"]),
            covariance=covariance + covariance.T - np.diag(np.diag(covariance)),
            data=array("data"),
            variance=array("variance"),
            misfit=float(held["misfit"]),
            dof=float(held["dof"]),
        )


def _short(values: Floats) -> list[Any]:
    """An array as nested lists of numbers of nine digits."""
    return np.vectorize(lambda value: float(f"{value:.9g}"))(values).tolist() if values.size else []
