"""From a spec to a finished record: read the data, train, score on the test set.

Runs in a worker process of its own. Beyond the spec it needs to know where things lie: the `Workspace`.
"""

import logging
import math
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from transferlaws.corpora import Corpus
from transferlaws.errors import TransferLawsError
from transferlaws.models import given, lm
from transferlaws.models.ladder import SavedSize
from transferlaws.models.saved import digest_of
from transferlaws.runs.record import Record
from transferlaws.runs.store import Store, same_result
from transferlaws.tokens import Encoded, GivenTokenizer, Tokenizer, encode, given_tokenizer, tokenizer_of
from transferlaws.training.batches import Batches, Tokens, evaluation_batches
from transferlaws.training.device import device_in_words, prepare_device, scored_together
from transferlaws.training.evaluation import Evaluation
from transferlaws.training.loop import Point, Trainer, Training
from transferlaws.training.parallel import ALONE, Ranks
from transferlaws.training.spec import RunSpec, Share
from transferlaws.training.trunk import Trunk


@dataclass(frozen=True)
class Workspace:
    """Where a run finds its corpora (by fingerprint), saved models (by digest) and token files.

    And where it leaves its record.
    """

    cache: Path
    store: Path
    corpora: dict[str, Path]
    models: dict[str, Path] = field(default_factory=dict)


@dataclass
class Workbench:
    """Corpora, tokenizers and token files, opened once and shared by the runs of one process."""

    workspace: Workspace
    _intact: set[str] = field(default_factory=set)
    _corpora: dict[str, Corpus] = field(default_factory=dict)
    _tokenizers: dict[tuple[str, int], Tokenizer | GivenTokenizer] = field(default_factory=dict)

    def tokens(self, spec: RunSpec, split: str, chars: int, seed: int) -> Tokens:
        """Token ids of a sample of `chars` characters, divided as the spec's training data is.
        Evaluation samples have seed 0, so they are the same for every run."""
        total = max(1, spec.d_chars)
        parts = []
        for share in spec.data:
            chars_here = chars * share.chars // total if spec.d_chars else chars // len(spec.data)
            part = self._encoded(spec, share, split, chars_here, seed)
            tokens = np.asarray(part.tokens)
            parts.append(np.random.default_rng(0).permutation(tokens) if share.shuffled else tokens)
        return np.concatenate(parts)

    def tokenizer(self, spec: RunSpec) -> Tokenizer | GivenTokenizer:
        """The tokenizer the spec names."""
        kind, origin = spec.tokenizer.split(":")
        name = (spec.tokenizer, spec.vocabulary_size)
        if name not in self._tokenizers:
            self._tokenizers[name] = (
                given_tokenizer(self.model(origin))
                if kind == "model"
                else tokenizer_of(self._corpus(origin), kind, spec.vocabulary_size, self.workspace.cache)
            )
        return self._tokenizers[name]

    def model(self, digest: str) -> Path:
        """The folder of a saved model; raises TransferLawsError if that is not in it any more."""
        folder = self.workspace.models[digest]
        if digest not in self._intact:
            if digest_of(folder) != digest:
                raise TransferLawsError(f"the model in {folder} has changed since this study began")
            self._intact.add(digest)
        return folder

    def bits_per_character(self, spec: RunSpec, nats: float, test_tokens: Tokens) -> float:
        """The loss in bits/character of `nats` for all of the test tokens but the first."""
        tokenizer = self.tokenizer(spec)
        if isinstance(tokenizer, Tokenizer):
            return tokenizer.bits_per_character(nats, test_tokens[1:])
        (share,) = spec.data
        text = self._encoded(spec, share, "test", spec.recipe.test_chars, seed=0)
        return nats / (math.log(2) * text.n_chars)

    def digests(self, spec: RunSpec) -> dict[str, Any]:
        """What the run read, beyond what its spec names: SHA-256 of the tokenizer and of its corpora."""
        corpora = {share.corpus: self._corpus(share.fingerprint).sha256 for share in spec.data}
        return {"tokenizer_sha256": self.tokenizer(spec).fingerprint, "corpora_sha256": corpora}

    def _encoded(self, spec: RunSpec, share: Share, split: str, chars: int, seed: int) -> Encoded:
        # `parts` and `spread` select what to learn from, not what to score on.
        learning = split == "train"
        return encode(
            self._corpus(share.fingerprint),
            split,
            chars,
            seed,
            self.tokenizer(spec),
            self.workspace.cache,
            parts=(share.parts or None) if learning else None,
            spread=share.spread if learning else None,
        )

    def _corpus(self, fingerprint: str) -> Corpus:
        if fingerprint not in self._corpora:
            self._corpora[fingerprint] = Corpus.open(self.workspace.corpora[fingerprint])
        return self._corpora[fingerprint]


_workbenches: dict[str, Workbench] = {}


def execute(spec: RunSpec, workspace: Workspace) -> Record:
    """Train the spec, write its record (and, for pre-training, its weights) to the store, return it.

    A record that is already there is returned as it is. If the weights it should have left are gone, they
    are made again first, and where they turn out to be others, so is the record. A run that fails leaves a
    record with status `failed` and the reason; a full disk or an unwritable store raises TransferLawsError.
    """
    store = Store(workspace.store)
    present = store.read(spec.key)
    if present is not None and present.finished:
        lacks_weights = spec.is_pretraining and present.status == "ok" and not store.has_checkpoint(spec.key)
        if not lacks_weights:
            return present
    bench = _workbenches.setdefault(repr(workspace), Workbench(workspace))
    started = _clocks()
    try:
        record = train_record(spec, bench, store)
    except TransferLawsError:
        raise
    except Exception as error:
        logging.getLogger(__name__).debug("run %s failed", spec.key, exc_info=True)
        reason = f"{type(error).__name__}: {error}"
        record = Record(spec.key, spec.to_json(), "failed", {"reason": reason, **_stamp(started)}, [])
    if present is not None and same_result(present, record):
        return present
    store.write(record)
    return record


def train_record(
    spec: RunSpec,
    bench: Workbench,
    store: Store,
    on_evaluation: Callable[[Point], None] | None = None,
    ranks: Ranks = ALONE,
) -> Record:
    """Train the spec and return its record.

    Weights of a pre-training run are saved to the store, by the first of the ranks that train it together.
    """
    started = _clocks()
    device = prepare_device()
    recipe = spec.recipe
    model = starting_model(spec, store, bench).to(device)
    stop_tokens = bench.tokens(spec, "validation", _stop_chars(spec), seed=0)
    test_tokens = bench.tokens(spec, "test", recipe.test_chars, seed=0)
    together = scored_together(device, spec.context)
    stop_set = evaluation_batches(stop_tokens, spec.context, together)
    training, d_tokens, tokens_per_step, steps_per_epoch = Training(), 0, 0, 0
    if spec.d_chars:
        train_tokens = bench.tokens(spec, "train", spec.d_chars, spec.seed)
        batches = Batches(
            train_tokens,
            context=spec.context,
            batch_tokens=recipe.batch_tokens,
            batch_share=recipe.batch_share,
            seed=spec.seed,
        )
        trainer = Trainer(
            model, batches, stop_set, spec.learning_rate, recipe, on_evaluation, ranks, spec.seed
        )
        # Ranks that add in another order would leave a state that is not to the last bit the trunk's.
        trunk = Trunk(store.path / "trunks" / spec.trunk) if ranks.count == 1 else None
        training = (
            trainer.to_early_stop()
            if spec.budget_tokens is None
            else trainer.to_budget(spec.budget_tokens, trunk)
        )
        d_tokens, tokens_per_step = len(train_tokens), batches.tokens_per_step
        steps_per_epoch = batches.steps_per_epoch
    else:
        training.best = Point(0, math.nan, Evaluation(model, stop_set, ranks)(), 0.0, "hold")
    tokens_seen = max((point.tokens_seen for point in training.curve), default=0)
    epoch_tokens = max(1, steps_per_epoch * tokens_per_step)
    outcome: dict[str, Any] = {
        "n_params": spec.size.n_params,
        "n_params_total": spec.size.n_params_total(spec.vocabulary_size, spec.context),
        "d_chars": spec.d_chars,
        "d_tokens": d_tokens,
        "tokens_seen": tokens_seen,
        "flops": tokens_seen * spec.flops_per_token,
        **bench.digests(spec),
    }
    if not training.diverged:
        assert training.best is not None
        test_set = evaluation_batches(test_tokens, spec.context, together)
        loss = Evaluation(model, test_set, ranks)()
        outcome |= {
            "loss": loss,
            "bits_per_char": bench.bits_per_character(spec, loss * (len(test_tokens) - 1), test_tokens),
            "loss_validation": training.best.loss_validation,
            "epochs_best": training.best.tokens_seen / epoch_tokens,
        }
        if spec.is_pretraining and ranks.leads:
            outcome["checkpoint_sha256"] = store.write_checkpoint(spec.key, partial(lm.save, model))
    curve = [
        [
            p.tokens_seen,
            p.tokens_seen / epoch_tokens,
            *(None if math.isnan(v) else v for v in p[1:4]),
            p.phase,
        ]
        for p in training.curve
    ]
    status = "diverged" if training.diverged else "ok"
    return Record(spec.key, spec.to_json(), status, outcome | _stamp(started, ranks), curve)


def starting_model(spec: RunSpec, store: Store, bench: Workbench) -> Any:
    """The model the run starts from: fresh weights, those of run `spec.start`, or a model as it was saved.

    Raises TransferLawsError if the checkpoint is missing or its bytes are not the recorded ones.
    """
    size = spec.size
    if isinstance(size, SavedSize):
        if spec.start is not None:
            return given.load(store.checkpoint(spec.start), size)
        folder = bench.model(size.checkpoint)
        return given.load(folder, size) if spec.is_pretraining else given.fresh(folder, size, spec.seed)
    if spec.start is None:
        return lm.build(
            size, vocabulary_size=spec.vocabulary_size, context=spec.context, seed=spec.seed
        ).train()
    return lm.load(store.checkpoint(spec.start)).train()


def _stop_chars(spec: RunSpec) -> int:
    """Characters of the stop set: cheap for small data sets, so that they can be evaluated often."""
    recipe = spec.recipe
    if not spec.d_chars or spec.is_pretraining:
        return recipe.stop_chars
    return min(recipe.stop_chars, max(recipe.stop_chars_least, spec.d_chars))


def _clocks() -> tuple[float, float]:
    """The wall's time and this process's own, in seconds."""
    return time.perf_counter(), time.process_time()


def _stamp(started: tuple[float, float], ranks: Ranks = ALONE) -> dict[str, Any]:
    wall, own = (now - then for now, then in zip(_clocks(), started, strict=True))
    device = device_in_words(ranks.count)
    return {
        "seconds": round(wall, 3),
        # What the run itself took of a core: on a busy machine less than went by.
        "core_seconds": round(own if device.startswith("cpu") else wall, 3),
        "device": device,
        "versions": f"transferlaws {version('transferlaws')}, torch {version('torch')}, "
        f"transformers {version('transformers')}, python {platform.python_version()}",
    }
