"""The noise of a run, in one place: how far the same run with another seed would have ended elsewhere.

A loss is its cell's mean, plus what the seed's sample adds at that data size, which all sizes share and arms
share in part, plus noise of the run's own. Variances are by arm and smooth in data size. Estimated by moments
(the products of deviations from cell means, Henderson 1953) and shrunken to what arms and data sizes have in
common. What a model of the means leaves unexplained is added as Paule and Mandel (1982) do, so that a form
that does not quite fit widens every interval built on it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]

UNSEEN = 0.01
"""Standard deviation, nats/token, to start from where no cell was repeated; the misfit then decides."""
UNSEEN_SHARE = 0.5
UNSEEN_SHARES = (0.2, 0.8)
"""The sample's share of the variance where seeds do not tell, and what it may be: as on `results/laptop`."""
PRIOR = 4.0
"""Weight, in degrees of freedom, of what arms have in common against what a pair of them shows."""
SMOOTH = 12.0
"""Weight, in degrees of freedom, of a smooth variance against one data size's own: a weight that follows the
noise of the noise costs more than it gains."""
SLOPE = -0.7
"""Slope of ln variance in ln data to start from: -1 for what a sample of the data adds, less for the rest."""
MOST_SHARED = 0.95
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
    size: the sample's part. Arm 0 is from scratch. Known to `dof` degrees of freedom; where no cell was
    repeated that is 0, and the scale of `variance` is a guess that a fit's residuals replace. `notes` say
    what had to be taken for granted.
    """

    data: Floats
    variance: Floats
    shared: Floats
    dof: float
    notes: tuple[str, ...] = ()

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
        out = np.outer(sd, sd) * self.shared[np.ix_(arm, arm)] * (d_chars[:, None] == d_chars[None])
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
    count = present.sum(1)
    data, group = np.unique(np.log(d_chars), return_inverse=True)
    place = (arm, group)
    seen = np.zeros((n_arms, len(data)))
    np.add.at(seen, place, count - 1)
    if seen.sum() < 1:
        guess = np.full((n_arms, n_arms), UNSEEN_SHARE**2) + np.eye(n_arms) * UNSEEN_SHARE * (
            1 - UNSEEN_SHARE
        )
        return Noise(data, np.full(seen.shape, UNSEEN**2), guess, 0.0, (UNREPEATED,))
    products, overlap = deviation @ deviation.T, present @ present.T
    # The expectation of a product for runs of correlation 1: means over shared and unshared seeds taken off.
    expected = overlap - overlap / count[:, None] - overlap / count + overlap**2 / np.outer(count, count)
    squares = np.zeros_like(seen)
    np.add.at(squares, place, np.diag(products))
    together = (group[:, None] == group) & ~np.eye(len(arm), dtype=bool)
    shared, freedom = np.zeros((n_arms, n_arms)), seen
    for _ in range(3):
        variance = _smooth(squares, seen, freedom, data)
        sd = np.sqrt(variance[place])
        shared = _shared(products / np.outer(sd, sd), expected * together, arm, group, count - 1, n_arms)
        # Satterthwaite (1946): deviations that correlate are worth fewer.
        spread = np.zeros_like(seen)
        correlation = shared[np.ix_(arm, arm)] ** 2 * (arm[:, None] == arm) * together
        np.add.at(spread, place, (correlation * expected).sum(1) + count - 1)
        freedom = seen**2 / np.maximum(spread, 1e-9)
    dof = seen.sum() ** 2 / np.sum(seen**2 / np.maximum(freedom, 1e-9))
    alone = not np.any(overlap * together)
    return Noise(data, variance, shared, float(dof), (UNPAIRED,) if alone else ())


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
        found = replace(found, variance=_smooth(squares, seen, freedom, noise.data))
    return found


def _smooth(squares: Floats, seen: Floats, freedom: Floats, data: Floats) -> Floats:
    """Variances (A, J): a parabola in ln D, ridged to one of all arms, to which each place is drawn."""
    arm, at = np.nonzero(seen)
    nu, n_arms = freedom[arm, at], len(seen)
    floor = max(float(squares.sum() / seen.sum()) * 1e-4, 1e-24)
    raw = np.maximum(squares[arm, at] / seen[arm, at], floor)
    # The logarithm of a chi-square of few degrees of freedom is biased and skewed; both are known.
    target = np.log(raw) - digamma(nu / 2) + np.log(nu / 2)
    x = data[at] - np.average(data[at], weights=nu)
    own = np.eye(n_arms)[arm]
    design = np.column_stack([np.ones(len(x)), x, x**2, own, own * x[:, None]])
    weight = 1 / polygamma(1, nu / 2)
    # One over the squared standard deviations to expect, in ln variance a factor e of data: slope 0.5 about
    # SLOPE, bend 0.15; arms 1 apart, and 0.15 in slope.
    pull = np.concatenate([[1e-6, 4.0, 44.0], np.full(n_arms, 1.0), np.full(n_arms, 44.0)])
    normal = design.T @ (design * weight[:, None]) + np.diag(pull)
    towards = np.zeros(len(pull))
    towards[1] = SLOPE
    line = np.exp(design @ np.linalg.solve(normal, design.T @ (weight * target) + pull * towards))
    drawn = (nu * squares[arm, at] / seen[arm, at] + SMOOTH * line) / (nu + SMOOTH)
    out = np.full(seen.shape, floor)
    common = np.interp(data, np.unique(data[at]), [np.log(line[at == k]).mean() for k in np.unique(at)])
    for a in range(n_arms):
        mine = arm == a
        # Between and beyond the data sizes that an arm repeats, the nearest that it does.
        out[a] = np.exp(np.interp(data, data[at[mine]], np.log(drawn[mine])) if mine.any() else common)
    return np.maximum(out, floor)


def _shared(
    products: Floats, expected: Floats, arm: Numbers, group: Numbers, seen: Floats, n_arms: int
) -> Floats:
    """Correlations (A, A) of runs of one seed at one data size, from standardised products, shrunken."""
    one_hot = np.eye(n_arms)[arm]
    found, behind = one_hot.T @ (products * (expected > 0)) @ one_hot, one_hot.T @ expected @ one_hot
    scale = one_hot.T @ np.diag(products) / np.maximum(one_hot.T @ seen, 1e-9)
    weight = np.zeros((n_arms, n_arms))
    for j in range(group.max() + 1):
        at = group == j
        for a in np.unique(arm[at]):
            for b in np.unique(arm[at]):
                weight[a, b] += expected[np.ix_(at & (arm == a), at & (arm == b))].max()
    raw = found / np.maximum(behind, 1e-9) / np.maximum(np.sqrt(np.outer(scale, scale)), 1e-9)
    own, known = np.diag(raw), np.diag(weight)
    common = (known @ own + PRIOR / 2 * UNSEEN_SHARE) / (known.sum() + PRIOR / 2)
    own = np.clip((known * own + common) / (known + 1), 0.0, MOST_SHARED)
    most = np.sqrt(np.outer(own, own))
    out = np.clip((weight * raw + PRIOR * UNSEEN_SHARE * most) / (weight + PRIOR), 0.0, most)
    np.fill_diagonal(out, own)
    # Three arms' correlations, each estimated alone, may be no covariance: its nearest is one.
    values, vectors = np.linalg.eigh(out)
    out = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return np.asarray(
        out * np.sqrt(np.outer(own, own) / np.maximum(np.outer(np.diag(out), np.diag(out)), 1e-12))
    )


def generalised_means(total: Floats, present: Floats, covariance: Floats) -> tuple[Floats, Floats]:
    """Means (m,) of cells and their covariance (m, m) by generalised least squares over all their runs.

    `total` (m, S) holds each seed's loss or 0, `present` (m, S) which runs there are, `covariance` (m, m)
    that of runs of one seed. A seed seen in one cell says what it adds in the others.
    """
    patterns, which = np.unique(present.T > 0, axis=0, return_inverse=True)
    which = which.ravel()
    information, right = np.zeros_like(covariance), np.zeros(len(covariance))
    for p, pattern in enumerate(patterns):
        inside, mine = np.ix_(pattern, pattern), which == p
        inverse = np.linalg.inv(covariance[inside])
        information[inside] += mine.sum() * inverse
        right[pattern] += inverse @ total[np.ix_(pattern, mine)].sum(1)
    out = np.linalg.inv(information)
    return out @ right, (out + out.T) / 2


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
    if dof <= 0:
        return Misfit(dof=max(noise.dof, 1.0))
    if not noise.dof:
        return Misfit(scale=max(float(np.sum(residuals**2 / variance)) / dof, 1e-8), dof=max(dof, 1.0))
    extra = excess_variance(residuals, variance, dof)
    if not extra:
        return Misfit(dof=dof + noise.dof)
    seeds = float(variance.mean())
    return Misfit(1.0, extra, (seeds + extra) ** 2 / (seeds**2 / noise.dof + extra**2 / dof))


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
