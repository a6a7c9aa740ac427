"""Which runs a question at a scale asks for, given what is known so far.

A plan is a function of the store: pre-training runs and the first learning rates are known at once,
further rates when their neighbours are measured, and the runs proper when their rate is tuned. So
one call after each finished run is all a sweep needs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transferlaws.design.question import BASELINE, Question
from transferlaws.design.scale import Scale
from transferlaws.design.sources import GIVEN
from transferlaws.models.ladder import SavedSize, Size
from transferlaws.runs.search import Line, interpolated, smooth
from transferlaws.runs.store import Store
from transferlaws.tokens import BYTES_VOCABULARY
from transferlaws.training.spec import RunSpec, Share

RETRIES_AFTER_DIVERGENCE = 3


@dataclass(frozen=True)
class Cell:
    """A place in the design: `pretrain`, `tune` or `run`. `spec` is None while its rate is unknown."""

    role: str
    arm: str
    size: Size
    d_chars: int
    seed: int
    spec: RunSpec | None


@dataclass(frozen=True)
class Plan:
    """The runs of a question at a scale, on corpora given by their fingerprints (name -> fingerprint)."""

    question: Question
    scale: Scale
    fingerprints: dict[str, str]

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that have runs at this scale: from scratch, sources, controls."""
        every = (BASELINE, *self.question.pretrained)
        return tuple(arm for arm in every if self.sizes_of(arm))

    def sizes_of(self, arm: str) -> tuple[Size, ...]:
        """The model sizes of an arm."""
        return self.scale.sizes_of(self.question.standing(arm))

    def d_chars_of(self, arm: str, size: Size) -> tuple[int, ...]:
        """The data sizes of an arm at a model size, in characters."""
        return self.scale.d_chars_of(self.question.standing(arm), size)

    @property
    def vocabulary_size(self) -> int:
        """Tokens of the study's tokenizer."""
        return BYTES_VOCABULARY if self.question.tokenization.kind == "bytes" else self.scale.vocabulary_size

    def pretrain_tokens(self, arm: str) -> int:
        """How many tokens an arm is pre-trained on here."""
        mixture = self.question.pretrained[arm]
        return 0 if mixture == GIVEN else mixture.tokens or self.scale.pretrain_tokens

    def cells(
        self, store: Store, arms: Sequence[str] | None = None, sizes: Sequence[Size] | None = None
    ) -> list[Cell]:
        """Every cell of the design, or of some arms and sizes, with all specs known by now."""
        return [
            cell
            for size in sizes or self.scale.sizes
            for arm in arms or self.arms
            if size in self.sizes_of(arm)
            for cell in self._line(store, arm, size)
        ]

    def _line(self, store: Store, arm: str, size: Size) -> Iterator[Cell]:
        """All cells of one size and arm: pre-training, tuning, then the runs."""
        start: str | None = None
        if arm != BASELINE:
            pretraining = self._settled(store, self._pretraining(arm, size))
            yield Cell("pretrain", arm, size, pretraining.d_chars, 0, pretraining)
            start = pretraining.key
            zero_shot = self._run(arm, size, 0, 0, 0.0, self.scale.recipe.weight_decay, start)
            yield Cell("run", arm, size, 0, 0, zero_shot)
        line = self._searched(arm, size, start)
        if self.scale.tuning.smooth:
            sizes = self.sizes_of(arm)
            lines = [self._searched(arm, other, self._start(store, arm, other)) for other in sizes]
            tried, settings = smooth(lines, sizes.index(size), self.scale.tuning, store)
        else:
            tried, settings = interpolated(line, self.scale.tuning, store)
        for d_chars, tuning in tried:
            yield Cell("tune", arm, size, d_chars, 0, tuning)
        for d_chars in line.data_sizes:
            for seed in range(self.scale.n_seeds(self.question.standing(arm), size, d_chars)):
                spec = None
                if settings is not None:
                    spec = self._run(arm, size, d_chars, seed, *settings(d_chars), start)
                    spec = self._settled(store, spec)
                yield Cell("run", arm, size, d_chars, seed, spec)

    def _start(self, store: Store, arm: str, size: Size) -> str | None:
        """The key of the pre-trained run that the arm's runs begin from."""
        return None if arm == BASELINE else self._settled(store, self._pretraining(arm, size)).key

    def _searched(self, arm: str, size: Size, start: str | None) -> Line:
        def run(d_chars: int, rate: float, weight_decay: float) -> RunSpec:
            return self._run(arm, size, d_chars, 0, rate, weight_decay, start)

        own = self.scale.recipe.weight_decay
        return Line(size.n_params, size.d_model, self.d_chars_of(arm, size), start is not None, own, run)

    def _run(
        self,
        arm: str,
        size: Size,
        d_chars: int,
        seed: int,
        rate: float,
        weight_decay: float,
        start: str | None,
    ) -> RunSpec:
        scale, question = self.scale, self.question
        text = question.tokenization
        if isinstance(size, SavedSize):
            tokenizer = f"{text.kind}:{size.checkpoint}"
        else:
            tokenizer = f"{text.kind}:{self.fingerprints[text.corpus]}"
        return RunSpec(
            arm=arm,
            size=size,
            data=(Share(question.target, self.fingerprints[question.target], d_chars, spread=scale.spread),),
            tokenizer=tokenizer,
            vocabulary_size=self.vocabulary_size,
            context=scale.context,
            seed=seed,
            learning_rate=rate,
            recipe=scale.recipe_for(size, self.vocabulary_size, weight_decay),
            start=start,
        )

    def _pretraining(self, arm: str, size: Size) -> RunSpec:
        scale, mixture = self.scale, self.question.pretrained[arm]
        if mixture == GIVEN:  # as it was saved; scored on the target, since its own text is not known
            untrained = self._run(arm, size, 0, 0, 0.0, scale.recipe.weight_decay, None)
            return replace(untrained, budget_tokens=0)
        recipe = scale.pretraining or scale.recipe
        rate = float(f"{scale.pretrain_rate * 16 / size.d_model:.6g}")
        shares = tuple(
            Share(
                part.corpus,
                self.fingerprints[part.corpus],
                round(scale.pretrain_chars * weight),
                part.parts,
                mixture.shuffled,
            )
            for part, weight in mixture.shares()
        )
        return replace(
            self._run(arm, size, 0, 0, rate, recipe.weight_decay, None),
            recipe=recipe,
            data=shares,
            budget_tokens=self.pretrain_tokens(arm),
        )

    def _settled(self, store: Store, spec: RunSpec) -> RunSpec:
        """The spec, or the same at half the rate as often as it diverged."""
        for _ in range(RETRIES_AFTER_DIVERGENCE):
            record = store.read(spec.key)
            if record is None or record.status != "diverged":
                break
            spec = replace(spec, learning_rate=float(f"{spec.learning_rate / 2:.6g}"))
        return spec
