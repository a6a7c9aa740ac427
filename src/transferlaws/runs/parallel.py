"""Runs that are missing, one at a time, each trained by several devices together.

    torchrun --nproc-per-node 8 -m transferlaws.runs.parallel --scale workstation --sizes 8

For models that train too slowly on one device; small ones go faster side by side (`transferlaws run`).
The ranks see the same files. The first one says which run is next and writes its record, the same as a
run's on one device. An error on any rank ends them all; finished runs are kept.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import tyro

from transferlaws.errors import TransferLawsError, UsageError

if TYPE_CHECKING:
    from transferlaws.study import Study
    from transferlaws.training.spec import RunSpec

ROLES = ("pretrain", "tune", "run")  # each waits for the one before


def train_together(study: "Study", sizes: Sequence[int] = (), keys: Sequence[str] = ()) -> int:
    """Train what a study lacks at `sizes` (places in its ladder from 1) or under `keys`; all if neither is
    given. Called in every process that `torchrun` started; returns the number of runs trained.

    Raises UsageError outside `torchrun` and for a size that is none, TransferLawsError for a run that
    starts from weights that are gone.
    """
    from transferlaws.runs.execute import Workbench, train_record
    from transferlaws.runs.sweep import require_training

    if "LOCAL_RANK" not in os.environ:
        raise UsageError("start it with torchrun --nproc-per-node 2 -m transferlaws.runs.parallel")
    require_training()
    from transferlaws.training.device import prepare_device
    from transferlaws.training.parallel import Ranks

    ranks = Ranks.join(prepare_device(int(os.environ["LOCAL_RANK"])))
    bench = Workbench(ranks.from_first(study.workspace))
    trained = 0
    while spec := ranks.from_first(lambda: _next(study, sizes, keys)):
        record = train_record(spec, bench, study.store, ranks=ranks)
        if ranks.leads:
            study.store.write(record)
        trained += 1
    ranks.leave()
    return trained


def _next(study: "Study", sizes: Sequence[int], keys: Sequence[str]) -> "RunSpec | None":
    """The missing run to train next; pre-training first, since the others start from it."""
    ladder = study.scale.sizes
    if any(not 1 <= place <= len(ladder) for place in sizes):
        raise UsageError(f"--sizes takes places from 1 to {len(ladder)}, got {' '.join(map(str, sizes))}")
    cells = study.cells(sizes=[ladder[place - 1] for place in sizes] or None)
    for cell in sorted(cells, key=lambda cell: ROLES.index(cell.role)):
        record = None if cell.spec is None else study.store.read(cell.spec.key)
        wanted = cell.spec is not None and (not keys or cell.spec.key in keys)
        if wanted and (record is None or not record.finished):
            return cell.spec
    return None


def main(scale: str = "smoke", sizes: tuple[int, ...] = (), keys: tuple[str, ...] = ()) -> None:
    """Train what is missing of a study, each run by all processes that torchrun started.

    Args:
        scale: smoke, laptop, workstation or paper.
        sizes: Only these sizes, by their place in the scale's ladder (1 is the smallest).
        keys: Only the runs of these keys.
    """
    from transferlaws.study import Study

    trained = train_together(Study.open(scale), sizes, keys)
    if os.environ["RANK"] == "0":
        sys.stdout.write(f"study {scale}: {trained} runs trained\n")


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except TransferLawsError as error:
        sys.stderr.write(f"transferlaws: error: {error}\n")
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None
