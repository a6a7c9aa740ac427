"""Words that tables of runs use, whoever wrote them: how a run ended, and what is tuned. All data.

Words are compared in one spelling, in which "Timed Out" is timed_out, and shown in a sentence on one line.
"""

import re
from collections.abc import Iterable

from transferlaws.escape import visible


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ENDINGS = {
    "ok": _words(
        "ok finished completed complete success succeeded successful done ended passed true 1 exited_0 "
        "converged early_stopped stopped_early"
    ),
    "running": _words(
        "running scheduled queued pending started in_progress active waiting submitted created initializing "
        "resuming suspended"
    ),
    "failed": _words(
        "failed fail crashed crash killed preempted preempting oom out_of_memory error errored cancelled "
        "canceled timeout timed_out nan inf diverged aborted abort interrupted stopped dead terminated "
        "node_fail false 0 -1 nan_loss exploded invalid"
    ),
}
ENDING_OF = {name: ending for ending, names in _ENDINGS.items() for name in names}
"""How a run ended (ok, running, failed), in the words of W&B, MLflow, SLURM, Ray and of people."""

TUNED = frozenset(
    _words(
        "learning_rate lr peak_lr max_lr base_lr batch_size bs batch global_batch_size train_batch_size "
        "batchsize weight_decay wd weightdecay warmup warmup_steps warmup_ratio num_warmup_steps dropout "
        "momentum beta1 beta2 adam_beta1 adam_beta2 adam_epsilon eps epsilon grad_clip max_grad_norm clip "
        "optimizer optim schedule scheduler lr_scheduler lr_scheduler_type lr_schedule decay label_smoothing "
        "min_lr lr_min end_lr epochs num_epochs num_train_epochs max_steps gradient_accumulation_steps "
        "init_std z_loss"
    )
)
"""Columns of what is tuned: of runs that differ in these alone, the best counts."""


def word(value: object) -> str:
    """A label in the one spelling, to compare it with words known: "From Scratch" is from_scratch."""
    text = str(value).strip()
    return text if text.startswith("-") else re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def shown(value: object, most: int = 60) -> str:
    """What a table holds as a sentence may show it: on one line, of at most `most` characters."""
    text = visible(value)
    return text if len(text) <= most else f"{text[: most - 4]} ..."


def listed(names: Iterable[object], most: int = 12) -> str:
    """Names from a table for a sentence, with commas, `most` of them and how many more there are."""
    held = [shown(name, 40) for name in names]
    return ", ".join(held[:most] + [f"... ({len(held) - most} more)"] * (len(held) > most))
