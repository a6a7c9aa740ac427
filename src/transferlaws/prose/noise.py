"""Noise in words: how far seeds differ, and the three numbers that go by its name."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from transferlaws.escape import markdown
from transferlaws.laws import Noise, run_noise
from transferlaws.prose.numbers import Prose, grid, scientific


def between_seeds(runs: pd.DataFrame) -> Prose:
    """How far seeds differ, by arm and data size."""
    runs = runs[runs["d_chars"] > 0]
    found = {
        arm: {d: run_noise(group, arm) for d, group in runs[runs["arm"] == arm].groupby("d_chars")}
        for arm in sorted(set(runs["arm"]))
    }
    pooled = pd.DataFrame(found).sort_index().dropna(how="all").dropna(how="all", axis=1)
    rows = (
        (scientific(d, 1), *("–" if np.isnan(value) else f"{value:.3f}" for value in row))
        for d, row in zip(pooled.index, pooled.to_numpy(), strict=True)
    )
    return Prose(
        "Standard deviation between seeds (each draws its own sample of the data), pooled over sizes:\n\n"
        + grid(("D", *map(markdown, pooled.columns)), rows)
    )


def three_noises(noise: Noise, arms: Sequence[str], parts: Mapping[str, float]) -> Prose:
    """The three numbers that are all called noise, each by its name: the sample's, the run's, the misfit."""
    spread = np.sqrt(noise.variance)
    ends = "; ".join(
        f"{markdown(arm)} {own.min():.3f} to {own.max():.3f}" for arm, own in zip(arms, spread, strict=True)
    )
    return Prose(
        "Three things are called noise, and they are three numbers. **The sample**: a seed draws its own "
        f"text, and all sizes that share it move together, by {parts['sample']:.3f} nats/token. **The run**: "
        f"what the same sample still leaves to initialisation and order, {parts['run']:.3f}. **The misfit**: "
        f"what the law misses beyond both, {parts['misfit']:.3f}; that is no noise at all, but widens the "
        "intervals as if it were. (Standard deviations of one run, all cells alike.) The first two together "
        f"differ by arm and amount of data: {ends}. Seeds average the first two; only a better law, or "
        "better cells, takes off the third."
    )
