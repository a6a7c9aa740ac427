"""One run again: train a recorded run from its spec and compare the losses."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferlaws.errors import TransferLawsError
from transferlaws.runs.store import Store
from transferlaws.training.spec import RunSpec

if TYPE_CHECKING:
    from transferlaws.runs.execute import Workspace


def reproduce(store: Store, workspace: "Callable[[], Workspace]", key: str) -> dict[str, Any]:
    """Train run `key` again, beside the store, and report loss, recorded loss and their difference.

    `workspace` is asked for once it is needed, as it may have to fetch corpora. The pre-trained run it starts
    from is trained first if its weights are gone. The store's records are left as they are. Raises
    TransferLawsError for a key that names no finished run.
    """
    from transferlaws.runs.execute import execute
    from transferlaws.runs.sweep import require_training

    require_training()
    recorded = store.read(key)
    if recorded is None or recorded.status != "ok":
        raise TransferLawsError(f"no finished run {key} in {store.path} (see transferlaws table)")
    spec = RunSpec.from_json(recorded.spec)
    place = workspace()
    if spec.start is not None and not store.has_checkpoint(spec.start):
        start = store.read(spec.start)
        if start is None:
            raise TransferLawsError(f"run {key} starts from run {spec.start}, of which there is no record")
        execute(RunSpec.from_json(start.spec), place)
    with tempfile.TemporaryDirectory() as folder:
        beside = Store(Path(folder))
        if spec.start is not None:
            start = store.read(spec.start)
            assert start is not None
            beside.write(start)
            beside.checkpoints.mkdir()
            weights, link = store.checkpoint(spec.start).resolve(), beside.checkpoints / spec.start
            try:
                link.symlink_to(weights)
            except OSError:  # not every system and user may make links
                shutil.copytree(weights, link)
        again = execute(spec, replace(place, store=beside.path))
    if again.status != "ok":
        raise TransferLawsError(f"run {key} ended as {again.status} this time")
    loss, before = again.outcome["loss"], recorded.outcome["loss"]
    return {"key": key, "loss": loss, "recorded": before, "difference": loss - before}
