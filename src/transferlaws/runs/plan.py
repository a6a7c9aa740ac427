"""Which runs a question at a scale asks for, given what is known so far.

A plan is a function of the store: pre-training runs and the first learning rates are known at once,
further rates when their neighbours are measured, and the runs proper when their rate is tuned. So
one call after each finished run is all a sweep needs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from transferlaws.design.question import BASELINE, Question
from transferlaws.design.scale import Scale
from transferlaws.models.ladder import Size
from transferlaws.runs.record import Record
from transferlaws.runs.store import Store
from transferlaws.tokens import BYTES_VOCABULARY
from transferlaws.training.spec import RunSpec, Share
from transferlaws.training.tuning import (
    FEWEST_RATES,
    best_rate,
    best_tried,
    doubtful,
    interpolated_rate,
    next_rates,
)

RETRIES_AFTER_DIVERGENCE = 3
GENTLER = 4  # fine-tuning's first guess of a rate is from scratch's, divided by this


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
        """How many tokens an arm is pre-trained on."""
        return self.question.pretrained[arm].tokens or self.scale.pretrain_tokens

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
            zero_shot = replace(self._run(arm, size, 0, 0, 0.0), start=start)
            yield Cell("run", arm, size, 0, 0, zero_shot)
        tuned: list[tuple[int, float]] | None = []
        best: dict[int, float] = {}
        guess = self.scale.tuning.first_guess / (1 if start is None else GENTLER)
        data_sizes = self.d_chars_of(arm, size)
        for d_chars in (d for d in self.scale.tuning.d_chars if d <= data_sizes[-1]):
            if tuned is None:  # searched from the best rate of the data size before, which is not known yet
                yield from (Cell("tune", arm, size, d_chars, 0, None) for _ in range(FEWEST_RATES))
                continue
            specs, rate, guess = self._tuning(store, arm, size, d_chars, guess, start)
            yield from (Cell("tune", arm, size, d_chars, 0, spec) for spec in specs)
            tuned = None if rate is None else [*tuned, (d_chars, rate)]
            best[d_chars] = guess
        for d_chars in doubtful(tuned or [], data_sizes):
            near = best[max(d for d in best if d < d_chars)]
            specs, rate, _ = self._tuning(store, arm, size, d_chars, near, start)
            yield from (Cell("tune", arm, size, d_chars, 0, spec) for spec in specs)
            tuned = None if rate is None or tuned is None else [*tuned, (d_chars, rate)]
        for d_chars in data_sizes:
            for seed in range(self.scale.n_seeds(self.question.standing(arm), d_chars)):
                spec = None
                if tuned is not None:
                    rate = interpolated_rate(tuned, d_chars)
                    spec = self._settled(store, self._run(arm, size, d_chars, seed, rate, start))
                yield Cell("run", arm, size, d_chars, seed, spec)

    def _tuning(
        self, store: Store, arm: str, size: Size, d_chars: int, guess: float, start: str | None
    ) -> tuple[list[RunSpec], float | None, float]:
        """The tuning runs known so far, the rate they found (None: not all of them are measured), and the
        best rate tried."""
        tuning, specs, losses = self.scale.tuning, [], dict[float, float]()
        while rates := next_rates(losses, tuning, guess):
            batch = [self._run(arm, size, d_chars, 0, rate, start) for rate in rates]
            specs += batch
            records = [store.read(spec.key) for spec in batch]
            if not all(record is not None and record.finished for record in records):
                return specs, None, guess
            losses |= {
                spec.learning_rate: _validation_loss(record)
                for spec, record in zip(batch, records, strict=True)
            }
        return specs, best_rate(losses, tuning), best_tried(losses, tuning)

    def _run(
        self, arm: str, size: Size, d_chars: int, seed: int, rate: float, start: str | None = None
    ) -> RunSpec:
        scale, question = self.scale, self.question
        text = question.tokenization
        return RunSpec(
            arm=arm,
            size=size,
            data=(Share(question.target, self.fingerprints[question.target], d_chars),),
            tokenizer=f"{text.kind}:{self.fingerprints[text.corpus]}",
            vocabulary_size=self.vocabulary_size,
            context=scale.context,
            seed=seed,
            learning_rate=rate,
            recipe=scale.recipe,
            start=start,
        )

    def _pretraining(self, arm: str, size: Size) -> RunSpec:
        scale, mixture = self.scale, self.question.pretrained[arm]
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
            self._run(arm, size, 0, 0, float(f"{scale.pretrain_rate * 16 / size.d_model:.6g}")),
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


def _validation_loss(record: Record | None) -> float:
    return math.inf if record is None else record.outcome.get("loss_validation", math.inf)
