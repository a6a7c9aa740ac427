"""Prose in the source reads as written: docstrings begin with a sentence and end in more than a word."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "transferlaws"
ROOMS = tuple(sorted(path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"))


def documented(room: str) -> Iterator[tuple[Path, int, str]]:
    """The docstrings of a file or of a folder's files: file, line and text."""
    place = PACKAGE / room
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node)
                if text is not None:
                    yield path, node.body[0].lineno, text


def test_docstrings_begin_with_a_sentence_on_one_line() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {first}"
        for room in ROOMS
        for path, line, text in documented(room)
        if not (first := text.partition("\n")[0]).rstrip(")`").endswith((".", ":", "?", "!"))
    ]
    assert found == []


def test_no_docstring_ends_in_a_line_of_one_word() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: ... {last}"
        for room in ROOMS
        for path, line, text in documented(room)
        if "\n" in text and " " not in (last := text.rpartition("\n")[2].strip())
    ]
    assert found == []
