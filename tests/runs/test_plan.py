"""The design of a scale, driven to its end against a machine that is a formula."""

import math
from dataclasses import replace

from transferlaws.design.presets import TO_PYTHON, laptop
from transferlaws.design.question import Standing
from transferlaws.design.scale import Scale
from transferlaws.models.ladder import LADDER
from transferlaws.runs.cost import expected_runs
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.record import Record
from transferlaws.runs.store import Store
from transferlaws.training.spec import RunSpec
from transferlaws.training.tuning import Tuning

FINGERPRINTS = {"english": "e", "python": "p", "othercode": "o"}


def optimum(spec: RunSpec) -> float:
    """A best rate that falls with width, rises with data, and is lower after pre-training."""
    rate = 6e-3 * (16 / spec.size.d_model) * (spec.d_chars / 3_000) ** 0.25
    if spec.size == LADDER[1] and spec.d_chars > 100_000:
        rate *= 8  # another valley
    return rate if spec.start is None else rate / 5


def excess(spec: RunSpec) -> float:
    """What a rate off the optimum costs, in nats."""
    return 0.05 * math.log(spec.learning_rate / optimum(spec)) ** 2


def overfitting(spec: RunSpec) -> float:
    """What a weight decay off the best costs, in nats: that falls with data."""
    if spec.recipe.weight_decay == laptop().recipe.weight_decay:
        return 0.0
    best = 3.0 * (spec.d_chars / 30_000) ** -0.25
    return 0.03 * math.log(spec.recipe.weight_decay / best) ** 2


class Formula(Store):
    """A store in which every run is already there, its loss a parabola around the optimum."""

    def __init__(self) -> None:
        self.asked: dict[str, RunSpec] = {}

    def read(self, key: str) -> Record | None:
        spec = self.asked.get(key)
        if spec is None:
            return None
        loss = 3 if spec.is_pretraining or not spec.d_chars else 3 + excess(spec) + overfitting(spec)
        return Record(key, spec.to_json(), "ok", {"loss_validation": loss}, [])


def drive(scale: Scale) -> tuple[Plan, Formula]:
    plan, store = Plan(TO_PYTHON, scale, FINGERPRINTS), Formula()
    known = -1
    while known != len(store.asked):
        known = len(store.asked)
        store.asked |= {cell.spec.key: cell.spec for cell in plan.cells(store) if cell.spec is not None}
    return plan, store


def test_a_plan_comes_to_its_end_with_every_run_near_its_best_rate() -> None:
    plan, store = drive(laptop())
    cells = plan.cells(store)
    assert all(cell.spec is not None for cell in cells)
    tuned = laptop().tuning.d_chars
    for cell in (cell for cell in cells if cell.role == "run" and cell.d_chars):
        assert cell.spec is not None
        if tuned[0] <= cell.d_chars <= tuned[-1]:
            assert excess(cell.spec) <= 2 * laptop().tuning.flat_nats
    tried = sum(cell.role == "tune" for cell in cells)
    grids = {(cell.arm, cell.size, cell.d_chars) for cell in cells if cell.role == "tune"}
    assert tried <= 4.5 * len(grids)  # the next search begins where the last one ended


def test_smooth_tuning_ends_near_the_best_rate_and_weight_decay_in_every_cell() -> None:
    scale = replace(
        laptop(),
        tuning=Tuning((3_000, 30_000, 300_000), flat_nats=0.0, smooth=True),
        recipe=replace(laptop().recipe, weight_decay=3.0),
    )
    plan, store = drive(scale)
    cells = plan.cells(store, ["scratch", "text"])
    runs = [cell.spec for cell in cells if cell.role == "run" and cell.spec and cell.d_chars]
    assert len(runs) == sum(cell.role == "run" and cell.d_chars > 0 for cell in cells)
    flat = [spec for spec in runs if not (spec.size == LADDER[1] and spec.d_chars > 100_000)]
    assert max(overfitting(spec) for spec in flat) < 0.01
    # One size has another valley beyond 1e5 characters: the surface gives it up and keeps the others.
    assert sorted(excess(spec) for spec in flat)[int(0.9 * len(flat))] < 0.02
    one = plan.cells(Formula(), ["scratch"], [LADDER[0]])
    assert all(cell.spec is None for cell in one if cell.role == "run")  # until all sizes are searched


def test_no_cell_costs_more_than_its_reach_and_side_arms_cost_less() -> None:
    scale = laptop()
    plan, store = drive(scale)
    runs = [cell for cell in plan.cells(store) if cell.role == "run"]
    furthest = {
        (arm, size.n_params): max(cell.d_chars for cell in runs if (cell.arm, cell.size) == (arm, size))
        for arm, size in {(cell.arm, cell.size) for cell in runs}
    }
    assert [furthest["text", size.n_params] for size in LADDER] == [1e7, 1e7, 3e6, 1e6, 3e5, 1e5]
    assert [furthest["scratch", size.n_params] for size in LADDER] == [1e7, 1e7, 1e7, 3e6, 1e6, 3e5]
    assert [furthest["mix", size.n_params] for size in LADDER[:4]] == [1e7, 3e6, 1e6, 3e5]
    assert ("mix", LADDER[4].n_params) not in furthest
    seeds = {(cell.arm, cell.d_chars): cell.seed + 1 for cell in runs}  # seeds count up
    assert (seeds["text", 30_000], seeds["mix", 30_000], seeds["mix", 1_000_000]) == (5, 3, 1)


def test_a_reach_below_the_smallest_cell_leaves_the_smallest_data_size() -> None:
    tight = replace(laptop(), reach=1.0)
    assert {tight.d_chars_of(standing, tight.sizes[0]) for standing in list(Standing)[:3]} == {(1_000,)}


def test_no_model_is_given_more_characters_a_parameter_than_the_scale_says() -> None:
    scale = replace(laptop(), chars_per_param=100.0)
    furthest = {
        standing: [scale.d_chars_of(standing, size)[-1] for size in LADDER[:3]]
        for standing in (Standing.BASELINE, Standing.MAIN, Standing.BESIDE)
    }
    assert furthest == {  # N = 3,312, 12,768 and 50,112
        Standing.BASELINE: [1e6, 3e6, 1e7],
        Standing.MAIN: [3e5, 1e6, 3e6],
        Standing.BESIDE: [1e5, 3e5, 1e6],
    }


def test_a_plan_at_its_end_expects_no_run_but_those_that_are_done() -> None:
    plan, store = drive(laptop())

    def done(cell: Cell) -> bool:
        return cell.spec is not None and cell.spec.key in store.asked

    runs = expected_runs(plan.cells(store), plan.scale, done)
    assert all(map(done, runs)) and len(runs) == len(store.asked)
    assert len(expected_runs(plan.cells(Formula()), plan.scale, done)) > len(plan.cells(Formula()))
