"""What every chapter promises a reader: closed predictions, checks that are named, names that stay theirs."""

import ast
import re
from pathlib import Path

import pytest

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = sorted(BOOK.glob("[01][0-9]-*.md"))
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOLUTION = re.compile(r"^```\{solution-start\} (\S+)\n(.*?)^```\{solution-end\}", re.MULTILINE | re.DOTALL)
EXERCISE = re.compile(
    r"^```\{exercise-start\}\n:label: (\S+)\n```\n(.*?)^```\{exercise-end\}", re.MULTILINE | re.DOTALL
)


def code(text: str) -> str:
    """The Python of all cells in a text, without their options."""
    cells = (
        re.sub(r"\A(?:---\n.*?\n---\n|(?::\w+:.*\n)+)", "", cell, flags=re.DOTALL)
        for cell in CELL.findall(text)
    )
    return "\n".join(cells)


def bound(source: str) -> set[str]:
    """Names that Python at the top level binds: assigned, defined, looped over; imports are not counted."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                found.add(each.id)
            if isinstance(each, ast.comprehension):
                found -= {name.id for name in ast.walk(each.target) if isinstance(name, ast.Name)}
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_says_what_it_gives_and_takes(path: Path) -> None:
    text = path.read_text()
    for said in ("**After this chapter you can**", "*You need*", "## Rerun this chapter"):
        assert said in text, f"{path.name} lacks {said!r}"
    assert ":tags: [parameters]" in text
    stated = int(re.search(r"Reading time:\s+(\d+) minutes", text)[1])  # type: ignore[index]
    assert 0.75 <= stated / minutes(text.partition("## Exercises")[0]) <= 1.75, f"{stated} minutes?"


def minutes(text: str) -> float:
    """Reading time: 200 words a minute, and what figures, results and predictions ask for beside them."""
    words, figures = len(re.findall(r"\w+", CELL.sub("", text))), text.count("mystnb:")
    results = len(CELL.findall(text)) - figures
    return words / 200 + 1.5 * figures + 0.4 * results + text.count("} Predict first")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_prediction_is_closed(path: Path) -> None:
    text = path.read_text()
    asked, closed = (
        text.count("} Predict first"),
        text.count("numbers.closing(") + text.count("where_it_misses("),
    )
    assert asked and asked == closed, f"{path.name} asks {asked} times and closes {closed}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_exercises_are_three_or_more_and_name_their_check(path: Path) -> None:
    text = path.read_text()
    kinds = re.findall(r"^\*\*(Quick|Code|Project)\.\*\*", text, re.MULTILINE)
    assert len(kinds) >= 3 and set(kinds) == {"Quick", "Code", "Project"}
    asked, checked = dict(EXERCISE.findall(text)), 0
    for label, solution in SOLUTION.findall(text):
        for check, answer in re.findall(r"(check_\w+)\((\w+)\)", code(solution)):
            checked += 1
            words = " ".join(asked[label].split())
            assert f"from transferlaws.exercises import {check}" in words, f"{path.name}, {label}"
            assert f"{check}({answer})" in words, f"{path.name}, {label}"
    assert checked


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_solution_takes_a_name_that_the_chapter_uses(path: Path) -> None:
    text = path.read_text()
    chapter = bound(code(SOLUTION.sub("", text)))
    taken = {label: bound(code(solution)) & chapter for label, solution in SOLUTION.findall(text)}
    assert not any(taken.values()), f"{path.name}: {taken}"


def test_sessions_of_the_plan_for_teachers_last_ninety_minutes_and_leave_time_to_read() -> None:
    text = (BOOK / "for-teachers.md").read_text()
    given: dict[str, int] = {}
    for session in text.split("## Session ")[1:]:
        rows = re.findall(r"^\| (\d+) \| (.*) \| (?:{doc}`(.*)`|the same) \|$", session, re.MULTILINE)
        assert sum(int(length) for length, *_ in rows) == 90
        for length, what, chapter in rows:
            if chapter and "the first figure" not in what:
                given[chapter] = given.get(chapter, 0) + int(length)
    for chapter, length in given.items():
        stated = re.search(r"Reading time:\s+(\d+) minutes", (BOOK / f"{chapter}.md").read_text())
        assert stated and length >= int(stated[1]), f"{chapter}: {length} minutes to read it"
    assert len(given) == 14
