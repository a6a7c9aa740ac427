"""How many tokens a run sees until its early stop, before it is run.

Nobody knows beforehand. What such runs took elsewhere is a table by data size; the study's own finished runs
correct it, by a factor that may go with model size and data size.
"""

import math
from typing import NamedTuple

import numpy as np

from transferlaws.models.ladder import Size


class Epochs(NamedTuple):
    """Epochs to the end of a run by data size in characters.

    Means over a study's runs, by their FLOPs a token, so that a sum over sizes comes out right.
    """

    by_chars: tuple[float, ...]
    scratch: tuple[float, ...]
    tuned: tuple[float, ...]


# By tier. What `smoke` pre-trains is little, and leaves its fine-tuning more to do. In `laptop`, which stands
# for the other tiers, a run ends at its token limit beyond 1e6 characters.
EPOCHS = {
    "smoke": Epochs(
        (1e3, 3e3, 1e4, 3e4, 1e5), (19.4, 14.4, 22.9, 32.8, 35.5), (17.6, 14.8, 23.6, 31.2, 31.2)
    ),
    "laptop": Epochs(
        (1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7),
        (18.7, 8.7, 19.8, 25.7, 23.6, 24.1, 30.5, 9.7, 3.8),
        (12.6, 5.8, 7.8, 13.1, 8.0, 8.1, 20.3, 5.5, 3.7),
    ),
    # By the recipe of `design.sized`, as long as its trials took (results/trials; guessed beyond 1e5).
    "core-hours": Epochs(
        (1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 1e7),
        (40, 40, 70, 105, 95, 60, 30, 4),
        (14, 14, 34, 22, 20, 15, 10, 4),
    ),
}
# What a study's own runs are weighed against: ln of a factor on the table is 0 +- 1.5, its slopes in ln N and
# ln D 0 +- 0.3, and a run's own length is off by a factor of two either way.
PRIOR = np.array([1.5, 0.3, 0.3])
SCATTER = 0.7
MIDDLE = (math.log(1e5), math.log(3e4))  # ln N and ln D at which slopes turn


class Lengths:
    """Tokens of runs from scratch and fine-tuned, by what the table says and by finished runs `seen`.

    `seen` are (from scratch, n_params, d_chars, tokens); `chars_per_token` those of the target.
    """

    def __init__(self, tier: str, chars_per_token: float, seen: list[tuple[bool, int, int, float]]) -> None:
        self._usual, self._chars_per_token = EPOCHS.get(tier, EPOCHS["laptop"]), chars_per_token
        self._corrections = {kind: self._correction(kind, seen) for kind in (True, False)}

    def __call__(self, from_scratch: bool, size: Size, d_chars: int) -> float:
        """Expected tokens of a run to its early stop."""
        correction = float(np.exp(_place(size.n_params, d_chars) @ self._corrections[from_scratch]))
        return self._by_table(from_scratch, d_chars) * correction

    def _by_table(self, from_scratch: bool, d_chars: int) -> float:
        usual = self._usual
        epochs = usual.scratch if from_scratch else usual.tuned
        log_epochs = float(np.interp(math.log(d_chars), np.log(usual.by_chars), np.log(epochs)))
        return math.exp(log_epochs) * d_chars / self._chars_per_token

    def _correction(self, kind: bool, seen: list[tuple[bool, int, int, float]]) -> np.ndarray:
        """Coefficients (3,) of ln of the factor in `_place`, by least squares held to the prior."""
        runs = [(n, d, tokens) for scratch, n, d, tokens in seen if scratch == kind]
        if not runs:
            return np.zeros(3)
        places = np.array([_place(n, d) for n, d, _ in runs])
        ratios = np.array([tokens / self._by_table(kind, d) for _, d, tokens in runs])
        rows = np.vstack([places / SCATTER, np.diag(1 / PRIOR)])
        found, *_ = np.linalg.lstsq(rows, np.append(np.log(ratios) / SCATTER, np.zeros(3)), rcond=None)
        # A bill adds up work, in which long runs of large models weigh more than the mean logarithm has it.
        work = np.array([n * self._by_table(kind, d) for n, d, _ in runs])
        found[0] += math.log(work @ ratios / (work @ np.exp(places @ found)))
        return found


def _place(n_params: int, d_chars: int) -> np.ndarray:
    return np.array([1.0, math.log(n_params) - MIDDLE[0], math.log(d_chars) - MIDDLE[1]])
