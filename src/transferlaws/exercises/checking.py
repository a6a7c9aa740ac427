"""What every check does with an answer: ask it a case, and say in one line what is missing."""

from collections.abc import Callable
from typing import Any

import numpy as np

from transferlaws.errors import TransferLawsError


def compare(
    answer: Callable[..., Any], arguments: tuple[Any, ...], wanted: float, case: str, tolerance: float = 1e-3
) -> None:
    """Ask `answer(*arguments)` and raise TransferLawsError with the `case` unless it is `wanted`.

    `tolerance` is relative; an infinite value is wanted exactly, and zero within `tolerance` itself. An
    answer that raises or that is no number is wrong like any other, and is said to be so.
    """
    try:
        got = answer(*arguments)
    except Exception as error:  # whatever the reader's function does, it is about the exercise
        raise TransferLawsError(f"not yet: for {case} it raised {type(error).__name__}: {error}") from error
    try:
        value = float(got)
    except (TypeError, ValueError):
        raise TransferLawsError(
            f"not yet: for {case} it takes {wanted:.6g}, and the answer is {got!r}, which is not a number"
        ) from None
    if np.isfinite(wanted):
        right = np.isfinite(value) and abs(value - wanted) <= tolerance * (abs(wanted) or 1.0)
    else:
        right = value == wanted or (np.isnan(wanted) and np.isnan(value))
    if not right:
        raise TransferLawsError(f"not yet: for {case} it takes {wanted:.6g}, and the answer is {value:.6g}")
