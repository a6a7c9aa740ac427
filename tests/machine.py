"""A machine that takes the place of training: it takes what it takes, and leaves records by a planted law."""

import math

import numpy as np

from transferlaws import Study
from transferlaws.laws import Hernandez, Scratch
from transferlaws.runs.record import Record
from transferlaws.runs.sweep import Swept
from transferlaws.training.spec import RunSpec

SPEED = 2e10  # FLOP/s of one core, about what a laptop reaches at these sizes
CURVES, LAW = Scratch(D0=100.0), Hernandez(k=30.0, alpha=0.3, beta=0.4)


class Machine:
    """Takes the place of training: `epochs` to the end of a run, `slow` times the seconds of SPEED.

    At a rate above `too_high` a pre-trained model only gets worse, and a run ends as it began.
    """

    def __init__(self, epochs: float, slow: float, too_high: float = math.inf) -> None:
        self.epochs, self.slow, self.too_high = epochs, slow, too_high

    def ensure(self, study: Study, arms: list[str] | None = None, **_: object) -> Swept:
        """Leave a record of every run that the study wants, as long as it wants more."""
        trained = 0
        while True:
            specs = [cell.spec for cell in study.cells(arms) if cell.spec is not None]
            missing = {spec.key: spec for spec in specs if study.store.read(spec.key) is None}
            if not missing:
                return Swept(trained, {})
            for spec in missing.values():
                study.store.write(self.record(spec))
            trained += len(missing)

    def record(self, spec: RunSpec) -> Record:
        n, d_tokens = spec.size.n_params, max(int(spec.d_chars / 1.4), 1)
        seen = spec.budget_tokens or min(int(self.epochs * d_tokens), spec.recipe.max_tokens)
        seen *= bool(spec.d_chars)
        seconds = self.slow * (0.2 + 1.5 * seen * spec.flops_per_token / SPEED)
        effective = float(LAW.d_effective(n_params=n, d_chars=max(spec.d_chars, 1)))
        loss = float(CURVES.loss(n, effective if spec.start else spec.d_chars))
        off = math.log(spec.learning_rate * spec.size.d_model / 0.05) if spec.learning_rate else 0.0
        decay = math.log(spec.recipe.weight_decay / 3)
        loss += 0.03 * float(np.random.default_rng(int(spec.key[:8], 16)).normal())
        worse = spec.start is not None and spec.learning_rate > self.too_high
        outcome = {
            "n_params": n, "n_params_total": n, "d_chars": spec.d_chars, "d_tokens": d_tokens, "loss": loss,
            "tokens_seen": seen, "flops": seen * spec.flops_per_token, "bits_per_char": loss,
            "epochs_best": 0.0 if worse else 1.0,
            "loss_validation": loss + (0.5 if worse else 0.05 * (off**2 + decay**2)), "core_seconds": seconds,
            "seconds": 20 * seconds, "device": "cpu made x1 of 2", "versions": "none",
        }  # fmt: skip
        return Record(spec.key, spec.to_json(), "ok", outcome, [])
