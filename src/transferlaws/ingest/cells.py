"""Rows to runs: what did not finish set aside, checkpoints of a run one run, of what was tuned the best.

A cell is one arm, size and amount of data; its runs differ in their seed. Nothing leaves without a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from transferlaws.ingest.sheet import lines, plain
from transferlaws.ingest.synonyms import ORDER, spelling
from transferlaws.laws import TUNED, tuning_of

CELL = ("arm", "n_params", "d_chars", "d_tokens")
ROLES = frozenset({"run", "tune", "pretrain", ""})


@dataclass(frozen=True)
class Aside:
    """Rows that count as no run: how many, why, and where the first of them stand."""

    count: int
    why: str
    where: str

    def summary(self) -> str:
        """One line: count, reason, first lines."""
        return f"{self.count:,} row{'s' * (self.count != 1)}: {self.why} ({self.where})"


@dataclass(frozen=True)
class Runs:
    """The runs of a table, one row each, with what was set aside and what is odd about the rest."""

    aside: tuple[Aside, ...]
    notes: tuple[str, ...]
    tuned: tuple[str, ...]
    table: pd.DataFrame = field(repr=False, compare=False)


def settle(table: pd.DataFrame, checkpoint: str = "best", tuning: Sequence[str] = ()) -> Runs:
    """The runs in rows of our columns.

    `checkpoint` is which of a run's checkpoints at one data size counts, "best" (by validation loss, where it
    is given) or "last"; `tuning` names further columns whose best value counts.
    """
    if not {"n_params", "loss"} <= set(table) or not {"d_chars", "d_tokens"} & set(table):
        return Runs((), (), (), table)  # nothing of it can be a run; what is missing is said elsewhere
    work = _Work(table)
    work.drop_other_roles()
    work.drop_unfinished()
    work.drop_unusable()
    work.drop_repeats()
    work.one_checkpoint(checkpoint)
    tuned = work.best_tuned(tuning)
    work.number_seeds()
    work.say_what_is_odd()
    kept = [name for name in ORDER if name in work.table and name != "status"]
    columns = kept + [name for name in map(str, work.table) if name not in ORDER]
    return Runs(tuple(work.aside), tuple(work.notes), tuned, work.table[columns])


class _Work:
    """A table on its way to runs, and what was said on the way."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.aside: list[Aside] = []
        self.notes: list[str] = []

    @property
    def cell(self) -> list[str]:
        return [name for name in CELL if name in self.table]

    def set_aside(self, bad: pd.Series, why: str) -> None:
        if bad.any():
            self.aside.append(Aside(int(bad.sum()), why, lines(self.table.index[bad])))
            self.table = self.table[~bad]

    def drop_other_roles(self) -> None:
        """In a table of this project pre-training and tuning stand beside the runs."""
        if "role" in self.table and set(self.table["role"].astype(str)) <= ROLES:
            role = self.table["role"].astype(str)
            self.set_aside(~role.isin(["run", ""]), "pre-training or tuning, by its role")
            self.table = self.table.drop(columns="role")

    def drop_unfinished(self) -> None:
        if "status" not in self.table:
            return
        status = self.table["status"].astype(str)
        for ending in [label for label in status.unique() if not label.startswith("ok")]:
            kind, _, said = ending.partition(" ")
            why = "still running" if kind == "running" else "did not finish"
            self.set_aside(self.table["status"].astype(str) == ending, f"{why}, status {plain(said)!r}")

    def drop_unusable(self) -> None:
        for name in ("loss", "n_params"):
            if name not in self.table:
                continue
            source = f"source_{name}" if f"source_{name}" in self.table else None
            if name == "loss" and source is None:
                self.set_aside(self.table[name] == np.inf, "the loss is infinite: diverged")
            self.set_aside(self.table[name].isna(), f"no {name}")
            self.set_aside(self.table[name].isin([np.inf, -np.inf]), f"{name} is not finite")
            self.set_aside(self.table[name] <= 0, f"{name} is not positive")
        data = [name for name in ("d_chars", "d_tokens") if name in self.table]
        if data:
            either = " or ".join(data)
            self.set_aside(self.table[data].isna().all(axis=1), f"no {either}")
            self.set_aside(self.table[data].isin([np.inf, -np.inf]).any(axis=1), f"{either} is not finite")
            self.set_aside((self.table[data] < 0).any(axis=1), f"{either} is negative")

    def drop_repeats(self) -> None:
        """Rows that are the same in every column count once."""
        measured = [name for name in (*self.cell, "loss") if name in self.table]
        if measured and not self.table.empty:
            alike = self.table.duplicated(measured, keep=False)
            again = self.table[alike].astype(str).duplicated()
            repeat = pd.Series(False, range(len(self.table)))
            repeat[alike.to_numpy()] = again.to_numpy()
            self.set_aside(
                pd.Series(repeat.to_numpy(), self.table.index), "exact repeat of an earlier row, counted once"
            )

    def one_checkpoint(self, which: str) -> None:
        """Of a run's rows at one data size keep one."""
        if not {"run", "step"} <= set(self.table.columns) or self.table.empty:
            return
        group = ["run", *self.cell, *(["seed"] if "seed" in self.table else [])]
        rows = self.table.reset_index(drop=True)
        named = rows["run"].astype(str) != ""
        repeated = rows.duplicated(group, keep=False) & named & rows["step"].notna()
        several = rows[repeated].groupby(group, dropna=False)["step"].nunique()
        if several.empty or several.max() < 2:
            return
        measure = (
            "loss_validation"
            if "loss_validation" in rows and rows["loss_validation"].notna().all()
            else "loss"
        )
        order = "step" if which == "last" else measure
        ranked = rows[repeated].sort_values(order, ascending=which != "last", kind="stable")
        drop = repeated & ~rows.index.isin(ranked.index[~ranked.duplicated(group)])
        rule = "the last step" if which == "last" else f"the lowest {measure}"
        self.notes.append(
            f"{len(several):,} run{'s have' if len(several) > 1 else ' has'} several "
            f"checkpoints at one data size; the {which} ({rule}) counts"
        )
        self.set_aside(
            pd.Series(drop.to_numpy(), self.table.index), f"another checkpoint of a run ({which} counts)"
        )

    def best_tuned(self, more: Sequence[str]) -> tuple[str, ...]:
        """Of runs that differ in what was tuned keep the best."""
        if self.table.empty or not self.cell:
            return ()
        known = [n for n in map(str, self.table) if n in more or TUNED & set(spelling(n)[0])]
        tuning = tuning_of(self.table, self.cell, known, surely=bool(more))
        if tuning is None:
            return ()
        self.notes.append(plain(tuning.sentence, 200))
        names = ", ".join(map(plain, tuning.columns))
        self.set_aside(~tuning.keep, f"another value of {names} did better in the cell")
        return tuning.columns

    def number_seeds(self) -> None:
        if self.table.empty or "arm" not in self.table:
            return
        seeds = self.table["seed"].astype(str) if "seed" in self.table else pd.Series("", self.table.index)
        if (seeds == "").any():
            numbers = self.table.groupby(self.cell, dropna=False).cumcount()
            table = self.table.copy()
            table["seed"] = seeds.where(seeds != "", numbers.astype(str)).astype(object)
            self.table = table
            said = "runs of one cell are numbered" if numbers.max() else "every run is called 0"
            self.notes.append(
                f"seed: {'nothing names it' if (seeds == '').all() else 'some are empty'}; {said}"
            )

    def say_what_is_odd(self) -> None:
        rows = self.table
        if rows.empty or not self.cell:
            return
        for name in ("d_chars", "d_tokens"):
            if name in rows and (rows[name] == 0).any() and not ("d_chars" in rows and name == "d_tokens"):
                count = int((rows[name] == 0).sum())
                self.notes.append(
                    f"{count:,} row{'s' * (count != 1)} without data ({name} = 0) kept: the zero-shot loss"
                )
        if "n_params" in rows and len(rows) and rows["n_params"].nunique() == 1:
            self.notes.append(
                f"one model size ({rows['n_params'].iloc[0]:g}): loss against data can be fitted, size cannot"
            )
        if "run" in rows:
            if "seed" in rows:
                self._repeats()
            return
        self._repeats()
        group = [name for name in ("arm", "n_params", "seed") if name in rows]
        if not group:
            return
        per = rows.groupby(group)[self.cell[-1]].nunique()
        if len(per) and per.median() > 20:
            self.notes.append(
                f"each of {len(per)} sizes has some {per.median():.0f} data sizes and nothing names the run: "
                "if these are checkpoints of one run, --map run=n_params says so"
            )

    def _repeats(self) -> None:
        rows = self.table
        same = rows.duplicated([*self.cell, *(["seed"] if "seed" in rows else [])], keep=False)
        if not same.any():
            return
        what = "size, arm, data size and seed" if "seed" in rows else "size and data size"
        skip = {*self.cell, "loss", "seed", "run", "step", "loss_sd", "loss_validation", "file"}
        keys = [rows[name].astype(str) for name in self.cell]
        odd = [
            plain(name, 30) for name in rows
            if name not in skip and rows[name].nunique() <= max(20, len(rows) // 10)
            and (rows[name].astype(str)[same].groupby([key[same] for key in keys]).nunique() > 1).any()
        ][:3]  # fmt: skip
        hint = f"; they differ in {', '.join(odd)} (--tune or --map arm=... if that is why)" if odd else ""
        self.notes.append(
            f"{int(same.sum()):,} rows share {what} with another ({lines(rows.index[same])}); each counts "
            f"as a run{hint}"
        )
