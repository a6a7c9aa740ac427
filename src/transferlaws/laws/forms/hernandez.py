"""The transfer law as a value: D_T = k D_F^alpha N^beta, what follows from it, and itself as mathematics.

Hernandez et al. 2021 (arXiv 2102.01293), eq. 1.1, 1.2, B.2 and C.1. Sizes are parameters without embeddings,
data are characters of the target.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from transferlaws.errors import TransferLawsError


def require_finite(law: object, *positive: str) -> None:
    """Raise TransferLawsError unless every field of a law is finite, and those named `positive` above 0."""
    for name, value in vars(law).items():
        if not np.isfinite(value) or (name in positive and value <= 0):
            what = "a positive finite number" if name in positive else "a finite number"
            raise TransferLawsError(f"{type(law).__name__}.{name} is {value!r}; it takes {what}")


def _scientific(value: float) -> str:
    mantissa, exponent = f"{value:.2e}".split("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}"


@dataclass(frozen=True)
class Hernandez:
    """D_T = k D_F^alpha N^beta: characters of target data that pre-training is worth (eq. 1.1)."""

    k: float
    alpha: float
    beta: float

    def __post_init__(self) -> None:
        require_finite(self, "k")

    @classmethod
    def from_ln_k(cls, ln_k: float, alpha: float, beta: float) -> "Hernandez":
        """The law from ln k, held within what a float can carry."""
        return cls(float(np.exp(np.clip(ln_k, -600, 600))), float(alpha), float(beta))

    def d_transferred(self, *, n_params: ArrayLike, d_chars: ArrayLike) -> Any:
        """Effective data transferred, in characters (eq. 1.1); broadcasts over its arguments."""
        n, d = np.asarray(n_params, float), np.asarray(d_chars, float)
        return np.exp(np.log(self.k) + self.alpha * np.log(d) + self.beta * np.log(n))[()]

    def d_effective(self, *, n_params: ArrayLike, d_chars: ArrayLike) -> Any:
        """Effective data D_F + D_T, in characters (appendix B.1)."""
        return (np.asarray(d_chars, float) + self.d_transferred(n_params=n_params, d_chars=d_chars))[()]

    def fraction(self, *, n_params: ArrayLike, d_chars: ArrayLike) -> Any:
        """D_T / (D_F + D_T), between 0 and 1 (eq. B.2): the height in the paper's figure 2."""
        ratio = self.d_transferred(n_params=n_params, d_chars=d_chars) / np.asarray(d_chars, float)
        return (ratio / (1 + ratio))[()]

    def data_multiplier(self, *, n_params: ArrayLike, d_chars: ArrayLike) -> Any:
        """(D_F + D_T) / D_F: how many times the data seem to have grown (eq. 1.2, exactly)."""
        return (1 + self.d_transferred(n_params=n_params, d_chars=d_chars) / np.asarray(d_chars, float))[()]

    def n_star(self, d_chars: ArrayLike) -> Any:
        """N* = (D_F^(1-alpha)/k)^(1/beta), at which half the effective data is transferred (eq. C.1)."""
        log_d = np.log(np.asarray(d_chars, float))
        return np.exp(((1 - self.alpha) * log_d - np.log(self.k)) / self.beta)[()]

    def data_worth(self, params_factor: float) -> float:
        """The factor of D_F that multiplies D_T as much as `params_factor` times the parameters does."""
        return float(params_factor ** (self.beta / self.alpha))

    def __str__(self) -> str:
        return f"D_T = {self.k:.3g} D_F^{self.alpha:.3g} N^{self.beta:.3g}"

    def latex(self) -> str:
        """The law as mathematics, with its numbers."""
        return rf"D_T = {_scientific(self.k)} \, D_F^{{{self.alpha:.3g}}} \, N^{{{self.beta:.3g}}}"
