"""The questions and scales of the published studies: values, the only place that knows their names.

`study_named("laptop")` is one question at one scale. A question of your own is another `Question` at any of
these scales.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from transferlaws.design.question import Question, Titles, Tokenization
from transferlaws.design.scale import Lesser, Scale
from transferlaws.design.sources import GIVEN, Ingredient, Mixture
from transferlaws.errors import UsageError
from transferlaws.laws.paper import TABLE_1
from transferlaws.models.ladder import LADDER, Size
from transferlaws.training.spec import TrainingRecipe
from transferlaws.training.tuning import Tuning

LARGER = (Size(6, 384, 24), Size(8, 640, 20))
CORPORA = {"english": "English", "python": "Python", "othercode": "other code"}
TEXT = Mixture.of("english")

TO_PYTHON = Question(
    target="python",
    sources={
        "text": TEXT,
        "mix": Mixture.of("english", "othercode"),
        "prose": Mixture((Ingredient("english", ("prose",)),)),
    },
    tokenization=Tokenization("english"),
    controls={
        # No order left; a little of the target (App. F of the paper); the target itself, from the same
        # projects as the fine-tuning sets; and shorter pre-training on the same text.
        "shuffled": replace(TEXT, shuffled=True),
        "text+python": replace(Mixture.of("english", "python"), weights=(0.997, 0.003)),
        "python": Mixture.of("python"),
        "text-2M": replace(TEXT, tokens=2_000_000),
        "text-6M": replace(TEXT, tokens=6_000_000),
    },
    beside=("mix", "prose"),
    titles=Titles(
        target="Python",
        sources={
            "text": "text",
            "mix": "a mix of text and code",
            "prose": "prose",
            "python": "Python",
            "shuffled": "shuffled text",
            "text+python": "text and a drop of Python",
        },
        corpora=CORPORA,
    ),
    paper=TABLE_1,
)
"""The paper's question: from English, and from English and other code, to Python."""

MORE_BUDGETS = replace(
    TO_PYTHON, controls={**TO_PYTHON.controls, "text-22M": replace(TEXT, tokens=22_000_000)}
)
"""The same, and pre-training beyond `text`'s own 14 million tokens, half of its corpus for a second time."""

TO_ENGLISH = Question(
    target="english",
    sources={"python": Mixture.of("python")},
    tokenization=Tokenization("english"),
    titles=Titles(target="English", sources={"python": "Python"}, corpora=CORPORA),
)
"""The other way round: transfer has a direction."""


def smoke() -> Scale:
    """Minutes: three sizes, four data sizes, up to three seeds; intervals are as wide as that deserves."""
    return Scale(
        name="smoke",
        tier="smoke",
        sizes=LADDER[:3],
        d_chars=(1_000, 3_000, 10_000, 30_000),
        d_chars_scratch=(100_000,),
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
        beside=Lesser(LADDER[:4]),
        control=Lesser(LADDER[2:4], (3_000, 10_000, 30_000, 100_000)),
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


def laptop_2() -> Scale:
    """The laptop study again, at optima: losses that a wider search would lower by little."""
    return replace(
        laptop(),
        name="laptop-2",
        beside=Lesser(LADDER[:5]),
        control=Lesser(LADDER[:4], (3_000, 10_000, 30_000, 100_000)),
        seeds=((30_000, 12), (100_000, 6), (300_000, 4), (10_000_000, 2)),
        seeds_by_cost=((2e8, 12), (2e9, 8), (1e10, 4), (math.inf, 2)),
        tuning=Tuning(
            d_chars=(3_000, 30_000, 300_000),
            first_guess=6.4e-3,
            flat_nats=0.002,
            smooth=True,
            reach=1.6e10,
            chars_per_param=10.0,
            must_learn=True,
        ),
        recipe=TrainingRecipe(
            weight_decay=3.0,
            averaging=0.4,
            patience_share=1.0,
            pause_share=0.02,
            tolerance=0.002,
            test_chars=300_000,
            max_tokens=2_000_000_000,
        ),
        pretraining=laptop().recipe,
        spread=250,
        epsilon_share=0.35,
        reach=1e10,
        chars_per_param=100.0,
    )


def laptop_gpu() -> Scale:
    """The second laptop study with two sizes more, up to N = 4e7: the paper's four decades, on one GPU."""
    like = laptop_2()
    return replace(
        like,
        name="laptop-gpu",
        sizes=(*LADDER, *LARGER),
        tuning=replace(like.tuning, reach=1.2e12),
        reach=3.2e12,
        chars_per_param=math.inf,
    )


def beside_laptop(name: str) -> Scale:
    """A smaller study that asks something else than `laptop`, at the sizes of its controls."""
    whole = laptop()
    assert whole.control is not None
    return replace(
        whole,
        name=name,
        sizes=whole.control.sizes,
        d_chars=whole.control.d_chars,
        d_chars_scratch=(300_000, 1_000_000),
        beside=None,
        control=None,
        seeds=((30_000, 3), (1_000_000, 1)),
    )


def workstation() -> Scale:
    """Days on a workstation or hours on a GPU: the whole ladder, more seeds, a larger vocabulary."""
    return Scale(
        name="workstation",
        tier="workstation",
        sizes=(*LADDER, *LARGER),
        d_chars=(1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000),
        d_chars_scratch=(30_000_000, 100_000_000),
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


STUDIES: Mapping[str, Callable[[], tuple[Question, Scale]]] = {
    "smoke": lambda: (TO_PYTHON.only("text", "mix"), smoke()),
    "laptop": lambda: (TO_PYTHON, laptop()),
    "laptop-2": lambda: (MORE_BUDGETS, laptop_2()),
    "laptop-gpu": lambda: (TO_PYTHON.only("text"), laptop_gpu()),
    "laptop-reverse": lambda: (TO_ENGLISH, beside_laptop("laptop-reverse")),
    "laptop-python-bpe": lambda: (
        replace(TO_PYTHON.only("text"), tokenization=Tokenization("python")),
        beside_laptop("laptop-python-bpe"),
    ),
    "laptop-bytes": lambda: (
        replace(TO_PYTHON.only("text"), tokenization=Tokenization("english", kind="bytes")),
        beside_laptop("laptop-bytes"),
    ),
    "workstation": lambda: (TO_PYTHON.only("text", "mix", "prose"), workstation()),
    "paper": lambda: (TO_PYTHON.only("text", "mix"), paper()),
}


def study_named(name: str) -> tuple[Question, Scale]:
    """The question and the scale of a published study; raises UsageError naming the ones there are."""
    if name not in STUDIES:
        raise UsageError(f"unknown scale {name!r}; there are {', '.join(STUDIES)}")
    return STUDIES[name]()


def own_question(target: str, sources: Mapping[str, Mixture], like: Question) -> Question:
    """A question about other corpora, its text tokenised as in the question `like`.

    Where that learns its tokenizer from its target, so does this; else from the first source. Models that are
    given (`GIVEN`) bring their own. Raises ValueError for names that do not fit together.
    """
    first = next(iter(sources.values()))
    if first == GIVEN:
        tokenization = Tokenization("", "model")
    else:
        learnt_from = target if like.tokenization.corpus == like.target else first.ingredients[0].corpus
        tokenization = replace(like.tokenization, corpus=learnt_from)
    return Question(
        target=target,
        sources=sources,
        tokenization=tokenization,
        titles=Titles(
            target=target,
            sources={name: name for name in sources},
            corpora={name: name for name in (*sources, target)},
        ),
    )
