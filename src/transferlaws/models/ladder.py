"""The ladder of model sizes, and how parameters and FLOPs are counted.

N counts parameters without vocabulary and position embeddings, as in Kaplan et al. (2020) and
Hernandez et al. (2021); the total is kept beside it because at tiny sizes the difference bends
laws (Pearce & Song 2024). Torch-free: plans and pages count without loading a model.
"""

from dataclasses import dataclass

# Most numbers (tokens x width x layers) that a pass keeps for its backward, some 120 bytes each on a CPU and
# 44 in a GPU's mixed precision: 4 and 12 GB.
MOST_STATES = {"cpu": 1 << 25, "cuda": 1 << 28}


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
