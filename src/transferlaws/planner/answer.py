"""An answer of the planner: a value with its interval and regime, or a refusal with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError

REACH = 0.5
"""Decades beyond the runs, in size or data, after which the planner does not answer."""


@dataclass(frozen=True)
class Answer:
    """A value with its interval (None: open or unknown), or a refusal: no value, and `reason` says why.

    `regime` is low, medium, high or unknown; `decades_outside` how far beyond the runs the question lies.
    `measured` is the same quantity measured in the very cell asked about (value, low, high), if it was run.
    """

    quantity: str
    value: float | None
    low: float | None
    high: float | None
    regime: str
    decades_outside: float | None
    refused: bool
    reason: str
    measured: Mapping[str, float | None] | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return dict(vars(self))


def positive(**values: float) -> None:
    """Raise TransferLawsError for the first value that is not a positive finite number, by its name."""
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise TransferLawsError(f"{name} is {value!r}; it takes a positive finite number")


def no_data(name: str) -> TransferLawsError:
    """What to say to a question without target data where the law has no value at none."""
    return TransferLawsError(
        f"{name} is 0, at which only a rectified law of loss has a value "
        "(transferlaws fit TABLE --law rectified)"
    )


def central(samples: Sequence[float], level: float | None) -> tuple[float | None, float | None]:
    """Ends of the central `level` of samples, an unbounded end being open; both are without any."""
    if not len(samples) or level is None:
        return None, None
    ends = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], method="nearest")
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    return low, high


def smallest(grid: NDArray[np.float64], losses: NDArray[np.float64], target: float) -> float:
    """The first value of a grid (m,) whose loss (m,) is at most `target`, in ln between; inf if none is."""
    under = np.flatnonzero(losses <= target)
    if not under.size:
        return float("inf")
    i = int(under[0])
    if i == 0:
        return float(grid[0])
    share = (losses[i - 1] - target) / (losses[i - 1] - losses[i])
    return float(np.exp((1 - share) * np.log(grid[i - 1]) + share * np.log(grid[i])))


def too_far(away: float, **ranges: tuple[float, float]) -> str:
    """The refusal of a question that lies too many decades outside the runs."""
    ends = ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ranges.items())
    return f"the question lies {away:.1f} decades outside the runs ({ends}); half a decade is allowed"


def no_end(quantity: str, value: float, reach: tuple[float, float], target: float) -> str:
    """Why a search found nothing within its reach, or all of it; empty if it found a value."""
    where = "(half a decade {} the runs) reaches a loss of {:g}"
    if not np.isfinite(value):
        return f"no {quantity} up to {reach[1]:.3g} {where.format('beyond', target)}"
    if value <= reach[0]:
        return f"even {quantity} = {reach[0]:.3g} {where.format('below', target)}"
    return ""
