"""What is read of a file: the text in it, and what is said of it."""

import bz2
import gzip
import io
import json
import lzma
import re
import time
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import pytest

from transferlaws.corpora.cleaning import clean
from transferlaws.corpora.duplicates import signature
from transferlaws.corpora.formats import RECORD_CHARS, Part, documents_in

FIRST = "The first passage tells of a river that ran uphill."
SECOND = "Le second parle d'une forêt où personne n'est allé."
ROWS = [{"id": 7, "text": FIRST, "meta": {"lang": "en"}}, {"id": 8, "text": SECOND, "meta": {"lang": "fr"}}]


def parts(data: str | bytes, name: str, kind: str = "text", *fields: str) -> list[Part]:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(documents_in(stream, name, kind, fields))


def texts(data: str | bytes, name: str, kind: str = "text", *fields: str) -> list[str]:
    return [part.text for part in parts(data, name, kind, *fields) if not part.reason]


def lines(rows: Sequence[Mapping[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def parquet(rows: list[dict[str, object]]) -> bytes:
    file = io.BytesIO()
    pd.DataFrame(rows).to_parquet(file)
    return file.getvalue()


def renamed(name: str) -> list[dict[str, object]]:
    return [{name if key == "text" else key: value for key, value in row.items()} for row in ROWS]


CHAT = [{"messages": [{"role": "user", "content": text}]} for text in (FIRST, SECOND)]
TABLE = f'id,text\n1,"{FIRST}"\n2,"{SECOND}"\n'


@pytest.mark.parametrize(
    ("data", "name", "fields"),
    [
        (lines(ROWS), "train.jsonl", ()),
        (lines(ROWS), "no-suffix", ()),  # told by its first two lines
        (lines(ROWS).encode("utf-16"), "train.ndjson", ()),
        (lines(renamed("Content")), "train.jsonl", ()),
        (lines(renamed("prose")), "train.jsonl", ("prose",)),
        (lines([{"data": row} for row in ROWS]), "train.jsonl", ("data.text",)),
        (lines(CHAT), "chat.jsonl", ("messages",)),
        (gzip.compress(lines(ROWS).encode()), "train.jsonl.gz", ()),
        (lzma.compress(TABLE.encode()), "rows.csv.xz", ()),
        (json.dumps(ROWS), "rows.json", ()),
        (json.dumps({"version": 1, "rows": ROWS}, indent=1), "rows.json", ()),
        (json.dumps([FIRST, SECOND]), "rows.json", ()),
        (TABLE, "rows.csv", ()),
        (TABLE.replace(",", ";", 3), "rows.csv", ()),
        (f"{FIRST}\n{SECOND}\n".replace(FIRST, f"title\n{FIRST}"), "rows.tsv", ()),  # a single column
        (parquet(ROWS), "rows.parquet", ()),
        (parquet(renamed("prose")), "rows.parquet", ("prose",)),
    ],
)
def test_of_records_the_text_is_read(data: str | bytes, name: str, fields: tuple[str, ...]) -> None:
    found = parts(data, name, "text", *fields)
    assert [part.text for part in found] == [FIRST, SECOND]
    assert all(" was read" in part.note for part in found)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (lines(renamed("prose")), "train.jsonl", "it has 'id', 'prose', 'meta'; --field names one"),
        ("id,price\n1,2\n", "rows.csv", "it has 'id', 'price'; --field names one"),
        (parquet(renamed("prose")), "rows.parquet", "'prose'"),
        ('{"scripts": {"build": "make"}}', "package.json", "it has 'scripts'"),
        ("{broken", "rows.json", "a damaged file"),
        (b"\x1f\x8bjunk", "rows.jsonl.gz", "a damaged file"),
        ('<?xml version="1.0"?>\n<!-- x --><svg viewBox="0 0 1 1"/>', "figure", "a drawing"),
        ("<svg/>", "figure.svg", "a drawing"),
        (b"PK\x03\x04" + bytes(50), "report.docx", r"not text.*\(\.docx\)"),
        ('{"cells": []}', "empty.ipynb", "a notebook without Markdown"),
    ],
)
def test_what_holds_no_text_says_why(data: str | bytes, name: str, reason: str) -> None:
    (part,) = parts(data, name)
    assert not part.text
    assert re.search(reason, part.reason)


def test_broken_records_are_counted_and_the_others_read() -> None:
    data = lines(ROWS) + '{"id": 9}\n[1, 2]\n{"id": 1, "te\n'
    assert texts(data, "train.jsonl") == [FIRST, SECOND]
    assert [part.reason for part in parts(data, "train.jsonl")[2:]] == [
        "a record without 'text'",
        "no record, in JSON lines",
        "no record, in JSON lines",
    ]


def test_a_record_that_never_ends_is_left_out() -> None:
    class Endless(io.BytesIO):
        left = RECORD_CHARS + 10**6

        def read(self, size: int | None = -1, /) -> bytes:
            block = b"x" * min(size or 0, self.left)
            self.left -= len(block)
            return block

        def seek(self, *_: int) -> int:
            self.left = RECORD_CHARS + 10**6
            return 0

    (part,) = documents_in(Endless(), "rows.jsonl", "text")
    assert "more than 50,000,000 characters" in part.reason


def test_notebooks_give_the_cells_of_the_kind() -> None:
    cells = [{"cell_type": "markdown", "source": [FIRST, "\n"]}, {"cell_type": "code", "source": "x = 1"}]
    data = json.dumps({"cells": cells})
    assert texts(data, "a.ipynb") == [FIRST + "\n"]
    assert texts(data, "a.ipynb", "code") == ["x = 1"]


@pytest.mark.parametrize("name", ["page.html", "page", "page.htm"])
def test_html_is_what_stands_between_tags(name: str) -> None:
    head = "<head><style>p {}</style><script>if (a < b) c()</script></head>"
    page = f"<!DOCTYPE html><html>{head}<p>{FIRST}</p>"
    (text,) = texts(page, name)
    assert text.strip() == FIRST
    assert texts(page, "page.html", "code") == [page]


def test_front_matter_goes_from_markdown_only() -> None:
    page = f"---\r\ntitle: A\r\n---\r\n{FIRST}\r\n---\r\n"
    assert texts(page, "page.md") == [f"{FIRST}\n---\n"]
    assert texts(page, "page.txt") == [page]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_are_unpacked(pack: Callable[[bytes], bytes]) -> None:
    suffix = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[pack]
    assert texts(pack(FIRST.encode()), f"note.txt.{suffix}") == [FIRST]


def test_code_that_looks_like_records_or_pages_stays_code() -> None:
    for code in ('{\n  "a": 1\n}\n', "<html>\n</html>\n", "---\na: 1\n---\nb: 2\n"):
        assert texts(code, "file.json", "code") == [code]


def test_a_long_file_of_code_is_cut_between_its_paragraphs() -> None:
    code = "".join(f"int f{n}(int a) {{\n  return a + {n};\n}}\n\n" for n in range(20_000))
    found = parts(code, "all.c", "code")
    assert "".join(part.text for part in found) == code
    assert [part.label for part in found[:3]] == ["", "#1", "#2"]
    assert all(part.text.startswith("int f") or part.text.startswith("\nint f") for part in found)


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("a.html", "text", "<!-- a --> " * 60 + "<script>" * 90_000 + FIRST),
        ("a.html", "text", "<!--" * 200_000 + FIRST),
        ("a", "text", "<!-- a -->" * 500 + FIRST),
        ("a.jsonl", "text", "[" * 300_000),
        ("a.json", "text", "[" * 300_000),
        ("a.csv", "text", '"' * 300_001),
        ("a.c", "code", "// a\n" + "\n" * 190_000 + "int a;"),
        ("a.c", "code", " " * 199_000 + "x\n"),
        ("a.txt", "text", "a " + "\n \n" * 60_000 + "b"),
        ("a.txt", "text", "A1" * 90_000),
    ],
)
def test_nothing_takes_longer_than_its_length(name: str, kind: str, data: str) -> None:
    """Each of these would take a careless regular expression minutes to centuries."""
    before = time.process_time()
    for part in parts(data, name, kind):
        clean(part.text, kind)
        signature(part.text, kind, 2)
    assert time.process_time() - before < 3
