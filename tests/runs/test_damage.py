"""What a loss depends on is checked when it is read: nothing damaged in the cache becomes a good record."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tiny import make_tiny_study, tiny_recipes
from transferlaws import Study, TransferLawsError
from transferlaws.corpora import Corpus, prepare


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def one_in_a_hundred(data: bytes) -> bytes:
    changed, chance = bytearray(data), random.Random(0)
    for at in chance.sample(range(len(data)), len(data) // 100):
        changed[at] = ord("x") if changed[at] != ord("x") else ord("y")
    return bytes(changed)


def shifted(data: bytes) -> bytes:
    """An excerpt table whose places are all one byte later, of the same size."""
    table = np.frombuffer(data[128:], np.int64).reshape(-1, 4).copy()
    table[:, :2] += 1
    return data[:128] + table.tobytes()


def with_meta(name: str, value: object) -> Callable[[bytes], bytes]:
    return lambda data: json.dumps(json.loads(data) | {name: value}).encode()


DAMAGE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "letters": ("train.txt", one_in_a_hundred),
    "halves": ("test.txt", lambda data: data[len(data) // 2 :] + data[: len(data) // 2]),
    "places": ("train.excerpts.npy", shifted),
    "empty": ("validation.excerpts.npy", lambda _: b""),
    "documents": ("train.documents.jsonl", lambda data: data.replace(b'"part": "', b'"part": "X', 1)),
    "truncated": ("meta.json", lambda data: data[: len(data) // 2]),
    "deep": ("meta.json", lambda _: b"[" * 100_000),
    "no object": ("meta.json", lambda _: b"[1, 2]"),
    "binary": ("meta.json", lambda _: bytes(range(256))),
    "fields": ("meta.json", lambda _: b'{"schema": 1}'),
    "parts": ("meta.json", with_meta("parts", ["code", "technical", "prose"])),
    "files": ("meta.json", with_meta("files", {})),
    "another": ("meta.json", with_meta("fingerprint", "0" * 64)),
    "number": ("meta.json", with_meta("name", 7)),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_corpus_is_made_again_and_said(
    how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = tiny_recipes()["python"]
    corpus = prepare(recipe, tmp_path, jobs=1, progress=False)
    before, (name, damage) = contents(corpus.path), DAMAGE[how]
    path, times = corpus.path / name, (corpus.path / name).stat()
    path.write_bytes(damage(before[name]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.read_bytes() != before[name]
    if name != "meta.json":
        with pytest.raises(TransferLawsError, match=r"damaged|prepare it again"):
            Corpus.open(corpus.path).verify()
    again = prepare(recipe, tmp_path, jobs=1, progress=False)
    assert contents(again.path) == before
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1 and said[0].startswith("corpus python is made again: ") and "\n" not in said[0]
    assert prepare(recipe, tmp_path, jobs=1, progress=False) == again and len(caplog.records) == 1


def test_text_that_changes_under_an_open_corpus_is_not_read(tmp_path: Path) -> None:
    corpus = prepare(tiny_recipes()["python"], tmp_path, jobs=1, progress=False)
    assert corpus.excerpts("test", 500, 0)
    path = corpus.path / "test.txt"
    path.write_bytes(one_in_a_hundred(path.read_bytes()))
    with pytest.raises(TransferLawsError, match=r"test\.txt is damaged"):
        corpus.excerpts("test", 500, 0)
    assert corpus.characters("train")
    (corpus.path / "train.excerpts.npy").unlink()
    with pytest.raises(TransferLawsError, match="cannot read"):
        corpus.characters("train")


def test_a_record_says_what_was_read(trained_study: Study, tmp_path: Path) -> None:
    corpora = {
        name: prepare(recipe, tmp_path, jobs=1, progress=False) for name, recipe in tiny_recipes().items()
    }
    fingerprint = make_tiny_study(tmp_path, tmp_path).tokenizer(progress=False).fingerprint
    for record in trained_study.store:
        assert record.outcome["tokenizer_sha256"] == fingerprint
        named = {share["corpus"] for share in record.spec["data"]}
        assert record.outcome["corpora_sha256"] == {name: corpora[name].sha256 for name in named}
    assert not {"tokenizer_sha256", "corpora_sha256"} & set(trained_study.table().columns)
