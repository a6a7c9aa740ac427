"""What a table was understood to say: our columns with source, unit and range, and what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from transferlaws.errors import UsageError
from transferlaws.ingest.arithmetic import Expression, read_expression
from transferlaws.ingest.labels import known_arms, known_statuses
from transferlaws.ingest.proposal import LABELS, NUMBERS, Proposal
from transferlaws.ingest.quantities import read_numbers, size_in_text
from transferlaws.ingest.sheet import Sheet, each, lines, plain
from transferlaws.ingest.synonyms import ORDER
from transferlaws.ingest.wide import lengthen
from transferlaws.laws import ENDING_OF, word

UNITS_OF = {"n_params": "parameters", "d_chars": "characters", "d_tokens": "tokens", "loss": "nats a token"}
"""The units that our columns are in, where nothing says otherwise."""


MOST_NATS = 100.0
"""A loss above this, nats, was written with a decimal comma that looks like one for thousands."""


@dataclass(frozen=True)
class Target:
    """A column of the table to be: what it is made from, in which unit, and what it holds."""

    name: str
    source: str
    unit: str
    count: int
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line: name, source, unit, range."""
        if self.low is not None and self.high is not None:
            held = f"{self.low:.6g}" if self.low == self.high else f"{self.low:.6g} to {self.high:.6g}"
        else:
            held = ", ".join(self.values)
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.name:15} = {plain(self.source, 70)}{unit}: {held or 'nothing'}"


@dataclass(frozen=True)
class Understanding:
    """A table understood: the mapping with its ranges, what could not be read, and our columns."""

    where: str
    kind: str
    n_rows: int
    targets: tuple[Target, ...]
    carried: tuple[str, ...]
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    table: pd.DataFrame = field(repr=False, compare=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns a law cannot do without that nothing in the table was found to be."""
        have = {target.name for target in self.targets if target.count}
        missing = [name for name in ("n_params", "loss") if name not in have]
        return tuple(missing if have & {"d_chars", "d_tokens"} else [*missing, "d_chars or d_tokens"])

    def summary(self) -> str:
        """What was understood, a line a column, then what could not be read."""
        said = [f"{plain(self.where, 200)}: {self.kind}, {self.n_rows:,} row{'s' * (self.n_rows != 1)}"]
        said += [f"  {target.summary()}" for target in self.targets]
        if self.carried:
            shown = ", ".join(plain(name, 30) for name in self.carried[:8])
            more = f" and {len(self.carried) - 8} more" if len(self.carried) > 8 else ""
            said.append(f"  carried along: {shown}{more}")
        said += [f"  not read: {line}" for line in self.unread]
        said += [f"  note: {line}" for line in self.notes]
        return "\n".join(said)


def understand(
    sheet: Sheet,
    asked: Mapping[str, str] | None = None,
    chars_per_token: float | None = None,
    scratch: str = "",
    sizes: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
) -> Understanding:
    """The rows of a table in our columns, by its names and contents and what was `asked`.

    `asked` maps targets to expressions ("none" leaves one out), `chars_per_token` turns tokens into
    characters and back, `scratch` is the label of the arm from scratch, `sizes` the parameters of models by a
    part of their name, `units` the units of what was asked. Raises UsageError for an expression that cannot
    be meant.
    """
    rows = len(sheet.frame)
    sheet = lengthen(sheet)
    asked = dict(asked or {})
    left_out = {name for name, text in asked.items() if text == "none"}
    proposal = Proposal(sheet, {name: text for name, text in asked.items() if name not in left_out})
    reader = _Reader(sheet, sizes or {})
    notes = [*sheet.notes, *proposal.notes]
    table = pd.DataFrame(index=sheet.frame.index)
    sources: dict[str, tuple[str, str]] = {}
    for name, (text, unit) in proposal.mapping.items():
        if name in left_out:
            continue
        label = name in LABELS or (
            name not in NUMBERS and name in asked and text in sheet.frame and not reader.is_number(text)
        )
        table[name] = reader.label(text, name) if label else reader.number(text, name)
        sources[name] = text, unit or (units or {}).get(name, "") or UNITS_OF.get(name, "")
    if "loss_sd" not in table and reader.error_bars is not None and "loss" in table:
        table["loss_sd"] = reader.error_bars
        sources["loss_sd"] = "the error bars in the cells of the loss", "nats"
    _units(table, sources, chars_per_token, notes)
    if "arm" in table:
        table["arm"] = known_arms(table["arm"], sources["arm"][0], scratch, notes)
    if "status" in table:
        table["status"] = known_statuses(table["status"], notes)
    said = reader.endings(sources.get("loss", ("", ""))[0])
    if said is not None:
        table["status"] = said.where(said != "", table.get("status", "ok"))
        sources.setdefault("status", ("what the loss says in place of a number", ""))
    names = list(map(str, table))
    names = [name for name in ORDER if name in names] + [name for name in names if name not in ORDER]
    table = table[names]
    targets = tuple(_target(name, table[name], *sources[name]) for name in names)
    carried = [name for name in map(str, sheet.frame) if name not in reader.whole]
    for name in carried:
        called = f"source_{name}" if name in table or name in ORDER else name
        while called in table:
            called += "_2"
        table[called] = sheet.frame[name]
    unread = tuple(reader.unread)
    return Understanding(sheet.where, sheet.kind, rows, targets, tuple(carried), unread, tuple(notes), table)


class _Reader:
    """Columns of a sheet as numbers or labels, remembering what could not be read."""

    def __init__(self, sheet: Sheet, sizes: Mapping[str, float]) -> None:
        self.sheet = sheet
        self.sizes = sizes
        self.unread: list[str] = []
        self.whole: set[str] = set()
        self.error_bars: pd.Series | None = None
        self._read: dict[str, pd.Series] = {}

    def is_number(self, column: str) -> bool:
        return bool(read_numbers(self.sheet.frame[column], self.sheet.decimal_comma).values.notna().any())

    def number(self, text: str, target: str) -> pd.Series:
        """An expression in every row; raises UsageError, naming the target, for what is none."""
        try:
            expression: Expression = read_expression(text, self.sheet.frame.columns)
        except UsageError as error:
            raise UsageError(f"{target}: {error}") from error
        if len(expression.columns) == 1 and text.strip("`") == expression.columns[0]:
            self.whole.add(expression.columns[0])
        value = expression.evaluate(lambda name: self._numbers(name, target), self._sizes)
        series = value if isinstance(value, pd.Series) else pd.Series(float(value), self.sheet.frame.index)
        return series.astype("float64")

    def _numbers(self, name: str, target: str) -> pd.Series:
        if name not in self._read:
            read = read_numbers(self.sheet.frame[name], self.sheet.decimal_comma)
            if target.startswith("loss") and read.values.min() > MOST_NATS:  # 4,203 is no loss in thousands
                read = read_numbers(self.sheet.frame[name], decimal_comma=True)
            self._read[name] = read.values
            if target == "loss":
                self.error_bars = read.errors
            if read.unread.any():
                bad = read.unread[read.unread].index
                cells = self.sheet.frame.loc[read.unread, name].map(lambda cell: plain(cell, 20))
                shown = ", ".join(repr(cell) for cell in list(dict.fromkeys(cells))[:3])
                what = "cell" if len(bad) == 1 else "cells"
                self.unread.append(f"{len(bad)} {what} of {plain(name)!r}, no number: {shown} ({lines(bad)})")
        return self._read[name]

    def _sizes(self, name: str) -> pd.Series:
        def of(text: object) -> float:
            known = [size for part, size in self.sizes.items() if part in str(text)]
            return known[0] if known else size_in_text(text)

        cells = self.sheet.frame[name].astype(str)
        return cells.map({text: of(text) for text in cells.unique()}).astype("float64")

    def endings(self, text: str) -> pd.Series | None:
        """How runs ended where the loss says so ("OOM", "diverged") in place of a number; or None."""
        name = text.strip("`")
        if name not in self._read or pd.api.types.is_numeric_dtype(self.sheet.frame[name]):
            return None
        odd = self._read[name].isna().to_numpy()
        cells = each(self.sheet.frame[name][odd], lambda cell: word(cell) if isinstance(cell, str) else "")
        failed = each(cells, lambda said: f"failed {said}" if ENDING_OF.get(str(said)) == "failed" else "")
        said = pd.Series("", self.sheet.frame.index, dtype=object)
        said[odd] = failed
        return said if (failed != "").any() else None

    def label(self, text: str, target: str) -> pd.Series:
        """A column of labels, or one label for every row."""
        name = text.strip("`")
        if name in self.sheet.frame:
            self.whole.add(name)
            return each(self.sheet.frame[name], _label)
        if target == "seed":
            return each(self.number(text, target), _label)
        parts = [part.strip().strip("`") for part in text.split("+")]
        if len(parts) > 1 and all(part in self.sheet.frame for part in parts):
            joined = self.label(parts[0], target)
            for part in parts[1:]:
                joined = joined + " " + self.label(part, target)
            return joined
        return pd.Series([text] * len(self.sheet.frame), self.sheet.frame.index, dtype=object)


def _label(cell: object) -> str:
    if cell is None or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    text = str(cell).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


def _units(
    table: pd.DataFrame, sources: dict[str, tuple[str, str]], chars_per_token: float | None, notes: list[str]
) -> None:
    """Tokens to characters and back, where it is known how many; otherwise say which the table has."""
    loss_unit = sources.get("loss", ("", ""))[1]
    if chars_per_token:
        tokens, chars = "d_tokens" in table, "d_chars" in table
        if tokens and not chars and "example" not in sources["d_tokens"][1]:
            table["d_chars"] = table["d_tokens"] * chars_per_token
            sources["d_chars"] = f"d_tokens*{chars_per_token:g}", "characters"
        elif chars and not tokens:
            table["d_tokens"] = table["d_chars"] / chars_per_token
            sources["d_tokens"] = f"d_chars/{chars_per_token:g}", "tokens"
        if loss_unit.startswith(("nats a character", "nats a byte")):
            for name in ("loss", "loss_sd", "loss_validation"):
                if name in table and sources[name][0] != "the error bars in the cells of the loss":
                    table[name] *= chars_per_token
                    sources[name] = f"{sources[name][0]}*{chars_per_token:g}", "nats a token"
    elif (
        "d_tokens" in table
        and "d_chars" not in table
        and "arm" in table
        and "not tokens" not in sources["d_tokens"][1]
    ):
        notes.append(
            f"the data is in {sources['d_tokens'][1]}; --chars-per-token X gives it in characters too"
        )
    if "loss_sd" in table and any(
        part in word(sources["loss_sd"][0]) for part in ("stderr", "sem", "standard_error")
    ):
        notes.append(
            "loss_sd is a standard error of the mean, as its name says, not the spread of single runs"
        )


def _target(name: str, column: pd.Series, source: str, unit: str) -> Target:
    if pd.api.types.is_float_dtype(column):
        held = column[np.isfinite(column)]
        low, high = (float(held.min()), float(held.max())) if len(held) else (None, None)
        return Target(name, source, unit, len(held), low, high)
    filled = column[column.astype(str) != ""]
    if name == "status":
        filled = each(filled, lambda status: str(status).partition(" ")[0])
    counts = filled.value_counts()
    shown = [f"{plain(label, 24)} ({count})" for label, count in counts.head(5).items()]
    if len(counts) > 5:
        shown = [f"{len(counts)} labels, among them {plain(counts.index[0], 24)}"]
    return Target(name, source, unit, len(filled), values=tuple(shown))
