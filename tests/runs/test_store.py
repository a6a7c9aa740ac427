"""Nothing broken is believed, nothing good is lost."""

import hashlib
import logging
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from transferlaws.errors import TransferLawsError
from transferlaws.runs.record import Record
from transferlaws.runs.store import Store

RECORD = Record("ab12", {"arm": "text"}, "ok", {"loss": 3.25}, [[0, 0.0, None, 4.0, 0.0, "hold"]])


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    Store(tmp_path).write(RECORD)
    assert Store(tmp_path).read("ab12") == RECORD
    assert list(Store(tmp_path)) == [RECORD]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "garbage", "rename"])
def test_a_damaged_record_is_set_aside_and_counts_as_missing(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    store.write(RECORD)
    path, key = tmp_path / "records" / "ab12.json", "ab12"
    text = path.read_text()
    if damage == "rename":
        path, key = path.rename(path.with_name("cd34.json")), "cd34"
    else:
        texts = {"truncate": text[:-20], "flip": text.replace("3.25", "3.26"), "empty": "", "garbage": "[1]"}
        path.write_text(texts[damage])
    with caplog.at_level(logging.WARNING):
        assert Store(tmp_path).read(key) is None
    assert "damaged" in caplog.text and str(path) in caplog.text
    assert path.with_suffix(".json.broken").exists() and not path.exists()
    store.write(RECORD)
    assert store.read("ab12") == RECORD


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        f'{{"sha256": "", "record": {DEEP}',
        "\ud800",
        "null",
        '{"record": [], "sha256": 1}',
        '"text"',
        "\0",
    ],
)
def test_whatever_stands_in_a_record_others_are_still_believed(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(tmp_path)
    store.write(RECORD)
    path = tmp_path / "records" / "cd34.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert store.read("cd34") is None and list(Store(tmp_path)) == [RECORD]
    assert [record.getMessage().count("\n") for record in caplog.records] == [0]
    assert path.with_suffix(".json.broken").exists()


@pytest.mark.parametrize("what", ["folder", "loop", "pipe to nowhere", "forbidden"])
def test_what_cannot_be_read_counts_as_missing_and_is_said_once(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.write(RECORD)
    path = tmp_path / "records" / "cd34.json"
    if what == "folder":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path)
    elif what == "pipe to nowhere":
        path.symlink_to(tmp_path / "gone")
    else:
        path.write_text("{}")
        read = Path.read_bytes

        def refuse(self: Path) -> bytes:
            if self == path:
                raise PermissionError(13, "Permission denied")
            return read(self)

        monkeypatch.setattr(Path, "read_bytes", refuse)
    for _ in range(3):
        assert store.read("cd34") is None
        assert list(store) == [RECORD]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (what != "pipe to nowhere") and all(str(path) in line for line in said)
    assert store.read("a" * 300) is None and store.read("a\0b") is None
    (tmp_path / "mine.json").write_text("{}")
    assert store.read("../mine") is None and store.read(str(tmp_path / "mine")) is None
    assert (tmp_path / "mine.json").exists()


def test_an_unwritable_store_is_one_clear_error_and_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file where a folder should be")
    with pytest.raises(TransferLawsError, match=r"cannot write .*ab12\.json"):
        Store(tmp_path).write(RECORD)
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def fill(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text('{"n_head": 2}')


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_checkpoint_with_a_flipped_byte_is_not_used(tmp_path: Path, file: str) -> None:
    store = Store(tmp_path)
    digest = store.write_checkpoint("ab12", fill)
    store.write(Record("ab12", {}, "ok", {"checkpoint_sha256": digest}, []))
    path = store.checkpoint("ab12") / file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(TransferLawsError, match="missing or damaged"):
        Store(tmp_path).checkpoint("ab12")
    assert store.write_checkpoint("ab12", fill) == digest
    assert store.has_checkpoint("ab12") and Store(tmp_path).has_checkpoint("ab12")


def test_records_that_hold_the_digest_of_the_weights_alone_keep_their_checkpoints(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_checkpoint("ab12", fill)
    weights = hashlib.sha256(b"weights").hexdigest()
    store.write(Record("ab12", {}, "ok", {"checkpoint_sha256": weights}, []))
    assert store.has_checkpoint("ab12")


def test_weights_that_the_disk_does_not_take_are_one_clear_error_and_replace_nothing(tmp_path: Path) -> None:
    def too_much(folder: Path) -> None:
        save_file({"weight": np.zeros(10_000)}, folder / "model.safetensors")

    store = Store(tmp_path)
    store.write_checkpoint("ab12", fill)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # as good as a full disk
    try:
        with pytest.raises(TransferLawsError, match=r"cannot write .*ab12: .*File too large"):
            store.write_checkpoint("ab12", too_much)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in store.checkpoints.iterdir()] == ["ab12"]
    assert (store.checkpoints / "ab12" / "model.safetensors").read_bytes() == b"weights"


def test_a_claim_keeps_others_off_and_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from transferlaws.runs.store import Store
with Store(Path({str(tmp_path)!r})).claim("ab12") as mine:
    print(mine, flush=True)
    time.sleep(600)
"""
    store = Store(tmp_path)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "True\n"
        (tmp_path / "records").mkdir()
        half = tmp_path / "records" / ".ab12.json.0.tmp"
        half.write_text("half a rec")
        with store.claim("ab12") as mine, store.claim("cd34") as another:
            assert (mine, another) == (False, True)
        assert half.exists()
        other.kill()
    with store.claim("ab12") as mine:
        assert mine and not half.exists()
