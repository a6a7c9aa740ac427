"""Training what is missing: on all cores of this machine, or on a dask cluster of yours.

A worker does one run at a time with one thread and writes the record itself, so a killed worker, a
killed scheduler or a killed sweep loses the runs in progress and nothing else.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm

from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.models.ladder import Size
from transferlaws.runs.cost import CostModel, expected_tuning
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.store import Store
from transferlaws.training.spec import RunSpec

logger = logging.getLogger(__name__)

# One thread a worker: two processes with one thread each beat one with two at these sizes.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Swept:
    """What a sweep did: runs trained, and those that failed with the reason (by key)."""

    trained: int
    failed: dict[str, str]


def available_cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def train_missing(
    plan: Plan,
    store: Store,
    workspace: Any,
    *,
    arms: Sequence[str] | None = None,
    sizes: Sequence[Size] | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> Swept:
    """Train every run of the plan that the store lacks; returns when none is missing or none can go on.

    `jobs` local worker processes (default: all cores), or the dask cluster at `scheduler`, whose
    workers must see the same files. Ctrl-C ends cleanly: finished runs are kept.
    Raises UsageError for a bad `jobs`, TransferLawsError without the [train] extra or a reachable scheduler.
    """
    jobs = available_cores() if jobs is None else jobs
    if jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {jobs}")
    sweep = _Sweep(plan, store, workspace, arms, sizes)
    if not sweep.ready():
        return Swept(0, {})
    require_training()
    with _client(min(jobs, sweep.most_parallel()), scheduler) as client, sweep.bar(progress) as bar:
        return sweep.run(client, bar)


def require_training() -> None:
    """Raise TransferLawsError, in one line, where the packages of the [train] extra are missing."""
    from importlib.util import find_spec

    missing = [
        name for name in ("torch", "transformers", "safetensors", "distributed") if not find_spec(name)
    ]
    if missing:
        raise TransferLawsError(
            f"training needs {', '.join(missing)}: pip install 'transferlaws[train]' "
            "(reading, fitting and planning work without)"
        )


class _Sweep:
    def __init__(
        self,
        plan: Plan,
        store: Store,
        workspace: Any,
        arms: Sequence[str] | None,
        sizes: Sequence[Size] | None,
    ) -> None:
        self.plan, self.store, self.workspace, self.arms, self.sizes = plan, store, workspace, arms, sizes
        self.cost = CostModel(plan.scale, store)
        self.submitted: set[str] = set()
        self.failed: dict[str, str] = {}
        self.trained = 0

    def cells(self) -> list[Cell]:
        return self.plan.cells(self.store, self.arms, self.sizes)

    def ready(self) -> list[Cell]:
        """Cells that can be trained now and are not yet, those that others wait for first."""
        cells = self.cells()
        todo = [cell for cell in cells if cell.spec is not None and not self._done(cell.spec)]
        starts = {cell.spec.start for cell in todo if cell.spec is not None and cell.spec.start}
        pretraining = {cell.spec.key: cell for cell in cells if cell.spec and cell.spec.is_pretraining}
        # Weights that a missing run starts from are made again if they are gone, record or not.
        lost = [
            pretraining[key] for key in starts if key in pretraining and not self.store.has_checkpoint(key)
        ]
        blocked = {cell.spec.key for cell in lost if cell.spec is not None}
        able = {
            cell.spec.key: cell
            for cell in [*lost, *todo]
            if cell.spec is not None
            and cell.spec.start not in blocked
            and cell.spec.key not in self.submitted
        }
        return sorted(able.values(), key=self._urgency)

    def most_parallel(self) -> int:
        """No more workers than there could ever be runs for."""
        return max(1, sum(cell.spec is None or not self._done(cell.spec) for cell in self.cells()))

    def _done(self, spec: RunSpec) -> bool:
        record = self.store.read(spec.key)
        return record is not None and record.finished

    def _urgency(self, cell: Cell) -> tuple[int, float]:
        return {"pretrain": 0, "tune": 1, "run": 2}[cell.role], -self._work(cell)

    def _work(self, cell: Cell) -> float:
        """Expected work in arbitrary but consistent units: FLOPs, and a constant for each run."""
        return self.cost.estimate(cell).flops + 5e8

    def run(self, client: Any, bar: tqdm) -> Swept:
        from distributed import as_completed

        running = as_completed(loop=client.loop)
        self._submit(client, running)
        try:
            while running.count():
                future = next(running)
                key = str(future.key)
                if future.status == "error":
                    error = future.exception()
                    if isinstance(error, TransferLawsError):
                        raise error
                    self.failed[key] = f"{type(error).__name__}: {error}"
                else:
                    status, reason = future.result()
                    if status == "failed":
                        self.failed[key] = reason
                    else:
                        self.trained += 1
                future.release()
                self._submit(client, running)
                self._report(bar)
        except BaseException:
            client.cancel(list(running.futures), force=True)
            raise
        return Swept(self.trained, self.failed)

    def _submit(self, client: Any, running: Any) -> None:
        for cell in self.ready():
            assert cell.spec is not None
            self.submitted.add(cell.spec.key)
            order = self._urgency(cell)
            future = client.submit(
                train_one,
                cell.spec,
                self.workspace,
                key=cell.spec.key,
                pure=False,
                priority=-order[0] * 1_000_000 - order[1] / 1e12,
            )
            running.add(future)

    def bar(self, progress: bool) -> tqdm:
        """A bar over expected work rather than run counts, so that its ETA is honest."""
        _, spent, total = self._progress()
        return tqdm(
            total=total,
            initial=spent,
            disable=not progress,
            desc=f"study {self.plan.scale.name}",
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed} gone, about {remaining} to go{postfix}",
            mininterval=0.5 if os.isatty(2) else 10,
        )

    def _report(self, bar: tqdm) -> None:
        if not bar.disable:
            count, spent, bar.total = self._progress()
            bar.set_postfix_str(count, refresh=False)
            bar.update(max(0.0, spent - bar.n))

    def _progress(self) -> tuple[str, float, float]:
        """Runs done in words, and the work done and the work in all."""
        cells = expected_tuning(self.cells(), self.plan.scale)
        done = [cell for cell in cells if cell.spec is not None and self._done(cell.spec)]
        words = f"{len(done)} of {len(cells)} runs"
        return words, sum(map(self._work, done)), sum(map(self._work, cells))


def train_one(spec: RunSpec, workspace: Any) -> tuple[str, str]:
    """One run in a worker: trains, writes the record, and returns its status and any reason."""
    from transferlaws.runs.execute import execute

    record = execute(spec, workspace)
    return record.status, str(record.outcome.get("reason", ""))


@contextmanager
def _client(jobs: int, scheduler: str | None) -> Iterator[Any]:
    """A dask client: of an embedded cluster of `jobs` one-thread processes, or of `scheduler`."""
    import dask
    from distributed import Client, LocalCluster

    if scheduler is not None:
        try:
            client = Client(scheduler, timeout="5s", set_as_default=False)
        except (OSError, ValueError) as error:
            raise TransferLawsError(f"no dask scheduler answers at {scheduler}: {error}") from error
        with client:
            yield client
        return
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    settings = {
        "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
        "distributed.worker.daemon": True,
        "distributed.scheduler.allowed-failures": 3,
        "distributed.worker.profile.enabled": False,
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # any free port: two sweeps at once are fine
            host="127.0.0.1",
            memory_limit=0,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client
