"""What cells would still gain by a wider search: by cell, over cells, and whether it goes with N, D or arm.

An audit (`Study.audit`) is a table of runs: of each cell the study's own, others of the same seed with other
settings, and own and chosen setting once more with another seed. The lowest validation loss chose, and of
many noisy losses that is too low; some of that luck is in the test loss of the same run. So a cell's gain is
the own loss on test less the chosen setting's, both with the seed that had no part in the choice.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom
from scipy.stats import t as student

from transferlaws.laws.estimators.result import Interval

Floats = NDArray[np.float64]

SHARE = 0.95  # of the cells
LEVEL = 0.95  # of confidence
FREE = 3  # degrees of freedom below which a trend is not asked for
PERMUTATIONS = 2_000


@dataclass(frozen=True)
class Trend:
    """Whether gains go with `what` when the other two are held: the probability `p` of more by chance.

    `per_decade` is the slope in nats/token for a factor of ten (None: of arms there is none).
    """

    what: str
    per_decade: float | None
    p: float


@dataclass(frozen=True)
class Remaining:
    """What `n` audited of `drawn_from` cells would still gain, nats/token on test with another seed.

    `mean` has an interval by Student's t, `percentile` (the 95th) one by order statistics, which supposes
    nothing about how gains are distributed; few cells leave its upper end open. With 95 % confidence no more
    than `share_beyond` of the cells would gain more than `largest`. `better` cells have a setting that was
    better on validation, `at_edge` of them at an end of the search; over all cells the search's own runs
    gained `seen` on validation and `same_seed` on test.
    """

    n: int
    drawn_from: int
    mean: Interval
    percentile: Interval
    largest: float
    share_beyond: float
    better: int
    at_edge: int
    seen: float
    same_seed: float


def gains(audit: pd.DataFrame) -> pd.DataFrame:
    """One row a cell of an audit: what was chosen, and what it gains, nats/token.

    `gain_validation` is what the choice was made by, `gain_test` the same runs' on test, `gain` that of
    another seed on test: 0 where the study's own setting was chosen, NaN where either setting diverged then.
    """
    rows = []
    for cell, runs in audit.groupby("cell", sort=False):
        first = runs["seed"] == runs["seed"].min()
        search, again = runs[first].set_index("setting"), runs[~first].set_index("setting")["loss"]
        own = search[search["key"] == cell].iloc[0]
        losses = search["loss_validation"].fillna(np.inf)
        chosen = own.name if own["loss_validation"] <= losses.min() else losses.idxmin()
        best = search.loc[chosen]
        rows.append(
            {
                "cell": cell,
                **own[["arm", "n_params", "d_chars", "drawn_from", "loss"]],
                "chosen": chosen,
                "at_edge": bool(best["at_edge"]),
                "gain_validation": own["loss_validation"] - best["loss_validation"],
                "gain_test": own["loss"] - best["loss"],
                "gain": 0.0 if chosen == own.name else again[own.name] - again[chosen],
            }
        )
    return pd.DataFrame(rows)


def remaining(found: pd.DataFrame) -> Remaining | None:
    """What is left over all cells, from their `gains`; None without a cell."""
    found = _usable(found)
    if found.empty:
        return None
    gain = found["gain"].to_numpy(float)
    n, value = len(gain), float(gain.mean())
    reach = float(student.ppf((1 + LEVEL) / 2, n - 1) * gain.std(ddof=1) / np.sqrt(n)) if n > 1 else None
    return Remaining(
        n=n,
        drawn_from=int(found["drawn_from"].max()),
        mean=Interval(value, *((None, None) if reach is None else (value - reach, value + reach))),
        percentile=percentile(gain),
        largest=float(gain.max()),
        share_beyond=float(1 - (1 - LEVEL) ** (1 / n)),
        better=int((found["gain_validation"] > 0).sum()),
        at_edge=int(found["at_edge"].sum()),
        seen=float(found["gain_validation"].mean()),
        same_seed=float(found["gain_test"].mean()),
    )


def _usable(found: pd.DataFrame) -> pd.DataFrame:
    return found.dropna(subset=["gain"]) if len(found) else found


def percentile(gain: Floats, share: float = SHARE) -> Interval:
    """The value that `share` of all cells lie below, from the gains (n,) of some, with its interval.

    Of n values drawn the k-th smallest lies below that value with a probability that is binomial (Conover
    1999, section 3.2). The ends are the k-th values with 97.5 % on their side, None where there is none.
    """
    ordered, k = np.sort(gain), np.arange(1, len(gain) + 1)
    certain = (1 + LEVEL) / 2
    below = ordered[binom.sf(k - 1, len(gain), share) >= certain]
    above = ordered[binom.cdf(k - 1, len(gain), share) >= certain]
    value = float(np.quantile(ordered, share))
    return Interval(value, float(below[-1]) if len(below) else None, float(above[0]) if len(above) else None)


def trends(found: pd.DataFrame, seed: int = 0) -> tuple[Trend, ...]:
    """Whether gains go with log N, log D or the arm, each with the others held; empty for too few cells.

    By permutation of what the others leave (Freedman and Lane 1983), as gains are no normal numbers: many
    are 0. What all cells have in common cannot be asked for.
    """
    found = _usable(found)
    if len(found) <= FREE:
        return ()
    gain = found["gain"].to_numpy(float)
    one = np.ones((len(gain), 1))
    terms = {
        "N": np.log10(found[["n_params"]].to_numpy(float)),
        "D": np.log10(found[["d_chars"]].to_numpy(float)),
        "arm": np.array([[a == b for b in sorted(set(found["arm"]))[1:]] for a in found["arm"]], float),
    }
    whole = np.hstack([one, *terms.values()])
    free = len(gain) - np.linalg.matrix_rank(whole)
    if free < FREE or not gain.std():
        return ()
    random, answers = np.random.default_rng(seed), []
    for what in terms:
        others = np.hstack([one, *(other for name, other in terms.items() if name != what)])
        if np.linalg.matrix_rank(others) == np.linalg.matrix_rank(whole):
            continue
        fitted = others @ np.linalg.lstsq(others, gain)[0]
        shuffled = random.permuted(np.tile(gain - fitted, (PERMUTATIONS, 1)), axis=1) + fitted
        share = _explained(np.vstack([gain, shuffled]), others, whole)
        p = (1 + np.sum(share[1:] >= share[0] - 1e-12)) / (1 + PERMUTATIONS)
        slope = float(np.linalg.lstsq(whole, gain)[0][1 + list(terms).index(what)]) if what != "arm" else None
        answers.append(Trend(what, slope, float(p)))
    return tuple(answers)


def _explained(samples: Floats, others: Floats, whole: Floats) -> Floats:
    """How much of what `others` leave of each sample (B, n) the `whole` design explains."""

    def left(design: Floats) -> Floats:
        q = np.linalg.svd(design, full_matrices=False)
        basis = q.U[:, q.S / q.S[0] > 1e-9]
        return np.asarray(np.sum((samples - samples @ basis @ basis.T) ** 2, axis=1))

    return 1 - left(whole) / np.maximum(left(others), 1e-300)
