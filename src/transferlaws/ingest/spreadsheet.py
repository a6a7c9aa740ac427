"""The cells of an Excel workbook (.xlsx): ECMA-376 is a zip of XML, and values are all that is read of it.

A formula counts as the value that Excel stored beside it; nothing is calculated, nothing linked is opened.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.ingest.sheet import Sheet, plain

MOST_BYTES = 2**30
"""A part of a workbook may unpack to this, bytes; a file made to burst is refused before it does."""

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_STRICT = "{http://purl.oclc.org/ooxml/spreadsheetml/main}"
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})$")


def read_workbook(path: Path) -> list[Sheet]:
    """The sheets of an .xlsx file that hold a table, in their order, the index the row of the sheet.

    Raises TransferLawsError if it is no workbook, or none of its sheets holds a table.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            shared = _shared_strings(archive)
            found = [
                sheet
                for name, part in _parts(archive)
                if (sheet := _sheet(archive, part, shared, path, name)) is not None
            ]
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, ValueError, NotImplementedError) as error:
        raise TransferLawsError(f"{path} is no whole Excel workbook ({plain(error)})") from error
    except (OSError, EOFError, RuntimeError) as error:
        raise TransferLawsError(f"cannot read {path}: {plain(error)}") from error
    if not found:
        raise TransferLawsError(f"{path} has no sheet with a header and rows")
    return found


def _open(archive: zipfile.ZipFile, part: str) -> IO[bytes]:
    size = archive.getinfo(part).file_size
    if size > MOST_BYTES:
        raise ValueError(f"{part} unpacks to {size:,} bytes")
    return archive.open(part)


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Each sheet's name and the part of the zip it is in."""
    relations = {}
    with _open(archive, "xl/_rels/workbook.xml.rels") as file:
        for element in ElementTree.parse(file).iter():
            if element.get("Id"):
                relations[element.get("Id")] = (element.get("Target") or "").lstrip("/")
    with _open(archive, "xl/workbook.xml") as file:
        for element in ElementTree.parse(file).iter():
            if element.tag in (f"{_MAIN}sheet", f"{_STRICT}sheet"):
                key = next((value for name, value in element.items() if name.endswith("}id")), None)
                target = relations.get(key, "")
                if "worksheets" in target:
                    part = target if target.startswith("xl/") else f"xl/{target}"
                    yield element.get("name") or part, part


def _shared_strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    with _open(archive, "xl/sharedStrings.xml") as file:
        root = ElementTree.parse(file).getroot()
    return [_text(item) for item in root]


def _text(item: ElementTree.Element) -> str:
    """The text of a string: its runs joined, readings of Japanese words (rPh) left out."""
    if item.tag.endswith("}rPh"):
        return ""
    own = item.text or "" if item.tag.endswith("}t") else ""
    return own + "".join(_text(child) for child in item)


def _sheet(archive: zipfile.ZipFile, part: str, shared: list[str], path: Path, name: str) -> Sheet | None:
    rows: dict[int, dict[int, object]] = {}
    uncalculated = 0
    with _open(archive, part) as file:
        row_number = 0
        for _, element in ElementTree.iterparse(file):
            kind = element.tag.rpartition("}")[2]
            if kind != "row":
                continue
            row_number = int(element.get("r") or row_number + 1)
            cells: dict[int, object] = {}
            for place, cell in enumerate(element):
                value, formula = _cell(cell, shared)
                uncalculated += formula and value is None
                if value is not None:
                    cells[_column(cell.get("r"), place)] = value
            if cells:
                rows[row_number] = cells
            element.clear()
    if len(rows) < 2:
        return None
    return _as_table(rows, f"{path}, sheet {plain(name)}", uncalculated)


def _cell(cell: ElementTree.Element, shared: list[str]) -> tuple[object, bool]:
    """A cell's value (None if it is empty), and whether a formula stands behind it."""
    parts = {child.tag.rpartition("}")[2]: child for child in cell}
    kind, formula = cell.get("t", "n"), "f" in parts
    if kind == "inlineStr":
        return (_text(parts["is"]) if "is" in parts else None), formula
    raw = parts["v"].text if "v" in parts else None
    if raw is None:
        return None, formula
    if kind == "s":
        return shared[int(raw)], formula
    if kind in ("str", "d"):
        return raw, formula
    if kind == "b":
        return raw == "1", formula
    if kind == "e":
        return raw, formula
    return float(raw), formula


def _column(reference: str | None, place: int) -> int:
    match = _REFERENCE.match(reference or "")
    if not match:
        return place
    column = 0
    for letter in match[1]:
        column = 26 * column + ord(letter) - 64
    return column - 1


def _as_table(rows: dict[int, dict[int, object]], where: str, uncalculated: int) -> Sheet | None:
    """The rows as a table: the header is the first row as wide as most, what is above is passed over."""
    widths = sorted(len(cells) for cells in rows.values())
    usual = widths[len(widths) // 2]
    first = next((number for number, cells in rows.items() if len(cells) >= max(usual, 2)), None)
    first = next(iter(rows)) if first is None else first
    columns = sorted(rows[first])
    header = [plain(rows[first][column], 200) for column in columns]
    if len(set(header)) < len(header):
        header = [name if header.index(name) == i else f"{name} ({i + 1})" for i, name in enumerate(header)]
    body = {number: cells for number, cells in rows.items() if number > first}
    if not body:
        return None
    frame = pd.DataFrame(
        [[cells.get(column, "") for column in columns] for cells in body.values()],
        columns=header,
        dtype=object,
    )
    frame.index = pd.Index(list(body), name="row")
    above = sum(1 for number in rows if number < first)
    notes = [f"passed over {above} row{'s' * (above > 1)} above the header"] if above else []
    if uncalculated:
        notes.append(
            f"{uncalculated} formulas have no stored value (open and save it in Excel once); empty here"
        )
    return Sheet(frame, where, "an Excel sheet", tuple(notes))
