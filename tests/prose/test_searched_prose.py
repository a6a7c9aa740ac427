"""What is said of a search: where its surface lands near what was tried, and where it does not."""

import pandas as pd

from transferlaws.prose.tuned import searched
from transferlaws.training.tuning import Tuning

SMOOTH = Tuning((3_000,), flat_nats=0.0, smooth=True)


def study(taken: float | None) -> pd.DataFrame:
    rows = [("tune", "scratch", 3_312, 3_000, 0, rate, loss) for rate, loss in ((1e-3, 4.2), (2e-3, 4.1))]
    if taken is not None:
        rows.append(("run", "scratch", 3_312, 3_000, 0, 1.5e-3, taken))
        rows.append(("run", "scratch", 3_312, 3_000, 1, 1.5e-3, 9.0))  # another seed has another sample
    columns = ["role", "arm", "n_params", "d_chars", "seed", "learning_rate", "loss_validation"]
    return pd.DataFrame(rows, columns=columns)


def test_a_surface_is_held_against_the_best_that_was_tried() -> None:
    assert "0.030 nats above the lowest" in searched(study(4.13), SMOOTH)
    assert "-0.020 nats above the lowest" in searched(study(4.08), SMOOTH)
    assert "none of these is there yet" in searched(study(None), SMOOTH)
    assert "1 cell searched with 2 runs" in searched(study(4.13), SMOOTH)
