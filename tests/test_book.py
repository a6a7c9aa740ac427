"""The website's machinery, on a book of one page: what is executed, what is skipped, what a failure says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from transferlaws import book, files
from transferlaws.errors import TransferLawsError

PROJECT = Path(__file__).parents[1]

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
# One page

"""
CELL = """```{code-cell} ipython3
%s
```

"""


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the real configuration and one chapter that prints its parameters."""
    (tmp_path / "book").mkdir()
    shutil.copy(PROJECT / "_config.yml", tmp_path)
    shutil.copytree(PROJECT / "book" / "_ext", tmp_path / "book" / "_ext")
    shutil.copytree(PROJECT / "book" / "_static", tmp_path / "book" / "_static")
    (tmp_path / "book" / "references.bib").write_text("")
    entry = "```{glossary}\nfloor\n  Where a curve ends. It is seldom seen.\n```\n"
    (tmp_path / "book" / "glossary.md").write_text(f"# Words\n\n{entry}")
    toc = "format: jb-book\nroot: book/01-page\nchapters:\n  - file: book/glossary\n"
    (tmp_path / "_toc.yml").write_text(toc)
    write(tmp_path, 'print("scale is", scale, 6 * 7)')
    monkeypatch.setenv("TRANSFERLAWS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("TRANSFERLAWS_RESULTS", str(tmp_path / "results"))
    return tmp_path


def write(root: Path, code: str) -> None:
    """Give the book's one chapter this code."""
    parameters = CELL % ':tags: [parameters]\nscale: str = "laptop"  # smoke | laptop'
    (root / "book" / "01-page.md").write_text(
        HEADER + parameters + "$E + B$, two **floors** and `a floor`\n\n" + CELL % code
    )


def test_pages_are_executed_once_and_again_only_when_something_changed(
    mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = book.build("tiny", jobs=1, root=mini)
    page = mini / "_build" / "html" / "book" / "01-page.html"
    assert index.is_file()
    text = page.read_text()
    assert "scale is tiny 42" in text
    (link,) = re.findall(r'<a class="term[^>]*href="(.*?)" title="(.*?)"[^>]*>(.*?)</a>', text)
    assert link == ("glossary.html#term-floor", "Where a curve ends.", "<span>floors</span>")
    notebook = mini / "_build" / "stage" / "tiny" / "book" / "01-page.ipynb"
    first, setting = notebook.stat().st_mtime_ns, page.stat().st_mtime_ns

    with monkeypatch.context() as nothing_to_set:
        nothing_to_set.delattr(book, "_set_pages")
        book.build("tiny", jobs=1, root=mini)
    assert notebook.stat().st_mtime_ns == first
    page.write_text(text[:100])
    book.build("tiny", jobs=1, root=mini)
    assert page.stat().st_mtime_ns > setting and page.read_text() == text

    (mini / "results").mkdir()
    (mini / "results" / "laws.json").write_text("{}")
    book.build("tiny", jobs=1, root=mini)
    assert notebook.stat().st_mtime_ns > first


def test_a_staged_notebook_that_was_cut_or_edited_is_executed_again(
    mini: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "_set_pages", lambda root, *_, **__: root)
    notebook = mini / "_build" / "stage" / "tiny" / "book" / "01-page.ipynb"
    book.build("tiny", jobs=1, root=mini)
    whole = notebook.read_bytes()
    for damaged in (whole.replace(b"tiny 42", b"tiny 43"), whole[: len(whole) // 2]):
        notebook.write_bytes(damaged)
        book.build("tiny", jobs=1, root=mini)
        assert b"scale is tiny 42" in notebook.read_bytes()


def test_a_chapter_whose_process_is_killed_is_named(mini: Path) -> None:
    write(mini, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)")
    with pytest.raises(TransferLawsError, match=r"book/01-page: not done, .* killed from outside"):
        book.build("tiny", jobs=1, root=mini)


def test_a_failing_chapter_is_named_with_its_cell_and_error_and_tried_again(mini: Path) -> None:
    write(mini, "total = 1\ntotal / 0")
    with pytest.raises(
        TransferLawsError, match=r"chapter 01-page, cell \d+ \(total = 1\): ZeroDivisionError"
    ):
        book.build("tiny", jobs=1, root=mini)
    with pytest.raises(TransferLawsError, match="01-page"):
        book.chapter("1", "tiny", root=mini)
    write(mini, "print('mended')")
    assert "mended" in book.chapter("1", "tiny", root=mini).read_text()


def test_wrong_requests_are_answered_plainly(mini: Path, tmp_path: Path) -> None:
    for name in ("9", "", "-", "0"):
        with pytest.raises(TransferLawsError, match=f"no chapter '{name}'; there are: 01-page"):
            book.chapter(name, "tiny", root=mini)
    with files.locked(mini / "_build" / ".lock"), pytest.raises(TransferLawsError, match="another build"):
        book.build("tiny", jobs=1, root=mini)
    with pytest.raises(TransferLawsError, match="jobs must be 1 or more"):
        book.build("tiny", jobs=0, root=mini)
    with pytest.raises(TransferLawsError, match=r"the one with _toc\.yml"):
        book.build("tiny", root=tmp_path / "nowhere")


def test_every_entry_of_the_glossary_is_a_word_that_chapters_use() -> None:
    chapters = "\n".join(path.read_text("utf-8") for path in sorted((PROJECT / "book").glob("[0-9]*.md")))
    glossary = (PROJECT / "book" / "glossary.md").read_text("utf-8")
    entries = re.findall(r"^(\w.*)\n  \S", glossary.partition("{glossary}")[2], re.MULTILINE)
    assert len(entries) > 25
    assert [
        word for word in entries if not re.search(rf"(?<![\w-]){re.escape(word)}s?\b", chapters, re.I)
    ] == []


def test_pages_load_no_torch() -> None:
    modules = "transferlaws.book, transferlaws.figures.charts, transferlaws.figures, transferlaws.prose"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
