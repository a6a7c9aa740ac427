"""How a page writes numbers, intervals and tables, whatever they are about."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from transferlaws.escape import markdown
from transferlaws.laws import Interval


class Prose(str):
    """Markdown that a notebook shows as text."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


def scientific(value: float, digits: int = 2) -> str:
    """A number as mathematics in Markdown: plain between 0.01 and 10 000, else a power of ten."""
    if not np.isfinite(value):
        return "unbounded"
    if value == 0 or 0.01 <= abs(value) < 1e4:
        return f"{value:,.{max(0, digits - 1 - int(np.floor(np.log10(abs(value) or 1))))}f}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    lead = "" if float(mantissa) == 1 else rf"{mantissa}\times "
    return rf"${lead}10^{{{int(exponent)}}}$"


def interval(found: Interval, digits: int = 2) -> str:
    """A value with its interval; an end the data leave open is called open."""
    ends = ["open" if end is None else scientific(end, digits) for end in (found.low, found.high)]
    return f"{scientific(found.value, digits)} [{ends[0]}, {ends[1]}]"


def multiple(value: float, unit: float) -> str:
    """A value in units of another; a dash where the unit is not known."""
    return f"{value / unit:.1f}" if np.isfinite(unit) and unit > 0 else "–"


def counted(number: int, thing: str) -> str:
    """So many things: "1 cell", "3 cells"."""
    return f"{number} {thing if number == 1 else thing + 's'}"


def grid(columns: Iterable[object], rows: Iterable[Iterable[object]]) -> Prose:
    """A table in Markdown from what stands in its cells."""

    def line(cells: Iterable[object]) -> str:
        return "|" + "|".join(f" {cell} " if cell != "" else " " for cell in cells) + "|"

    head = list(columns)
    return Prose("\n".join([line(head), "|---" * len(head) + "|", *map(line, rows)]))


def listing(frame: pd.DataFrame | Sequence[Mapping[str, object]]) -> Prose:
    """A frame as a table: thousands in whole numbers, three digits in others, a dash for what is missing."""

    def said(value: object) -> str:
        if isinstance(value, str):
            return value if isinstance(value, Prose) else markdown(value)
        if pd.isna(value):  # type: ignore[call-overload]
            return "–"
        number = float(value)  # type: ignore[arg-type]
        whole = np.isfinite(number) and number == round(number) and abs(number) < 1e7
        return f"{number:,.0f}" if whole else scientific(number, 3)

    frame = pd.DataFrame(frame)
    return grid(frame.columns, (map(said, row) for row in frame.itertuples(index=False)))


def closing(was: str, why: str, *, answered: bool = True) -> Prose:
    """The end of a prediction: what it was, from the results, and why; or why these runs have no answer."""
    if not answered:
        return Prose(f"**You predicted. These runs have no answer yet:** {was}")
    block = "\n\n" if was.startswith(("|", "-")) else " "
    return Prose(f"**You predicted. It was:**{block}{was}\n\n**Why:** {why}")


def box(rows: Iterable[tuple[str, str, str]]) -> Prose:
    """The box "the paper found / we measured": rows of (what, the paper, ours)."""
    return grid(("what", "the paper found", "we measured"), rows)
