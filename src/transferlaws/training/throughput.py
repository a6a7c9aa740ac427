"""How fast this machine trains: a few real steps of each size, timed."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from transferlaws.models.given import fresh
from transferlaws.models.ladder import SavedSize, Size
from transferlaws.models.lm import build
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.device import prepare_device, wait_for
from transferlaws.training.loop import Trainer
from transferlaws.training.recorded import WARM_UP_CALLS
from transferlaws.training.spec import TrainingRecipe

SEQUENCES = 16
# Parameters; larger sizes take the rate of the largest measured one.
LARGEST_MEASURED = {"cpu": 5_000_000, "cuda": 500_000_000}


def measured_flops_per_second(
    sizes: Sequence[Size],
    *,
    vocabulary_size: int,
    context: int,
    models: Mapping[str, Path] | None = None,
    seconds_each: float = 0.5,
) -> dict[Size, float]:
    """Training FLOPs per second of one worker with a device to itself, by size, on random tokens.

    Within a step: from the difference between steps of sixteen sequences and of one, so that what a step
    takes however small it is (`runs.cost.OVERHEADS`) is not in it. `models` are the folders of saved models
    by their digest, for sizes that are such.
    """
    device = prepare_device()
    small = [size for size in sizes if size.n_params <= LARGEST_MEASURED[device.type]] or [min(sizes)]
    rates = {}
    for size in small:
        seconds = []
        for sequences in (1, SEQUENCES):
            model = _untrained(size, vocabulary_size, context, models or {}).to(device)
            seconds.append(
                _step_seconds(model, vocabulary_size, context, sequences, seconds_each / 2, device)
            )
        flops = (SEQUENCES - 1) * context * size.flops_per_token(vocabulary_size, context)
        rates[size] = flops / max(seconds[1] - seconds[0], 0.1 * seconds[1])
    return rates


def _untrained(size: Size, vocabulary_size: int, context: int, models: Mapping[str, Path]) -> Any:
    if isinstance(size, SavedSize):
        return fresh(models[size.checkpoint], size, seed=0)
    return build(size, vocabulary_size=vocabulary_size, context=context, seed=0)


def _step_seconds(
    model: Any, vocabulary_size: int, context: int, sequences: int, seconds: float, device: torch.device
) -> float:
    """What a training step on so many sequences takes."""
    random = np.random.default_rng(0)
    tokens = random.integers(0, vocabulary_size, 16 * context * sequences + 1).astype(np.uint32)
    recipe = TrainingRecipe(batch_tokens=sequences * context)
    batches = Batches(tokens, context=context, batch_tokens=sequences * context, batch_share=0.5, seed=0)
    trainer = Trainer(model, batches, evaluation_batches(tokens[: context + 1], context), 1e-4, recipe)
    for _ in range(WARM_UP_CALLS + 1):
        trainer.update(1e-4)
    # On a CPU the core's own seconds: other work on the machine is not part of the bill.
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    wait_for(device)
    started, warm_steps = clock(), trainer.step
    while clock() - started < seconds:
        trainer.update(1e-4)
    wait_for(device)
    return (clock() - started) / (trainer.step - warm_steps)
