"""Published results are whole, are believed only as they were published, and say what is wrong with them."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from transferlaws import Study, TransferLawsError
from transferlaws.cli import main
from transferlaws.files import recovered, replace_folder
from transferlaws.reports.freeze import freeze
from transferlaws.runs.published import SEALED, differences, read_published, write_manifest

LAPTOP = Path(__file__).parent.parent.parent / "results" / "laptop-bytes"
FOLDERS = sorted(path.parent for path in LAPTOP.parent.glob("*/manifest.json"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a published folder, as `laptop` of another project."""
    return Path(shutil.copytree(LAPTOP, tmp_path / "results" / "laptop"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def line(number: int, change: Callable[[str], list[str]]) -> Callable[[bytes], bytes]:
    def apply(data: bytes) -> bytes:
        lines = data.decode().splitlines()
        return ("\n".join(lines[:number] + change(lines[number]) + lines[number + 1 :]) + "\n").encode()

    return apply


def another_loss(row: str) -> list[str]:
    cells = row.split(",")
    cells[9] = f"{float(cells[9]) + 0.1!r}"
    return [",".join(cells)]


def rates_times_ten(row: str) -> list[str]:
    kept = json.loads(row)
    kept["spec"]["learning_rate"] *= 10
    return [json.dumps(kept, sort_keys=True)]


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "a loss changed": ("runs.csv", line(3, another_loss)),
    "a row gone": ("runs.csv", line(3, lambda _: [])),
    "a row doubled": ("runs.csv", line(3, lambda row: [row, row])),
    "half the file": ("runs.csv", lambda data: data[: len(data) // 2]),
    "no key column": ("runs.csv", lambda data: data.replace(b"key,", b"name,", 1)),
    "no loss column": ("runs.csv", lambda data: data.replace(b",loss,", b",lost,", 1)),
    "text for a number": ("runs.csv", line(3, lambda row: [row.replace(row.split(",")[4], "many")])),
    "infinite": ("runs.csv", line(3, lambda row: [row.replace(row.split(",")[9], "inf")])),
    "another status": ("runs.csv", lambda data: data.replace(b",ok,", b",fine,", 1)),
    "empty": ("runs.csv", lambda _: b""),
    "only a header": ("runs.csv", lambda data: data.splitlines(keepends=True)[0]),
    "binary": ("runs.csv", lambda _: bytes(range(256)) * 9),
    "zeros": ("runs.csv", lambda data: bytes(len(data))),
    "missing": ("runs.csv", lambda _: None),
    "rates times ten": ("specs.jsonl", line(3, rates_times_ten)),
    "arms swapped": ("specs.jsonl", lambda data: data.replace(b'"arm": "text"', b'"arm": "scratch"', 1)),
    "a spec gone": ("specs.jsonl", line(3, lambda _: [])),
    "a spec doubled": ("specs.jsonl", line(3, lambda row: [row, row])),
    "specs truncated": ("specs.jsonl", lambda data: data[: len(data) // 2]),
    "specs deep": ("specs.jsonl", lambda _: b"[" * 100_000),
    "specs of another form": ("specs.jsonl", lambda _: b'{"key": 1}\n[]\n'),
    "specs binary": ("specs.jsonl", lambda _: bytes(range(256))),
    "specs missing": ("specs.jsonl", lambda _: None),
    "curves truncated": ("curves.parquet", lambda data: data[:-100]),
    "curves empty": ("curves.parquet", lambda _: b""),
    "curves missing": ("curves.parquet", lambda _: None),
    "no manifest worth it": ("manifest.json", lambda data: data.replace(b'"files"', b'"fill"')),
    "manifest truncated": ("manifest.json", lambda data: data[:50]),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_published_file_that_was_touched_is_one_line_in_every_verb(
    how: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, damage = DAMAGE[how]
    write_manifest(folder)
    changed = damage((folder / name).read_bytes())
    if changed is None:
        (folder / name).unlink()
    else:
        assert changed != (folder / name).read_bytes()
        (folder / name).write_bytes(changed)
    with pytest.raises(TransferLawsError) as error:
        read_published(folder)
    assert "\n" not in str(error.value) and str(folder) in str(error.value)
    assert differences(folder) and not any("\n" in said for said in differences(folder))
    monkeypatch.setenv("TRANSFERLAWS_RESULTS", str(folder.parent))
    monkeypatch.setenv("TRANSFERLAWS_RUNS", str(folder.parent / "none"))
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(folder.parent / "none"))
    verbs = (["table"], ["status"], ["plan", "--flops-per-second", "1e9"], ["freeze"], ["run"])
    place = list(DAMAGE).index(how)
    for verb in verbs if not place else [verbs[place % len(verbs)]]:  # each meets some, and one meets all
        assert main([*verb, "--scale", "laptop"]) == 1
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1, said.err
        assert said.err.startswith("transferlaws: error: ")
    assert main(["verify", "--scale", "laptop"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == len(differences(folder))


@pytest.mark.parametrize("how", [how for how in DAMAGE if "anifest" not in how and how != "a loss changed"])
def test_without_a_manifest_the_form_is_what_is_checked(how: str, folder: Path) -> None:
    (folder / "manifest.json").unlink(missing_ok=True)
    before = read_published(folder)
    name, damage = DAMAGE[how]
    changed = damage((folder / name).read_bytes())
    (folder / name).unlink() if changed is None else (folder / name).write_bytes(changed)
    try:
        assert how == "missing" and read_published(folder) == {} != before
    except AssertionError:
        with pytest.raises(TransferLawsError) as error:
            read_published(folder)
        assert "\n" not in str(error.value)


def test_it_is_said_which_run_is_another(folder: Path) -> None:
    write_manifest(folder)
    assert differences(folder) == []
    runs = folder / "runs.csv"
    whole = runs.read_bytes()
    key = whole.decode().splitlines()[3].split(",")[0]
    runs.write_bytes(line(3, another_loss)(whole))
    assert differences(folder) == [f"{runs} is not what was published", f"run {key} is another in runs.csv"]
    runs.write_bytes(line(3, lambda _: [])(whole))
    assert f"run {key} is another in runs.csv" in differences(folder)
    runs.write_bytes(whole)
    laws = folder / "laws.json"
    laws.write_bytes(laws.read_bytes().replace(b"0.", b"1.", 1))
    assert differences(folder) == [f"{laws} is not what was published"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_committed_is_what_was_published(folder: Path) -> None:
    assert differences(folder) == []


def test_there_are_manifests() -> None:
    assert len(FOLDERS) >= 4


def test_a_freeze_that_ends_anywhere_leaves_the_old_study(
    trained_copy: Callable[[], Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at every write in turn."""
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(tmp_path / "remembered"))
    study = trained_copy()
    freeze(study, bootstrap=50, seed=1)  # its laws are remembered, so that only results are written below
    folder = freeze(study, bootstrap=50)
    (folder / "notes.md").write_text("by hand")
    (folder / "plots").mkdir()
    (folder / "plots" / "mine.svg").write_text("<svg/>")
    before, fsync = contents(folder), os.fsync
    again = trained_copy()
    for nth in range(1, 20):
        left = nth

        def full(file: int) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(28, "No space left on device")
            fsync(file)

        monkeypatch.setattr("transferlaws.files.os.fsync", full)
        try:
            freeze(again, bootstrap=50, seed=1)
        except TransferLawsError as error:
            assert "No space left on device" in str(error)
            assert contents(folder) == before
            assert [path.name for path in folder.parent.iterdir()] == [folder.name]
        else:
            break
    assert nth == 1 + len(SEALED) + 2  # and the account, and the manifest
    after = contents(folder)
    assert after.keys() == before.keys() and after["laws.json"] != before["laws.json"]
    assert after["notes.md"] == b"by hand" and after["plots/mine.svg"] == b"<svg/>"
    assert differences(folder) == []


def test_runs_that_finish_during_a_freeze_are_left_to_the_next(
    trained_copy: Callable[[], Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = trained_copy()
    key = study.table()["key"].iloc[0]
    last, aside = study.store.records / f"{key}.json", tmp_path / "aside"
    last.rename(aside)
    curves = Study.curves

    def once_it_has_finished(self: Study) -> pd.DataFrame:
        aside.replace(last)
        return curves(self)

    monkeypatch.setattr(Study, "curves", once_it_has_finished)
    folder = freeze(study, bootstrap=50)
    assert differences(folder) == [] and key not in read_published(folder)


FREEZE = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from tiny import make_tiny_study
from transferlaws.reports.freeze import freeze
study = make_tiny_study(Path(sys.argv[1]), Path(sys.argv[2]))
while True:
    freeze(study, bootstrap=50)
    print("frozen", flush=True)
"""


def test_killed_at_any_moment_the_results_are_those_of_one_freeze(
    tmp_path: Path, study_cache: Path, trained_copy: Callable[[], Study]
) -> None:
    study = trained_copy()
    study.results.mkdir(parents=True)
    (study.results / "notes.md").write_text("by hand")  # to which the account has a link
    folder = freeze(study, bootstrap=50)
    before = contents(folder)
    script = tmp_path / "freeze.py"
    script.write_text(FREEZE.format(tests=str(Path(__file__).parent.parent)))
    command = [sys.executable, str(script), str(tmp_path), str(study_cache)]
    for kill in range(int(os.environ.get("TRANSFERLAWS_TEST_FREEZE_KILLS", "3"))):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as freezing_process:
            assert freezing_process.stdout is not None
            assert freezing_process.stdout.readline() == "frozen\n"
            time.sleep(random.Random(kill).uniform(0, 0.5))
            freezing_process.send_signal(signal.SIGKILL)
        assert read_published(folder) and differences(folder) == []
        now = contents(folder)
        assert now.keys() == before.keys()
        assert [name for name in now if now[name] != before[name]] == []


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_folder_is_replaced_whole_wherever_the_process_ends(
    tmp_path: Path, renames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, made = tmp_path / "laptop", tmp_path / "made"
    for path, text in ((target, "old"), (made, "new")):
        path.mkdir()
        (path / "runs.csv").write_text(text)
    rename = Path.rename
    done: list[Path] = []

    def killed(self: Path, to: Path) -> Path:
        if len(done) == renames:
            raise KeyboardInterrupt
        done.append(to)
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        if renames < 2:
            with pytest.raises(KeyboardInterrupt):
                replace_folder(made, target)
        else:
            replace_folder(made, target)
    link = tmp_path / "linked"
    link.symlink_to(target)
    assert (recovered(link) / "runs.csv").read_text() == ("new" if renames == 2 else "old")
    assert target.is_dir() and not (tmp_path / ".laptop.old").exists()


def test_runs_drawn_by_a_seed_are_trained_again(
    trained_copy: Callable[[], Study], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = trained_copy()
    monkeypatch.setattr(Study, "open", lambda _: study)
    arguments = ["verify", "--scale", "smoke", "--retrain", "2", "--json"]
    code, said = main(arguments), json.loads(capsys.readouterr().out)
    assert (said["wrong"], said["off"], code) == ([], [], 0)
    assert list(said["retrained"].values()) == [0.0, 0.0]
    assert set(said["retrained"]) <= set(study.table()["key"])
    assert main(["verify", "--retrain", "-1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    key = study.table()["key"].iloc[0]
    path = study.store.records / f"{key}.json"
    path.write_bytes(path.read_bytes().replace(b'"status": "ok"', b'"status": "OK"'))
    assert main(["verify", "--scale", "smoke"]) == 1
    assert capsys.readouterr().out.splitlines()[0] == f"{path} is damaged"
