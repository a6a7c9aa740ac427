"""Variances and correlations of runs by moments: products of deviations from cell means, and their shrinking.

The products of unlike cells have known expectations (Henderson 1953). Cells that differ in size alone are
added up: an arm at a data size is a place. What few products tell is drawn to what arms and data sizes have
in common, the more so the fewer they are.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

Floats = NDArray[np.float64]
Numbers = NDArray[np.intp]

UNSEEN_SHARE = 0.5
"""The sample's share of the variance where seeds do not tell."""
UNSEEN_NESTED = 0.5
"""How far larger samples hold the smaller ones, before a table's seeds are asked: some do, some do not."""
PRIOR = 4.0
"""Weight, in degrees of freedom, of what arms have in common against what a pair of them shows."""
SMOOTH = 12.0
"""Weight, in degrees of freedom, of a smooth variance against one data size's own: a weight that follows the
noise of the noise costs more than it gains."""
SLOPE = -0.7
"""Slope of ln variance in ln data to start from: -1 for what a sample of the data adds, less for the rest."""
MOST_SHARED = 0.95


@dataclass(frozen=True)
class Pairs:
    """Sums over the cells of P places, an arm at a data size, and over pairs of cells of two places.

    `squares` (P,) of deviations, of which `seen` (P,) are free, in `cells` (P,); `products` (P, P) of
    deviations of unlike cells, what is `expected` of them for runs of correlation 1, and the `most` that one
    pair of cells is worth; `arm` (P,) of each place and ln of its data size, `data` (P,).
    """

    squares: Floats
    products: Floats
    seen: Floats
    expected: Floats
    most: Floats
    cells: Floats
    arm: Numbers
    data: Floats

    @classmethod
    def of(cls, deviation: Floats, present: Floats, arm: Numbers, data: Floats, n_arms: int) -> "Pairs":
        """Sums of deviations (m, S) of runs that `present` marks by seed.

        `arm` (m,) numbers the cells' arms from 0, `data` (m,) are ln of their data sizes.
        """
        levels, group = np.unique(data, return_inverse=True)
        in_place: Floats = np.zeros((len(arm), n_arms, len(levels)))
        in_place[np.arange(len(arm)), arm, group] = 1.0
        in_place = in_place.reshape(len(arm), -1)
        count, overlap = present.sum(1), present @ present.T
        # For runs of correlation 1: means over shared and unshared seeds taken off.
        expected = overlap - overlap / count[:, None] - overlap / count + overlap**2 / np.outer(count, count)
        np.fill_diagonal(expected, 0.0)
        sums, squares = in_place.T @ deviation, in_place.T @ (deviation**2).sum(1)
        return cls(
            squares=squares,
            products=sums @ sums.T - np.diag(squares),
            seen=in_place.T @ (count - 1),
            expected=in_place.T @ expected @ in_place,
            most=_most(expected, in_place),
            cells=in_place.sum(0),
            arm=np.repeat(np.arange(n_arms), len(levels)),
            data=np.tile(levels, n_arms),
        )

    def over(self, sd: Floats) -> "Pairs":
        """The same sums of deviations divided by sd (P,)."""
        return replace(self, squares=self.squares / sd**2, products=self.products / np.outer(sd, sd))

    @property
    def beside(self) -> NDArray[np.bool_]:
        """Which places are at one data size (P, P)."""
        return self.data[:, None] == self.data


def _most(values: Floats, in_place: Floats) -> Floats:
    """The largest of values (m, m) in each pair of places (P, P), at least 0."""
    order = np.argsort(in_place.argmax(1), kind="stable")
    filled = np.flatnonzero(in_place.any(0))
    first = np.searchsorted(in_place.argmax(1)[order], filled)
    values = np.maximum.reduceat(values[np.ix_(order, order)], first, axis=0)
    out = np.zeros((in_place.shape[1],) * 2)
    out[np.ix_(filled, filled)] = np.maximum.reduceat(values, first, axis=1)
    return out


def smooth(squares: Floats, seen: Floats, freedom: Floats, data: Floats) -> Floats:
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


def shared(standard: Pairs) -> Floats:
    """Correlations (A, A) of runs of one seed at one data size, from standardised deviations, shrunken."""
    n_arms = standard.arm.max() + 1
    by_arm = np.eye(n_arms)[standard.arm]
    scale = by_arm.T @ standard.squares / np.maximum(by_arm.T @ standard.seen, 1e-9)
    found, behind, weight = (
        by_arm.T @ (each * standard.beside) @ by_arm
        for each in (standard.products, standard.expected, standard.most)
    )
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


def nested(standard: Pairs, shared: Floats) -> float:
    """How far samples lie inside larger ones, from standardised deviations at two data sizes, shrunken."""
    apart = ~standard.beside * overlap(standard.data, 1.0)
    weight = shared[np.ix_(standard.arm, standard.arm)] * apart
    behind = float(np.sum(weight**2 * standard.expected))
    raw = float(np.sum(weight * standard.products)) / behind if behind > 0 else 0.0
    # Cells of one data size see one sample a seed: together they are worth as much as one pair of cells.
    levels = np.unique(standard.data, return_inverse=True)[1]
    worth = np.zeros((levels.max() + 1,) * 2)
    np.maximum.at(worth, (levels[:, None], levels), apart**2 * standard.most)
    known = float(worth.sum()) / 2
    return float(np.clip((known * raw + PRIOR * UNSEEN_NESTED) / (known + PRIOR), 0.0, 1.0))


def freedom(pairs: Pairs, shared: Floats, nested: float) -> float:
    """Degrees of freedom of the variance of a slope in ln D, which is the samples' in part, and the runs'.

    Cells of a place average the runs' own noise, and leave the sample's as it is.
    """
    runs, between = float(pairs.seen.sum()), correlation(pairs, shared, nested)
    of_runs = runs**2 / (float(np.sum(between**2 * pairs.expected)) + runs)
    worth, own = np.diag(pairs.most), np.diag(shared)[pairs.arm]
    samples = float(worth.sum())
    if not own @ worth:  # no arm's samples show
        return of_runs
    alike = between**2 / np.maximum(np.outer(own, own), 1e-12)
    of_samples = samples**2 / float(np.sum(alike * pairs.most))
    part = own / np.maximum(own + (1 - own) / np.maximum(pairs.cells, 1.0), 1e-12)
    share = float(part @ worth) / samples
    return 1 / (share**2 / of_samples + (1 - share) ** 2 / of_runs)


def correlation(pairs: Pairs, shared: Floats, nested: float) -> Floats:
    """Correlations (P, P) of runs of one seed in unlike cells of two places."""
    return shared[np.ix_(pairs.arm, pairs.arm)] * overlap(pairs.data, nested)


def overlap(data: Floats, nested: float) -> Floats:
    """Correlation (m, m) of the samples of one seed at ln of data sizes (m,)."""
    apart = np.abs(data[:, None] - data)
    return np.where(apart == 0, 1.0, nested * np.exp(-apart / 2))
