"""The forms of loss that laws are compared with, one small frozen dataclass each.

Each gives nats/token as (sum_i c_i basis_i(N, D))^power with every c_i >= 0, so only exponents need a search.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferlaws.laws.forms.hernandez import require_finite

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LossForm(ABC):
    """A form of the loss in nats/token; `exponents` (with bounds) are searched, `terms` are solved for.

    `sized` says whether it has a term for size, `at_zero` whether it is finite without data.
    """

    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {}
    lengths: ClassVar[frozenset[str]] = frozenset()
    terms: ClassVar[tuple[str, ...]] = ()
    both_arms: ClassVar[bool] = False
    sized: ClassVar[bool] = True
    at_zero: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_finite(self)

    @staticmethod
    @abstractmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:
        """The terms' shapes (B, m, terms) at exponents (B, q), sizes n (m,), data d (m,), arm flags (m,)."""

    @classmethod
    def power(cls, exponents: Floats) -> Floats:
        """The outer power (B, 1) the sum of terms is raised to: 1 unless a form says otherwise."""
        return np.ones((len(exponents), 1))

    @classmethod
    def assemble(cls, exponents: Mapping[str, float], terms: Mapping[str, float]) -> Self:
        """The law from the values of its exponents and of its terms' coefficients."""
        return cls(**exponents, **terms)

    def disassemble(self) -> tuple[Floats, Floats]:
        """The inverse of `assemble`: exponents (q,) and coefficients (terms,)."""
        return (
            np.array([getattr(self, name) for name in self.exponents]),
            np.array([getattr(self, name) for name in self.terms]),
        )

    def loss(self, *, n_params: ArrayLike, d_chars: ArrayLike, source: ArrayLike = True) -> Any:
        """Loss in nats/token at sizes and data sizes that broadcast; `source` False: from scratch."""
        n, d, s = np.broadcast_arrays(
            np.asarray(n_params, float), np.asarray(d_chars, float), np.asarray(source)
        )
        exponents, terms = self.disassemble()
        shapes = self.basis(exponents[None], n.ravel(), d.ravel(), s.ravel().astype(bool))[0]
        value = (shapes @ terms) ** self.power(exponents[None])[0, 0]
        return value.reshape(n.shape)[()]

    @classmethod
    def n_free(cls) -> int:
        """Number of free parameters."""
        return len(cls.exponents) + len(cls.terms)


@dataclass(frozen=True)
class Chinchilla(LossForm):
    """E + A/N^alpha + B/D^beta (Hoffmann et al. 2022): the additive form, with a floor."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": (0.01, 3.0), "beta": (0.01, 3.0)}
    terms: ClassVar[tuple[str, ...]] = ("E", "A", "B")

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        alpha, beta = exponents.T[:, :, None]
        return np.stack([np.ones((len(exponents), n.size)), n**-alpha, d**-beta], axis=2)


@dataclass(frozen=True)
class Tied(LossForm):
    """E + A/N^alpha + B/D^alpha: one exponent for both (Muennighoff et al. 2023), if sizes are few."""

    E: float
    A: float
    B: float
    alpha: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": (0.01, 3.0)}
    terms: ClassVar[tuple[str, ...]] = ("E", "A", "B")

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        alpha = exponents[:, :1]
        return np.stack([np.ones((len(exponents), n.size)), n**-alpha, d**-alpha], axis=2)


@dataclass(frozen=True)
class Kaplan(LossForm):
    """[(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D (Kaplan et al. 2020, eq. 1.5): no floor."""

    N_c: float
    D_c: float
    alpha_N: float  # noqa: N815
    alpha_D: float  # noqa: N815
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"ratio": (0.05, 10.0), "alpha_D": (0.01, 1.5)}
    terms: ClassVar[tuple[str, ...]] = ("size", "data")

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        ratio = exponents[:, :1]
        return np.stack([n**-ratio, np.broadcast_to(1 / d, (len(exponents), d.size))], axis=2)

    @classmethod
    def power(cls, exponents: Floats) -> Floats:
        return exponents[:, 1:2]

    @classmethod
    def assemble(cls, exponents: Mapping[str, float], terms: Mapping[str, float]) -> Self:
        ratio, alpha_d = exponents["ratio"], exponents["alpha_D"]
        return cls(
            N_c=_size_scale(terms["size"], ratio), D_c=terms["data"], alpha_N=ratio * alpha_d, alpha_D=alpha_d
        )

    def disassemble(self) -> tuple[Floats, Floats]:
        ratio = self.alpha_N / self.alpha_D
        return np.array([ratio, self.alpha_D]), np.array([self.N_c**ratio, self.D_c])


@dataclass(frozen=True)
class Multiplicative(LossForm):
    """A/(N^alpha D^beta) + E (Zhang et al. 2024): size and data multiply."""

    E: float
    A: float
    alpha: float
    beta: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": (-0.5, 3.0), "beta": (0.01, 3.0)}
    terms: ClassVar[tuple[str, ...]] = ("E", "A")

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        alpha, beta = exponents.T[:, :, None]
        return np.stack([np.ones((len(exponents), n.size)), n**-alpha * d**-beta], axis=2)


@dataclass(frozen=True)
class Rectified(LossForm):
    """B/(d_learned^beta + D^beta) + A/N^alpha + E: flat at little data (Lin et al. 2024, and a size term)."""

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    d_learned: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {
        "alpha": (0.01, 3.0),
        "beta": (0.01, 3.0),
        "d_learned": (1e-4, 1e4),
    }
    lengths: ClassVar[frozenset[str]] = frozenset({"d_learned"})
    terms: ClassVar[tuple[str, ...]] = ("E", "A", "B")
    at_zero: ClassVar[bool] = True

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        alpha, beta, learned = exponents.T[:, :, None]
        return np.stack([np.ones((len(exponents), n.size)), n**-alpha, 1 / (learned**beta + d**beta)], axis=2)


@dataclass(frozen=True)
class TransferGap(LossForm):
    """(A N^-alpha + G) D^-beta + E (Mikami et al. 2021, Barnett 2024), the size standing for pre-training."""

    E: float
    A: float
    G: float
    alpha: float
    beta: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {"alpha": (0.01, 3.0), "beta": (0.01, 3.0)}
    terms: ClassVar[tuple[str, ...]] = ("E", "A", "G")

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        alpha, beta = exponents.T[:, :, None]
        return np.stack([np.ones((len(exponents), n.size)), n**-alpha * d**-beta, d**-beta], axis=2)


@dataclass(frozen=True)
class BrokenPower(LossForm):
    """E + A N^-alpha D^-c0 (1 + (D/d_break)^2)^(-c1/2): a break of sharpness 1/2 (Caballero et al. 2022)."""

    E: float
    A: float
    alpha: float
    c0: float
    c1: float
    d_break: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {
        "alpha": (-0.5, 3.0),
        "c0": (0.0, 3.0),
        "c1": (-1.0, 3.0),
        "d_break": (1e-3, 1e3),
    }
    lengths: ClassVar[frozenset[str]] = frozenset({"d_break"})
    terms: ClassVar[tuple[str, ...]] = ("E", "A")

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:  # noqa: ARG004
        alpha, c0, c1, d_break = exponents.T[:, :, None]
        shape = n**-alpha * d**-c0 * (1 + (d / d_break) ** 2) ** (-c1 / 2)
        return np.stack([np.ones_like(shape), shape], axis=2)


@dataclass(frozen=True)
class Unified(LossForm):
    """[(N_C/N)^(alpha_N/alpha_D) + D_C/D]^alpha_D, D = k D_F^alpha N^beta after pre-training (eq. 6.1)."""

    N_C: float
    D_C: float
    alpha_N: float  # noqa: N815
    alpha_D: float  # noqa: N815
    k: float
    alpha: float
    beta: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {
        "ratio": (0.05, 10.0),
        "alpha_D": (0.01, 1.5),
        "alpha": (-1.0, 3.0),
        "beta": (-1.0, 3.0),
    }
    terms: ClassVar[tuple[str, ...]] = ("size", "data", "transfer")
    both_arms: ClassVar[bool] = True

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:
        ratio, _, alpha, beta = exponents.T[:, :, None]
        scratch = np.broadcast_to(np.where(source, 0.0, 1 / d), (len(exponents), d.size))
        return np.stack([n**-ratio, scratch, np.where(source, d**-alpha * n**-beta, 0.0)], axis=2)

    @classmethod
    def power(cls, exponents: Floats) -> Floats:
        return exponents[:, 1:2]

    @classmethod
    def assemble(cls, exponents: Mapping[str, float], terms: Mapping[str, float]) -> Self:
        ratio, alpha_d = exponents["ratio"], exponents["alpha_D"]
        return cls(
            N_C=_size_scale(terms["size"], ratio),
            D_C=terms["data"],
            alpha_N=ratio * alpha_d,
            alpha_D=alpha_d,
            k=min(terms["data"] / max(terms["transfer"], 1e-300), 1e300),
            alpha=exponents["alpha"],
            beta=exponents["beta"],
        )

    def disassemble(self) -> tuple[Floats, Floats]:
        ratio = self.alpha_N / self.alpha_D
        return (
            np.array([ratio, self.alpha_D, self.alpha, self.beta]),
            np.array([self.N_C**ratio, self.D_C, self.D_C / self.k]),
        )


@dataclass(frozen=True)
class UnifiedFloor(LossForm):
    """E + A/N^a + B/D^b, D = k D_F^alpha N^beta after pre-training: eq. 6.1 with a floor."""

    E: float
    A: float
    B: float
    a: float
    b: float
    k: float
    alpha: float
    beta: float
    exponents: ClassVar[Mapping[str, tuple[float, float]]] = {
        "a": (0.01, 3.0),
        "b": (0.01, 3.0),
        "alpha": (-1.0, 3.0),
        "beta": (-1.0, 3.0),
    }
    terms: ClassVar[tuple[str, ...]] = ("E", "A", "B", "transfer")
    both_arms: ClassVar[bool] = True

    @staticmethod
    def basis(exponents: Floats, n: Floats, d: Floats, source: NDArray[np.bool_]) -> Floats:
        a, b, alpha, beta = exponents.T[:, :, None]
        alone = np.where(source, 0.0, d**-b)
        transfer = np.where(source, d ** -(alpha * b) * n ** -(beta * b), 0.0)
        return np.stack([np.ones_like(alone), n**-a, alone, transfer], axis=2)

    @classmethod
    def assemble(cls, exponents: Mapping[str, float], terms: Mapping[str, float]) -> Self:
        ratio = max(terms["B"], 1e-300) / max(terms["transfer"], 1e-300)
        k = float(np.exp(np.clip(np.log(ratio) / exponents["b"], -600, 600)))
        return cls(**exponents, E=terms["E"], A=terms["A"], B=terms["B"], k=k)

    def disassemble(self) -> tuple[Floats, Floats]:
        transfer = self.B * float(np.exp(-self.b * np.log(self.k)))
        return np.array([self.a, self.b, self.alpha, self.beta]), np.array([self.E, self.A, self.B, transfer])


def _size_scale(size: float, ratio: float) -> float:
    """N_c of a size term, in logarithms: a term that the data do not need is 0, and N_c with it."""
    return float(np.exp(min(np.log(max(size, 1e-300)) / ratio, 700.0)))
