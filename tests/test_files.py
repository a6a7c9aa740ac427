"""A file is whole or absent, whoever reads or writes meanwhile."""

from pathlib import Path

import pytest

from transferlaws import files
from transferlaws.errors import TransferLawsError
from transferlaws.files import replace_atomic, write_atomic


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "numbers.csv"
    write_atomic(path, "α,β\n1,2\n")
    with pytest.raises(KeyError), replace_atomic(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_bytes() == "α,β\n1,2\n".encode()  # UTF-8, and line ends as they were given
    write_atomic(path, b"new")
    assert [(file.name, file.read_bytes()) for file in path.parent.iterdir()] == [("numbers.csv", b"new")]


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
