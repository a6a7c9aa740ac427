"""Other people's runs to the table that `fit` takes: look first, say what was understood, then write.

    looked = look([Path("runs.csv")])
    print(looked.summary())
    looked.write(Path("table.csv"))

Looking reads and decides everything; writing only refuses what is missing.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.ingest.arithmetic import read_expression
from transferlaws.ingest.cells import Runs, settle
from transferlaws.ingest.output import Written, refuse_output, write_table
from transferlaws.ingest.published import Published, published
from transferlaws.ingest.readers import read_file
from transferlaws.ingest.sheet import Sheet, plain
from transferlaws.ingest.understanding import Understanding, understand
from transferlaws.ingest.wide import lengthen


@dataclass(frozen=True)
class Looked:
    """Files looked at: what was understood of each, the runs that came of it, and what was set aside."""

    files: tuple[Path, ...]
    understood: tuple[Understanding, ...]
    runs: Runs
    like: Published | None = None
    remarks: tuple[str, ...] = ()
    read: tuple[Path, ...] = field(default=(), repr=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns a law cannot do without that no file was found to have."""
        missing = [set(one.missing) for one in self.understood]
        return tuple(name for name in self.understood[0].missing if all(name in other for other in missing))

    @property
    def law(self) -> str:
        """The law of `transferlaws fit` that these runs are for: hernandez is that of transfer."""
        table = self.runs.table
        if "arm" in table and "scratch" in set(table["arm"]) and table["arm"].nunique() > 1:
            return "hernandez"
        if self.like is not None:
            return self.like.law
        data = "d_tokens" if "d_tokens" in table else "d_chars"
        return "rectified" if data in table and (table[data] == 0).any() else "chinchilla"

    def next_command(self, out: Path) -> str:
        """The command that fits that law to the table written to `out`."""
        law = "" if self.law == "hernandez" else f" --law {self.law}"
        needed, other = ("d_chars", "d_tokens") if "arm" in self.runs.table else ("d_tokens", "d_chars")
        under = "" if needed in self.runs.table else f" --map {needed}={other}"
        arms = self.runs.table.get("arm", pd.Series(dtype=object))
        alone = len(arms) and "scratch" not in set(arms)
        source = f" --source {shlex.quote(str(arms.value_counts().index[0]))}" if alone else ""
        return f"transferlaws fit {shlex.quote(str(out))}{law}{under}{source}"

    def summary(self) -> str:
        """What was understood, what was set aside, and the published fit to compare with, in lines."""
        said = [one.summary() for one in self.understood]
        said += [f"note: {line}" for line in self.remarks]
        said += [f"set aside {aside.summary()}" for aside in self.runs.aside]
        said += [f"note: {line}" for line in self.runs.notes]
        if self.missing:
            said.append(f"missing: {', '.join(self.missing)}")
        elif not self.missing:
            count = len(self.runs.table)
            said.append(f"{count:,} run{'s' * (count != 1)}")
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
            "remarks": list(self.remarks),
            "set_aside": [{"count": a.count, "why": a.why, "where": a.where} for a in self.runs.aside],
            "notes": list(self.runs.notes),
            "tuned": list(self.runs.tuned),
            "missing": list(self.missing),
            "runs": len(self.runs.table),
            "law": self.law,
            "published": {"name": self.like.name, "fact": self.like.fact, "source": self.like.source}
            if self.like
            else None,
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
        return write_table(self.runs.table, out)


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
    remarks: list[str] = []
    for path in files:
        found = read_file(Path(path))
        if len(found) > 1 or sheet:
            found, more = _one_sheet(found, sheet, asked)
            remarks += more
        sheets += [_with_file(each, Path(path)) if needs_file else each for each in found]
    understood = []
    for each in _together(sheets):
        given, more = _fitting(ready, each) if ready else ({}, [])
        sizes, units = (ready.sizes, ready.units) if ready else (None, None)
        understood.append(
            understand(each, {**given, **(mapping or {})}, chars_per_token, scratch, sizes, units)
        )
        remarks += more
    table = pd.concat([one.table for one in understood]) if len(understood) > 1 else understood[0].table
    runs = settle(
        table,
        checkpoint or (ready.checkpoint if ready else "best"),
        [*tuning, *(ready.tuning if ready else ())],
    )
    read = tuple(Path(name) for each in sheets for name in each.files)
    return Looked(tuple(map(Path, files)), tuple(understood), runs, ready, tuple(remarks), read)


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


def _fitting(ready: Published, sheet: Sheet) -> tuple[dict[str, str], list[str]]:
    """The part of a ready mapping whose columns the table has, and what became of the rest."""
    columns = list(map(str, lengthen(sheet).frame.columns))
    fits, odd = {}, []
    for target, text in ready.mapping.items():
        try:
            if all(part in columns for part in text.split("+")) or read_expression(text, columns):
                fits[target] = text
        except UsageError as error:
            odd.append(f"{target} of --like {ready.name}: {error}; taken by its name instead")
    if not fits or len(odd) == len(ready.mapping):
        raise UsageError(f"{sheet.where} has none of the columns of --like {ready.name} ({ready.shape})")
    return fits, odd


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
    return [sheets[chosen]], [f"read sheet {names[chosen]}, not {others} (--sheet NAME reads another)"]
