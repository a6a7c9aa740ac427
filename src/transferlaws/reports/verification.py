"""What is wrong with a study: published files, the run store, corpora in the cache, losses trained again."""

import random
from collections.abc import Iterator

from transferlaws.corpora import Corpus
from transferlaws.errors import TransferLawsError
from transferlaws.runs.published import differences
from transferlaws.study import Study

TOLERANCE_NATS = 0.01  # between machines; on one machine the same run has the same loss to the last bit


def verify(study: Study) -> Iterator[str]:
    """What is wrong with a study, a line each; nothing if all is as it was written.

    Fetches and prepares nothing, and says nothing of what is not there.
    """
    if study.results.exists():
        yield from differences(study.results)
    for path in sorted(study.store.records.glob("*.json")):
        record = study.store.read(path.stem)
        if record is None or not path.is_file():
            yield f"{path} is damaged"
        elif (study.store.checkpoints / path.stem).exists() and not study.store.has_checkpoint(path.stem):
            yield f"{study.store.checkpoints / path.stem} is damaged"
    for path in sorted(study.store.records.glob("*.json.broken")):
        yield f"{path} was damaged and set aside; `transferlaws run` repeats the run"
    for name in sorted(study.question.corpora):
        recipe = study.recipes[name]
        home = study.cache / "corpora" / f"{name}-{recipe.fingerprint[:16]}"
        if home.exists():
            try:
                Corpus.open(home).verify(recipe.fingerprint)
            except TransferLawsError as error:
                yield str(error)


def retrain(study: Study, count: int, seed: int = 0) -> Iterator[tuple[str, float]]:
    """Keys of runs drawn by a seed, and how far their loss is off when trained again, in nats/token.

    Raises TransferLawsError if there are no finished runs.
    """
    from transferlaws.runs.reproduce import reproduce

    keys = sorted(study.table()["key"])
    if not keys:
        raise TransferLawsError(f"study {study.scale.name} has no finished runs to train again")
    for key in random.Random(seed).sample(keys, min(count, len(keys))):
        yield key, reproduce(study.store, study.workspace, key)["difference"]
