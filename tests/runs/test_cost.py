"""The bill before it is spent, against what was spent."""

from pathlib import Path

import pytest

from transferlaws.design.presets import TO_PYTHON, laptop
from transferlaws.models.ladder import LADDER, Size
from transferlaws.runs.cost import CostModel
from transferlaws.runs.lengths import Lengths
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.store import Store

RESULTS = Path(__file__).parents[2] / "results" / "laptop"


def bills(known: Store) -> tuple[float, float]:
    """FLOPs of the published study's runs proper: foreseen by a plan that knows those runs, and taken."""
    plan = CostModel(Plan(TO_PYTHON, laptop(), {}), known)
    foreseen = taken = 0.0
    for record in Store(known.path / "none", published=RESULTS):
        spec, outcome = record.spec, record.outcome
        if record.status == "ok" and spec["budget_tokens"] is None and outcome["tokens_seen"]:
            arm = "scratch" if spec["start"] is None else spec["arm"]
            cell = Cell("run", arm, Size(**spec["size"]), outcome["d_chars"], 0, None)
            foreseen += plan.tokens(cell) * outcome["flops"] / outcome["tokens_seen"]
            taken += outcome["flops"]
    return foreseen, taken


def test_a_fresh_plan_foresees_the_training_that_the_published_study_took(tmp_path: Path) -> None:
    foreseen, taken = bills(Store(tmp_path))
    assert foreseen == pytest.approx(taken, rel=0.1)


def test_what_is_done_corrects_the_bill_of_the_rest() -> None:
    """Runs from scratch that take longer than the table has it, the more so the smaller they are."""
    fresh = Lengths("laptop", 1.5, [])
    done = [
        (True, size.n_params, d, fresh(True, size, d) * 3 * (size.n_params / 1e5) ** -0.4)
        for size in LADDER[:4]
        for d in (3_000, 30_000)
        for _ in range(4)
    ]
    after = Lengths("laptop", 1.5, done)
    largest = LADDER[-1]
    planted = 3 * (largest.n_params / 1e5) ** -0.4
    assert after(True, largest, 100_000) == pytest.approx(planted * fresh(True, largest, 100_000), rel=0.25)
    assert after(False, largest, 100_000) == fresh(False, largest, 100_000)
