"""Other people's runs to the table that `fit` takes: look first, say what was understood, then write.

looked = look([Path("runs.csv")])
print(looked.summary())
looked.write(Path("table.csv"))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.files import replace_atomic
from transferlaws.ingest.cells import Runs, settle
from transferlaws.ingest.published import Published, published
from transferlaws.ingest.readers import read_file
from transferlaws.ingest.sheet import Sheet, plain
from transferlaws.ingest.understanding import Understanding, understand

_RESERVED = frozenset({"role", "status"})
"""Columns by which `fit` sets rows aside; a column of the user's that is called so means something else."""


@dataclass(frozen=True)
class Written:
    """A table on the disk: where, how many runs, which columns, how many cells were made harmless."""

    path: Path
    n_runs: int
    columns: tuple[str, ...]
    n_formulas: int

    def summary(self) -> str:
        """One line, and one more if cells that a spreadsheet would run were written as text."""
        said = f"written to {self.path}: {self.n_runs:,} runs, columns {', '.join(self.columns[:12])}"
        said += f" and {len(self.columns) - 12} more" if len(self.columns) > 12 else ""
        if self.n_formulas:
            said += f"\n{self.n_formulas:,} cells that a spreadsheet would run as formulas were written with a ' before them"
        return said


@dataclass(frozen=True)
class Looked:
    """Files looked at: what was understood of each, the runs that came of it, and what was set aside."""

    files: tuple[Path, ...]
    understood: tuple[Understanding, ...]
    runs: Runs
    like: Published | None = None
    passed_over: tuple[str, ...] = ()
    read: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns a law cannot do without that no file was found to have."""
        missing = [set(one.missing) for one in self.understood]
        return tuple(name for name in self.understood[0].missing if all(name in other for other in missing))

    @property
    def law(self) -> str:
        """The law of `transferlaws fit` that these runs are for; empty for the law of transfer."""
        table = self.runs.table
        if (
            "d_chars" in table
            and "arm" in table
            and "scratch" in set(table["arm"])
            and table["arm"].nunique() > 1
        ):
            return ""
        if self.like is not None:
            return self.like.law
        data = "d_tokens" if "d_tokens" in table else "d_chars"
        return "rectified" if data in table and (table[data] == 0).any() else "chinchilla"

    def summary(self) -> str:
        """What was understood, what was set aside, and the published fit to compare with, in lines."""
        said = [one.summary() for one in self.understood]
        said += [f"passed over: {line}" for line in self.passed_over]
        said += [f"set aside {aside.summary()}" for aside in self.runs.aside]
        said += [f"note: {line}" for line in self.runs.notes]
        if self.missing:
            said.append(f"missing: {', '.join(self.missing)}")
        elif not self.missing:
            said.append(f"{len(self.runs.table):,} runs")
        if self.like:
            said.append(f"published for {self.like.title}: {self.like.fact} ({self.like.source})")
        return "\n".join(said)

    def document(self) -> dict[str, Any]:
        """All of that as values for JSON."""
        return {
            "files": [str(path) for path in self.files],
            "understood": [
                {
                    "where": one.where, "kind": one.kind, "rows": one.n_rows,
                    "targets": [
                        {"name": t.name, "source": t.source, "unit": t.unit, "count": t.count, "low": t.low,
                         "high": t.high, "values": list(t.values)}
                        for t in one.targets
                    ],
                    "carried": list(one.carried), "unread": list(one.unread), "notes": list(one.notes),
                }
                for one in self.understood
            ],
            "passed_over": list(self.passed_over),
            "set_aside": [{"count": a.count, "why": a.why, "where": a.where} for a in self.runs.aside],
            "notes": list(self.runs.notes),
            "tuned": list(self.runs.tuned),
            "missing": list(self.missing),
            "runs": len(self.runs.table),
            "law": self.law or "hernandez",
            "published": None if self.like is None else {"name": self.like.name, "fact": self.like.fact, "source": self.like.source},
        }  # fmt: skip

    def write(self, out: Path) -> Written:
        """Write the runs as CSV, whole or not at all.

        Raises TransferLawsError if nothing usable is left, a needed column is missing, or `out` is one of
        the files that were read.
        """
        refuse_output(out, (*self.files, *self.read))
        if self.missing:
            columns = [plain(name, 30) for name in self.understood[0].table.columns[:12]]
            raise TransferLawsError(
                f"{self.files[0]}: nothing in it was found to be {' or '.join(self.missing)} (it has "
                f"{', '.join(columns)}); --map {self.missing[0].split()[0]}=COLUMN says which is"
            )
        if self.runs.table.empty:
            why = "; ".join(aside.summary() for aside in self.runs.aside[:3])
            raise TransferLawsError(f"{self.files[0]} has no usable run{': ' + why if why else ''}")
        table, formulas = harmless(self.runs.table)
        with replace_atomic(out) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
        return Written(out, len(table), tuple(table.columns), formulas)


def look(
    files: Sequence[Path],
    mapping: Mapping[str, str] | None = None,
    like: str = "",
    chars_per_token: float | None = None,
    scratch: str = "",
    checkpoint: str = "",
    tuning: Sequence[str] = (),
    sheet: str = "",
) -> Looked:
    """Read files of runs and say what they hold; nothing is written.

    `mapping` is target to expression, `like` the name of a ready one, `chars_per_token` turns tokens into
    characters, `scratch` is the label of the arm from scratch, `checkpoint` "best" or "last", `tuning`
    further columns of which the best value counts, `sheet` the sheet of a workbook.

    Raises TransferLawsError, in one line, for a file that is no table; UsageError for a wrong mapping.
    """
    if not files:
        raise UsageError("ingest takes at least one file or folder")
    if chars_per_token is not None and not 0 < chars_per_token < 1000:
        raise UsageError(
            f"--chars-per-token is {chars_per_token:g}; it takes a number above 0, usually 2 to 6"
        )
    ready = published(like) if like else None
    asked = {**(ready.mapping if ready else {}), **(mapping or {})}
    needs_file = len(files) > 1 or any("file" in text for text in asked.values())
    sheets: list[Sheet] = []
    passed: list[str] = []
    for path in files:
        found = read_file(Path(path))
        if len(found) > 1 or sheet:
            found, more = _one_sheet(found, sheet, asked)
            passed += more
        sheets += [_with_file(each, Path(path)) if needs_file else each for each in found]
    understood = [
        understand(each, asked, chars_per_token, scratch, ready.sizes if ready else None)
        for each in _together(sheets)
    ]
    table = pd.concat([one.table for one in understood]) if len(understood) > 1 else understood[0].table
    runs = settle(
        table,
        checkpoint or (ready.checkpoint if ready else "best"),
        [*tuning, *(ready.tuning if ready else ())],
    )
    read = tuple(Path(name) for each in sheets for name in each.files)
    return Looked(tuple(map(Path, files)), tuple(understood), runs, ready, tuple(passed), read)


def refuse_output(out: Path, inputs: Sequence[Path]) -> None:
    """Raise UsageError if the output is an input, by whatever name, or no CSV by its own."""
    if out.suffix.lower() in (".parquet", ".xlsx", ".json", ".jsonl", ".tsv", ".xls"):
        raise UsageError(f"--out {out}: ingest writes CSV; call it {out.with_suffix('.csv').name}")
    for path in inputs:
        same = out.resolve() == Path(path).resolve()
        if not same and out.exists() and Path(path).exists():
            same = out.samefile(path)
        if same:
            raise UsageError(f"--out {out} is one of the files to read; choose another")


def harmless(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """A table as it is written: text that a spreadsheet would run has a ' before it, whole numbers are whole."""
    formulas = 0
    columns: dict[str, pd.Series] = {}
    for name in table:
        cells = table[name]
        called = _safe(str(name))
        called = f"source_{called}" if called in _RESERVED else called
        while called in columns:
            called += "_2"
        if pd.api.types.is_float_dtype(cells):
            whole = cells.notna().all() and np.isfinite(cells).all() and (cells == cells.round()).all()
            columns[called] = cells.astype("int64") if whole and cells.abs().max() < 2**53 else cells
        elif cells.dtype == object or pd.api.types.is_string_dtype(cells):
            safe = {cell: _safe(cell) for cell in cells.unique() if isinstance(cell, str)}
            formulas += int(
                cells.map(
                    lambda cell, safe=safe: (
                        isinstance(cell, str) and safe[cell] != cell and safe[cell].startswith("'")
                    )
                ).sum()
            )
            columns[called] = cells.map(lambda cell, safe=safe: safe[cell] if isinstance(cell, str) else cell)
        else:
            columns[called] = cells
    return pd.DataFrame(columns), formulas


def _safe(text: str) -> str:
    if text.isprintable() and text[:1] not in ("=", "+", "-", "@", "'"):
        return text
    text = "".join(c if c.isprintable() else " " for c in text).strip()
    if text[:1] in ("=", "+", "-", "@"):
        try:
            float(text.replace(",", "."))
        except ValueError:
            return f"'{text}"
    return text


def _with_file(sheet: Sheet, path: Path) -> Sheet:
    frame = sheet.frame.copy()
    frame["file"] = pd.Series([path.stem] * len(frame), frame.index, dtype=object)
    return sheet.with_frame(frame)


def _together(sheets: list[Sheet]) -> list[Sheet]:
    """Sheets of the same columns as one, so that they are understood alike."""
    groups: dict[tuple[str, ...], list[Sheet]] = {}
    for sheet in sheets:
        groups.setdefault(tuple(map(str, sheet.frame.columns)), []).append(sheet)
    found = []
    for members in groups.values():
        first = members[0]
        if len(members) > 1:
            frames = [
                one.frame.set_axis([f"{Path(one.where).name}:{label}" for label in one.frame.index])
                for one in members
            ]
            frame = pd.concat(frames).rename_axis("line")
            notes = tuple(dict.fromkeys(note for one in members for note in one.notes))
            where = f"{first.where} and {len(members) - 1} more"
            comma = any(one.decimal_comma for one in members)
            first = replace(first, frame=frame, where=where, notes=notes, decimal_comma=comma)
        found.append(first)
    return found


def _one_sheet(sheets: list[Sheet], name: str, asked: Mapping[str, str]) -> tuple[list[Sheet], list[str]]:
    """The sheet of a workbook that is meant: the one named, or the first with all that a law needs."""
    names = [one.where.rpartition("sheet ")[2] for one in sheets]
    if name:
        if name not in names:
            raise UsageError(f"--sheet {plain(name)!r}: there is {', '.join(names)}")
        return [sheets[names.index(name)]], []
    chosen = 0
    for place, one in enumerate(sheets):
        try:
            whole = not understand(one, asked).missing
        except UsageError:
            continue
        if whole:
            chosen = place
            break
    others = ", ".join(other for place, other in enumerate(names) if place != chosen)
    return [sheets[chosen]], [f"sheets {others} (--sheet NAME reads another)"]
