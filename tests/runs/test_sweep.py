"""A study on real processes: killed, damaged, resumed, repeated; the table is always the same."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tiny import make_tiny_study
from transferlaws import Study, TransferLawsError
from transferlaws.runs.reproduce import reproduce

ROOT = Path(__file__).parent.parent.parent
SWEEP = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tiny import make_tiny_study
if __name__ == "__main__":
    make_tiny_study(Path(sys.argv[1]), Path(sys.argv[2])).ensure(jobs=2, progress=False)
"""


def measured(study: Study) -> pd.DataFrame:
    """All that a run's record says, less what depends on the clock."""
    return study.table(everything=True).drop(columns=["seconds"]).set_index("key").sort_index()


def stamps(study: Study) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in study.store.records.glob("*.json")}


def test_the_whole_design_is_trained(trained_study: Study):
    table = trained_study.table()
    assert trained_study.is_complete()
    assert set(table["status"]) == {"ok"}
    # 2 sizes x (2 + 1 + 1 scratch runs, 2 + 1 fine-tuned ones, 1 zero-shot)
    assert len(table) == 2 * (4 + 3 + 1)
    assert table["loss"].between(1, 6).all()
    zero_shot = table[table["d_chars"] == 0]
    assert (zero_shot["tokens_seen"] == 0).all()


def test_killed_in_the_middle_and_continued_equals_uninterrupted(
    tmp_path: Path, study_cache: Path, trained_study: Study, tiny_study: Study
):
    script = tmp_path / "sweep.py"
    script.write_text(SWEEP.format(tests=str(ROOT / "tests")))
    command = [sys.executable, str(script), str(tmp_path), str(study_cache)]
    with (tmp_path / "log").open("w") as log:
        sweep = subprocess.Popen(command, start_new_session=True, stderr=log)
    deadline = time.monotonic() + 300  # for a machine that is busy with something else
    while len(stamps(tiny_study)) < 5:
        assert sweep.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.02)
    os.killpg(sweep.pid, signal.SIGKILL)
    sweep.wait()
    finished = stamps(tiny_study)
    assert 5 <= len(finished) < len(stamps(trained_study))
    tiny_study.ensure(jobs=2, progress=False)
    assert finished.items() <= stamps(tiny_study).items()  # finished runs were not repeated
    pd.testing.assert_frame_equal(measured(tiny_study), measured(trained_study), check_exact=True)


def test_nothing_missing_trains_nothing_and_damage_is_repaired(
    trained_copy: Callable[[], Study], trained_study: Study
):
    study = trained_copy()
    assert study.ensure(jobs=2, progress=False).trained == 0
    tables = study.table()
    broken = study.store.records / f"{tables['key'].iloc[0]}.json"
    broken.write_bytes(broken.read_bytes()[:-9])
    start = tables.loc[tables["arm"] == "text", "pretrain_key"].iloc[0]
    lost = tables.loc[(tables["arm"] == "text") & (tables["d_chars"] == 2_000), "key"].iloc[0]
    (study.store.records / f"{lost}.json").unlink()
    weights = study.store.checkpoints / start / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\\0")
    study.ensure(jobs=1, progress=False)
    assert study.is_complete()
    pd.testing.assert_frame_equal(measured(study), measured(trained_study), check_exact=True)


def test_a_run_can_be_reproduced_to_the_last_digit(trained_copy: Callable[[], Study]):
    study = trained_copy()
    key = study.table().query("arm == 'text' and d_chars == 2000")["key"].iloc[0]
    assert reproduce(study, key)["difference"] == 0.0
    with pytest.raises(TransferLawsError, match="no finished run nonsense"):
        reproduce(study, "nonsense")


def test_published_results_stand_in_for_the_store(trained_copy: Callable[[], Study], study_cache: Path):
    study = trained_copy()
    before, curves = study.table(everything=True), study.curves()
    folder = study.freeze(bootstrap=50)
    assert {path.name for path in folder.iterdir()} == {
        "runs.csv", "curves.parquet", "specs.jsonl", "laws.json", "provenance.json",
    }  # fmt: skip
    shutil.rmtree(study.store.path)
    again = make_tiny_study(folder.parent.parent, study_cache)
    assert again.is_complete()
    pd.testing.assert_frame_equal(again.table(everything=True), before, check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(again.curves(), curves, check_dtype=False, check_exact=True)


def test_a_dask_cluster_at_an_address_trains_what_is_missing(
    trained_copy: Callable[[], Study], trained_study: Study
):
    study = trained_copy()
    for key in study.table()["key"].iloc[:3]:
        (study.store.records / f"{key}.json").unlink()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "tcp://127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--no-dashboard"], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as scheduler:
        assert scheduler.stderr is not None
        address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
        with subprocess.Popen(
            [*worker, "--no-dashboard"], stderr=subprocess.DEVNULL, start_new_session=True
        ) as remote:
            try:
                swept = study.ensure(scheduler=address, progress=False)
            finally:
                for process in (remote, scheduler):
                    os.killpg(process.pid, signal.SIGKILL)
    assert swept.trained == 3
    pd.testing.assert_frame_equal(measured(study), measured(trained_study), check_exact=True)


def test_an_address_where_no_scheduler_answers_is_one_clear_error(trained_copy: Callable[[], Study]):
    study = trained_copy()
    (study.store.records / f"{study.table()['key'].iloc[0]}.json").unlink()
    with pytest.raises(TransferLawsError, match="no dask scheduler answers"):
        study.ensure(scheduler="tcp://127.0.0.1:9", progress=False)
