"""Models in words: what share of them embeddings are, and how fast they train."""

from collections.abc import Sequence

import pandas as pd

from transferlaws.prose.numbers import Prose


def embedded(shares: Sequence[float]) -> Prose:
    """What share of all parameters embeddings take: of the smallest size, and of the largest."""
    values = list(shares)
    return Prose(
        f"embeddings take **{100 * values[0]:.0f} %** of all parameters of the smallest size and "
        f"{100 * values[-1]:.0f} % of the largest."
    )


def speed(table: pd.DataFrame, at_least: float = 1.0) -> float:
    """Training FLOP/s of one worker: the median over runs of `at_least` so many seconds; NaN without any."""
    timed = table[table["seconds"] > at_least]
    return float((timed["flops"] / timed["seconds"]).median())
