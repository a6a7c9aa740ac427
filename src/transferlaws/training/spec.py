"""A run, written down: everything that decides its loss, and the key that names it.

The key is the SHA-256 of the spec's canonical JSON. Two runs with the same key have the same loss;
a run whose spec differs in anything is another run. Torch-free.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from transferlaws.models.ladder import Size, size_from_json

# Raise this when the training loop changes what a spec's loss is: old records are then not reused.
ENGINE_VERSION = 2


@dataclass(frozen=True)
class Share:
    """So many characters of one corpus, as identified by its fingerprint; `parts` empty means all.

    `shuffled` puts the tokens in random order: what is left is how often each occurs. With `spread`, what is
    trained on are pieces of about that many characters, divided over projects as the corpus is; None draws
    excerpts of about 1,000 characters uniformly.
    """

    corpus: str
    fingerprint: str
    chars: int
    parts: tuple[str, ...] = ()
    shuffled: bool = False
    spread: int | None = None

    def __post_init__(self) -> None:
        if self.chars < 0:
            raise ValueError(f"Share.chars must be at least 0, got {self.chars}")


@dataclass(frozen=True)
class TrainingRecipe:
    """How every run of a study is trained; what is tuned per cell (the learning rate) is in the spec.

    Units are in the names. A batch is no more than `batch_share` of the data set. A run stops when `patience`
    evaluations and `patience_share` more tokens brought less than `tolerance` nats. The stop set has as many
    characters as the data set, within `stop_chars_least` and `stop_chars`. With `averaging`, a run to its
    early stop may also end with the mean of its weights over that share of its steps (`training.averaging`).
    `epsilon` is Adam's: gradients well below it move a weight in proportion, not by the full rate. `dropout`
    is the share of the residual stream's numbers that a step leaves out (`models.dropout`). On the way to an
    early stop evaluations lie `pause_share` of the steps so far apart, or more.
    """

    batch_tokens: int = 2048
    batch_share: float = 0.125
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    clip_norm: float = 1.0
    warmup_steps_least: int = 10
    warmup_steps_most: int = 100
    patience: int = 4
    patience_share: float = 0.3
    tolerance: float = 0.003
    decay_share: float = 0.3
    stop_chars_least: int = 6_000
    stop_chars: int = 30_000
    test_chars: int = 150_000
    max_tokens: int = 50_000_000
    averaging: float = 0.0
    epsilon: float = 1e-8
    dropout: float = 0.0
    pause_share: float = 0.0

    def __post_init__(self) -> None:
        for field in ("batch_tokens", "patience", "stop_chars", "test_chars", "max_tokens"):
            if getattr(self, field) < 1:
                raise ValueError(f"TrainingRecipe.{field} must be at least 1, got {getattr(self, field)}")
        for field in ("averaging", "dropout", "pause_share"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(
                    f"TrainingRecipe.{field} must be at least 0 and below 1, got {getattr(self, field)}"
                )
        for field in ("batch_share", "decay_share"):
            if not 0 < getattr(self, field) < 1:
                raise ValueError(
                    f"TrainingRecipe.{field} must lie between 0 and 1, got {getattr(self, field)}"
                )


@dataclass(frozen=True)
class RunSpec:
    """One run.

    `start` is the key of the pre-trained run it begins from (None: fresh weights).

    `tokenizer` is its kind and the fingerprint of the corpus it is trained on ("bpe:1f3a...") or of the
    saved model it came with ("model:7c02..."). Where `size` is a saved model, fresh weights are of its
    architecture, and the pre-training run, of no tokens, is the model as it was saved.
    `budget_tokens` fixes the length of a pre-training run; None trains to the early stop. A data set
    of zero characters trains nothing and scores the starting weights (the zero-shot loss).
    """

    arm: str
    size: Size
    data: tuple[Share, ...]
    tokenizer: str
    vocabulary_size: int
    context: int
    seed: int
    learning_rate: float
    recipe: TrainingRecipe
    start: str | None = None
    budget_tokens: int | None = None
    engine: int = ENGINE_VERSION

    @property
    def d_chars(self) -> int:
        """Characters in the training set."""
        return sum(share.chars for share in self.data)

    @property
    def is_pretraining(self) -> bool:
        """True for a run that makes a starting point for others."""
        return self.budget_tokens is not None

    @property
    def trunk(self) -> str:
        """The name of the trunk that runs on the same data share.

        Their budgets may differ, and the arms they are of.
        """
        return replace(self, arm="", budget_tokens=0).key

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs per token of this run's model."""
        return self.size.flops_per_token(self.vocabulary_size, self.context)

    def to_json(self) -> dict[str, Any]:
        """The spec as plain JSON values."""
        document = asdict(self)
        for share in document["data"]:
            for name in ("shuffled", "spread"):  # left out, so that runs older than the field keep their keys
                if not share[name]:
                    del share[name]
        for name in ("averaging", "epsilon", "dropout", "pause_share"):
            if document["recipe"][name] == getattr(TrainingRecipe, name):
                del document["recipe"][name]
        return document

    @cached_property
    def key(self) -> str:
        """20 hexadecimal digits of the SHA-256 of the canonical JSON."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunSpec":
        """The spec that `to_json` wrote."""
        shares = tuple(Share(**{**share, "parts": tuple(share["parts"])}) for share in data["data"])
        return cls(
            **{
                **data,
                "size": size_from_json(data["size"]),
                "recipe": TrainingRecipe(**data["recipe"]),
                "data": shares,
            }
        )
