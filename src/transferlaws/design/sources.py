"""What a model is pre-trained on, before it meets the target: a source, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ingredient:
    """A corpus in a mixture: all of it, or the `parts` of it that are named (such as prose)."""

    corpus: str
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mixture:
    """Corpora to pre-train on together; none (`GIVEN`) for models that are pre-trained already.

    `weights` are their shares of the characters, equal if not given. `tokens` replaces the scale's budget of
    pre-training: such a run branches off the trunk that runs of the same mixture share (`training.trunk`).
    `shuffled` puts the tokens in random order. Raises ValueError for weights of others
    than its ingredients.
    """

    ingredients: tuple[Ingredient, ...]
    weights: tuple[float, ...] = ()
    tokens: int | None = None
    shuffled: bool = False

    def __post_init__(self) -> None:
        if self.weights and len(self.weights) != len(self.ingredients):
            raise ValueError(
                f"Mixture.weights needs one share for each of {len(self.ingredients)} corpora, "
                f"got {len(self.weights)}"
            )

    @classmethod
    def of(cls, *corpora: str) -> "Mixture":
        """Whole corpora in equal shares."""
        return cls(tuple(map(Ingredient, corpora)))

    @property
    def corpora(self) -> frozenset[str]:
        """The names of its corpora."""
        return frozenset(ingredient.corpus for ingredient in self.ingredients)

    def shares(self) -> tuple[tuple[Ingredient, float], ...]:
        """Each ingredient with its share of the characters."""
        weights = self.weights or (1 / len(self.ingredients),) * len(self.ingredients)
        return tuple(zip(self.ingredients, weights, strict=True))


GIVEN = Mixture(())
"""What a given model has read: nobody here knows."""
