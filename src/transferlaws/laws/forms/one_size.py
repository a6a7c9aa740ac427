"""Loss against data at one size, the commonest question there is: the forms without a term for size.

`AT_ONE_SIZE` says which form a table of one size is fitted with where a form with a term for size was asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from transferlaws.laws.forms.loss_forms import Chinchilla, Floats, LossForm, Multiplicative, Rectified, Tied


@dataclass(frozen=True)
class PowerOfData(LossForm):
    """E + B/D^beta: what the additive and the multiplicative form are at one size."""

    E: float
    B: float
    beta: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"beta": (0.01, 3.0)}
    terms: ClassVar[tuple[str, ...]] = ("E", "B")
    sized: ClassVar[bool] = False

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        shape = d ** -exponents[:, :1]
        return np.stack([np.ones_like(shape), shape], axis=2)


@dataclass(frozen=True)
class RectifiedAtOneSize(LossForm):
    """E + B/(d_learned^beta + D^beta), each model alone, as published (Lin et al. 2024); finite at D = 0."""

    E: float
    B: float
    beta: float
    d_learned: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"beta": (0.01, 3.0), "d_learned": (1e-4, 1e4)}
    lengths: ClassVar[frozenset[str]] = frozenset({"d_learned"})
    terms: ClassVar[tuple[str, ...]] = ("E", "B")
    sized: ClassVar[bool] = False
    at_zero: ClassVar[bool] = True

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        beta, learned = exponents.T[:, :, None]
        shape = 1 / (learned**beta + d**beta)
        return np.stack([np.ones_like(shape), shape], axis=2)


AT_ONE_SIZE: Mapping[type[LossForm], type[LossForm]] = {
    Chinchilla: PowerOfData,
    Tied: PowerOfData,
    Multiplicative: PowerOfData,
    Rectified: RectifiedAtOneSize,
}
