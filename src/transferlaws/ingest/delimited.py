"""Text tables: commas, semicolons, tabs, bars or spaces; quoted headers, Excel's `sep=;`, a byte-order mark.

What stands above the header (a title, comments) is passed over and said; a row with too many or too few
fields is set aside and named by its line.
"""

import csv
import io
import re
from collections import Counter

import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.ingest.quantities import writes_decimal_comma
from transferlaws.ingest.sheet import Sheet, plain

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_PROBE = 200


def read_delimited(text: str, where: str) -> Sheet:
    """The table in a text, its cells as text, its index the line of each row.

    Raises TransferLawsError, naming the line, where it is no table.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    delimiter, told = _delimiter(text)
    rows, numbers = _rows(text, delimiter, where)
    if not rows:
        raise TransferLawsError(f"{where} is empty; a table needs a header line and one line a run")
    header, above, body_from = _header(rows)
    notes = [f"passed over {above} line{'s' * (above > 1)} above the header"] if above else []
    body, at = rows[body_from:], numbers[body_from:]
    if body and len(header) > 1 and all(len(row) == len(header) + 1 for row in body[:_PROBE]):
        header = ["row", *header]  # R's write.table gives the column of row names no header
    header = [name or ("row" if place == 0 else f"column {place + 1}") for place, name in enumerate(header)]
    ragged = [line for row, line in zip(body, at, strict=True) if len(row) != len(header)]
    if ragged:
        fields = next(len(row) for row in body if len(row) != len(header))
        said = f"line {ragged[0]} has {fields} field{'s' * (fields != 1)} where the header has {len(header)}"
        if len(ragged) * 2 >= len(body):
            raise TransferLawsError(f"{where} {said}; it does not read as a table with {told}")
        more = f" (and {len(ragged) - 1} more)" if len(ragged) > 1 else ""
        notes.append(f"set aside {len(ragged)} of {len(body)} rows: {said}{more}")
        kept = [(row, line) for row, line in zip(body, at, strict=True) if len(row) == len(header)]
        body, at = [row for row, _ in kept], [line for _, line in kept]
    if not body:
        raise TransferLawsError(f"{where} has a header ({plain(', '.join(header))}) and no row under it")
    header, renamed = _distinct(header)
    notes += [
        f"column {plain(name)!r} is named twice; the second is called {plain(new)!r}" for name, new in renamed
    ]
    frame = pd.DataFrame(body, columns=header, dtype=object)
    frame.index = pd.Index(at, name="line")
    seen = [cell.strip() for row in body[:_PROBE] for cell in row]
    comma = writes_decimal_comma(seen, delimiter == ";")
    kind = f"text with {told}" + (" and decimal commas" if comma else "")
    return Sheet(frame, where, kind, tuple(notes), comma)


def _delimiter(text: str) -> tuple[str, str]:
    """What parts the fields: declared by `sep=`, or the mark that parts most lines into the same number."""
    declared = re.match(r'\s*"?sep=(.)"?\s*\n', text, re.IGNORECASE)
    if declared:
        return declared[1], DELIMITERS.get(declared[1], repr(declared[1]))
    sample = [line for line in text[:65536].split("\n")[:_PROBE] if line.strip() and not line.startswith("#")]
    bare = [re.sub(r'"[^"]*"', "", line) for line in sample]
    best, votes = "", 0
    for mark in DELIMITERS:
        counts = Counter(line.count(mark) for line in bare if line.count(mark))
        if counts:
            number, lines_with = counts.most_common(1)[0]
            first = bare[0].count(mark) == number
            if number and lines_with * 2 > len(bare) and lines_with + first > votes:
                best, votes = mark, lines_with + first
    # A semicolon or tab that parts every line outvotes the decimal commas between.
    for mark in (";", "\t", "|"):
        if bare and all(line.count(mark) == bare[0].count(mark) > 0 for line in bare[: len(bare) - 1 or 1]):
            best = mark
    if best:
        return best, DELIMITERS[best]
    if bare and all(len(line.split()) == len(bare[-1].split()) > 1 for line in bare[1:]):
        return " ", "spaces"
    return ",", "commas"


def _rows(text: str, delimiter: str, where: str) -> tuple[list[list[str]], list[int]]:
    if delimiter == " ":
        text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        for row in reader:
            if not row or not any(row) or (delimiter != "," and not any(cell.strip() for cell in row)):
                continue
            if reader.line_num == 1 and row[0].lower().startswith("sep="):
                continue
            if rows and len(row) == 1 and row[0].startswith("#"):
                continue
            if delimiter == "|":
                row = row[1:] if not row[0].strip() else row
                row = row[:-1] if row and not row[-1].strip() else row
                if all(re.fullmatch(r"\s*:?-+:?\s*", cell) for cell in row):
                    continue
            rows.append(row)
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise TransferLawsError(f"{where} line {reader.line_num} is no text table: {error}") from error
    return rows, numbers


def _header(rows: list[list[str]]) -> tuple[list[str], int, int]:
    """The header, how many lines stand above it, and where the rows begin."""
    width = Counter(len(row) for row in rows[:_PROBE]).most_common(1)[0][0]
    for place, row in enumerate(rows[:_PROBE]):
        after = rows[place + 1] if place + 1 < len(rows) else []
        # R's write.table gives the column of row names no header; a title is as short, but no row follows it.
        short = len(row) == width - 1 and len(after) == width and _has_number(after) and not _has_number(row)
        if len(row) == width or (short and place == 0):
            return [name.lstrip("# ").strip() for name in row], place, place + 1
    return [name.strip() for name in rows[0]], 0, 1


def _has_number(row: list[str]) -> bool:
    return any(re.fullmatch(r"\s*[+-]?[\d.,]+(e[+-]?\d+)?\s*", cell, re.IGNORECASE) for cell in row)


def _distinct(header: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    names: list[str] = []
    renamed = []
    for name in header:
        new, count = name, 2
        while new in names:
            new, count = f"{name} ({count})", count + 1
        if new != name:
            renamed.append((name, new))
        names.append(new)
    return names, renamed[:3]
