"""`transferlaws corpora ...` on the tiny corpora."""

import json
from pathlib import Path

import pytest

from transferlaws.cli.corpora import card, fetch
from transferlaws.corpora import CorpusRecipe, Folder
from transferlaws.errors import TransferLawsError

TEXTS = Path(__file__).parent.parent / "corpus"


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, shared_cache: Path) -> None:
    kinds = {"english": "text", "python": "code", "othercode": "code"}
    recipes = {name: CorpusRecipe(name, (Folder(TEXTS / name),), kind) for name, kind in kinds.items()}
    monkeypatch.setattr("transferlaws.corpora.recipes", lambda _: recipes)
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(shared_cache))


def test_fetch_ends_with_token_files(capsys: pytest.CaptureFixture[str]) -> None:
    fetch("smoke", jobs=1, json=True)
    answer = json.loads(capsys.readouterr().out)
    for name in ("english", "python", "othercode"):
        for split in answer[name]["splits"].values():
            assert Path(split["tokens_file"]).stat().st_size == 2 * split["tokens"]
    fetch("smoke", jobs=1)
    shown = capsys.readouterr().out
    assert f"{answer['python']['splits']['test']['tokens']:,}" in shown


def test_cards_are_printed_and_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    card("smoke", jobs=1)
    shown = capsys.readouterr().out
    card("smoke", jobs=1, json=True)
    cards = json.loads(capsys.readouterr().out)
    assert f"{cards['english']['splits']['train']['characters']:,} characters" in shown
    card("smoke", jobs=1, out=tmp_path / "cards.json")
    assert json.loads((tmp_path / "cards.json").read_text("utf-8")) == cards


def test_an_unknown_scale() -> None:
    with pytest.raises(TransferLawsError, match="'galactic'"):
        fetch("galactic")
