"""Does the law follow the runs? Misfit against the noise between seeds, and patterns in what is left.

An interval says how far a law could move, not whether it is one. Residuals are whitened by the noise between
seeds and compared with it, as the F test of lack of fit does (Fisher 1922); how large that ratio gets where a
law holds is seen in studies redrawn with the same seeds, their noise estimated anew. What is left may also
lie in rows along N or D, as a wrong form leaves it (Moran's 1950 measure, by simulation too). The three are
one test by Fisher's (1932) sum of logarithms.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution

from transferlaws.laws.curves.floor import N_CURVE
from transferlaws.laws.data.cells import Cells
from transferlaws.laws.data.noise import Misfit, information_of, noise_of_runs
from transferlaws.laws.numerics.bootstrap import power_of
from transferlaws.laws.status import Adequate

Floats = NDArray[np.float64]

REFUSED = 0.04
"""p-value below which a law is refused: as tests share residuals, up to twice so many that hold are too."""
MOVED = 1e-6
"""Share of a direction below which the model has it already."""
SIMULATED = 999
REPLICATED = 49
"""Studies redrawn for the ratio's distribution, of which a mean and a spread of its logarithm are taken."""


@dataclass(frozen=True)
class Adequacy:
    """Whether a law follows its runs: the `verdict`, its p-value `p`, and what it rests on.

    `ratio` is the misfit's variance over that between seeds (1 if the law holds), `p_misfit` its
    p-value, both None where no cell was repeated; `p_along_d` and `p_along_n` are those of residuals that
    follow each other along data and size, `p_bent_law` and `p_bent_curve` those of what the next order of the
    law and of its curves would explain (1 where it cannot be told from the law).
    """

    verdict: Adequate
    p: float
    ratio: float | None
    p_misfit: float | None
    p_along_d: float
    p_along_n: float
    p_bent_law: float
    p_bent_curve: float

    @property
    def sentence(self) -> str:
        """What a reader may take from it."""
        size = (
            ""
            if self.ratio is None
            else f" (what is left has {self.ratio:.3g} times the variance of the noise between seeds)"
        )
        return self.verdict.sentence.replace("{size}", size)

    def to_json(self) -> dict[str, Any]:
        """The judgement as laws.json holds it."""
        return {"verdict": self.verdict.value} | {
            field.name: getattr(self, field.name) for field in fields(self) if field.name != "verdict"
        }


def adequacy(cells: Cells, residual: Floats, gradient: Floats, misfit: Misfit, seed: int) -> Adequacy:
    """Judge residuals (m,) of cells about a model of gradient (m, p) that left `misfit` unexplained.

    A model with as much freedom as there are cells follows any of them: nothing is tested.
    """
    ratio = p_misfit = None
    left, free = _left(cells.covariance, residual, gradient)
    if free < 1:
        return Adequacy(Adequate.UNTESTED, 1.0, None, None, 1.0, 1.0, 1.0, 1.0)
    if cells.noise.dof:
        ratio = float(left @ left) / free
        p_misfit = float(norm.sf(np.log(max(ratio, 1e-12)), *_replicated(cells, gradient, seed)))
    patterns = (
        *_patterns(cells, residual, gradient, misfit, seed),
        *(_bent(cells, residual, gradient, more) for more in _next_order(cells, gradient)),
    )
    tests = patterns if p_misfit is None else (p_misfit, *patterns)
    p = float(chi2.sf(-2 * np.sum(np.log(np.maximum(tests, 1e-300))), 2 * len(tests)))
    if p < REFUSED:
        verdict = Adequate.MISFIT if p_misfit == min(tests) else Adequate.PATTERN
    else:
        verdict = Adequate.UNTESTED if p_misfit is None else Adequate.ADEQUATE
    return Adequacy(verdict, p, ratio, p_misfit, *patterns)


def _left(covariance: Floats, residual: Floats, gradient: Floats) -> tuple[Floats, int]:
    """Whitened residuals (m,) with all that the model could still explain taken off, and their freedom."""
    whiten = power_of(covariance, -0.5)
    explained = _span(whiten @ gradient)
    left = whiten @ residual
    return left - explained @ (explained.T @ left), len(left) - explained.shape[1]


def _replicated(cells: Cells, gradient: Floats, seed: int) -> tuple[float, float]:
    """Mean and spread of ln ratio over studies of these seeds and this noise in which the law holds."""
    place, present, span = cells.source + 1, cells.present, _span(gradient)
    root, rng = power_of(cells.noise.covariance(place, cells.d_chars), 0.5), np.random.default_rng([seed, 4])
    ratios = []
    for _ in range(REPLICATED):
        total = present * (root @ rng.standard_normal(present.shape))
        deviation = total - present * (total.sum(1) / present.sum(1))[:, None]
        noise = noise_of_runs(deviation, present, place, cells.d_chars, len(cells.sources) + 1)
        information, right = information_of(total, present, noise.covariance(place, cells.d_chars))
        all_of_it = right @ np.linalg.solve(information, right)
        explained = span.T @ right
        left = all_of_it - explained @ np.linalg.solve(span.T @ information @ span, explained)
        ratios.append(np.log(left / (len(right) - span.shape[1])))
    return float(np.mean(ratios)), float(np.std(ratios, ddof=1))


def _span(gradient: Floats) -> Floats:
    """An orthonormal basis (m, r) of what the columns of a gradient (m, p) span."""
    norms = np.linalg.norm(gradient, axis=0)
    vectors, values, _ = np.linalg.svd(gradient[:, norms > 0] / norms[norms > 0], full_matrices=False)
    return vectors[:, values > 1e-6 * values.max(initial=0.0)]


def _next_order(cells: Cells, gradient: Floats) -> tuple[Floats, Floats]:
    """What the next order would add to losses: of ln D_T in ln D and ln N (m, 3), of the curves (m, 1)."""
    tuned = ~cells.scratch
    x, y = (np.log(of) - np.log(of[tuned]).mean() for of in (cells.d_chars, cells.n_params))
    by_height = gradient[:, 0]
    first = gradient.shape[1] - N_CURVE * len(cells.sizes)
    # By ln R and ln b: of its own size's curve alone, so that sums over sizes are each cell's.
    by_r, by_b = (gradient[:, first + place :: N_CURVE].sum(1) for place in (1, 2))
    return by_height[:, None] * np.column_stack([x**2, x * y, y**2]), (by_b**2 / by_r)[:, None]


def _bent(cells: Cells, residual: Floats, gradient: Floats, more: Floats) -> float:
    """p-value of what directions (m, j) explain beyond a model of gradient (m, p), against what is left."""
    whiten = power_of(cells.covariance, -0.5)
    explained = _span(whiten @ gradient)
    left, more = whiten @ residual, whiten @ more
    size = np.linalg.norm(more, axis=0)
    left, more = (each - explained @ (explained.T @ each) for each in (left, more))
    more = _span(more[:, np.linalg.norm(more, axis=0) > MOVED * size])
    by, free = more.shape[1], len(left) - explained.shape[1] - more.shape[1]
    if not by or free < 1:
        return 1.0
    along = float(np.sum((more.T @ left) ** 2))
    rest = max(float(left @ left) - along, 1e-300)
    return float(f_distribution.sf(along / by / (rest / free), by, free))


def _patterns(
    cells: Cells, residual: Floats, gradient: Floats, misfit: Misfit, seed: int
) -> tuple[float, float]:
    """p-values of residuals that follow their neighbours along D, and along N, of the same arm.

    Along N what all sizes share at a data size is taken off: it is the sample's, and known less well.
    """
    whiten = power_of(misfit.onto(cells.covariance), -0.5)
    _, group = np.unique(np.column_stack([cells.source, cells.d_chars]), axis=0, return_inverse=True)
    shared = np.eye(group.max() + 1)[group.ravel()]
    drawn = np.random.default_rng([seed, 3]).standard_normal((SIMULATED + 1, len(residual)))
    drawn[0] = whiten @ residual
    out = []
    for row, along, known in (
        (cells.size, cells.d_chars, gradient),
        (cells.d_chars, cells.n_params, np.column_stack([gradient, shared])),
    ):
        explained = _span(whiten @ known)
        left = drawn - (drawn @ explained) @ explained.T
        left /= np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-12)
        order = np.lexsort((along, row, cells.source))
        first, second = order[:-1], order[1:]
        beside = (row[first] == row[second]) & (cells.source[first] == cells.source[second])
        follow = np.sum(left[:, first[beside]] * left[:, second[beside]], axis=1)
        out.append(float(np.mean(follow >= follow[0])))
    return out[0], out[1]
