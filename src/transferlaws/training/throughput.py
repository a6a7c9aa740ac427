"""How fast this machine trains: a few real steps of each size, timed."""

import time
from collections.abc import Sequence

import numpy as np

from transferlaws.models.ladder import Size
from transferlaws.models.lm import build
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.device import prepare_device, wait_for
from transferlaws.training.loop import Trainer
from transferlaws.training.spec import Recipe

LARGEST_MEASURED = 5_000_000  # parameters; larger sizes take the rate of the largest measured one


def measured_flops_per_second(
    sizes: Sequence[Size], *, vocabulary_size: int, context: int, seconds_each: float = 0.5
) -> dict[Size, float]:
    """Training FLOPs per second of one worker with a device to itself, by size, on random tokens."""
    device = prepare_device()
    random = np.random.default_rng(0)
    tokens = random.integers(0, vocabulary_size, 16 * context * 16 + 1).astype(np.uint16)
    small = [size for size in sizes if size.n_params <= LARGEST_MEASURED] or [min(sizes)]
    rates = {}
    for size in small:
        model = build(size, vocabulary_size=vocabulary_size, context=context, seed=0).to(device)
        recipe = Recipe(batch_tokens=16 * context)
        batches = Batches(tokens, context=context, batch_tokens=16 * context, batch_share=0.5, seed=0)
        trainer = Trainer(model, batches, evaluation_batches(tokens[: context + 1], context), 1e-4, recipe)
        for _ in range(3):
            trainer.update(1e-4)
        wait_for(device)
        started, warm_steps = time.perf_counter(), trainer.step
        while time.perf_counter() - started < seconds_each:
            trainer.update(1e-4)
        wait_for(device)
        tokens_per_second = (
            (trainer.step - warm_steps) * batches.tokens_per_step / (time.perf_counter() - started)
        )
        rates[size] = tokens_per_second * size.flops_per_token(vocabulary_size, context)
    return rates
