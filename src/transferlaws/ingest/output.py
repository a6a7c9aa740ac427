"""A table of runs as a file: CSV, whole or absent, and harmless to the spreadsheet that opens it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from transferlaws.errors import UsageError
from transferlaws.files import replace_atomic

_RESERVED = frozenset({"role", "status", "state"})
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
        said = f"written to {self.path}: {self.n_runs:,} rows, columns {', '.join(self.columns[:12])}"
        said += f" and {len(self.columns) - 12} more" if len(self.columns) > 12 else ""
        if self.n_formulas:
            said += (
                f"\n{self.n_formulas:,} cells that a spreadsheet would run were written with a ' before them"
            )
        return said


def write_table(table: pd.DataFrame, out: Path) -> Written:
    """Write a table as CSV; raises TransferLawsError, leaving what was there, if it cannot be written."""
    safe, formulas = harmless(table)
    with replace_atomic(out) as temporary:
        safe.to_csv(temporary, index=False, lineterminator="\n")
    return Written(out, len(safe), tuple(safe.columns), formulas)


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
    """A table as it is written: text that a spreadsheet would run behind a ', whole numbers whole."""
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
            texts = [cell for cell in cells.unique() if isinstance(cell, str)]
            changed = {text: safe for text in texts if (safe := _safe(text)) != text}
            if changed:
                formulas += int(cells.isin([t for t, safe in changed.items() if safe.startswith("'")]).sum())
                cells = cells.replace(changed)
            columns[called] = cells
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
