"""The ladder of model sizes, models that somebody saved, and how parameters and FLOPs are counted.

N counts parameters without vocabulary and position embeddings, as in Kaplan et al. (2020) and
Hernandez et al. (2021); the total is kept beside it because at tiny sizes the difference bends
laws (Pearce & Song 2024). Torch-free: plans and pages count without loading a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Most numbers (tokens x width x layers) that a pass keeps for its backward, some 120 bytes each on a CPU and
# 44 in a GPU's mixed precision: 4 and 12 GB.
MOST_STATES = {"cpu": 1 << 25, "cuda": 1 << 28}
# Most logits of a saved model that are held at once, 12 bytes each with gradients; our own are never stored.
MOST_LOGITS = {"cpu": 1 << 25, "cuda": 1 << 28}


@dataclass(frozen=True, order=True)
class Size:
    """The shape of one GPT-2: layers, width and attention heads."""

    n_layer: int
    d_model: int
    n_head: int

    def __post_init__(self) -> None:
        for field in ("n_layer", "d_model", "n_head"):
            if getattr(self, field) < 1:
                raise ValueError(f"Size.{field} must be at least 1, got {getattr(self, field)}")
        if self.d_model % self.n_head:
            raise ValueError(f"Size.d_model={self.d_model} must be a multiple of n_head={self.n_head}")

    @property
    def n_params(self) -> int:
        """N: parameters without embeddings: 12 L d^2 weights, 13 L d + 2 d biases and gains."""
        d = self.d_model
        return self.n_layer * (12 * d * d + 13 * d) + 2 * d

    def n_params_total(self, vocabulary_size: int, context: int) -> int:
        """All parameters; the output head shares the vocabulary embedding."""
        return self.n_params + (vocabulary_size + context) * self.d_model

    def flops_per_token(self, vocabulary_size: int, context: int) -> int:
        """Training FLOPs per token, forward and backward, output head and attention included.

        6 (N + V d) for the matrix products (Kaplan et al. 2020, section 2.1, with the head), and
        12 L T d for attention over a context of T tokens, causal masking not discounted.
        """
        matrices = self.n_params + vocabulary_size * self.d_model
        return 6 * matrices + 12 * self.n_layer * context * self.d_model

    def sequences_at_once(self, context: int, device: str = "cpu") -> int:
        """How many sequences of `context` tokens one pass takes on a kind of device (`cpu`, `cuda`).

        Larger batches are divided, so that memory has a bound.
        """
        return max(1, MOST_STATES[device] // (self.n_layer * self.d_model * context))

    def __str__(self) -> str:
        return f"{self.n_layer}x{self.d_model}"


@dataclass(frozen=True, order=True)
class SavedSize(Size):
    """A model that somebody saved: what tells it from all others, and its parameters as counted on it.

    `checkpoint` names weights, configuration and tokenizer by their digest, `vocabulary` is the number of
    logits, `longest` the most tokens it takes at once (None: any number). `n_head` says nothing.
    """

    checkpoint: str
    without_embeddings: int
    in_all: int
    vocabulary: int
    longest: int | None

    @property
    def n_params(self) -> int:
        """N: parameters without those of embeddings and of the output head."""
        return self.without_embeddings

    def n_params_total(self, vocabulary_size: int, context: int) -> int:  # noqa: ARG002
        """All parameters, as they are in the model."""
        return self.in_all

    def flops_per_token(self, vocabulary_size: int, context: int) -> int:  # noqa: ARG002
        """As for any size, with the model's own number of logits."""
        return super().flops_per_token(self.vocabulary, context)

    def sequences_at_once(self, context: int, device: str = "cpu") -> int:
        """As for any size, and no more than logits are held of."""
        logits = MOST_LOGITS[device] // (self.vocabulary * context)
        return max(1, min(super().sequences_at_once(context, device), logits))


def size_from_json(document: Mapping[str, Any]) -> Size:
    """The size that `dataclasses.asdict` made a document of."""
    return SavedSize(**document) if "checkpoint" in document else Size(**document)


# Six sizes, three decades, factors of four: N = 12 L d^2 from 3.1e3 to 3.1e6. Heads are 16 or 32 wide:
# attention's cost grows with their number, and at width 8 it would take a quarter of a step.
LADDER = (
    Size(1, 16, 1),
    Size(1, 32, 2),
    Size(1, 64, 2),
    Size(4, 64, 2),
    Size(4, 128, 4),
    Size(4, 256, 8),
)
