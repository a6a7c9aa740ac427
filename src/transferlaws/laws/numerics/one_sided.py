"""Losses that are upper ends: a run that ended at its limit would have gone lower, nobody knows how far.

How far is a parameter of each such run, at least 0, and the likelihood taken is the highest over it: an upper
end above the model's loss leaves nothing, and one below it counts as a loss that was measured. To integrate
over it, as Tobin (1958) may where the limit was known beforehand, would be to call any excess as likely as
none; that pulls curves down wherever runs ended close to where they would have.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def one_sided(standard: Floats, gradient: Floats, upper: NDArray[np.bool_] | None) -> tuple[Floats, Floats]:
    """Residuals (B, m) and gradient (B, m, p), of upper ends (m,) only where the model is above them."""
    if upper is None or not upper.any():
        return standard, gradient
    above = standard[:, upper] > 0
    standard[:, upper] *= above
    gradient[:, upper] *= above[:, :, None]
    return standard, gradient
