"""One training run, to its early stop or its token budget.

Hold the rate until the loss on the stop set has stopped improving, go back to the best point, decay from
there, and keep the best weights seen; with averaging, the mean of the held weights is looked at as well, and
the best of held, mean and decayed weights is kept. Pre-training holds and decays within a fixed budget
instead. Losses are in nats per token.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from transferlaws.models.by_hand import loss_by_hand
from transferlaws.models.dropout import Dropout
from transferlaws.models.given import Given
from transferlaws.models.lm import shape
from transferlaws.training.averaging import Average
from transferlaws.training.batches import Batches
from transferlaws.training.device import moved, precision
from transferlaws.training.evaluation import Evaluation, EvaluationSet
from transferlaws.training.optimizer import AdamW
from transferlaws.training.parallel import ALONE, Ranks
from transferlaws.training.recorded import recorded
from transferlaws.training.schedule import Schedule
from transferlaws.training.snapshot import Snapshot
from transferlaws.training.spec import TrainingRecipe
from transferlaws.training.trunk import State, Trunk


class Point(NamedTuple):
    """One evaluation: where the run stood and how well it did on the stop set."""

    tokens_seen: int
    loss_train: float
    loss_validation: float
    learning_rate: float
    phase: str


@dataclass
class Training:
    """What a run left behind: its curve, its best point, and whether it diverged."""

    curve: list[Point] = field(default_factory=list)
    best: Point | None = None
    diverged: bool = False


def _next_held_evaluation(step: int) -> int:
    """The first step after `step` at which pre-training is evaluated.

    Each lies a quarter further than the one before, whatever the budget, so that budgets share their trunk.
    """
    due = 8
    while due <= step:
        due = math.ceil(1.25 * due)
    return due


MEANS_EVERY = (
    1.1  # the mean over a share of all steps changes slowly: looked at each time a tenth more passed
)


class _DivergedError(Exception):
    pass


class Trainer:
    """Trains `model` in place, on the device it is on; `rate` is the peak learning rate.

    `on_evaluation` is called with every Point as it is measured (a live chart, a progress bar). With
    `ranks`, the same arguments on each of them train one model together. `seed` is for dropout alone.
    """

    def __init__(
        self,
        model: Any,
        batches: Batches,
        stop_set: EvaluationSet,
        rate: float,
        recipe: TrainingRecipe,
        on_evaluation: Callable[[Point], None] | None = None,
        ranks: Ranks = ALONE,
        seed: int = 0,
    ) -> None:
        self.model, self.batches, self.recipe, self.ranks = model, batches, recipe, ranks
        self.schedule = Schedule.for_run(rate, batches.steps_per_epoch, recipe)
        self.on_evaluation = on_evaluation
        self.optimizer = AdamW(list(model.parameters()), recipe)
        self.training = Training()
        self.step = 0
        self._average: Average | None = None
        self._drop: Dropout | None = None
        if recipe.dropout:
            self._drop = Dropout(recipe.dropout, (seed, ranks.rank), model.device)
        self._update = _update(model, self.optimizer, ranks, self._drop)
        # Not recorded: what ranks say to each other, new draws at every step, what a given model does.
        if ranks.count == 1 and self._drop is None and not isinstance(model, Given):
            self._update = recorded(self._update, model.device)
        self._evaluation = Evaluation(model, stop_set, ranks)
        self._losses: list[Tensor] = []
        self._best_weights = Snapshot(model.parameters())
        # The best of the held weights, with what it takes to go on from there.
        self._held = Snapshot([*model.parameters(), *self.optimizer.tensors()])
        self._held_loss, self._held_step = math.inf, 0

    def to_early_stop(self) -> Training:
        """Hold until the stop set's loss stalls, decay from the best point, and keep the best weights."""
        if self.recipe.averaging:
            self._average = Average(self.optimizer.values, self.recipe.averaging)
        means_due = 0.0
        try:
            self._evaluate("hold", 0.0)
            ceiling = self.training.curve[0].loss_validation + 1.0
            while not self._stalled():
                self._hold(self.steps_between_evaluations())
                # The training loss tells: over-fitting alone can lift the other one as far for a while.
                if self.training.curve[-1].loss_train > ceiling:
                    raise _DivergedError
                if self._average is not None and self.step >= means_due:
                    means_due = MEANS_EVERY * self.step
                    with self._average.in_place():
                        self._evaluate("mean", self.schedule.held(self.step - 1))
            self._average = None
            self._held.restore()
            self.step = self._held_step
            if self.step:
                steps = math.ceil(self.recipe.decay_share * self.step)
                self._decay(steps, self.schedule.held(self.step - 1))
        except _DivergedError:
            self.training.diverged = True
        if self.training.best:
            self._best_weights.restore()
        return self.training

    def to_budget(self, tokens: int, trunk: Trunk | None = None) -> Training:
        """Train on `tokens` tokens: hold, then decay over the recipe's share of them; last weights kept.

        Held steps that a run of another budget left in `trunk` are not trained again, and this run leaves
        its own there; the result is the same to the last bit.
        """
        steps = max(2, round(tokens / self.batches.tokens_per_step))
        decay_steps = max(1, round(steps * self.recipe.decay_share))
        held = steps - decay_steps
        try:
            if trunk is None or not self._continue(trunk.furthest(held)):
                self._evaluate("hold", 0.0)
            while self.step < held:
                self.update(self.schedule.held(self.step))
                if self.step == _next_held_evaluation(self.step - 1):
                    self._evaluate("hold", self.schedule.held(self.step - 1))
                # Kept at the end for larger budgets, and at a few powers of two for smaller ones.
                branches = self.step == held or (self.step.bit_count() == 1 and 16 * self.step > held)
                if trunk is not None and branches:
                    trunk.keep(self._state())
            self._decay(decay_steps, self.schedule.held(self.step - 1))
            self.training.best = self.training.curve[-1]
        except _DivergedError:
            self.training.diverged = True
        return self.training

    def _state(self) -> State:
        curve = [list(point) for point in self.training.curve]
        return State(self.step, self.model.state_dict(), self.optimizer.state(), self._losses, curve)

    def _continue(self, state: State | None) -> bool:
        """Take up a state; False if there is none."""
        if state is None:
            return False
        self.model.load_state_dict(state.weights)
        self.optimizer.load(state.moments)
        self.step, self._losses = state.step, [loss.to(self.model.device) for loss in state.losses]
        self.training.curve = [Point(*point) for point in state.curve]
        return True

    def steps_between_evaluations(self) -> int:
        """A quarter of an epoch, or more where evaluating would take over a quarter of the time.

        Scoring a token costs a third of training on it, and a step some 200 tokens' worth of overhead. A
        recipe may ask for fewer, the longer a run gets.
        """
        affordable = self._evaluation.tokens / (self.batches.tokens_per_step + 200)
        share = self.recipe.pause_share * self.step
        return math.ceil(max(affordable, self.batches.steps_per_epoch / 4, share))

    def _hold(self, steps: int) -> None:
        for _ in range(steps):
            rate = self.schedule.held(self.step)
            self.update(rate)
        self._evaluate("hold", rate)

    def _decay(self, steps: int, start: float) -> None:
        pause = self.steps_between_evaluations()
        for step in range(steps):
            rate = self.schedule.decayed(step, steps, start)
            self.update(rate)
            if (step + 1) % pause == 0 or step + 1 == steps:
                self._evaluate("decay", rate)

    def update(self, rate: float) -> None:
        """One optimiser step at learning rate `rate`."""
        if self._drop is not None:
            self._drop.begin(self.step)
        self._losses.append(self._update(*self.batches(self.step), rate))
        self.step += 1
        if self._average is not None:
            self._average.update(self.step)

    def _evaluate(self, phase: str, rate: float) -> None:
        loss, train = self._evaluation(), math.nan
        if self._losses:
            train = self.ranks.sum(torch.stack(self._losses).mean()) / self.ranks.count
        self._losses.clear()
        if not math.isfinite(loss):
            raise _DivergedError
        point = Point(self.step * self.batches.tokens_per_step, train, loss, rate, phase)
        self.training.curve.append(point)
        best = self.training.best
        if best is None or loss < best.loss_validation:
            self.training.best = point
            self._best_weights.keep()
        if phase == "hold" and loss < self._held_loss:
            self._held.keep()
            self._held_loss, self._held_step = loss, self.step
        if self.on_evaluation:
            self.on_evaluation(point)

    def _stalled(self) -> bool:
        """True once `patience` evaluations have brought less than `tolerance` nats.

        They must also have seen `patience_share` of the tokens seen before them.
        """
        curve, recipe = self.training.curve, self.recipe
        last = curve[-1]
        if last.tokens_seen >= recipe.max_tokens:
            return True
        before = last.tokens_seen / (1 + recipe.patience_share)
        earlier = [p.loss_validation for p in curve[: -recipe.patience] if p.tokens_seen <= before]
        return bool(earlier) and min(earlier) - min(p.loss_validation for p in curve) < recipe.tolerance


def _update(model: Any, optimizer: AdamW, ranks: Ranks, drop: Dropout | None) -> Callable[..., Tensor]:
    """One optimiser step on inputs, targets and a learning rate; returns the loss before it."""
    device, mean_loss = model.device, ranks.loss_function(model, drop)
    plain = device.type == "cpu" and ranks.count == 1 and drop is None and not isinstance(model, Given)
    by_hand = loss_by_hand(model, optimizer.gradients) if plain else None
    size = shape(model)

    def update(x_BT: Tensor, y_BT: Tensor, rate: float | Tensor) -> Tensor:
        x_BT, y_BT = moved((x_BT, y_BT), device)
        most = ranks.count * size.sequences_at_once(x_BT.shape[1], device.type)
        if by_hand and len(x_BT) <= most:
            loss = by_hand(x_BT, y_BT)
            optimizer.step(rate)
            return loss
        # Parts of one size where that takes no small ones: a compiled model is compiled for each size.
        at_once = next((n for n in range(most, most // 2, -1) if len(x_BT) % n == 0), most)
        parts = list(zip(x_BT.split(at_once), y_BT.split(at_once), strict=True))
        losses = []
        for i, (x, y) in enumerate(parts, 1):
            with ranks.apart(mean_loss) if i < len(parts) else nullcontext():
                with precision(device):
                    loss = mean_loss(x, y)
                if len(parts) > 1:
                    loss = loss * (len(x) / len(x_BT))
                loss.backward()
            losses.append(loss.detach())
        optimizer.step(rate)
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    return update
