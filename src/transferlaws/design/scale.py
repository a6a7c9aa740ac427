"""The one dial: a scale says how large everything is, and nothing else in the library asks its name.

`smoke` (minutes on two cores), `laptop` (a night), `workstation` (days, or a GPU) and `paper` are
functions that return a `Scale`; `scale(name)` finds one. Three small studies stand beside `laptop`, each
with one thing changed.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from transferlaws.errors import UsageError
from transferlaws.models.ladder import LADDER, Size
from transferlaws.training.spec import TrainingRecipe
from transferlaws.training.tuning import Tuning


@dataclass(frozen=True)
class Source:
    """A pre-training mixture: (corpus, parts) pairs; empty parts means all of it.

    `weights` are the corpora's shares of the characters, equal if not given. `tokens` replaces the scale's
    budget: such a run is a branch off the same trunk (`training.loop`). `shuffled` destroys the order.
    """

    corpora: tuple[tuple[str, tuple[str, ...]], ...]
    weights: tuple[float, ...] = ()
    tokens: int | None = None
    shuffled: bool = False

    def shares(self) -> tuple[tuple[str, tuple[str, ...], float], ...]:
        """Corpus, parts and weight of each component."""
        weights = self.weights or (1 / len(self.corpora),) * len(self.corpora)
        return tuple((*corpus, weight) for corpus, weight in zip(self.corpora, weights, strict=True))


TEXT = Source((("english", ()),))
SOURCES: Mapping[str, Source] = {
    "text": TEXT,
    "mix": Source((("english", ()), ("othercode", ()))),
    "prose": Source((("english", ("prose",)),)),
    # Controls: no order left; a little of the target (App. F); the target itself, from the same projects
    # as the fine-tuning sets; and the other direction.
    "shuffled": Source(TEXT.corpora, shuffled=True),
    "text+python": Source((("english", ()), ("python", ())), weights=(0.997, 0.003)),
    "python": Source((("python", ()),)),
    # Shorter pre-training on the same text.
    "text-2M": Source(TEXT.corpora, tokens=2_000_000),
    "text-6M": Source(TEXT.corpora, tokens=6_000_000),
}
CONTROLS = ("shuffled", "text+python", "python", "text-2M", "text-6M")
HALF_DECADE = math.sqrt(10.0)


@dataclass(frozen=True)
class Scale:
    """Everything a study's size depends on. Characters are of the cleaned corpora.

    `seeds` gives the number of seeds up to a data size: ((30_000, 5), (100_000, 3), ...), the last
    one for everything above. From-scratch runs also cover `d_chars_scratch`, so that fine-tuned
    losses have something to be compared with. Pre-training uses `pretrain_rate` at width 16 and, as Adam
    wants it, proportionally less at larger widths (Yang et al. 2022, "Tensor Programs V").

    `reach` bounds what one cell may cost: the largest N x D (parameters times characters) of a fine-tuned
    cell. From-scratch cells go half a decade further. `side_arms` are those a study compares with rather
    than stands on: only `side_sizes`, half a decade less far, and two seeds fewer where there are more than
    two. `control_arms` have as few seeds, and only the sizes and data sizes named for them.
    """

    name: str
    tier: str
    sizes: tuple[Size, ...]
    d_chars: tuple[int, ...]
    d_chars_scratch: tuple[int, ...]
    arms: tuple[str, ...]
    seeds: tuple[tuple[int, int], ...]
    pretrain_chars: int
    pretrain_tokens: int
    pretrain_rate: float
    tuning: Tuning
    vocabulary_size: int
    context: int
    recipe: TrainingRecipe = field(default_factory=TrainingRecipe)
    reach: float = math.inf
    side_arms: tuple[str, ...] = ()
    side_sizes: tuple[Size, ...] = ()
    control_arms: tuple[str, ...] = ()
    control_sizes: tuple[Size, ...] = ()
    control_d_chars: tuple[int, ...] = ()
    target: str = "python"
    tokenizer_corpus: str = "english"
    tokenizer_kind: str = "bpe"

    def __post_init__(self) -> None:
        for name in ("sizes", "d_chars", "arms", "seeds"):
            if not getattr(self, name):
                raise ValueError(f"Scale.{name} must not be empty")
        unknown = [arm for arm in self.arms if arm != "scratch" and arm not in SOURCES]
        if unknown:
            raise ValueError(f"Scale.arms has {unknown}; known: scratch, {', '.join(SOURCES)}")

    def sizes_of(self, arm: str) -> tuple[Size, ...]:
        """The model sizes of an arm."""
        if arm in self.control_arms:
            return self.control_sizes
        return self.side_sizes if arm in self.side_arms else self.sizes

    def d_chars_of(self, arm: str, size: Size) -> tuple[int, ...]:
        """The data sizes of an arm at a model size, in characters: at least the smallest there is."""
        if arm in self.control_arms:
            return self.control_d_chars
        grid, reach = self.d_chars, self.reach
        if arm == "scratch":
            grid, reach = grid + self.d_chars_scratch, reach * HALF_DECADE
        elif arm in self.side_arms:
            reach /= HALF_DECADE
        return tuple(d for d in grid if d == grid[0] or size.n_params * d <= reach)

    def n_seeds(self, arm: str, d_chars: int) -> int:
        """How many seeds a cell gets."""
        count = next((count for upto, count in self.seeds if d_chars <= upto), self.seeds[-1][1])
        return max(count - 2, 1) if arm in self.side_arms + self.control_arms else count


def smoke() -> Scale:
    """Minutes: three sizes, four data sizes, up to three seeds; intervals are as wide as that deserves."""
    return Scale(
        name="smoke",
        tier="smoke",
        sizes=LADDER[:3],
        d_chars=(1_000, 3_000, 10_000, 30_000),
        d_chars_scratch=(100_000,),
        arms=("scratch", "text", "mix"),
        seeds=((10_000, 3), (30_000, 2), (100_000, 1)),
        pretrain_chars=4_000_000,
        pretrain_tokens=1_200_000,
        pretrain_rate=1.6e-2,
        tuning=Tuning(d_chars=(3_000, 10_000), flat_nats=0.01),
        vocabulary_size=512,
        context=128,
        recipe=TrainingRecipe(tolerance=0.01, max_tokens=2_500_000, stop_chars=20_000, test_chars=100_000),
    )


def laptop() -> Scale:
    """A night on two cores: the study the published book stands on."""
    return Scale(
        name="laptop",
        tier="laptop",
        sizes=LADDER,
        d_chars=(1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000),
        d_chars_scratch=(),
        arms=("scratch", "text", "mix", "prose", *CONTROLS),
        side_arms=("mix", "prose"),
        side_sizes=LADDER[:4],
        control_arms=CONTROLS,
        control_sizes=LADDER[2:4],
        control_d_chars=(3_000, 10_000, 30_000, 100_000),
        seeds=((30_000, 5), (100_000, 3), (300_000, 2), (10_000_000, 1)),
        pretrain_chars=45_000_000,
        pretrain_tokens=14_000_000,
        pretrain_rate=1.6e-2,
        tuning=Tuning(d_chars=(3_000, 30_000, 300_000), flat_nats=0.02),
        vocabulary_size=1024,
        context=128,
        recipe=TrainingRecipe(tolerance=0.005, test_chars=300_000, max_tokens=20_000_000),
        reach=3.2e11,
    )


def laptop_reverse() -> Scale:
    """The laptop study the other way round, Python to English, at two sizes: transfer has a direction."""
    return _beside_laptop("laptop-reverse", target="english", arms=("scratch", "python"))


def laptop_python_bpe() -> Scale:
    """The laptop study with a tokenizer made for Python, at two sizes."""
    return _beside_laptop("laptop-python-bpe", tokenizer_corpus="python")


def laptop_bytes() -> Scale:
    """The laptop study on plain bytes, at two sizes: no tokenizer to help or to harm."""
    return _beside_laptop("laptop-bytes", tokenizer_kind="bytes", vocabulary_size=257)


def _beside_laptop(name: str, **changes: Any) -> Scale:
    """A smaller study that differs from `laptop` in one thing, at its control sizes."""
    whole = laptop()
    smaller = replace(
        whole,
        name=name,
        sizes=whole.control_sizes,
        d_chars=whole.control_d_chars,
        d_chars_scratch=(300_000, 1_000_000),
        arms=("scratch", "text"),
        side_arms=(),
        side_sizes=(),
        control_arms=(),
        seeds=((30_000, 3), (1_000_000, 1)),
    )
    return replace(smaller, **changes)


def workstation() -> Scale:
    """Days on a workstation or hours on a GPU: the whole ladder, more seeds, a larger vocabulary."""
    return Scale(
        name="workstation",
        tier="workstation",
        sizes=(*LADDER, Size(6, 384, 24), Size(8, 640, 20)),
        d_chars=(1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000),
        d_chars_scratch=(30_000_000, 100_000_000),
        arms=("scratch", "text", "mix", "prose"),
        seeds=((100_000, 5), (1_000_000, 3), (100_000_000, 2)),
        pretrain_chars=100_000_000,
        pretrain_tokens=400_000_000,
        pretrain_rate=1.6e-2,
        tuning=Tuning(d_chars=(3_000, 30_000, 300_000, 3_000_000)),
        vocabulary_size=4096,
        context=256,
        recipe=TrainingRecipe(
            batch_tokens=16_384, stop_chars=200_000, test_chars=2_000_000, max_tokens=1_000_000_000
        ),
    )


def paper() -> Scale:
    """The paper's order of magnitude, for its bill: its corpora are not public, so bring your own.

    Hernandez et al. 2021, section 2: context 2048, a 50,257-token English BPE, 24e9 characters of
    text; sizes are not listed there, only 1M, 40M and the range are named.
    """
    return Scale(
        name="paper",
        tier="workstation",
        sizes=(Size(4, 128, 8), Size(4, 256, 16), Size(6, 512, 8), Size(12, 768, 12), Size(24, 1024, 16)),
        d_chars=(100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000),
        d_chars_scratch=(1_000_000_000, 10_000_000_000),
        arms=("scratch", "text", "mix"),
        seeds=((10_000_000, 3), (10_000_000_000, 1)),
        pretrain_chars=24_000_000_000,
        pretrain_tokens=6_000_000_000,
        pretrain_rate=1.6e-2,
        tuning=Tuning(d_chars=(100_000, 10_000_000, 1_000_000_000)),
        vocabulary_size=50_257,
        context=2048,
        recipe=TrainingRecipe(
            batch_tokens=524_288, stop_chars=2_000_000, test_chars=20_000_000, max_tokens=50_000_000_000
        ),
    )


SCALES: Mapping[str, Callable[[], Scale]] = {
    "smoke": smoke,
    "laptop": laptop,
    "laptop-reverse": laptop_reverse,
    "laptop-python-bpe": laptop_python_bpe,
    "laptop-bytes": laptop_bytes,
    "workstation": workstation,
    "paper": paper,
}


def scale(name: str) -> Scale:
    """The scale of this name; raises UsageError naming the ones there are."""
    if name not in SCALES:
        raise UsageError(f"unknown scale {name!r}; there are {', '.join(SCALES)}")
    return SCALES[name]()
