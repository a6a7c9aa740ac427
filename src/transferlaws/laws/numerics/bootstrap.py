"""Redrawing the runs of a study: what the same cells might have measured another time.

With one to five seeds a cell's own runs cannot be resampled (their spread is too small by (n-1)/n, and nil
for one), so each cell's mean is redrawn with noise pooled over the table, which is itself uncertain (chi^2).
Cells that share a seed's sample are redrawn together.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]


def redraw(centre: Floats, covariance: Floats, dof: float, draws: int, rng: np.random.Generator) -> Floats:
    """Loss vectors (draws, m): `centre` (m,) plus noise of `covariance` (m, m), known to `dof` degrees.

    Student's t noise drawn jointly: within a draw all cells share one error in the noise estimate.
    """
    noise = rng.standard_normal((draws, len(centre))) @ power_of(covariance, 0.5)
    scale = np.sqrt(dof / rng.chisquare(dof, draws)) if np.isfinite(dof) else np.ones(draws)
    return centre + noise * scale[:, None]


def eigen(covariance: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (m,) of a covariance (m, m), at least 1e-18, and its eigenvectors in the columns (m, m).

    Block by block: small ones are quick, and come out alike to the digit on any number of threads.
    """
    values, vectors = np.zeros(len(covariance)), np.zeros_like(covariance)
    for at in connected(covariance):
        values[at], vectors[np.ix_(at, at)] = np.linalg.eigh(covariance[np.ix_(at, at)])
    return np.maximum(values, 1e-18), vectors


def connected(covariance: Floats) -> list[NDArray[np.intp]]:
    """The indices of each block of a covariance (m, m): between blocks it is 0."""
    count, block = connected_components(covariance != 0, directed=False)
    return [np.flatnonzero(block == b) for b in range(count)]


def power_of(covariance: Floats, power: float) -> Floats:
    """The symmetric `power` of a covariance (m, m): 0.5 to colour noise, -0.5 to whiten it.

    Of all whitenings the symmetric one leaves each cell most like itself (Kessy et al. 2018), so that what is
    robust for whitened residuals is so for cells.
    """
    values, vectors = eigen(covariance)
    # einsum, since a product by BLAS adds in another order on another number of threads.
    return np.asarray(np.einsum("ik,jk->ij", vectors * values**power, vectors))


def resample_rows(n_rows: int, draws: int, rng: np.random.Generator) -> Floats:
    """How often each row enters each of `draws` resamples with replacement, (draws, n_rows)."""
    return rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=draws).astype(float)


def percentiles(samples: Floats, level: float) -> tuple[float, float]:
    """The central `level` of samples (B,)."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
