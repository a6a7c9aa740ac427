"""The learning rate over a run: warm up, hold, and decay from the best point.

A run's length is not known before its early stop, so nothing here needs a horizon: the warm-up is
one epoch (within bounds that keep it a small part of any run), the rate then stays constant until
the validation loss has stopped improving, and a linear decay follows from the best point.
"""

from dataclasses import dataclass

from transferlaws.training.spec import TrainingRecipe


@dataclass(frozen=True)
class Schedule:
    """Learning rate by step: `peak` after `warmup_steps`; `decay` maps progress 0..1 to a rate."""

    peak: float
    warmup_steps: int

    @classmethod
    def for_run(cls, peak: float, steps_per_epoch: int, recipe: TrainingRecipe) -> "Schedule":
        """A warm-up of one epoch, within the recipe's bounds (steps)."""
        bounds = (recipe.warmup_steps_least, recipe.warmup_steps_most)
        return cls(peak, max(bounds[0], min(steps_per_epoch, bounds[1])))

    def held(self, step: int) -> float:
        """The rate of step `step` (from 0) while the rate is held."""
        return self.peak * min(1.0, (step + 1) / self.warmup_steps)

    def decayed(self, step: int, steps: int, start: float) -> float:
        """The rate of step `step` of a linear decay over `steps` steps from `start` towards zero."""
        return start * (1 - (step + 1) / (steps + 1))
