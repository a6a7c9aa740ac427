"""Tokens per second of a training step, as ratios against a plain loop on the same model in the same run.

Alternative: nanoGPT's loop on `transformers`' own GPT-2 (its forward pass, cross-entropy on stored
logits, clipping, AdamW), same shape, same data, same batch, one thread. The two take turns, so that a
machine whose speed drifts slows both. Prints the median of paired ratios for each size and batch, their
geometric mean, and our share of this machine's measured matrix-product rate.

    python benchmarks/training_step.py [--seconds 0.5] [--rounds 7]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from transferlaws.models.ladder import LADDER, Size
from transferlaws.models.lm import build
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.loop import Trainer, make_deterministic
from transferlaws.training.spec import Recipe

VOCABULARY, CONTEXT = 1024, 128


def ours(size: Size, sequences: int) -> Callable[[], None]:
    batches = _batches(sequences)
    model = build(size, vocabulary_size=VOCABULARY, context=CONTEXT, seed=0).train()
    stop_set = evaluation_batches(batches.tokens[: CONTEXT + 1], CONTEXT)
    trainer = Trainer(model, batches, stop_set, 1e-4, Recipe(batch_tokens=sequences * CONTEXT))
    return lambda: trainer.update(1e-4)


def plain(size: Size, sequences: int) -> Callable[[], None]:
    batches = _batches(sequences)
    model = build(size, vocabulary_size=VOCABULARY, context=CONTEXT, seed=0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
    numbers = iter(range(10**9))

    def step() -> None:
        x, y = batches(next(numbers))
        logits = model(x).logits
        loss = F.cross_entropy(logits.view(-1, VOCABULARY), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def _batches(sequences: int) -> Batches:
    tokens = np.random.default_rng(0).integers(1, VOCABULARY, 400_000).astype(np.uint16)
    return Batches(tokens, context=CONTEXT, batch_tokens=sequences * CONTEXT, batch_share=0.5, seed=0)


def steps_per_second(step: Callable[[], None], seconds: float) -> float:
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        steps += 1
    return steps / (time.perf_counter() - started)


def matrix_product_rate(seconds: float) -> float:
    """FLOP/s of a plain 1,024-square float32 product with one thread."""
    a = torch.randn(1024, 1024)
    return 2 * 1024**3 * steps_per_second(lambda: torch.mm(a, a), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds for each measurement")
    parser.add_argument("--rounds", type=int, default=7, help="pairs for each size and batch")
    options = parser.parse_args()
    make_deterministic()
    print(f"{'size':>6} {'N':>10} {'batch':>6} {'tokens/s':>10} {'vs plain loop':>14} {'of peak':>8}")
    ratios = []
    for size in LADDER:
        for sequences in (1, 4, 16):
            steps = ours(size, sequences), plain(size, sequences)
            for step in steps:
                step()
            pairs, shares = [], []
            for _ in range(options.rounds):
                peak = matrix_product_rate(options.seconds / 5)
                fast, slow = (steps_per_second(step, options.seconds) for step in steps)
                pairs.append((fast, fast / slow))
                flops = size.flops_per_token(VOCABULARY, CONTEXT) * sequences * CONTEXT
                shares.append(fast * flops / peak)
            rate = statistics.median(fast for fast, _ in pairs) * sequences * CONTEXT
            ratio = statistics.median(ratio for _, ratio in pairs)
            ratios.append(ratio)
            print(
                f"{size!s:>6} {size.n_params:>10,} {sequences * CONTEXT:>6} {rate:>10,.0f} {ratio:>13.2f}x "
                f"{statistics.median(shares):>8.0%}",
                flush=True,
            )
    print(f"geometric mean of the ratios: {statistics.geometric_mean(ratios):.2f}x")


if __name__ == "__main__":
    main()
