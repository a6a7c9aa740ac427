"""The noise of a run, in one place: how far the same run with another seed would have ended elsewhere.

A loss is its cell's mean, plus what the seed's sample adds at that data size, which all sizes share and arms
share in part, plus noise of the run's own. A seed's larger sample may hold its smaller ones. Variances are by
arm and smooth in data size, by moments. What a model of the means leaves unexplained is added as Paule and
Mandel (1982) do, so that a form that does not quite fit widens every interval built on it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferlaws.laws.data import moments
from transferlaws.laws.data.moments import UNSEEN_NESTED, Pairs
from transferlaws.laws.data.moments import UNSEEN_SHARE as UNSEEN_SHARE

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]

UNSEEN = 0.01
"""Standard deviation, nats/token, to start from where no cell was repeated; the misfit then decides."""
UNSEEN_SHARES = (0.2, 0.8)
"""What the sample's share of the variance may be where seeds do not tell: as on `results/laptop`."""
EXACT = 1e9
"""Degrees of freedom of what is known exactly: quantiles of F have no value at infinity."""
ROUNDS = 4
"""How often variances and what they lead one to expect are set against each other."""
UNREPEATED = (
    "no cell was repeated: the residuals alone say how large the noise is, and half of its variance is taken "
    "to be the sample's, which all sizes share at a data size"
)
UNPAIRED = "no two cells share a seed: their noise is taken to be independent"


@dataclass(frozen=True)
class Noise:
    """The covariance of runs: `variance` (A, J) of one run in nats^2, by arm and ln of data size `data` (J,).

    `shared` (A, A) is the correlation, by arm, of two runs that share their seed and data size but not their
    size: the sample's part. At two data sizes it is `nested` times the root of their ratio as much, which is
    1 where the larger sample holds the smaller and differs from it by no more than its length. Arm 0 is from
    scratch. Known to `dof` degrees of freedom; where no cell was repeated that is 0, and the scale of
    `variance` is a guess that a fit's residuals replace. `notes` say what had to be taken for granted.
    """

    data: Floats
    variance: Floats
    shared: Floats
    dof: float
    notes: tuple[str, ...] = ()
    nested: float = 0.0

    @classmethod
    def plain(cls, sd: float, n_arms: int = 2) -> "Noise":
        """Independent runs of one standard deviation, nats/token, known exactly."""
        return cls(np.zeros(1), np.full((n_arms, 1), sd**2), np.zeros((n_arms, n_arms)), np.inf)

    def run_variance(self, arm: Numbers, d_chars: ArrayLike) -> Floats:
        """Variance (m,) of one run at arms and characters (m,); constant beyond the data sizes repeated."""
        x, logs = np.log(np.asarray(d_chars, float)), np.log(self.variance)
        by_arm = [np.interp(x, self.data, of_arm) for of_arm in logs]
        return np.asarray(np.exp(np.array(by_arm)[arm, np.arange(len(x))]))

    def covariance(self, arm: Numbers, d_chars: Floats) -> Floats:
        """Covariance (m, m) of single runs in m cells that all have the same seed."""
        variance = self.run_variance(arm, d_chars)
        sd = np.sqrt(variance)
        out = np.outer(sd, sd) * self.shared[np.ix_(arm, arm)] * moments.overlap(np.log(d_chars), self.nested)
        np.fill_diagonal(out, variance)
        return out

    def parts(self, arm: Numbers, d_chars: Floats) -> dict[str, float]:
        """Standard deviations of one run, nats/token: of its sample and its own, each cell alike."""
        variance, share = self.run_variance(arm, d_chars), np.diag(self.shared)[arm]
        return {
            "sample": float(np.sqrt(np.mean(variance * share))),
            "run": float(np.sqrt(np.mean(variance * (1 - share)))),
        }


def noise_of_runs(deviation: Floats, present: Floats, arm: Numbers, d_chars: Floats, n_arms: int) -> Noise:
    """The noise behind deviations (m, S) of each cell's runs from their mean; `present` marks runs, by seed.

    `arm` (m,) numbers the arms from 0 (from scratch), `d_chars` (m,) are the cells' characters.
    """
    pairs = Pairs.of(deviation, present, arm, np.log(d_chars), n_arms)
    data = np.unique(pairs.data)
    seen = pairs.seen.reshape(n_arms, len(data))
    if seen.sum() < 1:
        guess = np.full((n_arms, n_arms), UNSEEN_SHARE**2)
        np.fill_diagonal(guess, UNSEEN_SHARE)
        return Noise(data, np.full(seen.shape, UNSEEN**2), guess, 0.0, (UNREPEATED,), UNSEEN_NESTED)
    free = seen
    for _ in range(3):
        variance = moments.smooth(pairs.squares.reshape(seen.shape), seen, free, data)
        standard = pairs.over(np.sqrt(variance.ravel()))
        shared = moments.shared(standard)
        nested = moments.nested(standard, shared)
        # Satterthwaite (1946): deviations that correlate are worth fewer.
        spread = pairs.expected * moments.correlation(pairs, shared, nested) ** 2
        free = seen**2 / np.maximum(np.diag(spread).reshape(seen.shape) + seen, 1e-9)
    dof = moments.freedom(pairs, shared, nested)
    alone = not np.any(pairs.expected * pairs.beside)
    return Noise(data, variance, shared, dof, (UNPAIRED,) if alone else (), nested)


def noise_of_residuals(
    noise: Noise, residual: Floats, remains: Floats, covariance: Floats, arm: Numbers, d_chars: Floats
) -> Noise:
    """The noise of cells none of which was repeated, by what a model left of them: residuals (m,).

    `covariance` (m, m) is that of the cells under `noise`; `remains` (m, m) takes losses to their residuals,
    since a curve follows the noise at its ends and leaves less of it there.
    """
    place = arm, np.searchsorted(noise.data, np.log(d_chars))
    squares = np.zeros_like(noise.variance)
    np.add.at(squares, place, residual**2)
    group = place[0] * len(noise.data) + place[1]
    together, before, found = group[:, None] == group, noise.run_variance(arm, d_chars), noise
    for _ in range(ROUNDS):
        variance = found.run_variance(arm, d_chars)
        change = np.sqrt(variance / before)
        expected = (remains @ (covariance * np.outer(change, change)) * remains).sum(1)
        own = (remains**2 * together) @ variance
        seen, freedom = np.zeros_like(squares), np.zeros_like(squares)
        np.add.at(seen, place, expected / variance)
        # Residuals that share a sample are worth fewer.
        np.add.at(freedom, place, own / variance / 2)
        found = replace(found, variance=moments.smooth(squares, seen, freedom, noise.data))
    return found


def generalised_means(total: Floats, present: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Means (m,) of cells and their covariance (m, m) by generalised least squares over all their runs.

    `total` (m, S) holds each seed's loss or 0, `present` (m, S) which runs there are, `covariance` (m, m)
    that of runs of one seed. A seed seen in one cell says what it adds in the others.
    """
    information, right = information_of(total, present, covariance)
    out = np.linalg.inv(information)
    return out @ right, (out + out.T) / 2


def information_of(total: Floats, present: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Information (m, m) on the means of cells, and its product with them (m,); as in `generalised_means`."""
    _, first, which = np.unique(present > 0, axis=1, return_index=True, return_inverse=True)
    information, right = np.zeros_like(covariance), np.zeros(len(covariance))
    for p, seed in enumerate(first):
        pattern, mine = present[:, seed] > 0, which.ravel() == p
        inside = np.ix_(pattern, pattern)
        inverse = np.linalg.inv(covariance[inside])
        information[inside] += mine.sum() * inverse
        right[pattern] += inverse @ total[np.ix_(pattern, mine)].sum(1)
    return information, right


@dataclass(frozen=True)
class Misfit:
    """What a model leaves unexplained: the means' covariance is `scale` times the seeds' plus `extra` nats^2.

    `scale` is 1 where repeats say how large the noise is; where none do, the residuals set it and no `extra`
    can be told from it. `dof` are the degrees of freedom behind the whole.
    """

    scale: float = 1.0
    extra: float = 0.0
    dof: float = 1.0

    def onto(self, covariance: Floats) -> Floats:
        """The covariance (m, m) of the means about the model."""
        return self.scale * covariance + self.extra * np.eye(len(covariance))

    def parts(self, seeds: dict[str, float]) -> dict[str, float]:
        """The parts of `Noise.parts`, nats/token, with the misfit's standard deviation beside them."""
        return {name: sd * self.scale**0.5 for name, sd in seeds.items()} | {"misfit": self.extra**0.5}


def misfit_of(residuals: Floats, variance: Floats, dof: float, noise: Noise) -> Misfit:
    """The misfit behind residuals (m,), by Paule and Mandel (1982), with `dof` residual degrees of freedom.

    For cells that correlate: residuals along the eigenvectors of their covariance, and its eigenvalues.
    """
    known = min(noise.dof, EXACT)
    if dof <= 0:
        return Misfit(dof=max(known, 1.0))
    if not noise.dof:
        return Misfit(scale=max(float(np.sum(residuals**2 / variance)) / dof, 1e-8), dof=max(dof, 1.0))
    extra = excess_variance(residuals, variance, dof)
    if not extra:
        return Misfit(dof=known)
    seeds = float(variance.mean())
    return Misfit(1.0, extra, (seeds + extra) ** 2 / (seeds**2 / known + extra**2 / dof))


def excess_variance(residuals: Floats, variance: Floats, dof: float) -> float:
    """The variance to add to each cell's so that sum r^2 / (variance + it) = dof; 0 if it is that small."""

    def chi2(extra: float) -> float:
        return float(np.sum(residuals**2 / np.maximum(variance + extra, 1e-18)))

    if chi2(0.0) <= dof:
        return 0.0
    low, high = 0.0, float(np.sum(residuals**2)) / dof + 1e-18
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if chi2(middle) > dof else (low, middle)
    return high
