"""The bill before it is spent, against what was spent."""

from pathlib import Path

import pytest

from transferlaws.design.presets import TO_PYTHON, laptop
from transferlaws.models.ladder import Size
from transferlaws.runs.cost import CostModel
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.store import Store

RESULTS = Path(__file__).parents[2] / "results" / "laptop"


def test_a_fresh_plan_foresees_the_training_that_the_published_study_took(tmp_path: Path) -> None:
    fresh = CostModel(Plan(TO_PYTHON, laptop(), {}), Store(tmp_path / "fresh"))
    foreseen = taken = 0.0
    for record in Store(tmp_path / "none", published=RESULTS):
        spec, outcome = record.spec, record.outcome
        if record.status == "ok" and spec["budget_tokens"] is None and outcome["tokens_seen"]:
            arm = "scratch" if spec["start"] is None else spec["arm"]
            cell = Cell("run", arm, Size(**spec["size"]), outcome["d_chars"], 0, None)
            foreseen += fresh.tokens(cell) * outcome["flops"] / outcome["tokens_seen"]
            taken += outcome["flops"]
    assert foreseen == pytest.approx(taken, rel=0.1)
