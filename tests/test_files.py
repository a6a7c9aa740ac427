"""A file is whole or absent, whoever reads or writes meanwhile."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from transferlaws import files
from transferlaws.cli import main
from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.files import (
    read_sealed,
    refuse_input_as_output,
    replace_atomic,
    write_atomic,
    write_sealed,
)


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "numbers.csv"
    write_atomic(path, "α,β\n1,2\n")
    with pytest.raises(KeyError), replace_atomic(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_bytes() == "α,β\n1,2\n".encode()  # UTF-8, and line ends as they were given
    write_atomic(path, b"new")
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [("numbers.csv", b"new")]


def test_what_killed_processes_left_goes_after_a_day_and_nothing_else_does(tmp_path: Path) -> None:
    names = [f".laws.json.{'0' * 32}.tmp", f".old.{'a' * 32}.tmp", ".mine.tmp", "numbers.csv"]
    for name in names:
        (tmp_path / name).write_text("half")
    for name in names[1:]:
        os.utime(tmp_path / name, (0, 0))
    write_atomic(tmp_path / "new", "")
    assert {path.name for path in tmp_path.iterdir()} == {"new", *names} - {names[1]}


def test_a_file_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").mkdir()
    with pytest.raises(TransferLawsError, match=r"cannot write .*numbers\.csv: "):
        write_atomic(tmp_path / "numbers.csv", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["numbers.csv"]


@pytest.mark.parametrize(("refusals", "written"), [(2, True), (99, False)])
def test_a_reader_in_the_way_is_waited_for_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int, written: bool
) -> None:
    path, replace, asked = tmp_path / "record.json", Path.replace, []
    write_atomic(path, "old")

    def refuse(self: Path, target: Path) -> Path:
        asked.append(target)
        if len(asked) <= refusals:
            raise PermissionError(13, "another process has it open")
        return replace(self, target)

    monkeypatch.setattr(files, "REFUSES_OPEN_FILES", True)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(Path, "replace", refuse)
    if written:
        write_atomic(path, "new")
    else:
        with pytest.raises(TransferLawsError, match="another process has it open"):
            write_atomic(path, "new")
    assert path.read_text() == ("new" if written else "old")
    assert len(asked) == (3 if written else 6)


def test_a_link_is_followed_and_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real.name)
    write_atomic(link, "new")
    assert link.is_symlink() and real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    (tmp_path / "dangling").symlink_to(tmp_path / "made.csv")
    write_atomic(tmp_path / "dangling", "new")
    assert (tmp_path / "dangling").is_symlink() and (tmp_path / "made.csv").read_text() == "new"
    long = tmp_path / ("ä" * 120 + ".csv")  # 244 bytes, of 255
    write_atomic(long, "new")
    assert long.read_text() == "new"


def test_devices_and_pipes_are_written_to(tmp_path: Path) -> None:
    write_atomic(Path("/dev/null"), "gone")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    write_atomic(pipe, "words")
    reader.join(10)
    assert heard == ["words"] and stat.S_ISFIFO(pipe.stat().st_mode)
    code = "from pathlib import Path; from transferlaws.files import write_atomic\n"
    code += "write_atomic(Path('/dev/stdout'), 'table\\n'); print('done')"
    out = tmp_path / "out.txt"
    with out.open("w") as file:
        for redirected in (subprocess.PIPE, file):
            done = subprocess.run([sys.executable, "-c", code], stdout=redirected, text=True, check=True)
            assert (done.stdout or out.read_text()) == "table\ndone\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.txt", "pipe"]


@pytest.mark.parametrize("name", ["", ".", "/", "no\0name", "a" * 300, "file/below"])
def test_a_path_that_can_be_no_file_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    with pytest.raises(TransferLawsError, match="cannot write") as error:
        write_atomic(Path(name), "text")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_protected_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(TransferLawsError, match="protected"):
        write_atomic(path, "new")


def test_what_is_read_is_not_written_to(tmp_path: Path) -> None:
    table, other = tmp_path / "own.csv", tmp_path / "laws.json"
    table.write_text("n_params")
    (tmp_path / "link.csv").symlink_to(table)
    (tmp_path / "hard.csv").hardlink_to(table)
    for out in (table, tmp_path / "link.csv", tmp_path / "hard.csv", tmp_path / "x" / ".." / "own.csv"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(UsageError, match="cannot be written to as well"):
            refuse_input_as_output(out, other, table)
    refuse_input_as_output(other, table)
    refuse_input_as_output(Path("/dev/stdout"), Path("/dev/stdin"), table)


def test_a_sealed_document_is_read_only_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "counts.seal"
    write_sealed(path, {"n_tokens": 12, "of": ["ä", None, 0.1]})
    assert read_sealed(path) == {"n_tokens": 12, "of": ["ä", None, 0.1]}
    text = path.read_bytes()
    for damage in (text.replace(b"12", b"13"), text[:-9], b"", b"[1]", b"\xff\xfe", b"[" * 100_000, b"null"):
        path.write_bytes(damage)
        assert read_sealed(path) is None
    assert read_sealed(tmp_path) is None and read_sealed(tmp_path / "gone") is None


def test_a_digest_is_taken_again_when_a_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(b"one")
    before, times = files.sha256_once(path), path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a tool that restores times would
    assert files.sha256_once(path) != before


def test_fit_does_not_write_over_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "own.csv"  # fit own.csv --out own.csv
    table.write_text("n_params,arm,d_chars,seed,loss\n1e4,scratch,1e3,0,3.0\n")
    (tmp_path / "link.csv").symlink_to(table)
    before = table.read_bytes()
    for out in ("own.csv", "link.csv"):
        assert main(["fit", str(table), "--out", str(tmp_path / out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1 and table.read_bytes() == before
