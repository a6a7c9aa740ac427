"""A run learns, stops at its best point, and says so when it diverges."""

import numpy as np
import torch

from transferlaws.models import lm
from transferlaws.models.ladder import LADDER
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.loop import Trainer, Training, evaluate, make_deterministic
from transferlaws.training.spec import Recipe

RECIPE = Recipe(batch_tokens=256, max_tokens=60_000)


def train(rate: float, seed: int = 0, budget: int | None = None) -> tuple[Training, float]:
    """Learn a noisy cycle of 50 tokens from 1,000 of them; the floor is about 1.1 nats."""
    make_deterministic()
    random = np.random.default_rng(seed)
    cycle = np.arange(6_000) % 50 + 1
    tokens = np.where(random.random(6_000) < 0.2, random.integers(1, 51, 6_000), cycle).astype(np.uint16)
    model = lm.build(LADDER[0], vocabulary_size=64, context=32, seed=seed)
    batches = Batches(tokens[:1_000], context=32, batch_tokens=256, batch_share=0.125, seed=seed)
    stop_set = evaluation_batches(tokens[1_000:3_000], 32)
    trainer = Trainer(model, batches, stop_set, rate, RECIPE)
    training = trainer.to_early_stop() if budget is None else trainer.to_budget(budget)
    return training, evaluate(model, stop_set)


def test_a_run_learns_overfits_and_keeps_its_best_weights():
    training, loss = train(rate=1e-2)
    first, last_held = training.curve[0], [p for p in training.curve if p.phase == "hold"][-1]
    assert training.best is not None and not training.diverged
    assert training.best.loss_validation < 0.7 * first.loss_validation
    assert training.best.loss_validation <= last_held.loss_validation
    assert loss == training.best.loss_validation  # the weights handed back are the best ones
    assert {point.phase for point in training.curve} == {"hold", "decay"}


def test_the_same_run_twice_is_the_same_to_the_bit():
    torch.manual_seed(99)  # what happened in the process before must not matter
    one = train(rate=1e-2)
    torch.manual_seed(1)
    assert train(rate=1e-2) == one


def test_a_budgeted_run_sees_its_budget_and_decays_at_the_end():
    training, _ = train(rate=1e-2, budget=10_000)
    assert abs(training.curve[-1].tokens_seen - 10_000) < 200
    assert training.curve[-1].phase == "decay"
    assert training.curve[-1].learning_rate < 1e-3


def test_a_rate_far_too_high_is_reported_as_divergence():
    training, _ = train(rate=300.0)
    assert training.diverged
