"""A law of transfer whose exponent of data changes along the data: the straight one, and a term for its bend.

ln D_T = ln k + alpha ln D_F + beta ln N + (curvature / 2) ln^2(D_F / D_middle): about D_middle it is the law
of Hernandez et al. 2021 (eq. 1.1), and elsewhere that law with an alpha of its own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from transferlaws.laws.forms.hernandez import Hernandez, require_finite


@dataclass(frozen=True)
class Curved:
    """D_T = k D_F^alpha N^beta exp(curvature / 2 ln^2(D_F / d_middle)), all data in characters."""

    k: float
    alpha: float
    beta: float
    curvature: float
    d_middle: float

    def __post_init__(self) -> None:
        require_finite(self, "k", "d_middle")

    def local(self, d_chars: float) -> Hernandez:
        """The law of transfer that touches this one at `d_chars`: what it comes to in that neighbourhood."""
        x = float(np.log(d_chars / self.d_middle))
        alpha = self.alpha + self.curvature * x
        ln_k = np.log(self.k) + self.curvature * x**2 / 2 - self.curvature * x * np.log(d_chars)
        return Hernandez.from_ln_k(float(ln_k), alpha, self.beta)

    def d_transferred(self, *, n_params: ArrayLike, d_chars: ArrayLike) -> Any:
        """Effective data transferred, in characters; broadcasts over its arguments."""
        n, d = np.asarray(n_params, float), np.asarray(d_chars, float)
        bend = self.curvature / 2 * np.log(d / self.d_middle) ** 2
        return np.exp(np.log(self.k) + self.alpha * np.log(d) + self.beta * np.log(n) + bend)[()]

    def d_effective(self, *, n_params: ArrayLike, d_chars: ArrayLike) -> Any:
        """Effective data D_F + D_T, in characters."""
        return (np.asarray(d_chars, float) + self.d_transferred(n_params=n_params, d_chars=d_chars))[()]

    def __str__(self) -> str:
        return (
            f"D_T = {self.k:.3g} D_F^{self.alpha:.3g} N^{self.beta:.3g} "
            f"exp({self.curvature / 2:+.3g} ln^2(D_F / {self.d_middle:.3g}))"
        )
