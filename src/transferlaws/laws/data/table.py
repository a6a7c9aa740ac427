"""The runs table: one row a run, needed columns n_params, arm, d_chars, seed, loss (nats/token on test).

Anybody's table is welcome. What cannot be a measurement is an error that names column and line; what is no
usable run (not finished, zero-shot, repeated, no loss) is set aside and said so, never dropped in silence.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferlaws.errors import TransferLawsError

NEEDED = ("n_params", "arm", "d_chars", "seed", "loss")
POSITIVE = ("n_params", "d_tokens", "loss")
NUMBERS = ("n_params", "d_chars", "d_tokens", "loss")
SCRATCH = "scratch"


def read_table(path: Path | str, needed: Sequence[str] = NEEDED) -> pd.DataFrame:
    """Read a CSV of runs and return its usable rows; `notes(table)` says what was set aside and why.

    Takes UTF-8 with or without a byte-order mark, any line ends, commas, semicolons or tabs. Raises
    TransferLawsError, naming file, column and line, for a missing column or a value no run can have.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TransferLawsError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise TransferLawsError(
            f"{path} is not a UTF-8 text file (byte {error.start}); save it as CSV, UTF-8"
        ) from error
    if "\0" in text:
        raise TransferLawsError(f"{path} is not a text file (it holds zero bytes); save it as CSV, UTF-8")
    header, rows, lines = _parse(text, path)
    table = pd.DataFrame(rows, columns=header, dtype=object)
    table.index = pd.Index(lines, name="line")
    return check_table(table, needed=needed, where=str(path))


def _parse(text: str, path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header: list[str] = []
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            if not any(field.strip() for field in row):
                continue
            if not header:
                header = [name.strip() for name in row]
                continue
            if len(row) != len(header):
                raise TransferLawsError(
                    f"{path} line {reader.line_num} has {len(row)} fields where the header has {len(header)}"
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise TransferLawsError(f"{path} line {reader.line_num} is not CSV: {error}") from error
    if not header:
        raise TransferLawsError(f"{path} is empty; a runs table needs a header line and one line a run")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise TransferLawsError(f"{path} names column {repeated[0]!r} more than once")
    return header, rows, lines


def check_table(
    table: pd.DataFrame, needed: Sequence[str] = NEEDED, where: str = "the table"
) -> pd.DataFrame:
    """Check a runs table and return its usable rows, numbers as numbers; `notes` says what was set aside.

    Raises TransferLawsError naming the missing columns, or the column and line of a value no run can have.
    Checking a checked table changes nothing.
    """
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise TransferLawsError(
            f"{where} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"needed are {', '.join(needed)} (it has {', '.join(map(str, table.columns[:12]))})"
        )
    said = list(table.attrs.get("notes", ()))
    table = table.copy()
    table.attrs = {}
    spot = "line" if table.index.name == "line" else "row"

    def set_aside(bad: pd.Series, why: str) -> None:
        nonlocal table
        if bad.any():
            at = [str(label) for label in table.index[bad][:5]]
            more = ", ..." if bad.sum() > 5 else ""
            said.append(f"set aside {int(bad.sum())} rows, {why} ({spot} {', '.join(at)}{more})")
            table = table[~bad]

    if "role" in table.columns:
        role = table["role"].map(_label)
        set_aside(~role.isin(["run", ""]), "whose role is not run")
    if "status" in table.columns:
        status = table["status"].map(_label)
        set_aside(~status.isin(["ok", ""]), "whose status is not ok")
    for name in (n for n in ("arm", "seed") if n in needed):
        labels = table[name].map(_label)
        empty = labels == ""
        if empty.any():
            raise TransferLawsError(f"{where} {spot} {table.index[empty][0]}, column {name}: empty")
        table[name] = labels
    for name in (n for n in NUMBERS if n in needed):
        table[name] = _numbers(table[name], where, spot)
    for name in (n for n in NUMBERS if n in needed):
        set_aside(~np.isfinite(table[name]), f"whose {name} is missing or not finite")
    for name in (n for n in NUMBERS if n in needed):
        wrong = table[name] <= 0 if name in POSITIVE else table[name] < 0
        if wrong.any():
            what = "is not positive" if name in POSITIVE else "is negative"
            raise TransferLawsError(
                f"{where} {spot} {table.index[wrong][0]}, column {name}: {table[name][wrong].iloc[0]:g} "
                f"{what}"
                f"{f' (and {int(wrong.sum()) - 1} more rows)' if wrong.sum() > 1 else ''}"
            )
    if "d_chars" in needed:
        set_aside(table["d_chars"] == 0, "zero-shot (d_chars = 0), which no law can express")
    keys = [n for n in (*needed, "key", "pretrain_key", "learning_rate") if n in table.columns]
    set_aside(table.duplicated(keys), "exact repeats of an earlier row (counted once)")
    if "seed" in needed:
        twice = table.duplicated(["n_params", "arm", "d_chars", "seed"])
        if twice.any():
            said.append(
                f"{int(twice.sum())} rows repeat the size, arm, data size and seed of another row with a "
                "different "
                f"loss (first at {spot} {table.index[twice][0]}); each counts as a run of its own"
            )
        table["seed"] = _integers_where_whole(table["seed"])
    if table.empty:
        raise TransferLawsError(f"{where} has no usable row{'; ' + '; '.join(said) if said else ''}")
    for name in (n for n in ("n_params", "d_chars", "d_tokens") if n in needed):
        if np.all(table[name] == np.round(table[name])) and table[name].max() < 2**53:
            table[name] = table[name].astype("int64")
    table.attrs["notes"] = tuple(said)
    return table


def notes(table: pd.DataFrame) -> tuple[str, ...]:
    """What `read_table` or `check_table` set aside or found odd, one sentence each."""
    return tuple(table.attrs.get("notes", ()))


def sources(table: pd.DataFrame) -> list[str]:
    """The arms of a checked table other than `scratch`, in alphabetical order."""
    return sorted(set(table["arm"]) - {SCRATCH})


def _label(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(value).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def _integers_where_whole(labels: pd.Series) -> pd.Series:
    whole = labels.map(lambda text: text.isdigit() and len(text) < 16)
    return labels.astype("int64") if whole.all() else labels


def _numbers(column: pd.Series, where: str, spot: str) -> pd.Series:
    text = column.map(lambda value: value.strip() if isinstance(value, str) else value)
    blank = text.map(lambda value: value is None or (isinstance(value, str) and value.lower() in MISSING))
    numbers = pd.to_numeric(text.mask(blank.astype(bool), np.nan), errors="coerce").astype(float)
    wrong = (
        numbers.isna()
        & ~blank.astype(bool)
        & ~text.map(lambda v: isinstance(v, float) and np.isnan(v)).astype(bool)
    )
    if wrong.any():
        more = f" (and {int(wrong.sum()) - 1} more rows)" if wrong.sum() > 1 else ""
        raise TransferLawsError(
            f"{where} {spot} {column.index[wrong][0]}, column {column.name}: {column[wrong].iloc[0]!r} "
            f"is not a number{more}"
        )
    return numbers


MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "-nan"})
