"""The run table: one row a run, the columns that other people's scripts rely on."""

from typing import TYPE_CHECKING, Any

from transferlaws.runs.record import CURVE_COLUMNS as CURVE_COLUMNS
from transferlaws.runs.record import Record

if TYPE_CHECKING:
    from transferlaws.runs.store import Store

# n_params without embeddings; d_* of the fine-tuning set; loss in nats/token on test; `seconds` of a core or
# a GPU. `ended` says why a run ended: `stalled` (its loss no longer fell), `limit` (of its tokens, so that
# its loss is an upper end), or `budget` (pre-training). Later columns stand last: older published tables have
# the first ones.
COLUMNS = (
    "key", "scale", "role", "arm", "n_params", "n_params_total", "d_chars", "d_tokens", "seed", "loss",
    "bits_per_char", "loss_validation", "epochs_best", "tokens_seen", "flops", "pretrain_key",
    "pretrain_chars", "learning_rate", "tokenizer", "status", "seconds", "device", "versions", "ended",
)  # fmt: skip


def row_of(record: Record, role: str, scale: str, store: "Store") -> dict[str, Any]:
    """A record as a row; what a run has not got (the loss of one that diverged) is None."""
    spec, outcome = record.spec, record.outcome
    start = store.read(spec["start"]) if spec["start"] else None
    return {
        **{name: outcome.get(name) for name in COLUMNS},
        "key": record.key,
        "scale": scale,
        "role": role,
        "arm": spec["arm"],
        "n_params": outcome.get("n_params"),
        "seed": spec["seed"],
        "pretrain_key": spec["start"] or "",
        "pretrain_chars": 0 if start is None else _chars_read(start),
        "learning_rate": spec["learning_rate"],
        "tokenizer": spec["tokenizer"],
        "status": record.status,
        "seconds": record.core_seconds,
        "ended": _ended(record),
    }


def _ended(record: Record) -> str | None:
    """Why a run ended; None for one that did not train or did not come to its end."""
    seen = record.outcome.get("tokens_seen")
    if record.status != "ok" or not seen:
        return None
    if record.spec["budget_tokens"] is not None:
        return "budget"
    return "limit" if seen >= record.spec["recipe"]["max_tokens"] else "stalled"


def _chars_read(start: Record) -> int | None:
    """Characters of its corpus that a pre-training run read: less than all where its budget ended before.

    None for a model that was given: what it has read is not known here.
    """
    if not start.outcome["d_tokens"]:
        return None
    chars = sum(share["chars"] for share in start.spec["data"])
    read = start.outcome["tokens_seen"] / start.outcome["d_tokens"]
    return int(float(f"{chars * min(1.0, read):.3g}"))
