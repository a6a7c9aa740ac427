"""Folders as people have them: whatever lies in one, there is an account, and no wait and no traceback."""

import json
import os
import socket
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from transferlaws.corpora import SPLITS, Corpus, CorpusRecipe, Folder, prepare
from transferlaws.corpora.account import account, too_small
from transferlaws.corpora.card import card, counted
from transferlaws.corpora.walk import CLOSED, HIDDEN, LINK, OWN, SPECIAL
from transferlaws.errors import TransferLawsError

WORDS = (
    "river",
    "stone",
    "morning",
    "naïve",
    "café",
    "garden",
    "señor",
    "house",
    "letter",
    "winter",
    "green",
)


def prose(seed: int, words: int = 120) -> str:
    random = Random(seed)
    return " ".join(f"{random.choice(WORDS)}{random.choice(['', '.', ','])}" for _ in range(words))


def made(folder: Path, kind: str = "text", **options: object) -> Corpus:
    recipe = CorpusRecipe("mine", (Folder(folder, **options),), kind)  # type: ignore[arg-type]
    return prepare(recipe, folder.parent / "cache", jobs=1, progress=False)


def reasons(corpus: Corpus) -> dict[str, int]:
    return {row["reason"]: row["documents"] for row in counted(corpus.meta["projects"], "dropped")}


def notes(corpus: Corpus) -> dict[str, int]:
    return {row["reason"]: row["documents"] for row in counted(corpus.meta["projects"], "notes")}


def documents(corpus: Corpus) -> int:
    return sum(group["documents"] for group in corpus.meta["projects"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty files of prose."""
    place = tmp_path / "in"
    place.mkdir()
    for number in range(40):
        (place / f"{number}.txt").write_text(prose(number), "utf-8")
    return place


@pytest.fixture
def quiet_socket(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(folder)  # the path of a socket has a hundred characters at most
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        yield


@pytest.mark.usefixtures("quiet_socket")
def test_only_regular_files_are_opened(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.txt")
    (folder / "loop").symlink_to(folder)
    (folder / "out.txt").symlink_to(tmp_path)
    (folder / "nowhere.txt").symlink_to(tmp_path / "nowhere")
    (folder / ".git").mkdir()
    corpus = made(folder)
    assert documents(corpus) == 40
    assert reasons(corpus) == {SPECIAL: 3, LINK: 3, HIDDEN: 1}
    assert not [line for line in account(corpus) if line.startswith("warning: ") and "left out" in line]


def test_places_that_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "closed").mkdir()
    real_scan, real_open = os.scandir, os.open

    def scan(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real_scan(path)

    def opened(path: Path, flags: int) -> int:
        if path.name == "7.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(path, flags)

    with monkeypatch.context() as patch:
        patch.setattr("transferlaws.corpora.walk.os.scandir", scan)
        patch.setattr("transferlaws.corpora.walk.os.open", opened)
        recipe = CorpusRecipe("mine", (Folder(folder),))
        assert recipe.fingerprint
        shard = [document.reason for document in recipe.origins[0].documents(folder, "text")]
    assert shard.count(CLOSED) == 2
    assert shard.count("") == 39


@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9-0.md",
        b"a\nb.txt",
        b'it\'s "so".txt',
        b"tab\t\x1b[31m.txt",
        "日本.txt".encode(),
        b"a#b:7.txt",
    ],
)
def test_names_of_any_bytes(name: bytes, folder: Path) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_text(prose(99), "utf-8")  # noqa: PTH118
    corpus = made(folder)
    assert documents(corpus) == 41
    paths = [document.path for split in SPLITS for document in corpus.documents(split)]
    assert len(set(paths)) == 41
    assert all(path.isprintable() for path in paths)
    json.dumps(card(corpus)).encode()


def test_what_a_study_wrote_is_no_corpus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = CorpusRecipe("mine", (Folder(folder),)).fingerprint
    (folder / "out" / "runs" / "smoke" / "records").mkdir(parents=True)
    (folder / "elsewhere").mkdir()
    (folder / "cache").mkdir()
    for name in ("out/report.md", "elsewhere/note.md", "cache/train.txt"):
        (folder / name).write_text(prose(77), "utf-8")
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(folder / "cache"))
    without = Folder(folder, without=(folder / "elsewhere",))
    assert CorpusRecipe("mine", (without,)).fingerprint == before
    assert reasons(prepare(CorpusRecipe("mine", (without,)), folder.parent, progress=False)) == {OWN: 3}


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff"])
def test_empty_files_are_counted(text: str, folder: Path) -> None:
    (folder / "none.txt").write_text(text, "utf-8")
    assert reasons(made(folder)) == {"empty": 1}


def test_short_notes_are_text(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(900):
        (tmp_path / "in" / f"{number}.txt").write_text(f"Bed {number}: {prose(number, 5)}", "utf-8")
    corpus = made(tmp_path / "in")
    assert documents(corpus) == 900
    assert reasons(corpus) == {}


@pytest.mark.parametrize("kind", ["text", "code"])
@pytest.mark.parametrize("chars", [20_000, 250_000, 700_000])
def test_a_corpus_of_one_file_is_cut(kind: str, chars: int, tmp_path: Path) -> None:
    blocks = (f"-- part {number}\nlocal x = '{prose(number, 12)}'\n\n" for number in range(10_000))
    text = "".join(block for _, block in zip(range(chars // 95), blocks, strict=False))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "all.lua").write_text(text, "utf-8")
    corpus = made(tmp_path / "in", kind)
    sizes = {split: corpus.characters(split) for split in SPLITS}
    assert sum(sizes.values()) == pytest.approx(len(text), rel=0.02)
    assert all(0.05 < sizes[split] / len(text) < 0.25 for split in ("validation", "test"))
    assert notes(corpus) == {"cut out of a longer document": documents(corpus)}
    assert "pieces of the same files are held out" in "\n".join(account(corpus))


def test_a_file_may_be_named_itself(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps({"text": prose(number)}) + "\n" for number in range(30)), "utf-8")
    recipe = CorpusRecipe("mine", (Folder(file),))
    assert notes(prepare(recipe, tmp_path / "cache", progress=False)) == {
        "JSON lines, of which 'text' was read": 30
    }


def test_files_beside_two_folders_are_not_what_is_held_out(tmp_path: Path) -> None:
    """Two folders, a readme and a licence make four projects, of which the two least hold 1,600 letters."""
    for number in range(60):
        place = tmp_path / "in" / ("source" if number % 2 else "more") / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(prose(number, 400), "utf-8")
    for name in ("README.md", "LICENSE"):
        (tmp_path / "in" / name).write_text(prose(len(name)), "utf-8")
    corpus = made(tmp_path / "in")
    assert corpus.meta["split_by"] == "file"
    assert all(corpus.characters(split) > 8_000 for split in SPLITS)


def test_one_file_a_hundred_times_is_one(folder: Path) -> None:
    for number in range(100):
        (folder / f"copy{number}.txt").write_text(prose(7), "utf-8")
    corpus = made(folder)
    assert documents(corpus) == 40
    assert "warning: 71 % of mine was left out" in "\n".join(account(corpus))
    assert too_small(corpus) == ""


def test_generated_code_is_left_out_as_a_whole(folder: Path) -> None:
    (folder / "parser.c").write_text(
        "/* generated by yacc */\n" + "int table[] = {1, 2, 3};\n" * 20_000, "utf-8"
    )
    assert reasons(made(folder, "code", globs=("**/*.c", "**/*.txt"))) == {"generated": 1}


@pytest.mark.parametrize(("kind", "kept"), [("text", True), ("code", False)])
def test_one_line_of_many_megabytes(kind: str, kept: bool, folder: Path) -> None:
    """Streamed: what is held in memory does not grow with the line (here 8 MB)."""
    with (folder / "line.txt").open("w", encoding="utf-8") as file:
        for number in range(8):
            file.write(f"{prose(number, 100)} " * 1_500)
    tracemalloc.start()
    chars = sum(len(document.text) for document in Folder(folder).documents(folder, kind))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert chars > 8_000_000
    assert peak < 6_000_000
    assert reasons(made(folder, kind)).get("long lines", 0) == (0 if kept else 1)


def test_the_account_adds_up(folder: Path) -> None:
    (folder / "latin.txt").write_bytes(prose(500, 300).encode("latin-1"))
    (folder / "wide.txt").write_bytes(prose(501, 300).encode("utf-16"))
    for number in range(9):
        (folder / f"{number}.bin").write_bytes(bytes(range(256)))
    corpus = made(folder)
    said = account(corpus)
    assert said[0].startswith("mine: 42 of 51 documents kept")
    assert "mine: left out, not text, or in an unknown encoding (.bin): 9 documents" in said
    assert any(line.startswith("mine: read as Windows-1252: 1 document, ") for line in said)
    assert any(line.startswith("mine: read as UTF-16: 1 document, ") for line in said)
    assert any(line.startswith("warning: 18 % of mine was left out") for line in said)
    assert any("the test set of mine has" in line and "below 20,000" in line for line in said)


def test_a_folder_of_nothing_but_pipes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe")
    with pytest.raises(TransferLawsError, match=r"holds no file .*1 x a pipe, a socket or a device"):
        made(tmp_path / "in")
