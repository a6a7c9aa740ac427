"""Ways of training, by the loss they reach: averaged weights, decay, epsilon, dropout, patience, rates.

A trial trains one cell of the `laptop` study at one rate, weight decay and dropout. It holds the rate and,
beside the weights, keeps running means of them over the last share c of the steps; it goes on until neither
weights nor means have gained `TOLERANCE` nats while the tokens seen doubled. Then it decays the rate from
where the weights were best, once by the published rule of stopping and once by the long one, and from where
a mean was best. What each candidate recipe would have reached, and would have cost had it run alone, is one
row of results/trials/trials.csv each. What the CSV has is not trained again.

    python benchmarks/recipes.py list                      # the stages and their trials
    python benchmarks/recipes.py run scratch-1 text-1      # train what these stages lack, one after another
    python benchmarks/recipes.py report                    # the tables of results/trials/README.md
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from transferlaws import Study
from transferlaws.models import lm
from transferlaws.models.ladder import LADDER
from transferlaws.runs.execute import Workbench, execute
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.device import prepare_device
from transferlaws.training.evaluation import Evaluation
from transferlaws.training.loop import Trainer
from transferlaws.training.snapshot import Snapshot
from transferlaws.training.spec import RunSpec

FOLDER = Path(__file__).parent.parent / "results" / "trials"
SIZES = {size.n_params: size for size in LADDER}
PUBLISHED_PATIENCE = 0.3  # shares of the tokens before
PATIENCES = (0.3, 0.6, 1.0, 2.0)
TOLERANCE = 0.002  # nats/token
EVERY = 0.1  # means are evaluated each time so many more tokens were seen, and no oftener than the weights
SHARES = (0.4, 0.8)  # of the steps, over which a mean is taken
MOST_EPOCHS = 1000
BEGIN, END = "<!-- tables: recipes.py report -->", "<!-- end of tables -->"


@dataclass(frozen=True)
class Trial:
    """A cell and how it is trained. `init` seeds weights and order where not `seed`, which draws the sample.

    It ends when `patience` times the tokens seen brought nothing more.
    """

    arm: str
    n_params: int
    d_chars: int
    rate: float
    weight_decay: float = 0.1
    dropout: float = 0.0
    seed: int = 0
    init: int = 0
    anchored: bool = False  # decay towards the starting weights, not towards zero
    epsilon: float = 1e-8
    batch_tokens: int = 2048
    patience: float = 0.6
    late: bool = False  # decay from the best mean's step as well
    test_chars: int = 60_000

    @property
    def key(self) -> tuple[Any, ...]:
        """What names it in the CSV."""
        return (
            self.arm,
            self.n_params,
            self.d_chars,
            self.seed,
            self.init,
            float(f"{self.rate:.6g}"),
            self.weight_decay,
            self.dropout,
            int(self.anchored),
            self.epsilon,
            self.batch_tokens,
            self.patience,
            self.test_chars,
        )


KEY = [
    "arm",
    "n_params",
    "d_chars",
    "seed",
    "init",
    "rate",
    "weight_decay",
    "dropout",
    "anchored",
    "epsilon",
    "batch_tokens",
    "until",
    "test_chars",
]


class Means:
    """Running means of `tensors` over about the last share c of t steps: step s weighs (s/t)^(1/c - 1)."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = [tensor.detach() for tensor in tensors]
        self.means = {share: [t.clone() for t in self._tensors] for share in SHARES}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step `step` (from 1)."""
        for share, mean in self.means.items():
            torch._foreach_lerp_(mean, self._tensors, min(1.0, 1 / (share * step)))


class Reading(NamedTuple):
    """A candidate at one evaluation: seconds are those it would have taken alone."""

    step: int
    loss: float
    seconds: float


class Searching(Trainer):
    """A Trainer that goes on to the long patience and reads off what every candidate would have done."""

    def __init__(
        self,
        *arguments: Any,
        dropout: float,
        seed: int,
        patience: float,
        anchored: bool,
    ) -> None:
        super().__init__(*arguments)
        self.patience = patience
        torch.manual_seed(seed)
        if dropout:
            self._update = _update_with_dropout(self.model, self.optimizer, dropout)
        self.parameters = list(self.model.parameters())
        self.means = Means(self.parameters)
        matrices = [p.detach() for p in self.parameters if p.dim() > 1]
        self.anchor = [(p, p.clone()) for p in matrices] if anchored else []
        self.readings: dict[float, list[Reading]] = {share: [] for share in (0.0, *SHARES)}
        self.best = {share: Snapshot(self.means.means[share]) for share in SHARES}
        self.states: dict[str, _State] = {}
        self.started = time.process_time()
        self.evaluating = 0.0  # seconds spent on means
        self.own = dict.fromkeys(SHARES, 0.0)
        self.weights_evaluating = 0.0

    def update(self, rate: float) -> None:
        self._step(rate)
        self.means.update(self.step)

    def _step(self, rate: float) -> None:
        super().update(rate)
        for weights, start in self.anchor:
            weights.add_(start, alpha=rate * self.recipe.weight_decay)

    @property
    def seconds(self) -> float:
        """Core-seconds so far without the evaluation of means."""
        return time.process_time() - self.started - self.evaluating

    def search(self) -> str:
        """Hold until the long patience is out; returns what ended it."""
        self._evaluate("hold", 0.0)
        ceiling = self.training.curve[0].loss_validation + 1.0
        self._read(0.0, self.training.curve[0].loss_validation)
        due, epoch = 1, self.batches.steps_per_epoch
        weights = Snapshot(self.parameters)
        while True:
            before = time.process_time()
            self._hold(self.steps_between_evaluations())
            point = self.training.curve[-1]
            self._read(0.0, point.loss_validation)
            if point is self.training.best:
                self._kept("long").keep(self.step)
            if "published" not in self.states and self._stalled():
                self.states["published"] = self._kept("long").copy()
                self.published_end = (self.step, self.seconds)
            if self.step >= due:
                due = math.ceil(self.step * (1 + EVERY))
                before = time.process_time()
                weights.keep()
                for share, mean in self.means.means.items():
                    torch._foreach_copy_([p.detach() for p in self.parameters], mean)
                    since = time.process_time()
                    loss = self._evaluation()
                    self.own[share] += time.process_time() - since
                    if loss < min((r.loss for r in self.readings[share]), default=math.inf):
                        self.best[share].keep()
                        if share == SHARES[0]:
                            weights.restore()
                            self._kept("mean").keep(self.step)
                    self.evaluating += time.process_time() - before
                    before = time.process_time()
                    self._read(share, loss)
                weights.restore()
                self.evaluating += time.process_time() - before
                if self._over() and "published" in self.states:
                    return "patience"
            if point.loss_train > ceiling:
                return "diverged"
            if self.step >= MOST_EPOCHS * epoch:
                return "limit"

    def _kept(self, name: str) -> "_State":
        if name not in self.states:
            self.states[name] = _State(self.parameters, self.optimizer.tensors())
        return self.states[name]

    def _read(self, share: float, loss: float) -> None:
        self.readings[share].append(Reading(self.step, loss, self.seconds + self.own.get(share, 0.0)))

    def _over(self) -> bool:
        """True if the long patience brought nothing, to the weights or to any mean."""
        everything = sorted(reading for readings in self.readings.values() for reading in readings)
        return stopped(everything, self.patience, 4 * len(self.readings)) is not None

    def decay(self, state: "_State") -> tuple[float, int, float]:
        """Decay from there by the recipe's share; the best loss on the way, its step, and seconds."""
        since, start = time.process_time(), state.step
        state.restore()
        self.step, best, at = state.step, state.loss, state.step
        self._best_weights.keep()
        steps, pause = math.ceil(self.recipe.decay_share * start), self.steps_between_evaluations()
        for step in range(steps):
            self._step(self.schedule.decayed(step, steps, self.schedule.held(start - 1)))
            if (step + 1) % pause == 0 or step + 1 == steps:
                loss = self._evaluation()
                if loss < best:
                    best, at = loss, self.step
                    self._best_weights.keep()
        self._best_weights.restore()
        return best, at, time.process_time() - since

    def loss_at(self, step: int) -> float:
        """Of the weights on the stop set after that step."""
        return next(r.loss for r in self.readings[0.0] if r.step == step)


class _State:
    """Weights and moments to go back to, and the step they were at."""

    def __init__(self, parameters: list[Tensor], moments: list[Tensor]) -> None:
        self._of = parameters, moments
        self._snapshots = Snapshot(parameters), Snapshot(moments)
        self.step, self.loss = 0, math.inf

    def keep(self, step: int) -> None:
        self.step = step
        for snapshot in self._snapshots:
            snapshot.keep()

    def restore(self) -> None:
        for snapshot in self._snapshots:
            snapshot.restore()

    def copy(self) -> "_State":
        other = _State(*self._of)
        other.step = self.step
        for mine, its in zip(self._snapshots, other._snapshots, strict=True):
            torch._foreach_copy_(its._copies, mine._copies)
        return other


def stopped(readings: Sequence[Reading], patience: float, least: int = 4) -> int | None:
    """The first evaluation at which `least` evaluations, and `patience` more tokens, brought nothing."""
    losses = np.array([r.loss for r in readings])
    steps = np.array([r.step for r in readings])
    best = np.minimum.accumulate(losses)
    for i in range(least, len(readings)):
        earlier = min(i - least, int(np.searchsorted(steps, steps[i] / (1 + patience), "right")) - 1)
        if earlier >= 0 and best[earlier] - best[i] < TOLERANCE:
            return i
    return None


def _update_with_dropout(model: Any, steps: Any, share: float) -> Callable[..., Tensor]:
    """A step with dropout where GPT-2 has it on the residual stream: embedding, attention and MLP outputs."""
    body, d, n_head = model.transformer, model.config.n_embd, model.config.n_head
    eps, w = model.config.layer_norm_epsilon, model.transformer.wte.weight

    def update(x_BT: Tensor, y_BT: Tensor, rate: float | Tensor) -> Tensor:
        B, T = x_BT.shape
        h = F.dropout((F.embedding(x_BT, w) + body.wpe.weight[:T]).view(B * T, d), share)
        for block in body.h:
            a = F.layer_norm(h, (d,), block.ln_1.weight, block.ln_1.bias, eps)
            qkv = torch.addmm(block.attn.c_attn.bias, a, block.attn.c_attn.weight)
            q, k, v = qkv.view(B, T, 3, n_head, d // n_head).transpose(1, 3).unbind(2)
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B * T, d)
            h = h + F.dropout(torch.addmm(block.attn.c_proj.bias, a, block.attn.c_proj.weight), share)
            a = F.layer_norm(h, (d,), block.ln_2.weight, block.ln_2.bias, eps)
            a = F.gelu(torch.addmm(block.mlp.c_fc.bias, a, block.mlp.c_fc.weight))
            h = h + F.dropout(torch.addmm(block.mlp.c_proj.bias, a, block.mlp.c_proj.weight), share)
        h = F.layer_norm(h, (d,), body.ln_f.weight, body.ln_f.bias, eps)
        loss: Tensor = lm._FusedCrossEntropy.apply(h, w, y_BT.reshape(-1))  # type: ignore[no-untyped-call]
        loss.backward()
        steps.step(rate)
        return loss.detach()

    return update


class Laboratory:
    """The published study, its corpora and pre-trained weights."""

    def __init__(self) -> None:
        self.study = Study.open("laptop")

    @cached_property
    def bench(self) -> Workbench:
        return Workbench(self.study.workspace(progress=False))

    @cached_property
    def specs(self) -> list[RunSpec]:
        return [RunSpec.from_json(record.spec) for record in self.study.store.published.values()]

    def pretrained(self, arm: str, n_params: int) -> str:
        """The key of the published pre-training run, trained again if its weights are not here."""
        (spec,) = [s for s in self.specs if s.is_pretraining and (s.arm, s.size.n_params) == (arm, n_params)]
        execute(spec, self.study.workspace(progress=False))
        return spec.key

    def run(self, trial: Trial) -> list[dict[str, Any]]:
        """One row for each candidate."""
        device = prepare_device()
        (like, *_) = [
            s
            for s in self.specs
            if (s.arm, s.size.n_params, s.d_chars) == (trial.arm, trial.n_params, trial.d_chars)
            and not s.is_pretraining
        ] or [
            s
            for s in self.specs
            if (s.arm, s.size.n_params) == (trial.arm, trial.n_params)
            and s.d_chars == 10_000
            and not s.is_pretraining
        ]
        recipe = replace(
            like.recipe,
            weight_decay=trial.weight_decay,
            batch_tokens=trial.batch_tokens,
            epsilon=trial.epsilon,
        )
        data = (replace(like.data[0], chars=trial.d_chars),)
        spec = replace(like, recipe=recipe, seed=trial.init, learning_rate=trial.rate, data=data)
        if spec.start is None:
            model: Any = lm.build(
                spec.size, vocabulary_size=spec.vocabulary_size, context=spec.context, seed=trial.init
            )
        else:
            model = lm.load(self.study.store.checkpoint(self.pretrained(trial.arm, trial.n_params)))
        model = model.train().to(device)
        stop_chars = min(recipe.stop_chars, max(recipe.stop_chars_least, trial.d_chars))
        stop_set = evaluation_batches(self.bench.tokens(spec, "validation", stop_chars, 0), spec.context)
        test_set = evaluation_batches(self.bench.tokens(spec, "test", trial.test_chars, 0), spec.context)
        tokens = self.bench.tokens(spec, "train", trial.d_chars, trial.seed)
        batches = Batches(
            tokens,
            context=spec.context,
            batch_tokens=recipe.batch_tokens,
            batch_share=recipe.batch_share,
            seed=trial.init,
        )
        test = Evaluation(model, test_set)
        trainer = Searching(
            model,
            batches,
            stop_set,
            trial.rate,
            recipe,
            dropout=trial.dropout,
            seed=trial.init,
            patience=trial.patience,
            anchored=trial.anchored,
        )
        try:
            ended = trainer.search()
        except Exception as error:  # a loss that is no number
            if type(error).__name__ != "_DivergedError":
                raise
            ended = "diverged"
        rows = _rows(trainer, ended, test, trial.late)
        per_epoch = batches.steps_per_epoch
        for row in rows:
            row["epochs_best"] = round(row.pop("step_best") / per_epoch, 2)
            row["tokens_seen"] = row.pop("step_end") * batches.tokens_per_step
        return [dict(zip(KEY, trial.key, strict=True)) | row for row in rows]


def _rows(trainer: Searching, ended: str, test: Evaluation, late: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if ended == "diverged" and len(trainer.readings[SHARES[0]]) < 2:
        return [
            _row(
                "raw", 0.0, trainer.patience, 0.0, math.nan, math.nan, 0, trainer.step, trainer.seconds, ended
            )
        ]
    for share, readings in trainer.readings.items():
        test_loss = math.nan
        losses = [r.loss for r in readings]
        final = int(np.argmin(losses))
        if share:
            trainer.best[share].restore()
            torch._foreach_copy_([p.detach() for p in trainer.parameters], trainer.means.means[share])
            test_loss = test()
        for patience in (p for p in PATIENCES if p <= trainer.patience):
            end = stopped(readings, patience)
            by = "patience" if end is not None else ended
            upto = readings[: (len(readings) if end is None else end + 1)]
            best = min(upto, key=lambda r: r.loss)
            same = best.step == readings[final].step
            rows.append(
                _row(
                    "ema" if share else "raw",
                    share,
                    patience,
                    0.0,
                    best.loss,
                    test_loss if same else math.nan,
                    best.step,
                    upto[-1].step,
                    upto[-1].seconds,
                    by,
                )
            )
    ends = {
        "published": (PUBLISHED_PATIENCE, getattr(trainer, "published_end", (trainer.step, trainer.seconds))),
        "long": (trainer.patience, (trainer.readings[0.0][-1].step, trainer.readings[0.0][-1].seconds)),
        "mean": (
            trainer.patience,
            (trainer.readings[SHARES[0]][-1].step, trainer.readings[SHARES[0]][-1].seconds),
        ),
    }
    done: dict[int, tuple[float, float, int, int, float]] = {}
    for name, (patience, (step_end, seconds)) in ends.items():
        if (name == "mean" and not late) or name not in trainer.states or not trainer.states[name].step:
            continue
        state = trainer.states[name]
        if state.step not in done:
            state.loss = trainer.loss_at(state.step)
            loss, at, took = trainer.decay(state)
            done[state.step] = loss, test(), at, math.ceil(trainer.recipe.decay_share * state.step), took
        loss, test_loss, at, steps, took = done[state.step]
        rows.append(
            _row(
                f"{'published' if name == 'published' else 'raw' if name == 'long' else 'late'}+decay",
                0.0,
                patience,
                trainer.recipe.decay_share,
                loss,
                test_loss,
                at,
                step_end + steps,
                seconds + took,
                ended,
            )
        )
    return rows


def _row(
    candidate: str,
    averaging: float,
    patience: float,
    decay: float,
    loss: float,
    test: float,
    best: int,
    end: int,
    seconds: float,
    by: str,
) -> dict[str, Any]:
    return {
        "candidate": candidate,
        "averaging": averaging,
        "patience": patience,
        "decay": decay,
        "loss_validation": round(loss, 5),
        "loss_test": round(test, 5),
        "step_best": best,
        "step_end": end,
        "core_seconds": round(seconds, 3),
        "stopped_by": by,
    }


# Stages: what is tried, in the order it was thought of.

SCRATCH_1 = (
    (12_768, 3_000, 1.7e-3),
    (12_768, 30_000, 3.8e-3),
    (50_112, 3_000, 1.3e-3),
    (50_112, 10_000, 1.6e-3),
    (200_064, 3_000, 6e-4),
    (200_064, 10_000, 7e-4),
)


TEXT_1 = ((50_112, 3_000, 4e-4), (50_112, 30_000, 1e-3), (12_768, 10_000, 7e-4))
SECOND = (
    ("scratch", 12_768, 3_000, 1.7e-3, 3.4e-3),
    ("scratch", 50_112, 3_000, 1.3e-3, 2.6e-3),
    ("text", 50_112, 3_000, 4e-4, 4e-4),
    ("text", 12_768, 10_000, 7e-4, 7e-4),
    ("text", 50_112, 30_000, 1e-3, 1e-3),
    ("scratch", 50_112, 10_000, 1.6e-3, 3.2e-3),
)
TINY = SCRATCH_1[0::2][:1] + SCRATCH_1[2:3] + SCRATCH_1[4:5]


def _grid(
    cells: Sequence[tuple[int, int, float]], decays: Sequence[float], steps: Sequence[int], **more: Any
) -> Iterator[Trial]:
    """Cells (N, D, a rate to start from) at each weight decay and so many factors of two from the rate."""
    for decay, (n, d, rate), step in product(decays, cells, steps):
        arm = more.get("arm", "scratch")
        yield Trial(arm, n, d, rate * 2.0**step, decay, **{k: v for k, v in more.items() if k != "arm"})


STAGES: dict[str, Callable[[], list[Trial]]] = {
    "scratch-1": lambda: list(_grid(SCRATCH_1, (0.1, 3.0), (0, 1, -1, 2))),
    # Does a slow start, or a long patience, find what the early stop missed? Smallest data, low rates.
    "patience-1": lambda: list(_grid(TINY, (0.1, 3.0), (-1, 0, -2), patience=2.0)),
    "dropout-1": lambda: [
        replace(trial, dropout=dropout, epsilon=epsilon)
        for epsilon, decay in ((1e-3, 3.0), (1e-8, 0.1))
        for dropout in (0.1, 0.2)
        for trial in (
            *_grid(TINY[:2], (decay,), (1 if decay > 1 else 0,)),
            *_grid(TEXT_1[:1], (decay,), (0,), arm="text"),
        )
    ],
    # More data: 1e5 characters.
    "larger-1": lambda: [
        Trial("scratch", 12_768, 100_000, rate, decay, epsilon=epsilon)
        for rate, decay, epsilon in ((1.6e-2, 3.0, 1e-3), (8e-3, 0.1, 1e-3), (8e-3, 1.0, 1e-3))
    ],
    # At 3e3 characters a token that the sample lacks is pushed down by Adam's full step each time: does a
    # larger epsilon, or a decay that holds against it, help?
    "tiny-1": lambda: [
        *(
            replace(trial, epsilon=epsilon)
            for epsilon in (1e-3, 1e-4, 1e-5)
            for trial in _grid((TINY[0], TINY[1]), (0.1,), (0, 1, 2))
        ),
        *_grid(TINY, (10.0, 30.0), (0, 1)),
    ],
    "epsilon-1": lambda: [
        replace(trial, epsilon=epsilon)
        for epsilon in (1e-2, 3e-3)
        for trial in _grid(TINY[:2], (0.1,), (0, 1, 2, 3))
    ],
    "epsilon-2": lambda: [
        replace(trial, epsilon=1e-3)
        for trial in _grid((SCRATCH_1[3], SCRATCH_1[4], SCRATCH_1[1], SCRATCH_1[5]), (0.1,), (1, 0))
    ],
    "epsilon-3": lambda: [
        replace(trial, epsilon=epsilon)
        for epsilon, decays, steps in ((1e-3, (3.0, 1.0), (1, 2)), (3e-3, (0.1, 3.0), (1,)))
        for trial in _grid((SCRATCH_1[3], SCRATCH_1[1]), decays, steps)
    ],
    # Both at once.
    "both-1": lambda: [
        replace(trial, epsilon=1e-3)
        for trial in _grid((*TINY[:2], SCRATCH_1[1], SCRATCH_1[3]), (3.0, 10.0), (1,))
    ],
    "both-2": lambda: [
        replace(trial, epsilon=1e-3) for trial in _grid(TEXT_1, (3.0, 10.0), (0,), arm="text")
    ],
    # How far up, and how flat.
    "both-3": lambda: [
        replace(trial, epsilon=1e-3, patience=1.0)
        for trial in (
            *_grid(TINY[:2], (30.0,), (1,)),
            *_grid(TINY[:2], (10.0,), (2, 0)),
            *_grid(TINY[2:], (10.0,), (1,)),
        )
    ],
    "both-5": lambda: [
        replace(trial, epsilon=1e-3)
        for trial in (
            *_grid(SCRATCH_1[5:], (3.0,), (1,)),
            *_grid(SCRATCH_1[1:2], (3.0,), (2,)),
            *_grid(SCRATCH_1[3:4], (3.0,), (0,)),
            *_grid(SCRATCH_1[3:4], (10.0,), (1,)),
            *_grid(SCRATCH_1[1:2], (3.0,), (0,)),
        )
    ],
    "text-3": lambda: [
        replace(trial, epsilon=1e-3)
        for trial in (
            *_grid((TEXT_1[0], TEXT_1[2], TEXT_1[1]), (3.0,), (1, -1), arm="text"),
            *_grid((TEXT_1[0], TEXT_1[2]), (1.0,), (0,), arm="text"),
        )
    ],
    # Larger models.
    "wide-1": lambda: [
        Trial("scratch", n, 3_000, rate, decay, epsilon=1e-3)
        for n, rate, decay in ((200_064, 1.2e-3, 3.0), (200_064, 1.2e-3, 10.0), (793_344, 6e-4, 3.0))
    ],
    "anchor-1": lambda: [
        replace(trial, epsilon=1e-3, anchored=True)
        for trial in _grid(TEXT_1, (10.0, 3.0, 30.0), (0,), arm="text")
    ],
    "batch-1": lambda: [
        replace(trial, batch_tokens=tokens)
        for tokens in (128,)
        for trial in _grid((SCRATCH_1[1], SCRATCH_1[3], SCRATCH_1[5]), (0.1, 3.0), (-1, 0))
    ],
    "text-1": lambda: [
        replace(trial, epsilon=epsilon)
        for epsilon in (1e-8, 1e-3)
        for trial in _grid(TEXT_1, (0.1,), (0, 1, -1), arm="text")
    ],
    # Same sample, other weights and order; other sample, same weights and order: epsilon 1e-3, one rate.
    "noise": lambda: [
        Trial(arm, n, d, rate, 3.0, epsilon=1e-3, seed=seed, init=init)
        for arm, n, d, rate in (("scratch", 12_768, 3_000, 3.4e-3), ("text", 12_768, 10_000, 7e-4))
        for seed, init in [(0, 0)] + [(k, 0) for k in range(1, 6)] + [(0, k) for k in range(1, 6)]
    ],
    # Larger models, more data: does the best epsilon fall with N, does it hurt where data is plentiful?
    "large-1": lambda: [
        Trial("scratch", 793_344, 100_000, rate, 1.0, epsilon=epsilon)
        for rate, epsilon in ((1e-3, 1e-3), (1e-3, 1e-4), (5e-4, 1e-8), (2e-3, 1e-3))
    ],
    "large-2": lambda: [
        *(
            Trial("scratch", 50_112, 1_000_000, rate, decay, epsilon=epsilon)
            for rate, decay, epsilon in ((1.6e-2, 0.3, 1e-3), (8e-3, 0.3, 1e-4), (8e-3, 0.3, 1e-8))
        ),
        *(
            Trial("text", 200_064, 100_000, rate, decay, epsilon=epsilon)
            for rate, decay, epsilon in ((5e-4, 1.0, 1e-3), (5e-4, 1.0, 1e-4), (5e-4, 1.0, 1e-8))
        ),
    ],
    # The other seed: the published recipe near its published rates, and the new one at one rate a cell.
    "second": lambda: [
        Trial(arm, n, d, rate, decay, epsilon=epsilon, seed=1, init=1)
        for arm, n, d, old, new in SECOND
        for rate, decay, epsilon in ((old, 0.1, 1e-8), (new, 3.0, 1e-3))
    ],
    "second-2": lambda: [
        Trial(arm, n, d, new, 10.0, epsilon=1e-3, seed=1, init=1) for arm, n, d, _, new in SECOND[:2]
    ],
}


def table() -> pd.DataFrame:
    """All rows so far."""
    path = FOLDER / "trials.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=KEY)


def run(stages: Sequence[str]) -> None:
    """Train what these stages lack."""
    laboratory = Laboratory()
    for stage in stages:
        for trial in STAGES[stage]():
            done = set(table()[KEY].itertuples(index=False, name=None))
            if trial.key in done:
                continue
            rows = pd.DataFrame([{"stage": stage} | row for row in laboratory.run(trial)])
            path = FOLDER / "trials.csv"
            rows.to_csv(path, mode="a", header=not path.exists(), index=False)
            best = rows.sort_values("loss_validation").iloc[0]
            said = f"{best.candidate} {best.averaging} {best.loss_validation}"
            print(stage, *trial.key, said, rows.core_seconds.max(), rows.stopped_by.iloc[-1], flush=True)


# The report: what is compared, as columns of the CSV.

EVERYTHING = ("raw+decay", "ema", "published+decay")  # what one run of a candidate may choose from
PLAIN: dict[str, Any] = {
    "weight_decay": 0.1,
    "dropout": 0.0,
    "anchored": 0,
    "epsilon": 1e-8,
    "batch_tokens": 2048,
}


@dataclass(frozen=True)
class Candidate:
    """A recipe, by what its rows have: readings, and values in place of `PLAIN`'s."""

    name: str
    readings: tuple[str, ...] = EVERYTHING
    averaging: float | None = None
    changes: tuple[tuple[str, float], ...] = ()

    def rows(self, rows: pd.DataFrame) -> pd.DataFrame:
        """One row for each trial: of its readings that with the lowest validation loss."""
        of = rows[rows.candidate.isin(self.readings)]
        if self.averaging is not None:
            of = of[of.averaging == self.averaging]
        for column, value in (PLAIN | dict(self.changes)).items():
            of = of[np.isclose(of[column], value, rtol=1e-6, atol=0)]
        of = of.dropna(subset=["loss_validation"]).sort_values(["loss_validation", "patience"])
        return of.drop_duplicates(["arm", "n_params", "d_chars", "seed", "init", "rate"])


def _changed(name: str, **changes: float) -> Candidate:
    return Candidate(name, changes=tuple(changes.items()))


CANDIDATES = (
    Candidate("published: stop after 0.3, decay", ("published+decay",)),
    Candidate("longer patience, decay", ("published+decay", "raw+decay")),
    Candidate("longer patience, no decay", ("raw",)),
    Candidate("decay from the mean's best step", ("late+decay",)),
    Candidate("mean over 0.2", ("ema",), 0.2),
    Candidate("mean over 0.4", ("ema",), 0.4),
    Candidate("mean over 0.8", ("ema",), 0.8),
    Candidate("any of these"),
    *(_changed(f"weight decay {value:g}", weight_decay=value) for value in (1, 3, 10, 30)),
    *(_changed(f"batch of {value} tokens", batch_tokens=value) for value in (128, 512)),
    *(_changed(f"epsilon {value:g}", epsilon=value) for value in (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)),
    *(
        _changed(f"epsilon {e:g}, weight decay {value:g}", epsilon=e, weight_decay=value)
        for e in (1e-3, 3e-3)
        for value in (1, 3, 10, 30)
    ),
    *(
        _changed(
            f"epsilon 0.001, decay {value:g} towards the start", epsilon=1e-3, weight_decay=value, anchored=1
        )
        for value in (3, 10, 30)
    ),
    *(_changed(f"dropout {value:g}", dropout=value) for value in (0.1, 0.2)),
    *(
        _changed(f"epsilon {e:g}, dropout {value:g}", epsilon=e, dropout=value)
        for e in (1e-3, 3e-3)
        for value in (0.1, 0.2)
    ),
    *(
        _changed(
            f"epsilon {e:g}, weight decay {wd:g}, dropout {value:g}",
            epsilon=e,
            dropout=value,
            weight_decay=wd,
        )
        for e in (1e-3, 3e-3)
        for wd in (1, 3, 10)
        for value in (0.1, 0.2)
    ),
)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (head, ["---"] * len(head), *rows))


def minima(rows: pd.DataFrame, arm: str) -> str:
    """Seed 0: each candidate's lowest validation loss over rates, the test loss beside it, and how much is
    lost (validation) at rates a factor of two off, where both were tried."""
    rows = rows[(rows.arm == arm) & (rows.seed == 0) & (rows.init == 0)]
    cells = sorted(set(zip(rows.n_params, rows.d_chars, strict=True)))
    lines = []
    for candidate in CANDIDATES:
        of, line = candidate.rows(rows), [candidate.name]
        for n, d in cells:
            here = of[(of.n_params == n) & (of.d_chars == d)]
            if here.empty:
                line.append("")
                continue
            rates, losses, tests, seconds = (
                here[column].to_numpy() for column in ("rate", "loss_validation", "loss_test", "core_seconds")
            )
            best = int(losses.argmin())
            near = []
            for factor in (0.5, 2.0):
                off = losses[np.isclose(rates, rates[best] * factor, rtol=0.01)]
                near.append(f"{off[0] - losses[best]:+.3f}" if len(off) else "?")
            line.append(
                f"**{losses[best]:.3f}** {'' if math.isnan(tests[best]) else f'{tests[best]:.3f} '}"
                f"({rates[best]:.2g}: {near[0]}, {near[1]}; {seconds[best]:.0f} s)"
            )
        if any(line[1:]):
            lines.append(line)
    head = [f"{arm}: candidate", *(f"N = {n:,}, D = {d:.0e}" for n, d in cells)]
    return _markdown(head, lines)


def gains(rows: pd.DataFrame) -> str:
    """By cell and seed: the published loss, the published recipe's lowest over the rates tried here, and the
    lowest of all trials; test losses are those of the trials chosen by validation."""
    runs = pd.read_csv(FOLDER.parent / "laptop" / "runs.csv")
    runs = runs[runs.role == "run"]
    rows = rows[rows.seed == rows.init].dropna(subset=["loss_validation"])
    lines = []
    for (arm, n, d, seed), of in rows.groupby(["arm", "n_params", "d_chars", "seed"]):
        here = runs[(runs.arm == arm) & (runs.n_params == n) & (runs.d_chars == d) & (runs.seed == seed)]
        old = CANDIDATES[0].rows(of)
        tested = of.dropna(subset=["loss_test"])
        best = tested.sort_values("loss_validation").iloc[0]
        what = (
            f"{best.candidate}{f' {best.averaging:g}' if best.averaging else ''}, rate {best.rate:.2g}, "
            f"weight decay {best.weight_decay:g}, epsilon {best.epsilon:g}"
            f"{', anchored' if best.anchored else ''}{f', dropout {best.dropout:g}' if best.dropout else ''}"
        )
        line = [
            arm,
            f"{n:,}",
            f"{d:.0e}",
            str(seed),
            " / ".join(f"{loss:.3f}" for loss in here.loss_validation),
        ]
        if old.empty:
            line += ["", f"{best.loss_validation:.3f}, {best.loss_test:.3f}", ""]
        else:
            was = old.sort_values("loss_validation").iloc[0]
            line += [
                f"{was.loss_validation:.3f}, {was.loss_test:.3f} ({len(old)})",
                f"{best.loss_validation:.3f}, {best.loss_test:.3f}",
                f"{best.loss_validation - was.loss_validation:+.3f}, {best.loss_test - was.loss_test:+.3f}",
            ]
        lines.append([*line, what, f"{best.core_seconds:.0f}"])
    head = [
        "arm",
        "N",
        "D",
        "seed",
        "published, validation",
        "its recipe here: validation, test (rates)",
        "lowest found: validation, test",
        "gain",
        "found by",
        "s",
    ]
    return _markdown(head, lines)


def readings(rows: pd.DataFrame) -> str:
    """By arm, D and kind of recipe: how far each reading of a run lies above the lowest, on average."""
    rows = rows[(rows.dropout == 0) & (rows.anchored == 0) & (rows.batch_tokens == 2048)].copy()
    damped, decayed = rows.epsilon >= 1e-3, rows.weight_decay >= 1
    rows["kind"] = np.select(
        [damped & decayed, damped, decayed], ["epsilon and decay", "epsilon", "decay"], "as published"
    )
    rows["reading"] = rows.candidate + rows.averaging.map(lambda c: f" {c:g}" if c else "")
    chosen = ["published+decay", "raw", "raw+decay", "ema 0.1", "ema 0.2", "ema 0.4", "ema 0.8"]
    lowest = rows.groupby(["arm", "d_chars", "kind", *KEY[3:], "n_params", "reading"]).loss_validation.min()
    wide = lowest.unstack("reading")[chosen]
    above = wide.sub(wide.min(axis=1), axis=0).groupby(["arm", "d_chars", "kind"])
    lines = []
    for (arm, d, kind), part in above:
        means = part[chosen].mean()
        lines.append(
            [arm, f"{d:.0e}", kind, len(part), *("" if math.isnan(v) else f"{v:.3f}" for v in means)]
        )
    return _markdown(["arm", "D", "kind", "trials", *chosen], lines)


def patience(rows: pd.DataFrame) -> str:
    """What stopping at a shorter patience than the trial's would have lost, and saved."""
    lines = []
    for until in (0.6, 1.0, 2.0):
        for candidate in ("raw", "ema"):
            of = rows[(rows.until == until) & (rows.candidate == candidate)]
            keys = [*KEY, "averaging"]
            for short in (p for p in PATIENCES if p < until):
                pair = of[of.patience == short].merge(of[of.patience == until], on=keys)
                if not pair.empty:
                    lost = pair.loss_validation_x - pair.loss_validation_y
                    saved = 1 - (pair.core_seconds_x / pair.core_seconds_y)
                    lines.append(
                        [
                            candidate,
                            f"{short:g} for {until:g}",
                            str(len(pair)),
                            f"{lost.mean():.4f}",
                            f"{lost.max():.3f}",
                            f"{(lost > 0.005).mean():.0%}",
                            f"{saved.median():.0%}",
                        ]
                    )
    head = [
        "reading",
        "patience",
        "pairs",
        "lost, mean",
        "lost, most",
        "lost > 0.005",
        "seconds saved, median",
    ]
    return _markdown(head, lines)


def noise(rows: pd.DataFrame) -> str:
    """Standard deviation of the lowest validation and test loss: over samples, and over initialisations."""
    wanted = {trial.key for trial in STAGES["noise"]()}
    rows = rows[[key in wanted for key in rows[KEY].itertuples(index=False, name=None)]]
    rows = rows.dropna(subset=["loss_test"]).sort_values("loss_validation").drop_duplicates(KEY)
    lines = []
    for (arm, n, d), of in rows.groupby(["arm", "n_params", "d_chars"]):
        for name, part in (("sample", of[of.init == 0]), ("weights and order", of[of.seed == 0])):
            lines.append(
                [
                    arm,
                    f"{n:,}",
                    f"{d:.0e}",
                    name,
                    str(len(part)),
                    f"{part.loss_validation.std():.4f}",
                    f"{part.loss_test.std():.4f}",
                ]
            )
    return _markdown(["arm", "N", "D", "what differs", "runs", "sd, validation", "sd, test"], lines)


def report() -> str:
    """The tables, as Markdown."""
    rows = table()
    seeds = f"{len(rows.drop_duplicates(KEY))} trials, {len(rows)} rows."
    parts = {
        "Gain over the published recipe, by cell": gains(rows),
        "Minima over the rate, from scratch (seed 0)": minima(rows, "scratch"),
        "Minima over the rate, pre-trained on text (seed 0)": minima(rows, "text"),
        "Which reading of a run is best": readings(rows),
        "Patience": patience(rows),
        "Where the noise comes from": noise(rows),
    }
    return "\n\n".join([seeds, *(f"### {title}\n\n{text}" for title, text in parts.items())])


def write_report() -> None:
    """Put the tables between the page's marks."""
    path = FOLDER / "README.md"
    before, rest = path.read_text().split(BEGIN)
    path.write_text(f"{before}{BEGIN}\n\n{report()}\n\n{END}{rest.split(END)[1]}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", default="list", choices=("list", "run", "report"))
    parser.add_argument("stages", nargs="*")
    arguments = parser.parse_args()
    if arguments.what == "list":
        for name, trials in STAGES.items():
            print(name, len(trials()), "trials")
    elif arguments.what == "run":
        run(arguments.stages or list(STAGES))
    else:
        write_report()


if __name__ == "__main__":
    main()
