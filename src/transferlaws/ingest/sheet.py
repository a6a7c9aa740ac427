"""A table as it stands in a file, before anybody knows what its columns mean."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Sheet:
    """One table of a file: cells as they were written, the index the line (or row) each came from.

    `kind` says what it was read as ("CSV with semicolons"), `notes` what was odd, `decimal_comma` whether a
    comma that could be either is a decimal comma.
    """

    frame: pd.DataFrame
    where: str
    kind: str
    notes: tuple[str, ...] = ()
    decimal_comma: bool = False
    files: tuple[str, ...] = field(default=())

    def with_frame(self, frame: pd.DataFrame, *notes: str) -> "Sheet":
        """This table with other cells, and what was done to them added to its notes."""
        return replace(self, frame=frame, notes=(*self.notes, *notes))


def each(column: pd.Series, change: Callable[[object], object]) -> pd.Series:
    """A column with every cell changed, each distinct cell once: what makes a million labels quick."""
    codes, distinct = pd.factorize(column.astype(object), use_na_sentinel=False)
    changed = np.empty(len(distinct), dtype=object)
    changed[:] = [change(cell) for cell in distinct]
    return pd.Series(changed[codes], column.index, dtype=object)


def plain(text: object, most: int = 60) -> str:
    """Text as it may be shown on a terminal: one line, no control characters, at most `most` characters."""
    shown = "".join(c if c.isprintable() else " " for c in str(text)).strip()
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def lines(index: pd.Index) -> str:
    """The first lines of an index, for a sentence: "line 2, 5, 9, ..."."""
    shown = ", ".join(plain(label, 20) for label in index[:4])
    return f"{index.name or 'row'} {shown}{', ...' if len(index) > 4 else ''}"
