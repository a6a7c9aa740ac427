"""Decisions held against runs a report has not seen are called right only where they were."""

import numpy as np
import pandas as pd

from transferlaws import prose

COLUMNS = [
    "source", "target", "n_params", "d_chars", "basis", "pretrain", "gain", "low", "high", "unseen",
    "unseen_half",
]  # fmt: skip


def cells(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Cells of one pair: decision, gain with its ends, and what unseen runs came to, give or take."""
    return pd.DataFrame([("a", "b", 3312, 10_000, "measured", *row) for row in rows], columns=COLUMNS)


GOOD = (True, 0.2, 0.1, 0.3, 0.25, 0.01)
BAD = (False, -0.1, -0.2, -0.05, 0.1, 0.01)
OPEN = (None, 0.1, np.nan, np.nan, -0.1, 0.02)


def test_a_wrong_decision_is_never_called_right() -> None:
    assert prose.yours.keeping(cells(GOOD, GOOD)).startswith("No decision was wrong.")
    said = prose.yours.keeping(cells(GOOD, BAD, OPEN))
    assert said.startswith("**1 decision of 2 was wrong**, and in 1 cell of 3 the runs could not say.")
    assert "Of 2 intervals closed at both ends 1 held" in said and "50 %" in said
    rows = prose.yours.unseen(cells(GOOD, BAD, OPEN))
    assert "| yes | 0.200 [0.100, 0.300] | 0.250 ± 0.010 | right |" in rows
    assert "| no | -0.100 [-0.200, -0.050] | 0.100 ± 0.010 | wrong |" in rows
    assert "| cannot say | 0.100 [open, open] | -0.100 ± 0.020 | cannot say |" in rows


def test_what_unseen_runs_came_to_has_noise_of_its_own() -> None:
    outside = (True, 0.2, 0.1, 0.3, 0.33, 0.01)
    assert "0 held" in prose.yours.keeping(cells(outside))
    assert "1 held" in prose.yours.keeping(cells((*outside[:-1], 0.12)))
    assert "interval" not in prose.yours.keeping(cells(OPEN))
