import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from transferlaws.corpora import SPLITS, Corpus, CorpusRecipe, Folder, Take, Wheel, prepare
from transferlaws.errors import TransferLawsError, UsageError

TEXTS = Path(__file__).parent.parent / "corpus"


def othercode() -> CorpusRecipe:
    return CorpusRecipe("othercode", (Folder(TEXTS / "othercode"),), "code")


def files(corpus: Corpus) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in corpus.path.iterdir() if path.name != "card.json"}


def test_the_bytes_do_not_depend_on_jobs_or_on_the_order_of_files(tmp_path: Path) -> None:
    """Two sources, read in one process and in two, from folders whose files were made in opposite orders."""
    names = sorted(path.relative_to(TEXTS) for path in TEXTS.glob("*/*/*") if path.parts[-3] != "english")
    for copy, order in (("forth", names), ("back", names[::-1])):
        for name in order:
            (tmp_path / copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TEXTS / name, tmp_path / copy / name)
    made = [
        prepare(
            CorpusRecipe(
                "code", (Folder(tmp_path / copy / "python"), Folder(tmp_path / copy / "othercode")), "code"
            ),
            tmp_path / f"cache-{copy}",
            jobs=jobs,
            progress=False,
        )
        for copy, jobs in (("forth", 1), ("back", 2))
    ]
    assert made[0].fingerprint == made[1].fingerprint
    assert files(made[0]) == files(made[1])


def test_projects_are_disjoint_between_splits(english: Corpus, python: Corpus) -> None:
    for corpus in (english, python):
        projects = [{document.project for document in corpus.documents(split)} for split in SPLITS]
        assert sum(map(len, projects)) == len(set.union(*projects)) >= 8
        assert all(projects)


def test_documents_are_the_files(python: Corpus) -> None:
    """Code comes through unchanged, but for blanks at line ends, final newlines and licence heads."""
    texts = {
        f"{d.project}/{d.path.split('/')[-1]}": d.text for split in SPLITS for d in python.documents(split)
    }
    for path in (TEXTS / "python").glob("*/*.py"):
        text = "\n".join(line.rstrip() for line in path.read_text("utf-8").split("\n")).strip("\n")
        assert text.endswith(texts[f"{path.parent.name}/{path.name}"])


def test_excerpts_are_nested_exact_and_from_the_split(python: Corpus) -> None:
    train = [document.text for document in python.documents("train")]
    larger = python.excerpts("train", 30_000, seed=1)
    smaller = python.excerpts("train", 10_000, seed=1)
    assert (sum(map(len, larger)), sum(map(len, smaller))) == (30_000, 10_000)
    assert larger[: len(smaller) - 1] == smaller[:-1]
    assert larger[len(smaller) - 1].startswith(smaller[-1])
    assert all(any(excerpt in text for text in train) for excerpt in larger)
    assert len({text[:40] for text in larger}) > 25
    assert python.excerpts("train", 10_000, seed=2) != smaller
    whole = python.excerpts("train", None, seed=0)
    assert sum(map(len, whole)) == sum(map(len, train)) == python.characters("train")


def test_asking_for_more_than_there_is(python: Corpus) -> None:
    with pytest.raises(
        TransferLawsError, match=f"python test holds {python.characters('test'):,} characters"
    ):
        python.excerpts("test", 10**6, seed=0)
    with pytest.raises(TransferLawsError, match="at least 1 character"):
        python.excerpts("test", 0, seed=0)
    with pytest.raises(TransferLawsError, match="a split is train, validation, test, not 'dev'"):
        python.characters("dev")
    with pytest.raises(TransferLawsError, match="has parts prose, technical, code, not poetry"):
        python.characters("test", parts=["poetry"])


def test_parts_can_be_left_out(tmp_path: Path) -> None:
    sources = (Folder(TEXTS / "english"), Folder(TEXTS / "othercode", part="technical"))
    corpus = prepare(CorpusRecipe("both", sources), tmp_path, jobs=1, progress=False)
    prose, technical = (corpus.characters("train", [part]) for part in ("prose", "technical"))
    assert prose + technical == corpus.characters("train")
    english = "".join(d.text for d in corpus.documents("train") if d.part == "prose")
    assert all(excerpt in english for excerpt in corpus.excerpts("train", prose // 2, 0, parts=["prose"]))


def test_caps_and_held_out_copies(tmp_path: Path) -> None:
    """A text that training shares with test is kept in test only, and a genre is cut to its cap."""
    shared = "Here is one and the same passage, found in both of them, long enough to be noticed by all. " * 2
    for project in range(10):
        for file in range(6):
            text = "".join(
                f"Here word{project}x{file}x{n} meets name{project}x{file}x{n}. " for n in range(40)
            )
            path = tmp_path / f"p{project}" / f"{file}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + (shared if file == 0 else ""))
    recipe = CorpusRecipe("capped", (Folder(tmp_path),), caps={"folder": 30_000})
    corpus = prepare(recipe, tmp_path / "cache", jobs=1, progress=False)
    assert 30_000 <= corpus.characters("train") < 32_000
    counts = {split: sum("one and the same" in d.text for d in corpus.documents(split)) for split in SPLITS}
    assert counts == {"train": 0, "validation": 0, "test": 1}


def test_the_second_time_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(othercode(), tmp_path, jobs=1, progress=False)
    monkeypatch.setattr("transferlaws.corpora.preparation.write_shard", None)
    again = prepare(othercode(), tmp_path, progress=False)
    assert again == first
    assert Corpus.open(first.path).fingerprint == othercode().fingerprint


def test_a_damaged_corpus_is_made_again(tmp_path: Path) -> None:
    corpus = prepare(othercode(), tmp_path, jobs=1, progress=False)
    before = files(corpus)
    (corpus.path / "train.txt").write_bytes(b"half")
    with pytest.raises(TransferLawsError, match="damaged"):
        Corpus.open(corpus.path)
    assert files(prepare(othercode(), tmp_path, jobs=1, progress=False)) == before
    (corpus.path / "meta.json").write_text("{")
    assert files(prepare(othercode(), tmp_path, jobs=1, progress=False)) == before


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("transferlaws.corpora.assemble.os.fsync", full)
        with pytest.raises(TransferLawsError, match="No space left on device"):
            prepare(othercode(), tmp_path, jobs=1, progress=False)
    assert list((tmp_path / "corpora").iterdir()) == []
    prepare(othercode(), tmp_path, jobs=1, progress=False)


def test_errors_cross_from_the_reading_processes(make_wheel: Callable[..., Wheel], tmp_path: Path) -> None:
    wheels = [
        make_wheel({"a.json": "{broken"}, Take(("*.json",), name, reader="json"), package=name)
        for name in "ab"
    ]
    with pytest.raises(TransferLawsError, match=r"cannot read [ab] 1\.0, a\.json as json"):
        prepare(CorpusRecipe("broken", tuple(wheels)), tmp_path, jobs=2, progress=False)
    assert list((tmp_path / "corpora").iterdir()) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "../up"}, "CorpusRecipe.name"),
        ({"kind": "music"}, "CorpusRecipe.kind must be one of text, code, not 'music'"),
        ({"origins": ()}, "no origins"),
        ({"caps": {"news": 0}}, "at least 1"),
    ],
)
def test_recipes_say_which_field_is_wrong(values: dict[str, object], message: str) -> None:
    with pytest.raises(TransferLawsError, match=message):
        CorpusRecipe(**{"name": "mine", "origins": (Folder(TEXTS),), **values})  # type: ignore[arg-type]


def test_jobs_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="jobs must be at least 1, not 0"):
        prepare(othercode(), tmp_path, jobs=0)
