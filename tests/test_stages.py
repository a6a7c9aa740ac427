"""Every page comes out right at every stage of a study: with its first two arms, without controls.

A study's first arms are published before the others are trained. Here the cells of the chapters that speak of
other arms run, as they stand in the book, over published runs of which `scratch` and `text` alone are left.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from transferlaws import prose, recall
from transferlaws.design.presets import study_named

PROJECT = Path(__file__).parents[1]
CHAPTERS = ("11", "12", "18", "paper", "reporting", "provenance")
WRONG = re.compile(r"\b(nan|inf|None|NaT)\b|\[\]|\{\}|\|---\|\s*$")
"""What no page says: a number that is none, a Python object, a table without rows."""


@pytest.fixture(scope="module", autouse=True)
def first_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The published laptop study as its first freeze would have left it, and laws with few redraws."""
    root = tmp_path_factory.mktemp("stage")
    for published in (PROJECT / "results").glob("laptop*"):
        (root / "results").mkdir(exist_ok=True)
        (root / "results" / published.name).symlink_to(published)
    (root / "results" / "laptop").unlink()
    keep_arms(PROJECT / "results" / "laptop", root / "results" / "laptop", ("scratch", "text"))
    fit_all, few = recall._fit_all, {"bootstrap": 50}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("runs", "results", "cache"):
            patch.setenv(f"TRANSFERLAWS_{name.upper()}", str(root / name))
        patch.setattr(recall, "_fit_all", lambda *args, **options: fit_all(*args, **options | few))
        yield


def keep_arms(published: Path, folder: Path, arms: tuple[str, ...]) -> None:
    """Copy the runs of some arms of a published study, without a manifest."""
    folder.mkdir()
    table = pd.read_csv(published / "runs.csv", dtype={"key": str}, float_precision="round_trip")
    kept = table[table["arm"].isin(arms)]
    kept.to_csv(folder / "runs.csv", index=False)
    curves = pd.read_parquet(published / "curves.parquet")
    curves[curves["key"].isin(set(kept["key"]))].to_parquet(folder / "curves.parquet")
    keys = set(kept["key"])
    lines = (published / "specs.jsonl").read_text("utf-8").splitlines(keepends=True)
    (folder / "specs.jsonl").write_text("".join(line for line in lines if json.loads(line)["key"] in keys))


def shown(chapter: Path) -> Iterator[tuple[str, Any]]:
    """Run the cells of a chapter one after the other: the code of each, and what it ends in."""
    names: dict[str, Any] = {}
    for body in re.findall(r"```\{code-cell\} ipython3\n(.*?)\n```", chapter.read_text("utf-8"), re.DOTALL):
        code = re.sub(r"\A(?:---\n.*?\n---\n|(?::[^\n]*\n)+)", "", body, flags=re.DOTALL)
        tree = ast.parse(code)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, chapter.name, "exec"), names)
        if isinstance(last, ast.Expr):
            yield code, eval(compile(ast.Expression(last.value), chapter.name, "eval"), names)


@pytest.mark.parametrize("number", CHAPTERS)
@pytest.mark.filterwarnings("ignore")
def test_pages_of_a_study_with_two_arms_say_what_is_missing(number: str) -> None:
    (chapter,) = (PROJECT / "book").glob(f"{number}*.md")
    said = [(code, str(value)) for code, value in shown(chapter) if isinstance(value, prose.Prose)]
    assert said
    assert [(code, match[0], text) for code, text in said if (match := WRONG.search(text))] == []
    text = " ".join(text for _, text in said)
    missing = {
        "11": ("no answer yet:** No model pre-trained on shuffled text", "One source", "not run here"),
        "12": ("no answer yet:** An exponent takes two budgets", "1 length,"),
        "18": ("no answer yet:** silent",),
        "paper": (r"$\alpha$, mix | 0.096 | – | – |", "no law for this source"),
        "provenance": ("| mix | 3,312 | **none** |",),
    }
    assert [words for words in missing.get(number, ()) if words not in text] == []


def test_studies_of_different_recipes_are_not_compared_without_a_word() -> None:
    (_, old), (_, new), (_, beside) = map(study_named, ("laptop", "laptop-2", "laptop-reverse"))
    assert "share one recipe" in prose.study.unlike(old, beside)
    said = prose.study.unlike(new, beside)
    assert "weight decay 0.1, not 3" in said and "searched in another way" in said
