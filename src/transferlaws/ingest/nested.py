"""JSON, JSON lines, and what trackers nest: a run is an object, its config and summary are objects in it.

A nested key becomes a column of its path, `config.lr`; Weights & Biases' {"value": x} stands for x.
"""

import ast
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.ingest.sheet import Sheet, plain

DEEPEST = 6
_HOLDERS = ("runs", "data", "records", "rows", "results", "experiments", "trials", "items")


def read_json(text: str, where: str) -> Sheet:
    """A JSON document as a table: a list of objects, columns of values, or objects by name.

    Raises TransferLawsError where it is no JSON, or holds no table.
    """
    try:
        document = json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        if "\n" in text.strip() and text.lstrip().startswith("{"):
            return read_json_lines(text, where)
        raise TransferLawsError(f"{where} is no whole JSON document: {plain(error)}") from error
    records = _records(document)
    if not records:
        raise TransferLawsError(f"{where} is JSON, but no table: it takes a list of objects, one a run")
    return Sheet(as_frame(records), where, "JSON")


def read_json_lines(text: str, where: str) -> Sheet:
    """JSON lines as a table, the index the line; lines that are no JSON are set aside and named.

    Raises TransferLawsError where fewer than half of the lines are objects.
    """
    records, numbers, broken = [], [], []
    filled = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    for number, line in filled:
        try:
            record = json.loads(line, parse_int=_integer)
        except (ValueError, RecursionError):
            record = None
        if isinstance(record, dict):
            records.append(record)
            numbers.append(number)
        else:
            broken.append(number)
    if len(broken) * 2 >= len(filled):
        at = f", first at line {broken[0]}" if broken else ""
        raise TransferLawsError(f"{where} is neither JSON nor JSON lines{at}")
    notes: tuple[str, ...] = ()
    if broken:
        count = f"{len(broken)} of {len(filled)} lines"
        notes = (f"set aside {count} that are no JSON object (first at line {broken[0]})",)
    return Sheet(as_frame(records, numbers), where, "JSON lines", notes)


def as_frame(records: Iterable[Mapping[str, Any]], numbers: Iterable[int] | None = None) -> pd.DataFrame:
    """Objects as rows, their nested keys as columns."""
    frame = pd.DataFrame([flat(record) for record in records], dtype=object)
    frame.columns = frame.columns.map(str)
    if numbers is not None:
        frame.index = pd.Index(list(numbers), name="line")
    return frame


def flat(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """An object with nested objects as one without: {"config": {"lr": 1}} is {"config.lr": 1}."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and "value" in value and set(value) <= {"value", "desc"}:
            value = value["value"]
        if isinstance(value, Mapping) and depth < DEEPEST:
            found.update(flat(value, f"{name}.", depth + 1))
        elif isinstance(value, list | tuple | Mapping):
            if len(value) <= 20:
                found[name] = json.dumps(value, default=str)
        else:
            found[name] = value
    return found


def unfold(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Columns whose cells are objects written as text (W&B's `summary`, `config`) as columns of their own.

    The second value says what was done, or is empty.
    """
    opened = []
    for name in list(frame.columns):
        cells = frame[name]
        if (
            not cells.iloc[:100]
            .map(lambda cell: isinstance(cell, str) and cell.lstrip().startswith("{"))
            .any()
        ):
            continue
        text = cells[cells.map(lambda cell: isinstance(cell, str) and cell.lstrip().startswith("{"))]
        if text.empty or len(text) * 2 < len(cells):
            continue
        objects = cells.map(_object)
        if objects.map(lambda o: o is not None).sum() * 2 < len(cells):
            continue
        inner = pd.DataFrame([flat(o or {}, f"{name}.") for o in objects], index=frame.index, dtype=object)
        frame = pd.concat([frame.drop(columns=name), inner], axis=1)
        opened.append(plain(name))
    return frame, f"opened the objects in {', '.join(opened)}" if opened else ""


def _object(cell: object) -> dict[str, Any] | None:
    if not isinstance(cell, str) or len(cell) > 1_000_000:
        return None
    for read in (json.loads, lambda text: ast.literal_eval(re.sub(r"\b(nan|inf)\b", "None", text))):
        try:
            found = read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(found, dict):
            return {str(key): value for key, value in found.items()}
    return None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < 18 else float(digits)


def _records(document: Any, depth: int = 0) -> list[dict[str, Any]]:
    """The rows of a JSON document, in whichever of the usual shapes it has."""
    if isinstance(document, list):
        return [row for row in document if isinstance(row, dict)]
    if not isinstance(document, dict) or not document:
        return []
    columns, data = document.get("columns"), document.get("data")
    if isinstance(columns, list) and isinstance(data, list):
        return [dict(zip(map(str, columns), row, strict=False)) for row in data if isinstance(row, list)]
    for key in _HOLDERS:
        if key in document and isinstance(document[key], list | dict) and depth < 2:
            inner = _records(document[key], depth + 1)
            if inner:
                return inner
    values = list(document.values())
    if all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        return [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
    if all(isinstance(value, dict) for value in values):
        inner_keys = [set(value) for value in values]
        if all(key.lstrip("-").isdigit() for keys in inner_keys for key in keys):
            order = sorted(set().union(*inner_keys), key=int)
            return [{name: value.get(key) for name, value in document.items()} for key in order]
        return [{"run": name, **value} for name, value in document.items()]
    return [document]
