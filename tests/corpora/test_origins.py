import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from transferlaws.corpora import SPLITS, CorpusRecipe, Folder, HuggingFace, prepare
from transferlaws.errors import TransferLawsError

SENTENCE = "Number {} is told of here at some length, since a sentence must be long enough to count. "


def story(start: int, sentences: int = 20) -> str:
    return "".join(SENTENCE.format(number) for number in range(start, start + sentences)).strip()


def projects(recipe: CorpusRecipe, cache: Path) -> dict[str, set[str]]:
    corpus = prepare(recipe, cache, jobs=1, progress=False)
    return {split: {document.project for document in corpus.documents(split)} for split in SPLITS}


def write(folder: Path, texts: Mapping[str, str | bytes]) -> Folder:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Folder(folder)


def test_sub_folders_are_projects_and_held_out_whole(tmp_path: Path) -> None:
    texts = {
        f"p{number}/{part}.txt": story(100 * number + 50 * part) for number in range(12) for part in (0, 1)
    }
    held = projects(CorpusRecipe("mine", (write(tmp_path / "in", texts),)), tmp_path)
    assert all(held.values())
    assert sum(map(len, held.values())) == len(set.union(*held.values())) == 12


def test_hidden_files_links_and_other_files_stay_out(tmp_path: Path) -> None:
    texts = {"a.txt": "x", ".hidden.txt": "x", ".git/a.txt": "x", "b/c.txt": "x", "b/d.bin": "x"}
    folder = write(tmp_path, texts).path
    (folder / "link.txt").symlink_to(folder / "a.txt")
    assert Folder(folder, ("**/*.txt",)).files == ("a.txt", "b/c.txt")


def test_few_files_and_one_large_file(tmp_path: Path) -> None:
    three = {f"only/{name}.txt": story(index * 100) for index, name in enumerate("abc")}
    corpus = prepare(CorpusRecipe("three", (write(tmp_path / "a", three),)), tmp_path, jobs=1, progress=False)
    assert corpus.meta["split_by"] == "file"
    one = {"book.txt": "\n\n".join(story(100 * part, 100) for part in range(60))}
    corpus = prepare(CorpusRecipe("one", (write(tmp_path / "b", one),)), tmp_path, jobs=1, progress=False)
    assert corpus.meta["split_by"] == "piece"
    paths = [document.path for split in SPLITS for document in corpus.documents(split)]
    assert len(paths) == len(set(paths)) >= 3
    assert sum(corpus.characters(split) for split in SPLITS) == pytest.approx(len(one["book.txt"]), rel=1e-3)


def test_a_changed_folder_is_another_corpus(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.txt": story(0)})
    before = CorpusRecipe("mine", (folder,)).fingerprint
    assert CorpusRecipe("mine", (Folder(tmp_path),)).fingerprint == before
    write(tmp_path, {"a.txt": story(1)})
    assert CorpusRecipe("mine", (Folder(tmp_path),)).fingerprint != before


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({}, "holds no file"),
        ({"a.txt": "", "b.txt": ""}, r"no usable text \(left out: 2 documents: empty\)"),
        ({f"{n}.png": b"\x89PNG\r\n\0" * 50 for n in "abc"}, r"no usable text .*3 documents: not text"),
        ({"a.txt": story(0)}, "too little to hold any out"),
        ({f"{n}.txt": story(0) for n in "abc"}, "too little to hold any out.*2 documents: copy of another"),
        ({"rows.jsonl": '{"id": 1, "prose": "x"}\n' * 9}, "'id', 'prose'; --field names one"),
    ],
)
def test_folders_that_make_no_corpus(texts: dict[str, str], message: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(TransferLawsError, match=message):
        prepare(CorpusRecipe("mine", (write(tmp_path / "in", texts),)), tmp_path, jobs=1, progress=False)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TransferLawsError, match="is not a folder"):
        prepare(CorpusRecipe("mine", (Folder(tmp_path / "nowhere"),)), tmp_path, progress=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.txt": story(0)})
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(TransferLawsError, match="cannot read"):
        prepare(CorpusRecipe("mine", (folder,)), tmp_path, progress=False)


@pytest.mark.parametrize("form", ["parquet", "json"])
def test_datasets_are_streamed_by_column_and_project(form: str, tmp_path: Path) -> None:
    rows = [{"body": story(100 * row), "repo": f"repo{row % 6}", "stars": row} for row in range(30)]
    file = tmp_path / f"rows.{form}"
    if form == "parquet":
        import pandas as pd

        pd.DataFrame(rows).to_parquet(file)
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = HuggingFace(form, "body", project="repo", files=(str(file),), licence="MIT")
    held = projects(CorpusRecipe("hub", (source,)), tmp_path)
    assert all(held.values())
    assert sum(map(len, held.values())) == len(set.union(*held.values())) == 6
    short = HuggingFace(form, "body", files=(str(file),), limit_chars=5_000)
    read = list(short.documents(tmp_path, "text"))
    assert 5_000 <= sum(len(document.text) for document in read) < 5_000 + len(story(100))
    assert [document.text for document in read] == [row["body"] for row in rows[: len(read)]]


def test_datasets_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('{"body": "x"}\n')
    with pytest.raises(TransferLawsError, match="needs columns 'text'; it has body"):
        list(HuggingFace("json", files=(str(file),)).documents(tmp_path, "text"))
    with pytest.raises(TransferLawsError, match=r"cannot read .*gone\.json"):
        prepare(CorpusRecipe("hub", (HuggingFace("json", files=(str(tmp_path / "gone.json"),)),)), tmp_path)
    file.write_text("{broken")
    with pytest.raises(TransferLawsError, match="cannot read dataset json"):
        list(HuggingFace("json", files=(str(file),)).documents(tmp_path, "text"))
