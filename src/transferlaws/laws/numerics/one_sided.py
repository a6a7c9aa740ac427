"""Losses that are upper ends: a run that ended at its limit would have gone lower, by nobody knows how much.

The likelihood of such a loss is the chance that the noise leaves it above the model's (Tobin 1958). Its
deviance, -2 ln of that chance, is written as the square of a residual, so that one solver fits both kinds.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def one_sided(standard: Floats, gradient: Floats, upper: NDArray[np.bool_] | None) -> tuple[Floats, Floats]:
    """Residuals (B, m) and gradient (B, m, p) in standard deviations, those of upper ends (m,) censored."""
    if upper is None or not upper.any():
        return standard, gradient
    standard[:, upper], slope = censored(standard[:, upper])
    gradient[:, upper] *= slope[:, :, None]
    return standard, gradient


def censored(standard: Floats) -> tuple[Floats, Floats]:
    """Residuals whose squares are the deviances of upper ends, and their slopes; any shape, elementwise.

    `standard` is the model's loss less the upper end, in standard deviations: well below 0 nothing is left,
    well above it the residual is `standard` itself.
    """
    log_chance = _log_chance(standard)
    residual = np.sqrt(np.maximum(-2 * log_chance, 1e-24))
    return residual, np.minimum(_mills(standard, log_chance) / residual, 1.5)


def information(standard: Floats) -> Floats:
    """What an upper end tells of a model's loss, as a share of what a measured loss would; elementwise."""
    mills = _mills(standard, _log_chance(standard))
    return np.clip(mills * (mills - standard), 0.0, 1.0)


def _log_chance(standard: Floats) -> Floats:
    """ln of the chance that normal noise leaves a loss above the model's by as much."""
    from scipy.special import log_ndtr  # a second's import that a planner need not wait for

    return np.asarray(log_ndtr(-standard))


def _mills(standard: Floats, log_chance: Floats) -> Floats:
    """The normal density over the chance of more (the inverse of Mills' ratio)."""
    return np.asarray(np.exp(-0.5 * standard**2 - 0.5 * np.log(2 * np.pi) - log_chance))
