"""What a target shares with a source is measured before anything is trained; held-out sets have a size."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tiny import QUESTION
from transferlaws.corpora import Corpus, CorpusRecipe, Folder, prepare
from transferlaws.corpora.account import leaks, too_small
from transferlaws.corpora.overlap import shared_text
from transferlaws.errors import TransferLawsError
from transferlaws.reports.own import read_folders, what_was_read

SIGNS = "的一是不了人我在有他这中大来上个国到说们为子和你地出道也时"


def words(seed: int, count: int = 400) -> str:
    random = Random(seed)
    return " ".join(f"w{random.randrange(3_000)}" for _ in range(count))


def lines(seed: int) -> str:
    return words(seed, 80).replace(" w", "\nw")


def note(seed: int) -> str:
    return words(seed, 5)


def signs(seed: int) -> str:
    return "".join(Random(seed).choices(SIGNS, k=400))


def write(folder: Path, texts: list[str]) -> Path:
    folder.mkdir(parents=True)
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text, "utf-8")
    return folder


def joined(folder: Path, texts: list[str]) -> Path:
    """One file of them all, in another order."""
    folder.mkdir(parents=True)
    (folder / "all.txt").write_text("\n".join(reversed(texts)), "utf-8")
    return folder


def records(folder: Path, texts: list[str]) -> Path:
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return folder


def corpus(folder: Path, kind: str, name: str, cache: Path) -> Corpus:
    return prepare(CorpusRecipe(name, (Folder(folder),), kind), cache, jobs=1, progress=False)


@pytest.mark.parametrize("form", [write, joined, records])
@pytest.mark.parametrize(
    ("make", "source_kind", "target_kind"),
    [
        (words, "text", "text"),
        (lines, "code", "code"),
        (lines, "text", "code"),
        (note, "text", "text"),
        (signs, "text", "text"),
    ],
)
def test_the_same_text_is_found_in_whatever_form(
    make: Callable[[int], str],
    source_kind: str,
    target_kind: str,
    form: Callable[[Path, list[str]], Any],
    tmp_path: Path,
) -> None:
    count = 1_200 if make is note else 60  # enough to hold some out where all is one file
    texts = [make(seed) for seed in range(count)]
    target = corpus(write(tmp_path / "target", texts), target_kind, "target", tmp_path)
    strange = write(tmp_path / "other", [make(10**6 + seed) for seed in range(count)])
    other = corpus(strange, source_kind, "other", tmp_path)
    assert max(shared_text(target, other).values()) < 0.02
    same = corpus(form(tmp_path / "same", texts), source_kind, "same", tmp_path)
    found = shared_text(target, same)
    assert found["train"] > 0.6  # what the other way of holding out left for training
    assert shared_text(target, same) == found


def test_a_part_that_is_shared_is_measured(tmp_path: Path) -> None:
    """A third of the target's documents are in the source too, so about a third of its windows are."""
    texts = [words(seed) for seed in range(90)]
    target = corpus(write(tmp_path / "target", texts), "text", "target", tmp_path)
    source = write(tmp_path / "source", [words(10**6 + seed) for seed in range(200)])
    for number, text in enumerate(texts[::3]):
        (source / "0.txt").write_text(f"{(source / '0.txt').read_text('utf-8')} {text}", "utf-8")
        (source / f"{number + 1}.txt").write_text(words(10**7 + number), "utf-8")
    found = shared_text(target, corpus(source, "text", "source", tmp_path))
    assert found["train"] == pytest.approx(1 / 3, abs=0.15)
    assert "share passages" in leaks("target", "source", found)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("cache")
def test_a_study_of_the_same_text_is_refused_and_says_the_switch(tmp_path: Path) -> None:
    folder = write(tmp_path / "book", [words(seed) for seed in range(60)])
    names = {"same": folder}, ("book", folder), tmp_path / "out", QUESTION
    opened = partial(read_folders, *names, source_kind="text", target_kind="text")
    with pytest.raises(
        TransferLawsError, match=r"share passages: 100 % of train.*Beyond 10 %.*--most-shared"
    ):
        opened()
    said = what_was_read(opened(most_shared=1.0))
    assert any(line.startswith("warning: book and same share passages") for line in said)
    assert any(line.startswith("book: 60 of 60 documents kept") for line in said)


@pytest.mark.usefixtures("cache")
def test_results_go_into_a_folder_of_their_own(tmp_path: Path) -> None:
    folder = write(tmp_path / "book", [words(seed) for seed in range(60)])
    with pytest.raises(TransferLawsError, match="is the folder of book"):
        read_folders({"book": folder}, ("other", tmp_path), folder, QUESTION)


@pytest.mark.parametrize(("words_each", "refused"), [(40, True), (400, False)])
def test_a_held_out_set_has_a_thousand_characters(words_each: int, refused: bool, tmp_path: Path) -> None:
    folder = write(tmp_path / "in", [words(seed, words_each) for seed in range(10)])
    small = corpus(folder, "text", "mine", tmp_path)
    assert bool(too_small(small)) is refused
