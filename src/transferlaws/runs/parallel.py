"""Runs that are missing, one at a time, each trained by several devices together.

    torchrun --nproc-per-node 8 -m transferlaws.cli.together --scale workstation --sizes 8

For models that train too slowly on one device; small ones go faster side by side (`transferlaws run`).
The ranks see the same files. The first one says which run is next and writes its record, the same as a
run's on one device. An error on any rank ends them all; finished runs are kept.
"""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from transferlaws.errors import UsageError
from transferlaws.runs.agenda import ROLES
from transferlaws.runs.plan import Plan
from transferlaws.runs.store import Store
from transferlaws.training.spec import RunSpec

if TYPE_CHECKING:
    from transferlaws.runs.execute import Workspace


def train_together(
    plan: Plan,
    store: Store,
    workspace: "Callable[[], Workspace]",
    sizes: Sequence[int] = (),
    keys: Sequence[str] = (),
) -> int:
    """Train what the store lacks of a plan, every run by all processes; returns the number of runs trained.

    `sizes` (places in the scale's ladder from 1) or `keys` choose among the runs. Called in every process
    that `torchrun` started. Raises UsageError outside `torchrun` and for a size that is none,
    TransferLawsError for a run that starts from weights that are gone.
    """
    from transferlaws.runs.execute import Workbench, train_record
    from transferlaws.runs.sweep import require_training

    if "LOCAL_RANK" not in os.environ:
        raise UsageError("start it with torchrun --nproc-per-node 2 -m transferlaws.cli.together")
    require_training()
    from transferlaws.training.device import prepare_device
    from transferlaws.training.parallel import Ranks

    ranks = Ranks.join(prepare_device(int(os.environ["LOCAL_RANK"])))
    bench = Workbench(ranks.from_first(workspace))
    trained = 0
    while spec := ranks.from_first(lambda: _next(plan, store, sizes, keys)):
        record = train_record(spec, bench, store, ranks=ranks)
        if ranks.leads:
            store.write(record)
        trained += 1
    ranks.leave()
    return trained


def _next(plan: Plan, store: Store, sizes: Sequence[int], keys: Sequence[str]) -> RunSpec | None:
    """The missing run to train next; pre-training first, since the others start from it."""
    ladder = plan.scale.sizes
    if any(not 1 <= place <= len(ladder) for place in sizes):
        raise UsageError(f"--sizes takes places from 1 to {len(ladder)}, got {' '.join(map(str, sizes))}")
    cells = plan.cells(store, sizes=[ladder[place - 1] for place in sizes] or None)
    for cell in sorted(cells, key=lambda cell: ROLES.index(cell.role)):
        record = None if cell.spec is None else store.read(cell.spec.key)
        wanted = cell.spec is not None and (not keys or cell.spec.key in keys)
        if wanted and (record is None or not record.finished):
            return cell.spec
    return None
