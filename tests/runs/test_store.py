"""Nothing broken is believed, nothing good is lost."""

import logging
from pathlib import Path

import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.runs.store import Record, Store

RECORD = Record("ab12", {"arm": "text"}, "ok", {"loss": 3.25}, [[0, 0.0, None, 4.0, 0.0, "hold"]])


def test_a_record_comes_back_as_it_was(tmp_path: Path):
    Store(tmp_path).write(RECORD)
    assert Store(tmp_path).read("ab12") == RECORD
    assert list(Store(tmp_path)) == [RECORD]


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "garbage", "rename"])
def test_a_damaged_record_is_set_aside_and_counts_as_missing(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
):
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


def test_an_unwritable_store_is_one_clear_error_and_leaves_no_trace(tmp_path: Path):
    (tmp_path / "records").write_text("a file where a folder should be")
    with pytest.raises(TransferLawsError, match=r"cannot write .*ab12\.json"):
        Store(tmp_path).write(RECORD)
    assert [path.name for path in tmp_path.iterdir()] == ["records"]


def test_a_checkpoint_with_a_flipped_byte_is_not_used(tmp_path: Path):
    store = Store(tmp_path)
    digest = store.write_checkpoint("ab12", lambda path: (path / "model.safetensors").write_bytes(b"weights"))
    store.write(Record("ab12", {}, "ok", {"checkpoint_sha256": digest}, []))
    assert store.has_checkpoint("ab12")
    (store.checkpoint("ab12") / "model.safetensors").write_bytes(b"weighty")
    with pytest.raises(TransferLawsError, match="missing or damaged"):
        Store(tmp_path).checkpoint("ab12")
