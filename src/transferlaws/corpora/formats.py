"""What is text in a file of somebody's folder: by its name and its first characters, and said.

Running text and code are read as they stand. Of records (JSON lines, JSON, tables, Parquet) one field is
read, of notebooks the cells of the kind asked for, of HTML and XML what stands between tags, of Markdown what
stands below the front matter. Drawings and files that are not text are left out, each with its reason.
"""

import bz2
import csv
import gzip
import json
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Any, BinaryIO, NamedTuple, cast

from transferlaws.corpora.encodings import HEAD_BYTES, Encoding, encoding_of
from transferlaws.corpora.readers import BROKEN, CUT, decoded, in_pieces, without_html

TEXT_FIELDS = (
    "text",
    "content",
    "body",
    "raw_content",
    "document",
    "article",
    "passage",
    "paragraph",
    "sentence",
)
CODE_FIELDS = ("content", "code", "text")
WHOLE_BYTES = 100_000_000  # formats that must be parsed whole are read up to this size
RECORD_CHARS = 50_000_000  # a longer line is no record
MOST_NAMED = 6  # fields in a message
LOOKED_AT = 100  # records from which the field is chosen

_PACKED: dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_MARKDOWN = (".md", ".markdown", ".mdx", ".qmd", ".rmd")
_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n.*?\n\1[ \t]*(?:\n|\Z)", re.DOTALL)
_SVG = re.compile(r"(?is)(?>(?:<\?xml.*?\?>|<!doctype.*?>|<!--.*?-->|\s)*)<svg[\s>]")
_UNSEEN = re.compile(r"(?i)<!--|<\?|<!doctype|<(script|style|template|noscript|svg)\b")
_ENDS = {"<!--": "-->", "<?": r"\?>", "<!doctype": ">"}


class TooLongError(ValueError):
    """What would not fit into memory."""


class Part(NamedTuple):
    """One document of a file: its text, what is added to the file's path, and what is to be said of it."""

    text: str
    label: str = ""
    note: str = ""
    reason: str = ""
    piece: int = 0


def documents_in(stream: BinaryIO, name: str, kind: str, fields: Sequence[str] = ()) -> Iterator[Part]:
    """The documents of the file `name`; `fields` are those to read of records, if not the usual ones."""
    suffix = PurePosixPath(name).suffix.lower()
    try:
        if suffix in _PACKED:
            with _PACKED[suffix](stream) as inside:
                yield from documents_in(cast(BinaryIO, inside), name[: -len(suffix)], kind, fields)
        elif suffix == ".parquet":
            yield from _parts(_parquet(stream, kind, fields))
        elif suffix == ".svg":
            yield Part("", reason="a drawing (SVG)")
        elif (encoding := encoding_of(stream)) is None:
            yield Part("", reason=f"not text, or in an unknown encoding ({suffix or 'no suffix'})")
        else:
            for part in _text(stream, encoding, suffix, kind, fields):
                said = encoding.said and f"read as {encoding.said}"
                yield part._replace(note="; ".join(filter(None, (part.note, said))))
    except TooLongError as error:
        yield Part("", reason=str(error))
    except (*BROKEN, RecursionError):
        yield Part("", reason=f"a damaged file{suffix and f' ({suffix})'}")


def _text(
    stream: BinaryIO, encoding: Encoding, suffix: str, kind: str, fields: Sequence[str]
) -> Iterator[Part]:
    blocks = decoded(stream, encoding.codec, encoding.errors)
    head = next(blocks)
    blocks = chain([head], blocks)
    start = head[:HEAD_BYTES].lstrip()
    if _SVG.match(start):
        return iter([Part("", reason="a drawing (SVG)")])
    if suffix in (".csv", ".tsv", ".tab"):
        return _parts(_table(blocks, kind, fields))
    if suffix in (".jsonl", ".ndjson") or _holds_json_lines(start):
        return _parts(_json_lines(blocks, kind, fields))
    if suffix == ".ipynb":
        return _parts(_notebook(_whole(blocks), kind))
    if kind == "code" or (suffix in ("", ".txt") and not start.startswith("<")):
        return _running(blocks)
    if suffix == ".json":
        return _parts(_json(_whole(blocks), kind, fields))
    if suffix in (".html", ".htm", ".xhtml") or re.match(r"(?i)<!doctype html|<html", start):
        return _parts([Part(_untagged(_whole(blocks)), note="HTML, without its tags")])
    if suffix == ".xml" or start.startswith("<?xml"):
        return _parts([Part(_untagged(_whole(blocks)), note="XML, without its tags")])
    if suffix in _MARKDOWN and (front := _FRONT.match(head.replace("\r\n", "\n"))):
        rest = head.replace("\r\n", "\n")[front.end() :]
        return _running(chain([rest], islice(blocks, 1, None)), "Markdown, without its front matter")
    return _running(blocks)


def _running(blocks: Iterable[str], note: str = "") -> Iterator[Part]:
    for number, text in enumerate(in_pieces(blocks)):
        label = f"#{number}" if number else ""
        yield Part(text, label, note or (CUT if number else ""), piece=number)


def _parts(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts, of which long ones are cut like running text."""
    for part in parts:
        for number, text in enumerate(in_pieces([part.text])):
            label = f"{part.label}#{number}" if number else part.label
            yield part._replace(text=text, label=label, piece=number)


def _whole(blocks: Iterable[str]) -> str:
    text, size = [], 0
    for block in blocks:
        text.append(block)
        size += len(block)
        if size > WHOLE_BYTES:
            raise TooLongError(f"longer than {WHOLE_BYTES:,} characters, in a format that is read whole")
    return "".join(text)


def _untagged(text: str) -> str:
    """What a page shows: without scripts, styles, drawings, comments and tags."""
    kept: list[str] = []
    unclosed: set[str] = set()  # each end is looked for in vain once, however often it is missing
    at = 0
    for opening in _UNSEEN.finditer(text):
        tag = opening[1]
        end = rf"</{tag.lower()}\s*>" if tag else _ENDS[opening[0].lower()]
        if opening.start() < at or end in unclosed:
            continue
        closing = re.compile(end, re.IGNORECASE).search(text, opening.end())
        if closing is None:
            unclosed.add(end)
        else:
            kept.append(text[at : opening.start()])
            at = closing.end()
    return without_html(" ".join([*kept, text[at:]]))


def _lines(blocks: Iterable[str]) -> Iterator[str]:
    """Blocks of text line by line, with their ends."""
    pending: list[str] = []
    size = 0
    for block in blocks:
        first, *others = block.split("\n")
        pending.append(first)
        size += len(first)
        if size > RECORD_CHARS:
            raise TooLongError(f"a line of records of more than {RECORD_CHARS:,} characters")
        if others:
            yield "".join(pending) + "\n"
            *whole, last = others
            yield from (line + "\n" for line in whole)
            pending, size = [last], len(last)
    if size:
        yield "".join(pending)


def _holds_json_lines(start: str) -> bool:
    """Whether two lines at the beginning of a file are JSON objects each."""
    if not start.startswith("{"):
        return False
    lines = [line for line in start.split("\n")[:3] if line.strip()][:2]
    return len(lines) == 2 and all(isinstance(_parsed(line), dict) for line in lines)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _json_lines(blocks: Iterable[str], kind: str, fields: Sequence[str]) -> Iterator[Part]:
    lines = ((number, _parsed(line)) for number, line in enumerate(_lines(blocks), 1) if line.strip())
    return _records(lines, kind, fields, "JSON lines")


def _json(text: str, kind: str, fields: Sequence[str]) -> Iterator[Part]:
    data = json.loads(text)
    if isinstance(data, dict):  # one record, or the list of records in it
        lists = [
            v for v in data.values() if isinstance(v, list) and v and all(isinstance(r, dict) for r in v)
        ]
        data = max(lists, key=len) if lists and not _chosen([data], kind, fields) else [data]
    if isinstance(data, list) and data and all(isinstance(entry, str) for entry in data):
        data = [{"text": entry} for entry in data]
        fields = ("text",)
    return _records(enumerate(data if isinstance(data, list) else [data], 1), kind, fields, "JSON")


def _records(rows: Iterable[tuple[int, Any]], kind: str, fields: Sequence[str], what: str) -> Iterator[Part]:
    """Each record's field as a document."""
    rows = iter(rows)
    first = list(islice(rows, LOOKED_AT))
    chosen = _chosen([row for _, row in first], kind, fields)
    if not chosen:
        names = list(dict.fromkeys(name for _, row in first if isinstance(row, dict) for name in row))
        has = ", ".join(map(repr, names[:MOST_NAMED])) + (" …" if len(names) > MOST_NAMED else "")
        yield Part("", reason=f"{what} without a field of text (it has {has or 'none'}; --field names one)")
        return
    named = " and ".join(map(repr, chosen))
    note = f"{what}, of which {named} was read"
    for number, row in chain(first, rows):
        texts = [_string(_get(row, name)) for name in chosen] if isinstance(row, dict) else []
        text = "\n".join(filter(None, texts))
        lacking = f"a record without {named}" if texts else f"no record, in {what}"
        yield Part(text, f":{number}", note, "" if text else lacking)


def _chosen(rows: Sequence[Any], kind: str, fields: Sequence[str]) -> tuple[str, ...]:
    """The fields to read: those asked for that are there, else the first name for text that most have."""
    records = [row for row in rows if isinstance(row, dict)]
    if fields:
        return tuple(f for f in fields if any(_string(_get(row, f)) for row in records))
    names = {name.lower(): name for row in records for name in row if isinstance(name, str)}
    for candidate in CODE_FIELDS if kind == "code" else TEXT_FIELDS:
        name = names.get(candidate)
        if name is not None and 2 * sum(bool(_string(row.get(name))) for row in records) >= len(records):
            return (name,)
    return ()


def _get(row: Mapping[str, Any], field: str) -> Any:
    """A field, or by dots one within another."""
    if field in row:
        return row[field]
    value: Any = row
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _string(value: Any) -> str:
    """A field's text; of a list of strings or of messages, all of them."""
    if isinstance(value, list):
        return "\n".join(filter(None, map(_string, value)))
    if isinstance(value, dict):
        return next((text for name in TEXT_FIELDS if (text := _string(value.get(name)))), "")
    return value if isinstance(value, str) else ""


def _table(blocks: Iterable[str], kind: str, fields: Sequence[str]) -> Iterator[Part]:
    csv.field_size_limit(RECORD_CHARS)
    lines = _lines(blocks)
    header = next(lines, "")
    delimiter = max("\t;,|", key=header.count)
    rows = csv.reader(chain([header], lines), delimiter=delimiter)
    names = next(rows, [])
    if len(names) == 1 and not fields:
        fields = (names[0],)
    return _records(
        ((number, dict(zip(names, row, strict=False))) for number, row in enumerate(rows, 2) if row),
        kind,
        fields,
        "a table",
    )


def _parquet(stream: BinaryIO, kind: str, fields: Sequence[str]) -> Iterator[Part]:
    from pyarrow import parquet

    file = parquet.ParquetFile(stream)
    rows = (row for batch in file.iter_batches(1_000) for row in batch.to_pylist())
    return _records(enumerate(rows, 1), kind, fields, "Parquet")


def _notebook(text: str, kind: str) -> Iterator[Part]:
    wanted = "code" if kind == "code" else "markdown"
    cells = json.loads(text)["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == wanted]
    found = "\n\n".join(filter(None, texts))
    said = "code" if kind == "code" else "Markdown"
    note, reason = f"a notebook, of which the {said} cells were read", f"a notebook without {said}"
    yield Part(found, note=note, reason="" if found else reason)
