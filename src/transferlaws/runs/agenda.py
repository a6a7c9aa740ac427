"""What a sweep does next, and how long it has to go.

The runs of a plan stand in lines: one size and arm, all of whose runs start from one pre-trained model.
Lines have a fixed order, most work first, and a worker takes the first run there is. So a line is only
begun when nothing can be done for those before it, and no more of them are open, each with its
checkpoint, than there are workers.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from transferlaws.models.ladder import Size
from transferlaws.runs.cost import CostModel, expected_runs
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.store import Store
from transferlaws.training.spec import RunSpec

ROLES = ("pretrain", "tune", "run", "audit")  # each waits for the one before
ASSUMED_FLOPS_PER_SECOND = 1e10  # of one core, until the first run tells
RELEARN_EVERY = 10  # finished runs between two looks at what runs take


@dataclass(frozen=True)
class Ready:
    """A run that can be trained now. Order: line, role, longest first."""

    cell: Cell
    spec: RunSpec
    line: int
    seconds: float

    @property
    def urgency(self) -> tuple[int, int, float]:
        return self.line, ROLES.index(self.cell.role), -self.seconds

    @property
    def priority(self) -> float:
        """The same order as one number, larger first, as dask wants it."""
        line, role, longest = self.urgency
        return -(line * len(ROLES) + role) - longest / (1e9 - longest)


class Agenda:
    """The runs of a plan that the store lacks, in order; all arms and sizes of the plan if not given."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        arms: Sequence[str] | None = None,
        sizes: Sequence[Size] | None = None,
    ) -> None:
        self.plan, self.store = plan, store
        self.finished: set[str] = set()
        self.given_up: set[str] = set()
        self.lost: set[str] = set()  # pre-training runs whose weights are gone and needed
        self._wall, self._core = 0.0, 0.0  # seconds that went by, and of a core, in the runs of this sweep
        self._learn()
        lines = [
            (plan.cells(store, [arm], [size]), arm, size)
            for size in sizes or plan.scale.sizes
            for arm in arms or plan.arms
        ]
        # Of equal work, as before anything is measured, the plan's order.
        lines.sort(key=lambda line: -sum(map(self._seconds, line[0])))
        self.lines = [(arm, size) for cells, arm, size in lines if cells]
        self.cells = [cells for cells, _, _ in lines if cells]
        self._ready = [self._able(line) for line in range(len(self.lines))]

    def ready(self, training: Collection[str] = ()) -> list[Ready]:
        """Runs that can be trained now, most urgent first, less those that are in training (keys)."""
        out = self.finished.union(self.given_up, training)
        able = {run.spec.key: run for line in self._ready for run in line if run.spec.key not in out}
        return sorted(able.values(), key=lambda run: run.urgency)

    def finish(self, run: Ready) -> None:
        """Note that a run has left its record."""
        self.finished.add(run.spec.key)
        if (record := self.store.read(run.spec.key)) is not None:
            self._wall += record.outcome.get("seconds", 0.0)
            self._core += record.core_seconds
        if run.cell.role == "pretrain" and not self.store.has_checkpoint(run.spec.key):
            self.given_up.add(run.spec.key)  # it diverged; at the lowest rate, nothing can start from it
        if run.cell.role == "pretrain" or len(self.finished) % RELEARN_EVERY == 0:
            self._learn()
        # Where settings come from one surface, the last search of an arm frees the runs of all its lines.
        shared = self.plan.scale.tuning.smooth and run.cell.role == "tune"
        arm = self.lines[run.line][0]
        self.refresh(*(i for i, line in enumerate(self.lines) if line[0] == arm) if shared else (run.line,))

    def most_parallel(self) -> int:
        """No more workers than there could ever be runs for."""
        return max(1, sum(not self._done(cell) for cells in self.cells for cell in cells))

    def _able(self, line: int) -> list[Ready]:
        cells = self.cells[line]
        self.lost.difference_update(cell.spec.key for cell in cells if cell.spec is not None)
        todo = [cell for cell in cells if cell.spec is not None and not self._done(cell)]
        starts = {cell.spec.start for cell in todo if cell.spec is not None}
        # Weights that a missing run starts from are made again if they are gone, record or not.
        lost = {
            cell.spec.key: cell
            for cell in cells
            if cell.spec is not None
            and cell.spec.key in starts
            and not self.store.has_checkpoint(cell.spec.key)
        }
        self.finished -= lost.keys()
        self.lost |= lost.keys()
        return [
            Ready(cell, cell.spec, line, self._seconds(cell))
            for cell in [*lost.values(), *todo]
            if cell.spec is not None and cell.spec.start not in lost
        ]

    def refresh(self, *lines: int) -> None:
        """Look again at what these lines need, or all: next runs depend on those that have finished."""
        for line in lines or range(len(self.lines)):
            arm, size = self.lines[line]
            self.cells[line] = self.plan.cells(self.store, [arm], [size])
            self._ready[line] = self._able(line)

    def _done(self, cell: Cell) -> bool:
        if cell.spec is None or cell.spec.key in self.lost:
            return False
        if cell.spec.key not in self.finished:
            record = self.store.read(cell.spec.key)
            if record is not None and record.finished:
                self.finished.add(cell.spec.key)
        return cell.spec.key in self.finished

    def _learn(self) -> None:
        """What runs take, from those that have finished."""
        cost = CostModel(self.plan, self.store)
        sizes = self.plan.scale.sizes
        measured = {size: speed for size in sizes if (speed := cost.speed(size)) is not None}
        self.cost = CostModel(self.plan, self.store, measured)

    def _seconds(self, cell: Cell) -> float:
        """What a run is expected to take."""
        estimate = self.cost.estimate(cell)
        return estimate.flops / ASSUMED_FLOPS_PER_SECOND if estimate.seconds is None else estimate.seconds

    def progress(self, training: Collection[tuple[Ready, float]] = ()) -> tuple[str, float, float]:
        """Runs done in words, the share of work that is done, and the seconds to go for one worker.

        `training` are the runs in training with the time of their start. Seconds are expected from measured
        throughput, and corrected by how far such expectations were off for the runs that are done, and by how
        much longer than a core's seconds those of this sweep took: the machine may be busy.
        """
        cells = [cell for line in self.cells for cell in line]
        runs = expected_runs(cells, self.plan.scale, self._done)
        expected = {True: 0.0, False: 0.0}
        took, n_done = 0.0, 0
        for cell in runs:
            done, seconds = self._done(cell), self._seconds(cell)
            expected[done] += seconds
            if done and cell.spec is not None and (record := self.store.read(cell.spec.key)) is not None:
                took += record.core_seconds
                n_done += 1
        busy = self._wall / self._core if self._core else 1.0
        took *= busy
        pace = took / expected[True] if took else busy
        now = time.monotonic()
        begun = sum(min(now - start, run.seconds * pace) for run, start in training)
        left = max(0.0, expected[False] * pace - begun)
        share = 1 - left / (took + expected[False] * pace) if runs else 1.0
        return f"{n_done} of {len(runs)} runs", share, left
