"""Choosing the learning rate: per model size, per arm, at a few data sizes, interpolated between.

This is the first edition's way; `smooth` tuning searches the weight decay as well and reads both from one
surface over all cells of an arm (`training.surface`).

At each tuned data size rates are tried a factor of two apart, outward from a first guess, until the
best one has a neighbour on both sides; a parabola through those three losses in log rate gives the
minimum. Where the losses are flat, within `flat_nats`, the largest of the good rates is the best: it
gets there in the fewest steps. Between data sizes log rate is linear in log D; where it jumps, another
data size is tuned in between. Torch-free.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

FACTOR = 2.0
JUMP = 4.0
FEWEST_RATES = 3  # the best one and a neighbour on both sides
HALF_DECADE = math.sqrt(10.0)


@dataclass(frozen=True)
class Tuning:
    """Where and how far to search.

    `d_chars` are the tuned data sizes in characters, `first_guess` is the rate to begin with (from scratch at
    the smallest of them), `most_rates` bounds a cell's search, and losses within `flat_nats` of each other
    (nats/token) are equal. With `smooth`, weight decays are searched as well, `first_guess` is the rate at
    width 16, and what runs take comes from one surface over all sizes of their arm; cells beyond `reach`
    (parameters times characters), or of more than `chars_per_param` characters a parameter, are not searched
    and take theirs from it too. With `must_learn`, a run that no step made better than it began counts as
    diverged: its rate is too high, however good the start was (published keys were chosen without).
    """

    d_chars: tuple[int, ...]
    first_guess: float = 2e-3
    most_rates: int = 8
    flat_nats: float = 0.003
    smooth: bool = False
    reach: float = math.inf
    chars_per_param: float = math.inf
    must_learn: bool = False

    def __post_init__(self) -> None:
        if not self.d_chars or list(self.d_chars) != sorted(set(self.d_chars)):
            raise ValueError(f"Tuning.d_chars must be increasing and not empty, got {self.d_chars}")
        if self.most_rates < FEWEST_RATES:
            raise ValueError(f"Tuning.most_rates must be at least {FEWEST_RATES}, got {self.most_rates}")


def next_rates(losses: Mapping[float, float], tuning: Tuning, guess: float) -> list[float]:
    """The rates to try next, given the validation losses found so far (infinite where it diverged).

    The search begins around `guess`. Empty when the best rate has both neighbours, or when the most rates
    have been tried.
    """
    if not losses:
        return [rung(guess, steps) for steps in (-1, 0, 1)]
    if len(losses) >= tuning.most_rates:
        return []
    best = best_tried(losses, tuning)
    wanted = (rung(best, -1), rung(best, +1))
    return [rate for rate in wanted if not any(math.isclose(rate, tried, rel_tol=1e-3) for tried in losses)]


def next_decays(losses: Mapping[float, float], guess: float, most: int) -> list[float]:
    """The weight decays to try next, half a decade apart, given the losses found so far with that of `guess`.

    Empty when the best has a neighbour on both sides, or when `most` have been tried.
    """
    if len(losses) >= most:
        return []
    best = min(losses, key=lambda decay: losses[decay]) if losses else guess
    wanted = (float(f"{best / HALF_DECADE:.3g}"), float(f"{best * HALF_DECADE:.3g}"))
    return [
        decay for decay in wanted if not any(math.isclose(decay, tried, rel_tol=0.05) for tried in losses)
    ]


def rung(rate: float, steps: int) -> float:
    """The rate `steps` factors of two away, rounded so that the same rung is the same number."""
    return float(f"{rate * FACTOR**steps:.6g}")


def best_tried(losses: Mapping[float, float], tuning: Tuning) -> float:
    """The largest rate whose loss is as good as the best; the smallest if no loss is finite."""
    if math.isinf(min(losses.values())):
        return min(losses)
    good = min(losses.values()) + tuning.flat_nats
    return max(rate for rate, loss in losses.items() if loss <= good)


def best_rate(losses: Mapping[float, float], tuning: Tuning) -> float:
    """The rate at the minimum: a parabola in log rate through the best and its two neighbours.

    On a plateau, or where a neighbour is missing or diverged, it is the best rate tried. Losses, given in
    nats/token, may be infinite.
    """
    rates = sorted(losses)
    at = rates.index(best_tried(losses, tuning))
    if not 0 < at < len(rates) - 1 or losses[rates[at]] > min(losses.values()):
        return rates[at]
    x = np.log(rates[at - 1 : at + 2])
    y = np.array([losses[rate] for rate in rates[at - 1 : at + 2]])
    if not np.isfinite(y).all():
        return rates[at]
    curvature, slope, _ = np.polyfit(x - x[1], y, 2)
    if curvature <= 0:
        return rates[at]
    return math.exp(x[1] + float(np.clip(-slope / (2 * curvature), x[0] - x[1], x[2] - x[1])))


def doubtful(tuned: Sequence[tuple[int, float]], data_sizes: Sequence[int]) -> list[int]:
    """The data sizes to tune as well: in the middle between tuned neighbours whose rates jump.

    Rates more than `JUMP` apart belong to two valleys, and a rate between them may be good for neither.
    """
    found = []
    for (d_low, low), (d_high, high) in pairwise(sorted(tuned)):
        between = [d for d in data_sizes if d_low < d < d_high]
        if between and max(low / high, high / low) > JUMP:
            found.append(min(between, key=lambda d: abs(math.log(d * d / (d_low * d_high)))))
    return found


def interpolated_rate(tuned: Sequence[tuple[int, float]], d_chars: int) -> float:
    """The rate for a data size: log rate linear in log D between tuned sizes, level beyond them.

    Rounded to three digits: more would be noise, and keys should not hang on it.
    """
    sizes, rates = zip(*sorted(tuned), strict=True)
    log_rate = np.interp(math.log(d_chars), np.log(sizes), np.log(rates))
    return float(f"{math.exp(log_rate):.3g}")
