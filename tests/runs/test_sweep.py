"""A study on real processes: killed, damaged, resumed, repeated; the table is always the same."""

import heapq
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tiny import make_tiny_study
from transferlaws import Study, TransferLawsError
from transferlaws.design.presets import TO_PYTHON, laptop
from transferlaws.reports.freeze import freeze
from transferlaws.runs.agenda import Agenda, Ready
from transferlaws.runs.plan import Plan
from transferlaws.runs.record import Record
from transferlaws.runs.reproduce import reproduce
from transferlaws.runs.store import Store
from transferlaws.runs.sweep import Sweep
from transferlaws.training.spec import RunSpec

ROOT = Path(__file__).parent.parent.parent


def measured(study: Study) -> pd.DataFrame:
    """All that a run's record says, less what depends on the clock."""
    return study.table(everything=True).drop(columns=["seconds"]).set_index("key").sort_index()


def stamps(study: Study) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in study.store.records.glob("*.json")}


def test_the_whole_design_is_trained(trained_study: Study) -> None:
    table = trained_study.table()
    assert trained_study.is_complete()
    assert set(table["status"]) == {"ok"}
    # 2 sizes x (2 + 1 + 1 scratch runs, 2 + 1 fine-tuned ones, 1 zero-shot)
    assert len(table) == 2 * (4 + 3 + 1)
    assert table["loss"].between(1, 6).all()
    zero_shot = table[table["d_chars"] == 0]
    assert (zero_shot["tokens_seen"] == 0).all()


def test_nothing_missing_trains_nothing_and_damage_is_repaired(
    trained_copy: Callable[[], Study], trained_study: Study
) -> None:
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


def test_a_run_can_be_reproduced_to_the_last_digit(trained_copy: Callable[[], Study]) -> None:
    study = trained_copy()
    key = study.table().query("arm == 'text' and d_chars == 2000")["key"].iloc[0]
    assert reproduce(study.store, study.workspace, key)["difference"] == 0.0
    with pytest.raises(TransferLawsError, match="no finished run nonsense"):
        reproduce(study.store, study.workspace, "nonsense")


class Simulated(Store):
    """A store in which a run is done as soon as its key is in `done`; better rates are in the middle."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.done: dict[str, RunSpec] = {}

    def read(self, key: str) -> Record | None:
        spec = self.done.get(key)
        if spec is None:
            return None
        loss = (
            3.0 if spec.is_pretraining or not spec.d_chars else 3 + math.log(spec.learning_rate / 3e-3) ** 2
        )
        return Record(key, spec.to_json(), "ok", {"loss_validation": loss}, [])

    def has_checkpoint(self, key: str) -> bool:
        return key in self.done


@pytest.mark.parametrize("workers", [2, 6])
def test_few_checkpoints_are_open_at_once_and_workers_have_work(tmp_path: Path, workers: int) -> None:
    store = Simulated(tmp_path)
    plan = Plan(TO_PYTHON, laptop(), {"english": "e", "python": "p", "othercode": "o"})
    agenda = Agenda(plan, store)
    clock = busy = 0.0
    training: list[tuple[float, str, Ready]] = []
    while True:
        for run in agenda.ready([key for _, key, _ in training])[: workers - len(training)]:
            assert run.spec.start is None or run.spec.start in store.done  # pre-training comes first
            heapq.heappush(training, (clock + run.seconds, run.spec.key, run))
            busy += run.seconds
        if not training:
            break
        clock, key, run = heapq.heappop(training)
        store.done[key] = run.spec
        agenda.finish(run)
        starts = {
            first.spec.key: cells
            for cells in agenda.cells
            if (first := cells[0]).role == "pretrain" and first.spec is not None
        }
        unfinished = [
            start
            for start, cells in starts.items()
            if start in store.done and any(not cell.spec or cell.spec.key not in store.done for cell in cells)
        ]
        assert len(unfinished) <= workers
    assert all(cell.spec is not None for cell in plan.cells(store))
    if workers == 2:
        assert busy / (clock * workers) > 0.95


@pytest.mark.parametrize("seconds", [0.5, 50.0])
def test_the_time_to_go_is_what_runs_took_on_this_machine(
    trained_copy: Callable[[], Study], seconds: float
) -> None:
    study = trained_copy()
    for record in list(study.store):
        study.store.write(replace(record, outcome=record.outcome | {"core_seconds": seconds}))
    assert Agenda(study.plan, study.store).progress()[1:] == (1.0, 0.0)
    missing = study.table().query("seed == 1")["key"]
    for key in missing:
        (study.store.records / f"{key}.json").unlink()
    words, share, seconds_left = Agenda(study.plan, study.store).progress()
    assert words == f"{len(stamps(study))} of {len(stamps(study)) + len(missing)} runs"
    assert 0 < share < 1
    assert 0.5 < seconds_left / (len(missing) * seconds) < 2


def test_a_cluster_without_workers_is_said(
    tiny_study: Study, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoWorkers:
        cluster, asked = None, 0

        def nthreads(self) -> dict[str, int]:
            self.asked += 1
            if self.asked == 6:
                sweep.news.put("a run")
            return {} if self.asked < 6 else {"tls://10.0.0.2:1": 1}

    monkeypatch.setattr("transferlaws.runs.sweep.IDLE_SECONDS", 0.01)
    monkeypatch.setattr("transferlaws.runs.sweep.ALONE_SECONDS", 0.02)
    sweep = Sweep(Agenda(tiny_study.plan, tiny_study.store), None)
    assert list(sweep._finished(NoWorkers(), sweep.bar(progress=False))) == ["a run"]
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("no worker has been there for") and "memory" in said and "\n" not in said


def test_published_results_stand_in_for_the_store(
    trained_copy: Callable[[], Study], study_cache: Path
) -> None:
    study = trained_copy()
    before, curves = study.table(everything=True), study.curves()
    folder = freeze(study, bootstrap=50)
    assert {path.name for path in folder.iterdir()} == {
        "runs.csv", "curves.parquet", "specs.jsonl", "laws.json", "provenance.json", "README.md",
        "manifest.json",
    }  # fmt: skip
    shutil.rmtree(study.store.path)
    again = make_tiny_study(folder.parent.parent, study_cache)
    assert again.is_complete()
    pd.testing.assert_frame_equal(again.table(everything=True), before, check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(again.curves(), curves, check_dtype=False, check_exact=True)
