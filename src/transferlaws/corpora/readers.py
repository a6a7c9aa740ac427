"""From a file's bytes to pieces of text, one small reader a format.

A reader takes an open binary stream and the fields it is asked for, and yields raw text. Bytes that are not
UTF-8 come out as lone surrogates, which the cleaning then finds, drops and counts. Memory stays bounded: a
file of running text is read in pieces, and only formats that must be parsed whole are read whole.
"""

import ast
import codecs
import csv
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

from transferlaws.errors import TransferLawsError

PIECE_CHARS = 100_000  # running text is read in pieces of about this size
CUT = "cut out of a longer document"
PACK_CHARS = 4_000  # short entries (glosses, definitions, field texts) are joined to documents of this size
CODE_BYTES = 800_004  # more than the longest code file that is kept can have; never read further

Reader = Callable[[BinaryIO, tuple[str, ...]], Iterator[str]]


def pieces(stream: BinaryIO, codec: str = "utf-8-sig", errors: str = "surrogateescape") -> Iterator[str]:
    """Running text in pieces of about PIECE_CHARS, cut between paragraphs or lines where there are any."""
    return in_pieces(decoded(stream, codec, errors))


def decoded(stream: BinaryIO, codec: str, errors: str) -> Iterator[str]:
    """A file's text, block by block."""
    decode = codecs.getincrementaldecoder(codec)(errors).decode
    while block := stream.read(PIECE_CHARS):
        yield decode(block)
    yield decode(b"", final=True)


def in_pieces(blocks: Iterable[str], chars: int = PIECE_CHARS) -> Iterator[str]:
    """Blocks of text joined and cut anew, into pieces of half to twice `chars`, at paragraphs or lines."""
    pending = ""
    for block in blocks:
        pending += block
        start = 0
        while len(pending) - start >= 2 * chars:
            ends = (pending.rfind(end, start + chars // 2, start + chars) for end in ("\n\n", "\n", " "))
            cut = next((place + 1 for place in ends if place >= 0), start + chars)
            yield pending[start:cut]
            start = cut
        pending = pending[start:]
    yield pending


def packed(items: Iterable[str]) -> Iterator[str]:
    """Short entries joined, one a line, into documents of about PACK_CHARS."""
    pack: list[str] = []
    size = 0
    for item in items:
        pack.append(item)
        size += len(item) + 1
        if size >= PACK_CHARS:
            yield "\n".join(pack)
            pack, size = [], 0
    if pack:
        yield "\n".join(pack)


def without_html(text: str) -> str:
    """The text of a fragment of HTML: paragraph ends become line ends, tags go, entities are resolved."""
    text = re.sub(r"(?i)<(?:br|/?p|/?li|/?ul|/?ol|/?h\d|/?div|/?note)\b[^<>]*>", "\n", text)
    return html.unescape(re.sub(r"</?[A-Za-z][^<>]*>", "", text))


def _text(stream: BinaryIO, _: tuple[str, ...]) -> Iterator[str]:
    return pieces(stream)


def _code(stream: BinaryIO, _: tuple[str, ...]) -> Iterator[str]:
    yield stream.read(CODE_BYTES).decode("utf-8-sig", "surrogateescape")


def _strings(node: Any, fields: tuple[str, ...]) -> list[str]:
    """Strings anywhere below the named fields of a parsed JSON document, in document order."""
    found: list[str] = []

    def walk(node: Any, wanted: bool) -> None:
        if isinstance(node, str):
            if wanted:
                found.append(node)
        elif isinstance(node, dict):
            for key, value in node.items():
                walk(value, key in fields)
        elif isinstance(node, list):
            for value in node:
                walk(value, wanted)

    walk(node, False)
    return found


def _json(shortest: int) -> Reader:
    def read(stream: BinaryIO, fields: tuple[str, ...]) -> Iterator[str]:
        long = (text for text in _strings(json.load(stream), fields) if len(text) >= shortest)
        return packed(text for raw in long if len(text := without_html(raw).strip()) >= shortest)

    return read


def _speeches(stream: BinaryIO, fields: tuple[str, ...]) -> Iterator[str]:
    return iter(_strings(json.load(stream), fields))


def _csv(stream: BinaryIO, fields: tuple[str, ...]) -> Iterator[str]:
    csv.field_size_limit(10**8)
    lines = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="")
    for row in csv.DictReader(lines):
        yield "\n".join(row[field].strip() for field in fields if row.get(field))


def _csv_packed(stream: BinaryIO, fields: tuple[str, ...]) -> Iterator[str]:
    return packed(_csv(stream, fields))


def _table(header_lines: int) -> Reader:
    """Tab-separated tables: column names in the first line, texts below `header_lines` lines."""

    def read(stream: BinaryIO, fields: tuple[str, ...]) -> Iterator[str]:
        csv.field_size_limit(10**8)
        lines = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape", newline="")
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = [next(rows).index(field) for field in fields]
        texts = (row[column] for row in islice(rows, header_lines - 1, None) for column in columns if row)
        return packed(text.strip() for text in texts)

    return read


def _gcide(stream: BinaryIO, fields: tuple[str, ...]) -> Iterator[str]:
    """Definitions and quotations of Webster 1913, without etymologies and source marks."""
    texts = _strings(
        [
            definition
            for entry in json.load(stream).values()
            for sense in entry.get("pos", [])
            for definition in sense.get("definitions", [])
        ],
        fields,
    )
    cleaned = (re.sub(r"\s*\[?(?:\d{4} )?Webster(?: \d{4} Suppl\.)?\]", "", text).strip() for text in texts)
    return packed(text for text in cleaned if len(text) >= 20)


def _wordnet(stream: BinaryIO, _: tuple[str, ...]) -> Iterator[str]:
    """The gloss of each synset: what stands after the bar."""
    lines = io.TextIOWrapper(stream, "utf-8", errors="surrogateescape")
    return packed(line.split(" | ", 1)[1].strip() for line in lines if " | " in line)


def _front_matter(stream: BinaryIO, _: tuple[str, ...]) -> Iterator[str]:
    """A text below YAML front matter between two lines of three dashes."""
    text = stream.read().decode("utf-8-sig", "surrogateescape")
    yield re.sub(r"\A---\s*\n.*?\n---\s*\n", "", text, count=1, flags=re.DOTALL)


def _longest_string(stream: BinaryIO, _: tuple[str, ...]) -> Iterator[str]:
    """The longest string literal of a Python module (parsed, never run), backquoted apostrophes mended."""
    tree = ast.parse(stream.read())
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    text = max((value for value in strings if isinstance(value, str)), key=len)
    return pieces(io.BytesIO(text.replace("`", "'").encode()))


READERS: dict[str, Reader] = {
    "text": _text,
    "code": _code,
    "json": _json(150),
    "api": _json(120),
    "speeches": _speeches,
    "csv": _csv,
    "csv-packed": _csv_packed,
    "table": _table(1),
    "orange-table": _table(3),
    "gcide": _gcide,
    "wordnet": _wordnet,
    "front-matter": _front_matter,
    "longest-string": _longest_string,
}


BROKEN = (
    *(ValueError, KeyError, TypeError, AttributeError, SyntaxError, csv.Error),  # not the format it should be
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error),  # not even readable
)


def read(reader: str, stream: BinaryIO, fields: tuple[str, ...], where: str) -> Iterator[str]:
    """Pieces of raw text of one file; raises TransferLawsError (naming `where`) if its format is broken."""
    try:
        yield from READERS[reader](stream, fields)
    except BROKEN as error:
        raise TransferLawsError(f"cannot read {where} as {reader}: {error}") from error
