"""How large a study is: sizes, data, seeds, budgets. Nothing here knows a corpus or the name of an arm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from transferlaws.design.question import Standing
from transferlaws.models.ladder import Size
from transferlaws.training.spec import TrainingRecipe
from transferlaws.training.tuning import Tuning

HALF_DECADE = math.sqrt(10.0)


@dataclass(frozen=True)
class Lesser:
    """What arms get on which a study does not stand.

    Some of its sizes, two seeds fewer where there are more than two, and data sizes that go half a decade
    less far, or those that are given.
    """

    sizes: tuple[Size, ...]
    d_chars: tuple[int, ...] = ()


@dataclass(frozen=True)
class Scale:
    """Everything a study's size depends on. Characters are of the cleaned corpora.

    `seeds` gives the number of seeds up to a data size: ((30_000, 5), (100_000, 3), ...), the last one for
    everything above; `seeds_by_cost` likewise up to an N x D, and the fewer of the two count. From-scratch
    runs also cover `d_chars_scratch`, so that fine-tuned losses have something
    to be compared with. Pre-training uses `pretrain_rate` at width 16 and, as Adam wants it, proportionally
    less at larger widths (Yang et al. 2022, "Tensor Programs V"), and the recipe `pretraining` (None: that of
    the runs).

    `reach` bounds what one cell may cost: the largest N x D (parameters times characters) of a fine-tuned
    cell; `chars_per_param` bounds D / N, beyond which a model is too small for what it is given. From-scratch
    cells go half a decade further in both. `beside` is what arms get that are compared with the
    main one (None: as much as that), `control` what controls get (None: they are not run). `tier` says how
    much of each corpus of the project is fetched. `spread` is the length, in characters, of the pieces over
    which training sets of the target are spread (None: a uniform sample of excerpts). `epsilon_share` sets
    Adam's epsilon by size, to that share of the root mean square of a gradient at the clipping norm (None:
    the recipe's epsilon for all); pre-training keeps its recipe's.
    """

    name: str
    tier: str
    sizes: tuple[Size, ...]
    d_chars: tuple[int, ...]
    d_chars_scratch: tuple[int, ...]
    seeds: tuple[tuple[int, int], ...]
    pretrain_chars: int
    pretrain_tokens: int
    pretrain_rate: float
    tuning: Tuning
    vocabulary_size: int
    context: int
    recipe: TrainingRecipe = field(default_factory=TrainingRecipe)
    pretraining: TrainingRecipe | None = None
    reach: float = math.inf
    chars_per_param: float = math.inf
    seeds_by_cost: tuple[tuple[float, int], ...] = ((math.inf, 1_000),)
    spread: int | None = None
    epsilon_share: float | None = None
    beside: Lesser | None = None
    control: Lesser | None = None

    def __post_init__(self) -> None:
        for name in ("sizes", "d_chars", "seeds"):
            if not getattr(self, name):
                raise ValueError(f"Scale.{name} must not be empty")

    def sizes_of(self, standing: Standing) -> tuple[Size, ...]:
        """The model sizes of an arm."""
        if standing is Standing.CONTROL:
            return () if self.control is None else self.control.sizes
        lesser = self._lesser(standing)
        return self.sizes if lesser is None else lesser.sizes

    def d_chars_of(self, standing: Standing, size: Size) -> tuple[int, ...]:
        """The data sizes of an arm at a model size, in characters: at least the smallest there is."""
        lesser = self._lesser(standing)
        if lesser is not None and lesser.d_chars:
            return lesser.d_chars
        grid, most = self.d_chars, min(self.reach / size.n_params, self.chars_per_param * size.n_params)
        if standing is Standing.BASELINE:
            grid, most = grid + self.d_chars_scratch, most * HALF_DECADE
        elif lesser is not None:
            most /= HALF_DECADE
        return tuple(d for d in grid if d == grid[0] or d <= most)

    def n_seeds(self, standing: Standing, size: Size, d_chars: int) -> int:
        """How many seeds a cell gets."""
        count = min(_upto(self.seeds, d_chars), _upto(self.seeds_by_cost, size.n_params * d_chars))
        return count if self._lesser(standing) is None else max(count - 2, 1)

    def recipe_for(self, size: Size, vocabulary_size: int, weight_decay: float) -> TrainingRecipe:
        """The recipe of a run at a model size, with its weight decay."""
        recipe = replace(self.recipe, weight_decay=weight_decay)
        if self.epsilon_share is None:
            return recipe
        norm = recipe.clip_norm / math.sqrt(size.n_params_total(vocabulary_size, self.context))
        return replace(recipe, epsilon=float(f"{self.epsilon_share * norm:.3g}"))

    def _lesser(self, standing: Standing) -> Lesser | None:
        return {Standing.BESIDE: self.beside, Standing.CONTROL: self.control}.get(standing)


def _upto(counts: Sequence[tuple[float, int]], value: float) -> int:
    """The count of the first bound that `value` does not exceed, else the last one."""
    return next((count for bound, count in counts if value <= bound), counts[-1][1])
