"""A run and what came out of it, as a value."""

from dataclasses import dataclass
from typing import Any

CURVE_COLUMNS = ("tokens_seen", "epochs", "loss_train", "loss_validation", "learning_rate", "phase")


@dataclass(frozen=True)
class Record:
    """One run: its spec, its status (`ok`, `diverged`, `failed`), its outcome and its curve.

    `curve` rows are of `CURVE_COLUMNS`, losses in nats/token.
    """

    key: str
    spec: dict[str, Any]
    status: str
    outcome: dict[str, Any]
    curve: list[list[Any]]

    @property
    def finished(self) -> bool:
        """True unless the run has to be tried again."""
        return self.status in ("ok", "diverged")

    @property
    def core_seconds(self) -> float:
        """Seconds of a core, or of a GPU, that the run took: on a busy machine, less than went by.

        Of a run that did not note them, those that went by.
        """
        return float(self.outcome.get("core_seconds", self.outcome.get("seconds", 0.0)))
