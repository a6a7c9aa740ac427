"""Models that somebody saved, as the sizes of a study: read, held against each other, and said in lines.

Both arms of such a study have the architecture and the tokenizer of the given models: one starts from their
weights, the other from fresh ones. What the given models have read is not known here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

from transferlaws.corpora import Corpus
from transferlaws.design.scale import Scale
from transferlaws.errors import TransferLawsError
from transferlaws.models.ladder import SavedSize
from transferlaws.models.saved import read_json
from transferlaws.runs.cost import CostModel
from transferlaws.runs.sweep import available_cores, require_training
from transferlaws.study import Study
from transferlaws.tokens import given_tokenizer

SAME_SIZE = 1.1  # ratio of sizes below which two models are two of one size, not sizes of one family
TRIED = 200  # excerpts of the target on which a tokenizer is tried
ORDINARY_WIDTH = 64  # to which a scale's first guess of a rate belongs


def read_family(name: str, folders: Sequence[Path]) -> dict[SavedSize, Path]:
    """Saved models by their sizes, smallest first.

    Raises TransferLawsError for one that is not read, for two of one size, and for tokenizers that differ:
    the losses of such models have no unit in common.
    """
    require_training()
    from transferlaws.models.given import size_of

    found = sorted(((size_of(folder), folder) for folder in folders), key=lambda model: model[0].n_params)
    for (small, one), (large, other) in pairwise(found):
        if large.n_params < SAME_SIZE * small.n_params:
            raise TransferLawsError(
                f"{one} and {other} have {small.n_params:,} and {large.n_params:,} parameters: a family has "
                "one model of each size; where both are asked about, each takes a study of its own"
            )
    models = dict(found)
    tokenizers = {size: given_tokenizer(folder) for size, folder in models.items()}
    if len({tokenizer.fingerprint for tokenizer in tokenizers.values()}) > 1:
        raise TransferLawsError(
            f"the models of {name} have different tokenizers; each takes a study of its own"
        )
    for size, tokenizer in tokenizers.items():
        if tokenizer.vocabulary_size > size.vocabulary:
            raise TransferLawsError(
                f"{models[size]} has a tokenizer of {tokenizer.vocabulary_size:,} tokens and a model of "
                f"{size.vocabulary:,}: they do not belong together"
            )
    return models


def most_jobs(study: Study, jobs: int | None) -> int:
    """As many worker processes as there are cores, or `jobs`, for which this machine has memory.

    Raises TransferLawsError where it has not enough for one.
    """
    import psutil

    each, free = CostModel(study.plan, study.store).worker_bytes(), psutil.virtual_memory().available
    if each > free:
        raise TransferLawsError(
            f"a model of {study.plan.scale.sizes[-1].n_params_total(0, 0):,} parameters takes about "
            f"{each / 1e9:.2g} GB to train, and {free / 1e9:.2g} GB are free"
        )
    return min(jobs or available_cores(), int(free // each))


def of_given_models(scale: Scale, models: tuple[SavedSize, ...]) -> Scale:
    """The scale with those of its sizes that are given models, or else all of these, for sizes.

    Within the context that all of them take.
    """
    sizes = tuple(size for size in models if size in scale.sizes) or models
    tuning = scale.tuning
    if sizes != scale.sizes and not tuning.smooth:  # which knows how rates fall with width
        guess = tuning.first_guess * ORDINARY_WIDTH / max(ORDINARY_WIDTH, sizes[0].d_model)
        tuning = replace(tuning, first_guess=float(f"{guess:.3g}"))
    return replace(
        scale,
        sizes=sizes,
        beside=None,
        control=None,
        pretrain_tokens=0,
        vocabulary_size=max(size.vocabulary for size in sizes),
        context=min([scale.context, *(size.longest for size in sizes if size.longest)]),
        tuning=tuning,
    )


def what_was_given(models: Mapping[SavedSize, Path], target: Corpus) -> Iterator[str]:
    """What the given models are, what is not known of them, whether their tokenizer can say the target."""
    for size, folder in models.items():
        kind = (read_json(folder / "config.json").get("architectures") or ["model"])[0]
        yield (
            f"{folder.name}: {kind}, {size.n_params:,} parameters without embeddings, {size.in_all:,} in "
            f"all, {size.vocabulary:,} tokens"
        )
    if not models:
        return
    excerpts = list(islice(target.stream_excerpts("train", None, seed=0), TRIED))
    unchanged = given_tokenizer(next(iter(models.values()))).unchanged(excerpts)
    if unchanged < 1:
        yield (
            f"warning: {100 * (1 - unchanged):.3g} % of the passages of {target.name} do not come back "
            "unchanged from the tokenizer of these models: what it cannot say, no loss is counted for"
        )
    yield (
        f"warning: what these models have read is not known here; if {target.name} was among it, they know "
        "what they are asked"
    )
