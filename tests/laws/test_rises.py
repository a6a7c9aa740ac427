"""A loss that rises with size or data is found where it is planted, said, and not found in noise."""

import numpy as np
import pandas as pd

from transferlaws.laws import check_table, rises
from transferlaws.prose.rises import falls


def study(seed: int, seeds: int = 4, worse: float = 0.0) -> pd.DataFrame:
    """Five sizes, five data sizes, a loss that seeds that share a sample lift together; one cell is worse."""
    draw = np.random.default_rng(seed)
    sample = {(d, s): draw.normal(0, 0.05) for d in range(5) for s in range(seeds)}
    rows = [
        (
            4.0**n * 1_000,
            3.0**d * 1_000,
            s,
            5 - 0.02 * n - 0.1 * d + sample[d, s] + draw.normal(0, 0.01) + (worse if (n, d) == (3, 2) else 0),
        )
        for n in range(5)
        for d in range(5)
        for s in range(seeds)
    ]
    table = pd.DataFrame(rows, columns=["n_params", "d_chars", "seed", "loss"])
    return check_table(table.assign(arm="scratch"))


def test_a_cell_that_was_trained_worse_is_named() -> None:
    found = rises(study(0, worse=0.1))
    (beyond,) = [pair for _, pair in found.iterrows() if pair["beyond"]]
    # Samples of two data sizes differ by five times as much as models that share theirs.
    assert (beyond["along"], beyond["n_params"], beyond["d_chars"]) == ("n_params", 64_000, 9_000)
    assert len(found) == 40
    assert "**1 of them by more than seeds explain**" in falls({"scratch": found})
    assert "from N = 16,000 to 64,000 | D = 9,000" in falls({"scratch": found})


def test_noise_alone_is_seldom_called_a_rise() -> None:
    assert sum(rises(study(seed))["beyond"].any() for seed in range(40)) <= 4


def test_without_repeats_nothing_is_claimed() -> None:
    found = rises(study(0, seeds=1))
    assert not found["beyond"].any()
    assert "no cell was repeated" in falls({"scratch": found})
