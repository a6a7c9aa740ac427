"""The card's figures, derived once more from the texts themselves, by other means."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from transferlaws.corpora import SPLITS, Corpus, CorpusRecipe, Folder, prepare
from transferlaws.corpora.card import card
from transferlaws.corpora.codelike import code_chars, looks_like_code


@pytest.fixture(scope="module")
def code_card(python: Corpus) -> dict[str, Any]:
    return card(python)


def texts(corpus: Corpus, split: str) -> list[str]:
    """The documents of a split, cut out of the file by the byte ranges of its index."""
    data = (corpus.path / f"{split}.txt").read_bytes()
    index = (corpus.path / f"{split}.documents.jsonl").read_text("utf-8").splitlines()
    return [data[row["start"] : row["stop"]].decode() for row in map(json.loads, index)]


@pytest.mark.parametrize("split", SPLITS)
def test_sizes(split: str, python: Corpus, code_card: dict[str, Any]) -> None:
    size = code_card["splits"][split]
    whole = "".join(texts(python, split))
    assert size["characters"] == len(whole)
    assert size["bytes"] == len(whole.encode()) == (python.path / f"{split}.txt").stat().st_size
    assert size["documents"] == len(texts(python, split))
    assert size["projects"] == len({document.project for document in python.documents(split)})
    assert size["non_ascii_share"] == pytest.approx(len(re.findall(r"[^\x00-\x7f]", whole)) / len(whole))
    assert size["excerpts"] == pytest.approx(len(whole) / 1_000, rel=0.1)


def test_composition_and_licences_add_up(python: Corpus, code_card: dict[str, Any]) -> None:
    chars = {split: sum(map(len, texts(python, split))) for split in SPLITS}
    assert sum(row["characters"] for row in code_card["composition"]) == chars["train"]
    assert sum(row["share"] for row in code_card["composition"]) == pytest.approx(1)
    assert sum(row["characters"] for row in code_card["licences"]) == sum(chars.values())
    by_project = {row["project"]: row["chars"] for row in code_card["projects"]}
    flask = sum(len(d.text) for split in SPLITS for d in python.documents(split) if d.project == "flask")
    assert by_project["flask"] == flask


def windows(text: str, width: int = 6) -> set[tuple[str, ...]]:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return {tuple(lines[i : i + width]) for i in range(max(len(lines) - width + 1, 1))}


def test_overlap_is_the_share_of_windows_seen_in_training(tmp_path: Path) -> None:
    """Planted: one held-out file repeats a third of a training file; compared with sets of lines."""
    for project in range(12):
        for file in range(3):
            lines = [f"value_{project}_{file}_{n} = compute(step={n}, project={project})" for n in range(60)]
            borrowed = [f"shared_{n} = compute(step={n})" for n in range(30)]
            path = tmp_path / f"p{project}" / f"{file}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(lines + (borrowed if file == 0 else [])))
    corpus = prepare(
        CorpusRecipe("planted", (Folder(tmp_path),), "code"), tmp_path / "cache", jobs=1, progress=False
    )
    measured = card(corpus)["overlap"]
    seen = set[tuple[str, ...]]().union(*map(windows, texts(corpus, "train")))
    for split in ("test", "validation"):
        held = [windows(text) for text in texts(corpus, split)]
        met = sum(len(window & seen) for window in held)
        assert met > 0
        assert measured[f"{split} in train"]["windows"] == sum(map(len, held))
        assert measured[f"{split} in train"]["share"] == pytest.approx(met / sum(map(len, held)))


def test_removed_is_what_went_in_less_what_came_out(tmp_path: Path) -> None:
    story = (
        "Word{0}a word{0}b word{0}c word{0}d word{0}e word{0}f word{0}g word{0}h word{0}i word{0}j word{0}k."
    )
    for name in range(8):
        (tmp_path / f"{name}.txt").write_text(story.format(name) + " " + story.format(100 + name))
    (tmp_path / "copy.txt").write_bytes((tmp_path / "3.txt").read_bytes())
    (tmp_path / "drawing.svg").write_text("<svg><path d='M0 0L9 9'/></svg>")
    (tmp_path / "empty.txt").write_text(" \n")
    made = card(
        prepare(CorpusRecipe("removed", (Folder(tmp_path),)), tmp_path / "cache", jobs=1, progress=False)
    )
    assert {row["reason"]: row["documents"] for row in made["removed"]} == {
        "copy of another document": 1,
        "a drawing (SVG)": 1,
        "empty": 1,
    }
    assert sum(size["documents"] for size in made["splits"].values()) == 8


def test_code_is_told_from_prose(english: Corpus, python: Corpus) -> None:
    """Calibration on text of known kind: novels below 1 %, Python above a half."""
    shares = {}
    for corpus in (english, python):
        code, total = map(sum, zip(*(code_chars(text) for text in texts(corpus, "train")), strict=True))
        shares[corpus.name] = code / total
    assert card(python)["code_like"]["share"] == pytest.approx(shares["python"])
    assert shares["english"] < 0.01
    assert shares["python"] > 0.5


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("for (int i = 0; i < n; ++i) {", True),
        ("def forward(self, x):", True),
        ('"VpcId": "vpc-06e4ab6c6cEXAMPLE",', True),
        ("--filters Name=cidr,Values=10.* \\", True),
        ("Of Abraham's faith wherever through the world;", False),
        ("He said (and nobody doubted it): return to us.", False),
        ("if you come, come early; while we wait, we sing.", False),
    ],
)
def test_single_lines(line: str, expected: bool) -> None:
    assert looks_like_code(line) is expected


def test_a_card_is_computed_once_and_is_json(python: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    made = card(python)
    monkeypatch.setattr(Corpus, "documents", None)
    assert card(python) == made == json.loads((python.path / "card.json").read_text("utf-8"))
