"""What a study asks: from which sources to which target. How large it is, is the scale's to say.

Names of corpora and arms are those of whoever asks. They appear in records, tables, figures and sentences as
they are, or as `Titles` has them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from transferlaws.design.sources import GIVEN, Mixture
from transferlaws.errors import UsageError
from transferlaws.laws import Hernandez

BASELINE = "scratch"
"""The arm that is not pre-trained, in every study."""


class Standing(StrEnum):
    """What an arm is in a study.

    It is what others are measured against, what the study stands on, what that is compared with, or a
    control, for which no law is fitted.
    """

    BASELINE = "baseline"
    MAIN = "main"
    BESIDE = "beside"
    CONTROL = "control"


@dataclass(frozen=True)
class Titles:
    """What a reader is told: the name of the target, and of each arm's source, in the order of their colours.

    Without a title an arm goes by its own name. Where `given`, sources are models that somebody saved.
    """

    target: str = "the target"
    sources: Mapping[str, str] = field(default_factory=dict)
    corpora: Mapping[str, str] = field(default_factory=dict)
    given: bool = False

    def source(self, arm: str) -> str:
        """What the arm was pre-trained on."""
        return self.sources.get(arm, arm)

    def arm(self, arm: str) -> str:
        """The arm in a legend."""
        if arm == BASELINE:
            return "from scratch"
        return f"{'starting from' if self.given else 'pre-trained on'} {self.source(arm)}"

    def corpus(self, name: str) -> str:
        """A corpus."""
        return self.corpora.get(name, name)


UNTITLED = Titles()
"""Everything by its own name."""


@dataclass(frozen=True)
class Tokenization:
    """How text becomes tokens: `bpe` learnt from the training split of a corpus, plain `bytes`, or `model`.

    The last is the tokenizer of the models that are given, and `corpus` is then empty.
    """

    corpus: str
    kind: str = "bpe"

    def __post_init__(self) -> None:
        if self.kind not in ("bpe", "bytes", "model"):
            raise ValueError(f"Tokenization.kind must be bpe, bytes or model, got {self.kind!r}")
        if (self.kind == "model") == bool(self.corpus):
            raise ValueError(f"Tokenization.corpus is {self.corpus!r}: empty for model, and for nothing else")


@dataclass(frozen=True)
class Question:
    """What is pre-training on some sources worth for a target?

    `sources` (arm -> mixture) come in order: the study stands on the first, and compares it with those that
    are named in `beside`. `controls` are arms without a law. `paper` holds the law that the paper printed for
    an arm, where its numbers belong beside ours. Raises ValueError for names that do not fit together.
    """

    target: str
    sources: Mapping[str, Mixture]
    tokenization: Tokenization
    controls: Mapping[str, Mixture] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    titles: Titles = field(default_factory=Titles)
    paper: Mapping[str, Hernandez] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("Question.sources must not be empty")
        if BASELINE in self.pretrained:
            raise ValueError(f"Question.sources may not be called {BASELINE!r}: that is the arm without one")
        if set(self.sources) & set(self.controls):
            raise ValueError("Question.controls must have other names than its sources")
        given = {mixture == GIVEN for mixture in self.pretrained.values()}
        if given != {self.tokenization.kind == "model"}:
            raise ValueError(
                "Question.sources that are given models have the models' tokenizer, and only they"
            )
        if strange := set(self.beside) - set(self.sources):
            raise ValueError(f"Question.beside has {sorted(strange)}; there are {', '.join(self.sources)}")

    @property
    def pretrained(self) -> dict[str, Mixture]:
        """Every arm that is pre-trained, sources before controls."""
        return {**self.sources, **self.controls}

    @property
    def main(self) -> str:
        """The source that the study stands on."""
        return next(iter(self.sources))

    @property
    def corpora(self) -> frozenset[str]:
        """The names of all corpora that it takes to answer."""
        read = frozenset[str]().union(*(mixture.corpora for mixture in self.pretrained.values()))
        return (read | {self.target, self.tokenization.corpus}) - {""}

    def standing(self, arm: str) -> Standing:
        """What the arm is here; raises UsageError for an arm that is none."""
        if arm == BASELINE:
            return Standing.BASELINE
        if arm in self.controls:
            return Standing.CONTROL
        if arm not in self.sources:
            raise UsageError(f"no arm {arm!r}; there are {', '.join((BASELINE, *self.pretrained))}")
        return Standing.BESIDE if arm in self.beside else Standing.MAIN

    def only(self, *sources: str) -> "Question":
        """The same question for some of its sources, without controls."""
        return replace(
            self,
            sources={name: self.sources[name] for name in sources},
            controls={},
            beside=tuple(name for name in self.beside if name in sources),
            paper={name: law for name, law in self.paper.items() if name in sources},
        )
