"""A run learns, stops at its best point, and says so when it diverges."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferlaws.models import by_hand, ladder, lm
from transferlaws.models.ladder import LADDER
from transferlaws.training import loop, parallel
from transferlaws.training.averaging import Average
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.device import prepare_device
from transferlaws.training.evaluation import Evaluation
from transferlaws.training.loop import Trainer, Training
from transferlaws.training.spec import TrainingRecipe
from transferlaws.training.trunk import Trunk

RECIPE = TrainingRecipe(batch_tokens=256, max_tokens=60_000)


def train(
    rate: float,
    seed: int = 0,
    budget: int | None = None,
    trunk: Trunk | None = None,
    share: float = 0.125,
    recipe: TrainingRecipe = RECIPE,
) -> tuple[Training, float]:
    """Learn a noisy cycle of 50 tokens from 1,000 of them; the floor is about 1.1 nats."""
    prepare_device()
    random = np.random.default_rng(seed)
    cycle = np.arange(6_000) % 50 + 1
    tokens = np.where(random.random(6_000) < 0.2, random.integers(1, 51, 6_000), cycle).astype(np.uint16)
    model = lm.build(LADDER[0], vocabulary_size=64, context=32, seed=seed)
    batches = Batches(tokens[:1_000], context=32, batch_tokens=256, batch_share=share, seed=seed)
    stop_set = evaluation_batches(tokens[1_000:3_000], 32)
    trainer = Trainer(model, batches, stop_set, rate, recipe)
    training = trainer.to_early_stop() if budget is None else trainer.to_budget(budget, trunk)
    return training, Evaluation(model, stop_set)()


def test_a_run_learns_overfits_and_keeps_its_best_weights() -> None:
    training, loss = train(rate=1e-2)
    first, last_held = training.curve[0], [p for p in training.curve if p.phase == "hold"][-1]
    assert training.best is not None and not training.diverged
    assert training.best.loss_validation < 0.7 * first.loss_validation
    assert training.best.loss_validation <= last_held.loss_validation
    assert loss == training.best.loss_validation  # the weights handed back are the best ones
    assert {point.phase for point in training.curve} == {"hold", "decay"}


def test_an_averaged_run_keeps_the_best_of_held_mean_and_decayed_weights() -> None:
    averaged = replace(RECIPE, averaging=0.3)
    training, loss = train(rate=2e-2, recipe=averaged)
    assert training.best is not None
    assert loss == training.best.loss_validation == min(point.loss_validation for point in training.curve)
    best = {
        phase: min(point.loss_validation for point in training.curve if point.phase == phase)
        for phase in ("hold", "mean", "decay")
    }
    # At a rate that is held, the mean reaches what the weights themselves only reach as the rate decays.
    assert best["mean"] < best["hold"] - 0.05 and best["decay"] < best["hold"]


def test_the_mean_is_over_the_last_share_of_the_steps() -> None:
    weights = torch.zeros(3)
    average = Average(weights, share=0.25)
    for step in range(1, 1_001):
        weights.fill_(float(step))
        average.update(step)
    with average.in_place():
        # The weights of steps fall as (s/t)^(1/c - 1): their mean of s/t is 1/(1 + c).
        assert float(weights[0]) == pytest.approx(1_000 / 1.25, rel=1e-2)
    assert float(weights[0]) == 1_000


def test_the_same_run_twice_is_the_same_to_the_bit() -> None:
    torch.manual_seed(99)  # what happened in the process before must not matter
    one = train(rate=1e-2)
    torch.manual_seed(1)
    assert train(rate=1e-2) == one


def test_a_run_with_dropout_is_the_same_to_the_bit_and_over_fits_less() -> None:
    dropping = replace(RECIPE, dropout=0.2)
    one = train(rate=1e-2, recipe=dropping)
    torch.manual_seed(1)  # neither does it draw from what others draw from
    assert train(rate=1e-2, recipe=dropping) == one
    training, loss = one
    assert training.best is not None and loss == training.best.loss_validation  # scored without dropout
    gap = {
        share: min(p.loss_validation - p.loss_train for p in run.curve[-4:])
        for share, run in ((0.0, train(rate=1e-2)[0]), (0.2, training))
    }
    assert gap[0.2] < gap[0.0]


def test_a_torch_without_its_private_operators_trains_to_the_same_losses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[bool] = []
    found = by_hand.loss_by_hand

    def counted(model: Any, gradients: list[torch.Tensor]) -> by_hand.LossByHand | None:
        loss = found(model, gradients)
        asked.append(loss is None)
        return loss

    monkeypatch.setattr(loop, "loss_by_hand", counted)
    with_them = train(rate=1e-2, budget=10_000)
    monkeypatch.setattr(by_hand, "_attention_backward", None)
    without = train(rate=1e-2, budget=10_000)
    assert asked == [False, True]
    assert repr(without) == repr(with_them)  # repr: a curve begins with a nan


def test_a_budgeted_run_sees_its_budget_and_decays_at_the_end() -> None:
    training, _ = train(rate=1e-2, budget=10_000)
    assert abs(training.curve[-1].tokens_seen - 10_000) < 200
    assert training.curve[-1].phase == "decay"
    assert training.curve[-1].learning_rate < 1e-3


def test_a_branch_off_a_trunk_is_the_run_it_would_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    update = Trainer.update

    def counted(self: Trainer, rate: float) -> None:
        steps.append(self.step)
        update(self, rate)

    monkeypatch.setattr(Trainer, "update", counted)
    trunk, alone = Trunk(tmp_path), repr(train(rate=1e-2, budget=10_000))
    for other in (6_000, 20_000):  # a shorter run's steps, and half of a longer one's, are not trained again
        train(rate=1e-2, budget=other, trunk=trunk)
        steps.clear()
        assert repr(train(rate=1e-2, budget=10_000, trunk=trunk)) == alone  # repr: a curve begins with a nan
        assert min(steps) >= 32
        shutil.rmtree(tmp_path)
    train(rate=1e-2, budget=6_000, trunk=trunk)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"\1")
    assert trunk.furthest(10_000) is None  # damaged states are not believed
    assert repr(train(rate=1e-2, budget=10_000, trunk=trunk)) == alone


@pytest.mark.parametrize(("share", "at_once", "parts"), [(0.125, 2, [2, 1]), (0.2, 4, [3, 3])])
def test_a_batch_that_is_divided_trains_the_same_run(
    share: float, at_once: int, parts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = train(rate=1e-2, budget=5_000, share=share)
    sizes: list[int] = []

    def mean_loss(model: Any, x_BT: torch.Tensor, y_BT: torch.Tensor, drop: None) -> torch.Tensor:
        sizes.append(len(x_BT))
        return lm.mean_loss(model, x_BT, y_BT, drop)

    monkeypatch.setattr(parallel, "mean_loss", mean_loss)
    monkeypatch.setitem(ladder.MOST_STATES, "cpu", at_once * 32 * LADDER[0].d_model)
    divided, _ = train(rate=1e-2, budget=5_000, share=share)
    assert sizes[:2] == parts  # of one size where that takes no small ones
    assert divided != whole
    of_whole, of_divided = ([p[:-1] for p in run.curve] for run in (whole, divided))
    np.testing.assert_allclose(of_whole, of_divided, atol=1e-5)


def test_a_rate_far_too_high_is_reported_as_divergence() -> None:
    training, _ = train(rate=300.0)
    assert training.diverged
