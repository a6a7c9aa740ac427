"""The runs table: one row a run, needed columns n_params, arm, d_chars, seed, loss (nats/token on test).

Anybody's table is welcome, under its own names of columns and of the baseline. What cannot be a measurement
is an error that names column and line; what is no usable run (not finished, zero-shot, repeated, no loss) is
set aside and said so, never dropped in silence. Of runs that differ in what is tuned the best counts.
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.tuning import tuning_of
from transferlaws.laws.data.words import ENDING_OF, TUNED, listed, shown, word

NEEDED = ("n_params", "arm", "d_chars", "seed", "loss")
ARMLESS = ("n_params", "d_tokens", "loss")
"""What a law of loss needs of a table without arms."""
POSITIVE = ("n_params", "loss")
NUMBERS = ("n_params", "d_chars", "d_tokens", "loss")
MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "-nan"})


def read_table(
    path: Path | str,
    *,
    columns: Mapping[str, str] | None = None,
    baseline: str = SCRATCH,
    armless: bool = False,
    zero_data: bool = False,
) -> pd.DataFrame:
    """Read a CSV of runs and return its usable rows; `notes(table)` says what was set aside and why.

    Its `attrs` hold the SHA-256 of the file.

    Takes UTF-8 with or without a byte-order mark, any line ends, commas, semicolons or tabs; `columns`,
    `baseline`, `armless` and `zero_data` as in `check_table`. Raises TransferLawsError, naming file, column
    and line, for a missing column or a value no run can have.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
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
    checked = check_table(table, columns=columns, baseline=baseline, armless=armless, zero_data=zero_data,
                          where=str(path))  # fmt: skip
    checked.attrs["sha256"] = hashlib.sha256(
        content
    ).hexdigest()  # of what was read: a pipe is not read twice
    return checked


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
        raise TransferLawsError(f"{path} names column {shown(repr(repeated[0]))} more than once")
    return header, rows, lines


def check_table(
    table: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    baseline: str = SCRATCH,
    armless: bool = False,
    zero_data: bool = False,
    where: str = "the table",
) -> pd.DataFrame:
    """Check a runs table and return its usable rows, numbers as numbers; `notes` says what was set aside.

    `columns` names the table's own columns, such as {"n_params": "params"}; `baseline` is what it calls the
    arm trained from scratch, which is `scratch` from here on. With `armless` a table without the column arm
    may come, and needs n_params, d_tokens and loss. Runs without data are set aside unless `zero_data` says
    that they are wanted. A run whose column `ended` says limit was stopped before its loss was done falling,
    and laws of transfer take that loss for an upper end. Where a learning rate or another column of `TUNED`
    varies within a cell, the cell's best setting counts, by `loss_validation` if every row has it. Raises
    TransferLawsError naming the missing columns, or the column and line of a value no run can have. Checking
    a checked table changes nothing.
    """
    said = list(table.attrs.get("notes", ()))
    table = _rename(table, columns or {}, where, said)
    needed = ARMLESS if armless and "arm" not in table.columns else NEEDED
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise TransferLawsError(
            f"{where} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"needed are {', '.join(needed)} (it has {listed(table.columns)})"
        )
    spot = "line" if table.index.name == "line" else "row"
    measured = [name for name in NUMBERS if name in needed]

    def set_aside(bad: pd.Series, why: str) -> None:
        nonlocal table
        if bad.any():
            at = [str(label) for label in table.index[bad][:5]]
            more = ", ..." if bad.sum() > 5 else ""
            said.append(f"set aside {int(bad.sum())} rows, {why} ({spot} {', '.join(at)}{more})")
            table = table[~bad]

    if "role" in table.columns:
        set_aside(~table["role"].map(_label).isin(["run", ""]), "whose role is not run")
    if "status" in table.columns:
        set_aside(~_endings(table["status"]).isin(["ok", ""]), "whose status is not ok")
    # `state` is what Weights & Biases calls it; in other tables it may be anything.
    for name in (n for n in map(str, table.columns) if word(n) in ("state", "status") and n != "status"):
        set_aside(_endings(table[name]).isin(["failed", "running"]), f"whose {name} is failed or running")
    for name in (name for name in ("arm", "seed") if name in needed):
        labels = table[name].map(_label)
        empty = labels == ""
        if empty.any():
            raise TransferLawsError(f"{where} {spot} {table.index[empty][0]}, column {name}: empty")
        table[name] = labels
    if "arm" in needed and baseline != SCRATCH:
        table["arm"] = _with_scratch(table["arm"], baseline, where)
    for name in measured:
        table[name] = _numbers(table[name], where, spot)
    for name in measured:
        set_aside(~np.isfinite(table[name]), f"whose {name} is missing or not finite")
    for name in measured:
        wrong = table[name] <= 0 if name in POSITIVE else table[name] < 0
        if wrong.any():
            what = "is not positive" if name in POSITIVE else "is negative"
            raise TransferLawsError(
                f"{where} {spot} {table.index[wrong][0]}, column {name}: "
                f"{table[name][wrong].iloc[0]:g} {what}{_more(wrong)}"
            )
    if not zero_data:
        data = "d_chars" if "d_chars" in needed else "d_tokens"
        why = "at which only a rectified law has a value" if armless else "which no law can express"
        set_aside(table[data] == 0, f"zero-shot ({data} = 0), {why}")
    tuned = [name for name in map(str, table.columns) if word(name) in TUNED]
    keys = [n for n in (*needed, "key", "pretrain_key") if n in table.columns]
    set_aside(table.duplicated([*keys, *tuned]), "exact repeats of an earlier row (counted once)")
    if not table.empty and (tuning := tuning_of(_validated(table), _cell(needed), tuned)) is not None:
        set_aside(~tuning.keep, tuning.sentence)
    if "seed" in needed:
        twice = table.duplicated(["n_params", "arm", "d_chars", "seed"])
        if twice.any():
            said.append(
                f"{int(twice.sum())} rows repeat the size, arm, data size and seed of another row with a "
                f"different loss (first at {spot} {table.index[twice][0]}); each counts as a run of its own"
            )
        table["seed"] = _integers_where_whole(table["seed"])
    if table.empty:
        raise TransferLawsError(f"{where} has no usable row{'; ' + '; '.join(said) if said else ''}")
    for name in (name for name in measured if name != "loss"):
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


def sole_source(table: pd.DataFrame) -> str:
    """The one source of a checked table; raises TransferLawsError, naming them, unless there is just one."""
    found = sources(table)
    if len(found) != 1:
        held = f"holds the sources {listed(found)}; name one" if found else f"has no source beside {SCRATCH}"
        raise TransferLawsError(f"the table {held}")
    return found[0]


def without_highest(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """A checked table without its `count` rows of highest loss, as published refits do, and said so.

    Raises TransferLawsError unless `count` is at least 0 and leaves a row.
    """
    if not 0 <= count < len(table):
        raise TransferLawsError(f"{count} rows of highest loss cannot be left out of {len(table)}")
    if not count:
        return table
    left = table.drop(table["loss"].nlargest(count).index)
    left.attrs["notes"] = (*notes(table), f"left out the {count} rows of highest loss, as asked")
    return left


def _rename(table: pd.DataFrame, columns: Mapping[str, str], where: str, said: list[str]) -> pd.DataFrame:
    """A copy under our names; a column that held one of these names before makes way, and that is said."""
    for ours, theirs in columns.items():
        if theirs not in table.columns:
            raise TransferLawsError(
                f"{where} has no column {theirs!r} to read {ours} from (it has {listed(table.columns)})"
            )
    in_the_way = [ours for ours in columns if ours in table.columns and ours not in columns.values()]
    said += [f"column {ours} was set aside; {columns[ours]} is read in its place" for ours in in_the_way]
    table = table.drop(columns=in_the_way).rename(columns={theirs: ours for ours, theirs in columns.items()})
    table.attrs = {}
    return table


def _with_scratch(arm: pd.Series, baseline: str, where: str) -> pd.Series:
    """The arms with `baseline` called scratch."""
    held = set(arm)
    if baseline not in held:
        raise TransferLawsError(
            f"{where}: column arm holds no baseline {baseline!r}; it holds {listed(sorted(held))}"
        )
    if SCRATCH in held:
        raise TransferLawsError(
            f"{where}: column arm holds {SCRATCH!r} beside the baseline {baseline!r}; rename one of them"
        )
    return arm.replace(baseline, SCRATCH)


def _more(wrong: pd.Series) -> str:
    return f" (and {int(wrong.sum()) - 1} more rows)" if wrong.sum() > 1 else ""


def _label(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    text = str(value).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text


def _endings(column: pd.Series) -> pd.Series:
    """How runs ended: ok, failed, running, "" where nothing is said, or a label that is not known."""
    labels = column.map(_label)
    return labels.map(lambda label: ENDING_OF.get(word(label), label))


def _cell(needed: Sequence[str]) -> list[str]:
    """The columns that make a cell, of those that a table needs."""
    return [name for name in needed if name not in ("seed", "loss")]


def _validated(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the validation losses it may have as numbers."""
    if "loss_validation" not in table.columns:
        return table
    return table.assign(loss_validation=pd.to_numeric(table["loss_validation"], errors="coerce"))


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
        value = shown(repr(column[wrong].iloc[0]))
        raise TransferLawsError(
            f"{where} {spot} {column.index[wrong][0]}, column {column.name}: {value} is not a "
            f"number{_more(wrong)}"
        )
    return numbers
