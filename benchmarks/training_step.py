"""Tokens per second of training, as ratios against two named alternatives in the same run.

- plain loop: nanoGPT's without its compiling, on `transformers`' own GPT-2: its forward pass, cross-entropy
  on stored logits, clipping, AdamW (fused on a GPU, as nanoGPT has it).
- Trainer: `transformers.Trainer` with fused AdamW on the same model and data, with logging, saving and
  evaluation off; timed inside its own loop, start-up left out.

On the first GPU if there is one, in bfloat16 autocast all three; else on the CPU in float32.

The same model, shapes, data, batch and thread for all, each in a process of its own, because ours also
sets the allocator; they take turns, so that a machine whose speed drifts slows all of them. torch's
deterministic kernels are on for ours and off for the others. Prints the median of paired ratios for each
size and batch, their geometric means, and our share of the device's measured matrix-product rate.

    python benchmarks/training_step.py [--seconds 0.5] [--rounds 7]
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import transformers

from transferlaws.models.ladder import LADDER, Size
from transferlaws.models.lm import build
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.device import moved, precision, prepare_device, wait_for
from transferlaws.training.loop import Trainer
from transferlaws.training.spec import TrainingRecipe

VOCABULARY, CONTEXT = 1024, 128
RECIPE = TrainingRecipe()
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")

# Trains for about so many seconds and returns steps per second.
Alternative = Callable[[float], float]


def ours(size: Size, sequences: int) -> Alternative:
    device = prepare_device()
    batches = _batches(sequences)
    model = build(size, vocabulary_size=VOCABULARY, context=CONTEXT, seed=0).train().to(device)
    stop_set = evaluation_batches(batches.tokens[: CONTEXT + 1], CONTEXT)
    trainer = Trainer(model, batches, stop_set, 1e-4, TrainingRecipe(batch_tokens=sequences * CONTEXT))
    return lambda seconds: steps_per_second(lambda: trainer.update(1e-4), seconds)


def plain_loop(size: Size, sequences: int) -> Alternative:
    torch.set_float32_matmul_precision("high")
    batches = _batches(sequences)
    model = build(size, vocabulary_size=VOCABULARY, context=CONTEXT, seed=0).train().to(DEVICE)
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": RECIPE.weight_decay},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    fused = DEVICE.type == "cuda"
    optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(RECIPE.beta1, RECIPE.beta2), fused=fused)
    numbers = iter(range(10**9))

    def step() -> None:
        x, y = moved(batches(next(numbers)), DEVICE)
        with precision(DEVICE):
            logits = model(x).logits
            loss = F.cross_entropy(logits.view(-1, VOCABULARY), y.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), RECIPE.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return lambda seconds: steps_per_second(step, seconds)


class Clock(transformers.TrainerCallback):
    """Ends a Trainer's loop after `seconds`, counting from the end of its second step."""

    seconds = started = took = 0.0
    steps = 0

    def on_step_end(self, _: Any, state: Any, control: Any, **__: Any) -> None:
        if state.global_step <= 2:
            wait_for(DEVICE)
            self.started = time.perf_counter()
        elif time.perf_counter() - self.started >= self.seconds:
            wait_for(DEVICE)
            self.steps, self.took = state.global_step - 2, time.perf_counter() - self.started
            control.should_training_stop = True


def huggingface_trainer(size: Size, sequences: int) -> Alternative:
    batches, clock = _batches(sequences), Clock()
    examples = [
        {"input_ids": x, "labels": x} for step in range(batches.steps_per_epoch) for x in batches(step)[0]
    ]
    arguments = transformers.TrainingArguments(
        output_dir=tempfile.gettempdir(),
        per_device_train_batch_size=sequences,
        max_steps=10**9,
        optim="adamw_torch_fused",
        learning_rate=1e-4,
        lr_scheduler_type="constant",
        adam_beta1=RECIPE.beta1,
        adam_beta2=RECIPE.beta2,
        weight_decay=RECIPE.weight_decay,
        max_grad_norm=RECIPE.clip_norm,
        use_cpu=DEVICE.type == "cpu",
        bf16=DEVICE.type == "cuda",
        dataloader_pin_memory=DEVICE.type == "cuda",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    model = build(size, vocabulary_size=VOCABULARY, context=CONTEXT, seed=0)
    trainer = transformers.Trainer(model, arguments, train_dataset=examples, callbacks=[clock])

    def rate(seconds: float) -> float:
        clock.seconds = seconds
        trainer.train()
        return clock.steps / clock.took

    trainer.remove_callback(transformers.trainer_callback.PrinterCallback)
    return rate


def _batches(sequences: int) -> Batches:
    tokens = np.random.default_rng(0).integers(1, VOCABULARY, 400_000).astype(np.uint16)
    return Batches(tokens, context=CONTEXT, batch_tokens=sequences * CONTEXT, batch_share=0.5, seed=0)


def steps_per_second(step: Callable[[], None], seconds: float) -> float:
    wait_for(DEVICE)
    started, steps = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        step()
        steps += 1
    wait_for(DEVICE)
    return steps / (time.perf_counter() - started)


def matrix_product_rate(seconds: float) -> float:
    """FLOP/s of a plain product: 1,024 square in float32 with one thread, 8,192 in bfloat16 on a GPU."""
    n, kind = (8192, torch.bfloat16) if DEVICE.type == "cuda" else (1024, torch.float32)
    a = torch.randn(n, n, device=DEVICE, dtype=kind)
    return 2 * n**3 * steps_per_second(lambda: torch.mm(a, a), seconds)


class Player:
    """An alternative in a process of its own, which waits while it is not its turn."""

    def __init__(self, make: Callable[[Size, int], Alternative], size: Size, sequences: int) -> None:
        processes = multiprocessing.get_context("spawn")
        self.line, theirs = processes.Pipe()
        self.process = processes.Process(target=play, args=(theirs, make, size, sequences), daemon=True)
        self.process.start()
        theirs.close()

    def __call__(self, seconds: float) -> float:
        """Steps per second."""
        self.line.send(seconds)
        return self.line.recv()

    def leave(self) -> None:
        self.line.close()
        self.process.join()


def play(line: Connection, make: Callable[[Size, int], Alternative], size: Size, sequences: int) -> None:
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    alternative = make(size, sequences)
    try:
        while True:
            line.send(alternative(line.recv()))
    except EOFError:
        return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=0.5, help="seconds for each measurement")
    parser.add_argument("--rounds", type=int, default=7, help="turns for each size and batch")
    options = parser.parse_args()
    torch.set_num_threads(1)
    others = {"plain loop": plain_loop, "Trainer": huggingface_trainer}
    ratios: dict[str, list[float]] = {name: [] for name in others}
    heads = "".join(f"{'vs ' + name:>15}" for name in others)
    print(f"{'size':>6} {'N':>10} {'batch':>6} {'tokens/s':>10}{heads} {'of peak':>8}")
    for size in LADDER:
        for sequences in (1, 4, 16):
            mine = Player(ours, size, sequences)
            players = {name: Player(other, size, sequences) for name, other in others.items()}
            for player in (mine, *players.values()):
                player(options.seconds / 5)  # warm up
            rates, shares = [], []
            turns: dict[str, list[float]] = {name: [] for name in others}
            for _ in range(options.rounds):
                peak = matrix_product_rate(options.seconds / 5)
                rates.append(mine(options.seconds))
                for name, player in players.items():
                    turns[name].append(rates[-1] / player(options.seconds))
                flops = size.flops_per_token(VOCABULARY, CONTEXT) * sequences * CONTEXT
                shares.append(rates[-1] * flops / peak)
            for player in (mine, *players.values()):
                player.leave()
            columns = ""
            for name, found in turns.items():
                ratios[name].append(statistics.median(found))
                columns += f"{ratios[name][-1]:>14.2f}x"
            rate = statistics.median(rates) * sequences * CONTEXT
            print(
                f"{size!s:>6} {size.n_params:>10,} {sequences * CONTEXT:>6} {rate:>10,.0f}{columns} "
                f"{statistics.median(shares):>8.0%}",
                flush=True,
            )
    for name, found in ratios.items():
        print(f"vs {name}: geometric mean {statistics.geometric_mean(found):.2f}x, least {min(found):.2f}x")


if __name__ == "__main__":
    main()
