"""Training what is missing; `runs.agenda` says in which order, `runs.cluster` on which machines.

A worker does one run at a time with one thread and writes the record itself, so a killed worker, a
killed scheduler or a killed sweep loses the runs in progress and nothing else. A run is claimed while it
is trained: two sweeps on one store share the work.
"""

import logging
import math
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from typing import Any

from tqdm.auto import tqdm

from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.models.ladder import Size
from transferlaws.processes import stops_waiting
from transferlaws.runs import cluster
from transferlaws.runs.agenda import Agenda, Ready
from transferlaws.runs.plan import Plan
from transferlaws.runs.store import Store
from transferlaws.training.spec import RunSpec

logger = logging.getLogger(__name__)

# A run that has seen so many workers die is the likely cause (memory), and given up until the next sweep.
MOST_WORKERS_LOST = 12
MOST_STARTS = 5  # of an embedded cluster, before it is given up
IDLE_SECONDS = 5.0  # without news for so long, look whether a worker is gone
ALONE_SECONDS = 60.0  # without any worker, until that is said
ELSEWHERE_SECONDS = 1.0  # how long to wait for another sweep before asking whether there is other work


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

    `jobs` local worker processes (default: all cores; with GPUs, one for each), or the dask
    cluster at `scheduler`, whose workers must see the same files. Ctrl-C ends cleanly: finished runs are
    kept. Raises UsageError for a bad `jobs`, TransferLawsError without the [train] extra or a scheduler that
    can be reached.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {jobs}")
    agenda = Agenda(plan, store, arms, sizes)
    if not agenda.ready():
        return Swept(0, {})
    require_training()
    with ExitStack() as stack:
        if scheduler is not None:
            client = stack.enter_context(cluster.at_address(scheduler))
        else:
            client = _enter_embedded(stack, jobs, agenda.most_parallel())
        sweep = Sweep(agenda, workspace)
        return sweep.run(client, stack.enter_context(sweep.bar(progress)))


def _enter_embedded(stack: ExitStack, jobs: int | None, most: int) -> Any:
    """A client of a cluster on this machine. Raises TransferLawsError where its workers do not start."""
    devices = cluster.cuda_devices()
    jobs = min(jobs or len(devices) or available_cores(), most)
    starts = 0
    while True:
        try:
            with stops_waiting(), _interrupts_waiting():
                return stack.enter_context(cluster.embedded(jobs, devices))
        except RuntimeError as error:  # a worker died before it was up, and dask takes all down with it
            starts += 1
            if starts == MOST_STARTS:
                raise TransferLawsError(
                    f"worker processes do not start ({error}); is there memory for {jobs}? (--jobs)"
                ) from error


@contextmanager
def _interrupts_waiting() -> Iterator[None]:
    """Ctrl-C waits until the end of the context, and never reaches threads and processes that begin in it.

    A terminal sends it to workers, too, which would say so at length; the sweep ends them itself.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it later would lift the block again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def require_training() -> None:
    """Raise TransferLawsError, in one line, where the packages of the [train] extra are missing."""
    from importlib.util import find_spec

    needed = ("torch", "transformers", "safetensors", "distributed", "cryptography")
    missing = [name for name in needed if not find_spec(name)]
    if missing:
        raise TransferLawsError(
            f"training needs {', '.join(missing)}: pip install 'transferlaws[train]' "
            "(reading, fitting and planning work without)"
        )


class Sweep:
    """An agenda at work on the workers of a dask client."""

    def __init__(self, agenda: Agenda, workspace: Any) -> None:
        self.agenda, self.workspace = agenda, workspace
        self.training: dict[Any, tuple[Ready, float]] = {}  # by future, with the time of its start
        self.elsewhere: set[str] = set()  # runs another sweep was last seen at
        self.workers_lost: dict[str, int] = {}
        self.failed: dict[str, str] = {}
        self.trained = 0
        self.news: SimpleQueue[Any] = SimpleQueue()
        self._reported = -math.inf
        self._alone_since: float | None = None

    def run(self, client: Any, bar: tqdm) -> Swept:
        """Train what is ready until nothing is. Raises TransferLawsError for what would end every run."""
        try:
            while self._submit(client):
                self._report(client, bar)
                for future in self._finished(client, bar):
                    run, _ = self.training.pop(future)
                    self._take(run, future)
                    future.release()
        except BaseException:
            client.cancel(list(self.training), force=True)
            if client.cluster is not None:
                client.cluster.sync(_kill_workers, client.cluster)
            raise
        self._report(client, bar, last=True)
        return Swept(self.trained, self.failed)

    def _submit(self, client: Any) -> bool:
        """Give the workers what is most urgent; False if there is nothing more to do.

        An embedded cluster gets a run for each worker and no more: its scheduler would hand them all out
        at once, and count each of them as a suspect when a worker dies. Other clusters get all, as those
        that grow with what waits for them need.
        """
        training = {run.spec.key for run, _ in self.training.values()}
        ready = self.agenda.ready(training)
        if not ready and not training:
            self.agenda.refresh()  # another sweep may have finished what lines waited for
            ready = self.agenda.ready()
        ready.sort(key=lambda run: run.spec.key in self.elsewhere)
        if client.cluster is not None:
            ready = ready[: len(client.cluster.worker_spec) - len(self.training)]
        resources = cluster.resources(client) if ready else {}
        for run in ready:
            patience = ELSEWHERE_SECONDS if run.spec.key in self.elsewhere else 0.0
            future = client.submit(
                train_one,
                run.spec,
                self.workspace,
                patience,
                # Of one group, which lets a scheduler keep them back until a worker is free.
                key=(f"train-{self.agenda.plan.scale.name}", run.spec.key, time.monotonic_ns()),
                pure=False,
                resources=resources or None,
                priority=run.priority - (1e9 if patience else 0.0),
            )
            self.training[future] = run, time.monotonic()
            future.add_done_callback(self.news.put)
        return bool(self.training)

    def _finished(self, client: Any, bar: tqdm) -> Iterator[Any]:
        """Futures that are done: waits for one, and takes along those that came with it."""
        while True:
            try:
                yield self.news.get(timeout=IDLE_SECONDS)
                break
            except Empty:
                if client.cluster is not None:  # replaces workers that died while they were starting
                    client.cluster.scale(len(client.cluster.worker_spec))
                self._look_for_workers(client)
                self._report(client, bar)
        while not self.news.empty():
            yield self.news.get()

    def _look_for_workers(self, client: Any) -> None:
        """Say so, once, when there has been no worker for a while: they may not start for lack of memory."""
        now = time.monotonic()
        if _threads(client):
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        elif now - self._alone_since > ALONE_SECONDS:
            logger.warning(
                "no worker has been there for %.0f seconds; do they start, and have they memory? (--jobs)",
                now - self._alone_since,
            )
            self._alone_since = math.inf

    def _take(self, run: Ready, future: Any) -> None:
        """Note how a run ended. Raises TransferLawsError for what would end the others in the same way."""
        from distributed import KilledWorker

        key = run.spec.key
        self.elsewhere.discard(key)
        if future.status == "finished":
            status, reason = future.result()
            if status == "elsewhere":
                self.elsewhere.add(key)
                self.agenda.refresh(run.line)
            elif status == "failed":
                self._give_up(key, reason)
            else:
                self.trained += status != "present"
                self.agenda.finish(run)
            return
        if future.status == "cancelled":
            raise TransferLawsError("the dask scheduler is gone; the same command continues with another")
        error = future.exception()
        if isinstance(error, TransferLawsError):
            if run.spec.start is not None and not self.agenda.store.has_checkpoint(run.spec.start):
                self.agenda.refresh(run.line)  # damaged since they were checked: both are trained again
                return
            raise error
        if isinstance(error, KilledWorker):
            lost = self.workers_lost.get(key, 0) + error.allowed_failures + 1
            self.workers_lost[key] = lost
            if lost < MOST_WORKERS_LOST:
                return
            error = f"{lost} workers died while they trained it; is there enough memory?"
        self._give_up(key, error if isinstance(error, str) else f"{type(error).__name__}: {error}")

    def _give_up(self, key: str, reason: str) -> None:
        self.agenda.given_up.add(key)
        self.failed[key] = reason

    def bar(self, progress: bool) -> tqdm:
        """A bar over expected seconds of work rather than run counts, so that its ETA is honest."""
        return tqdm(
            total=1.0,
            disable=not progress,
            desc=f"study {self.agenda.plan.scale.name}",
            bar_format="{desc} {percentage:3.0f}% |{bar}| {elapsed} gone{postfix}",
        )

    def _report(self, client: Any, bar: tqdm, last: bool = False) -> None:
        pause = 0.5 if os.isatty(2) else 10.0
        if bar.disable or (time.monotonic() < self._reported + pause and not last):
            return
        self._reported = time.monotonic()
        workers = max(1, _threads(client))
        words, bar.n, left = self.agenda.progress(self.training.values())
        bar.set_postfix_str(f"about {bar.format_interval(left / workers)} to go, {words}", refresh=False)
        bar.refresh()


def _threads(client: Any) -> int:
    """The threads of all workers; 1 where a scheduler is too busy to say, which is not to be gone."""
    try:
        return sum(client.nthreads().values())
    except OSError:
        return 1


async def _kill_workers(embedded: Any) -> None:
    """End the workers of an embedded cluster at once: asked to stop, they would finish their runs first."""
    for nanny in list(embedded.workers.values()):
        nanny.close_gracefully()  # which is to say: do not replace the worker
        if nanny.pid:
            os.kill(nanny.pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # Windows knows one, as deadly


def train_one(spec: RunSpec, workspace: Any, patience: float = 0.0) -> tuple[str, str]:
    """One run in a worker: trains, writes the record, and returns its status and any reason.

    The status is `present` if there was nothing to train, and `elsewhere` if another process is at it and
    still is after `patience` seconds.
    """
    from transferlaws.runs.execute import execute

    store, deadline = Store(workspace.store), time.monotonic() + patience
    while True:
        with store.claim(spec.key) as mine:
            if mine:
                before = store.read(spec.key)
                record = execute(spec, workspace)
                status = "present" if record == before else record.status
                return status, str(record.outcome.get("reason", ""))
        if time.monotonic() >= deadline:
            return "elsewhere", ""
        time.sleep(0.05)
