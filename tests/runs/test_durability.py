"""A study under fire: killed, interrupted, out of disk, damaged, run twice at once; its table never changes.

The sweeps here are processes of their own, on the real command line. How many are killed can be raised:
TRANSFERLAWS_TEST_KILLS=50 kills fifty over a study with runs enough for them.
"""

import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import psutil

from tiny import QUESTION, TINY, tiny_recipes
from transferlaws import Study
from transferlaws.design.scale import Scale
from transferlaws.runs.execute import execute
from transferlaws.runs.store import Store

KILLS = int(os.environ.get("TRANSFERLAWS_TEST_KILLS", "3"))
PATIENCE = 600  # seconds, for a machine that is busy with something else
STOPPED = "transferlaws: stopped; finished runs are kept, the same command continues\n"
SWEEP = """
import sys
sys.path[:0] = [{tests!r}, {tests!r} + "/runs"]
if __name__ == "__main__":
    from pathlib import Path
    from test_durability import study_of
    from transferlaws import Study, cli
    folder, cache, kills, jobs = sys.argv[1:]
    study = study_of(int(kills), Path(folder), Path(cache))
    Study.open = classmethod(lambda cls, name: study)
    sys.exit(cli.main(["run", "--jobs", jobs, "--no-progress"]))
"""


def scale_for(kills: int) -> Scale:
    """The tiny scale, with more seeds where a dozen kills are not enough."""
    more = max(0, kills - 12)
    return replace(TINY, seeds=((600, 2 + more // 2), (5_000, 1 + more // 8)))


def study_of(kills: int, folder: Path, cache: Path) -> Study:
    return Study(
        QUESTION,
        scale_for(kills),
        recipes=tiny_recipes(),
        runs=folder / "runs",
        results=folder / "results",
        cache=cache,
    )


class Sweep:
    """`transferlaws run` on a tiny study, in a session of its own as from a terminal."""

    def __init__(
        self, folder: Path, cache: Path, kills: int = 0, *, jobs: int = 2, most_bytes: int | None = None
    ) -> None:
        script = folder / "sweep.py"
        script.write_text(SWEEP.format(tests=str(Path(__file__).parent.parent)))
        limits = (most_bytes or 0, most_bytes or 0)
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(folder), str(cache), str(kills), str(jobs)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, limits) if most_bytes else None,
        )

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def workers(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if is_worker(child)]

    def kill(self, signal_number: int) -> None:
        os.killpg(self.process.pid, signal_number)

    def end(self) -> tuple[int, str, str]:
        """Exit code, output and errors, once it has ended."""
        out, error = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, error


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:  # it is gone
        return False


@contextmanager
def sweep_on(*arguments: object, **more: int) -> Iterator[Sweep]:
    """A sweep that does not outlive the test."""
    sweep = Sweep(*arguments, **more)  # type: ignore[arg-type]
    try:
        yield sweep
    finally:
        if sweep.running:
            sweep.kill(signal.SIGKILL)
        sweep.process.communicate()


def measured(study: Study) -> pd.DataFrame:
    """All that the records say, less what depends on the clock."""
    return study.table(everything=True).drop(columns=["seconds"]).set_index("key").sort_index()


def assert_same(study: Study, other: Study) -> None:
    pd.testing.assert_frame_equal(measured(study), measured(other), check_exact=True)


def stamps(study: Study) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in study.store.records.glob("*.json")}


@contextmanager
def held(study: Study, most: int | None = None) -> Iterator[None]:
    """Keep a sweep on the study from ending: runs that are ready in it are claimed by this process."""
    keys = {cell.spec.key for cell in study.cells() if cell.spec is not None and cell.spec.start is None}
    with ExitStack() as claims:
        for key in sorted(keys)[:most]:
            assert claims.enter_context(study.store.claim(key))
        yield


def wait_for(sweep: Sweep, met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while sweep.running and not met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_often(folder: Path, cache: Path, study: Study, kills: int) -> tuple[int, dict[str, int]]:
    """Run a sweep to its end while killing workers, and one time in four all of its processes, `kills` times.

    Moments are spread over the study's runs and shifted at random. Returns how often the sweep had to be
    started, and the stamps of records when they were first seen.
    """
    chance, seen, starts = random.Random(0), dict[str, int](), 0
    n_runs = len(study.cells())
    moments = sorted(chance.randrange(int(0.6 * n_runs)) for _ in range(kills))

    def ripe(sweep: Sweep, moment: int, everything: bool) -> bool:
        return len(stamps(study)) >= moment and (everything or bool(sweep.workers()))

    while moments or starts == 0 or not study.is_complete():
        starts += 1
        with sweep_on(folder, cache, kills) as sweep:
            while moments:
                everything, moment = len(moments) % 4 == 2, moments.pop(0)
                wait_for(sweep, partial(ripe, sweep, moment, everything))
                time.sleep(chance.uniform(0, 0.5))
                for name, stamp in stamps(study).items():
                    seen.setdefault(name, stamp)
                assert sweep.running, sweep.end()
                if everything:
                    sweep.kill(signal.SIGKILL)
                    break
                if workers := sweep.workers():
                    chance.choice(workers).kill()
                else:
                    moments.insert(0, moment)
            else:
                code, out, error = sweep.end()
                assert (code, error) == (0, ""), (out, error)
    return starts, seen


def test_a_study_survives_kills_at_random_moments(
    tmp_path: Path, study_cache: Path, trained_study: Study
) -> None:
    study = study_of(KILLS, tmp_path, study_cache)
    undisturbed = trained_study
    if study.scale != trained_study.scale:
        undisturbed = study_of(KILLS, tmp_path / "undisturbed", study_cache)
        undisturbed.ensure(jobs=2, progress=False)
    starts, seen = kill_often(tmp_path, study_cache, study, KILLS)
    assert starts > 1
    assert seen.items() <= stamps(study).items()  # what was finished was never touched again
    assert_same(study, undisturbed)
    assert not list(study.store.records.glob(".*")) and not list(study.store.checkpoints.glob(".*"))


def test_two_sweeps_at_once_share_the_work(tmp_path: Path, study_cache: Path, trained_study: Study) -> None:
    with sweep_on(tmp_path, study_cache, jobs=1) as one, sweep_on(tmp_path, study_cache, jobs=1) as other:
        with held(study_of(0, tmp_path, study_cache)):  # until both can begin

            def busy(sweep: Sweep) -> bool:
                return len(sweep.workers()) == 1

            for sweep in (one, other):
                wait_for(sweep, partial(busy, sweep))
        ends = [one.end(), other.end()]
    assert [(code, error) for code, _, error in ends] == [(0, "")] * 2
    trained = [int(re.findall(r"(\d+) runs trained", out)[0]) for _, out, _ in ends]
    assert sum(trained) == len(stamps(trained_study)) and min(trained) > 0
    assert_same(study_of(0, tmp_path, study_cache), trained_study)


def test_a_signal_ends_a_sweep_cleanly(tmp_path: Path, study_cache: Path) -> None:
    study = study_of(0, tmp_path, study_cache)
    with held(study, 1), sweep_on(tmp_path, study_cache, jobs=1) as sweep:
        wait_for(sweep, lambda: len(sweep.workers()) == 1)
        sweep.process.terminate()  # as a machine that shuts down does, here while workers are starting
        assert sweep.end() == (128 + signal.SIGTERM, "", STOPPED)
    with held(study, 1), sweep_on(tmp_path, study_cache, jobs=1) as sweep:
        wait_for(sweep, lambda: len(stamps(study)) >= 2)
        assert sweep.running
        processes = psutil.Process(sweep.process.pid).children(recursive=True)
        finished, interrupted = stamps(study), time.monotonic()
        sweep.kill(signal.SIGINT)  # as a terminal does: to the workers, too
        assert sweep.end() == (128 + signal.SIGINT, "", STOPPED)
    assert time.monotonic() - interrupted < 120  # about two seconds on an idle machine
    assert psutil.wait_procs(processes, timeout=60)[1] == []
    assert finished.items() <= stamps(study).items()


def test_a_full_disk_is_one_clear_error_and_the_study_goes_on_later(
    tmp_path: Path, study_cache: Path, trained_copy: Callable[[], Study], trained_study: Study
) -> None:
    study = trained_copy()
    for key in study.table().query("d_chars > 0")["key"].iloc[:3]:
        (study.store.records / f"{key}.json").unlink()
    kept = stamps(study)
    # The system refuses to let a file grow beyond a key for the workers, as it would on a full disk.
    with sweep_on(tmp_path, study_cache, jobs=1, most_bytes=2_000) as sweep:
        code, out, error = sweep.end()
    assert (code, out) == (1, "")
    assert re.fullmatch(r"transferlaws: error: cannot write \S+\.json: .+\n", error), error
    assert stamps(study) == kept
    execute_all(study)
    assert kept.items() <= stamps(study).items()
    assert_same(study, trained_study)


def test_a_flipped_byte_anywhere_is_noticed_and_repaired(
    trained_copy: Callable[[], Study], trained_study: Study
) -> None:
    study, chance = trained_copy(), random.Random(0)
    checkpoints = [key for key in study.table()["pretrain_key"].unique() if key]
    for key in checkpoints:
        for file in study.store.checkpoints.joinpath(key).iterdir():
            whole = file.read_bytes()
            for _ in range(20):
                file.write_bytes(flipped(whole, chance))
                assert not Store(study.store.path).has_checkpoint(key), file
            file.write_bytes(whole)
        assert Store(study.store.path).has_checkpoint(key)
    for path in sorted(study.store.records.glob("*.json")):
        whole, record = path.read_bytes(), study.store.read(path.stem)
        for _ in range(20):
            path.write_bytes(flipped(whole, chance))
            # What reads the same is the same: white space, or a digit beyond a float's precision.
            assert Store(study.store.path).read(path.stem) in (None, record)
    for key in checkpoints:
        config = study.store.checkpoints / key / "config.json"
        config.write_bytes(flipped(config.read_bytes(), chance))
    study.ensure(jobs=1, progress=False)
    assert study.is_complete()
    assert_same(study, trained_study)


def flipped(data: bytes, chance: random.Random) -> bytes:
    """The data with one bit of one byte turned over."""
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def test_losses_do_not_depend_on_the_order_of_runs_or_the_number_of_workers(
    tiny_study: Study, trained_study: Study
) -> None:
    execute_all(tiny_study)
    assert_same(tiny_study, trained_study)  # two workers, most work first


def execute_all(study: Study) -> None:
    """Train what a study lacks, in this process, in any order that starts allow."""
    chance, workspace = random.Random(0), study.workspace(progress=False)
    while not study.is_complete():
        ready = [
            cell.spec
            for cell in study.cells()
            if cell.spec is not None
            and study.store.read(cell.spec.key) is None
            and (cell.spec.start is None or study.store.has_checkpoint(cell.spec.start))
        ]
        execute(chance.choice(ready), workspace)
