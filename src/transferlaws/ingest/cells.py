"""Rows to runs: what did not finish set aside, checkpoints of a run one run, of what was tuned the best.

A cell is one arm, size and amount of data; its runs differ in their seed. Nothing leaves without a sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from transferlaws.ingest.sheet import lines, plain
from transferlaws.ingest.synonyms import STATUS_OF, TUNING, spelling, word

CELL = ("arm", "n_params", "d_chars", "d_tokens")


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
    work = _Work(table)
    work.drop_unfinished()
    work.drop_unusable()
    work.drop_repeats()
    work.one_checkpoint(checkpoint)
    tuned = work.best_tuned(tuning)
    work.number_seeds()
    work.say_what_is_odd()
    return Runs(
        tuple(work.aside), tuple(work.notes), tuned, work.table.drop(columns="status", errors="ignore")
    )


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
                self.set_aside(np.isinf(self.table[name]), "the loss is infinite: diverged")
            self.set_aside(self.table[name].isna(), f"no {name}")
            self.set_aside(~np.isfinite(self.table[name]), f"{name} is not finite")
            self.set_aside(self.table[name] <= 0, f"{name} is not positive")
        data = [name for name in ("d_chars", "d_tokens") if name in self.table]
        if data:
            self.set_aside(self.table[data].isna().any(axis=1), f"no {' or '.join(data)}")
            self.set_aside(~np.isfinite(self.table[data]).all(axis=1), f"{' or '.join(data)} is not finite")
            self.set_aside((self.table[data] < 0).any(axis=1), f"{' or '.join(data)} is negative")

    def drop_repeats(self) -> None:
        keys = self.table.astype({name: str for name in self.table if self.table[name].dtype == object})
        self.set_aside(keys.duplicated(), "exact repeat of an earlier row, counted once")

    def one_checkpoint(self, which: str) -> None:
        """Of a run's rows at one data size keep one."""
        if not {"run", "step"} <= set(self.table.columns) or self.table.empty:
            return
        group = ["run", *self.cell, *(["seed"] if "seed" in self.table else [])]
        rows = self.table.reset_index(names="_line")
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
        kept = rows[repeated].sort_values(order, ascending=which != "last", kind="stable")
        kept = kept[~kept.duplicated(group)]["_line"].index
        drop = repeated & ~rows.index.isin(kept)
        rule = "the last step" if which == "last" else f"the lowest {measure}"
        self.notes.append(
            f"{len(several):,} run{'s' * (len(several) != 1)} {'have' if len(several) > 1 else 'has'} several "
            f"checkpoints at one data size; the {which} ({rule}) counts"
        )
        self.set_aside(
            pd.Series(drop.to_numpy(), self.table.index), f"another checkpoint of a run ({which} counts)"
        )

    def best_tuned(self, more: Sequence[str]) -> tuple[str, ...]:
        """Of runs that differ in what is tuned keep the best setting of each cell, with all its seeds."""
        if self.table.empty:
            return ()
        rows = self.table
        known = [name for name in rows if name in more or TUNING & set(spelling(str(name))[0])]
        text = rows[[*self.cell, *known]].astype(str)
        sizes = text.groupby(self.cell)[known].nunique() if known else pd.DataFrame()
        tuned = tuple(name for name in known if (sizes[name] > 1).any())
        # One setting may follow another (a batch chosen for a rate): what varies is taken together.
        if not tuned:
            return ()
        measure = (
            "loss_validation"
            if "loss_validation" in rows and rows["loss_validation"].notna().all()
            else "loss"
        )
        work = text[list(self.cell)].copy()
        work["_cell"] = work.groupby(self.cell).ngroup()
        work["_setting"] = text[list(tuned)].agg("|".join, axis=1)
        work["_loss"] = rows[measure].to_numpy()
        work["_seed"] = rows["seed"].astype(str).to_numpy() if "seed" in rows else ""
        work["_at"] = np.arange(len(rows))
        by_setting = work.groupby(["_cell", "_setting"], sort=False).agg(
            seeds=("_seed", "nunique"), loss=("_loss", "mean")
        )
        most = by_setting.groupby("_cell")["seeds"].transform("max")
        full = by_setting[by_setting["seeds"] == most]
        best = full.loc[full.groupby("_cell")["loss"].idxmin()].reset_index()
        seeds = work.groupby("_cell")["_seed"].nunique()
        crossed = set(best["_cell"][best["seeds"].to_numpy() * 2 > seeds.loc[best["_cell"]].to_numpy()])
        chosen = set(zip(best["_cell"], best["_setting"], strict=True))
        in_chosen = np.array([pair in chosen for pair in zip(work["_cell"], work["_setting"], strict=True)])
        by_seed = work.loc[work.groupby(["_cell", "_seed"])["_loss"].transform("min") == work["_loss"]]
        by_seed = by_seed[~by_seed.duplicated(["_cell", "_seed"])]
        keep = np.where(work["_cell"].isin(crossed), in_chosen, work["_at"].isin(by_seed["_at"]))
        drop = pd.Series(~keep, rows.index)
        if drop.any():
            names = ", ".join(map(plain, tuned))
            how = "validation loss" if measure == "loss_validation" else "loss (there is no validation loss)"
            rule = (
                f"the setting of lowest mean {how} over its seeds"
                if crossed and seeds.max() > 1
                else f"the lowest {how}"
            )
            cells = work.loc[drop.to_numpy(), "_cell"].nunique()
            self.notes.append(
                f"{names} var{'y' if len(tuned) > 1 else 'ies'} within {cells:,} cells: tuning, of which {rule} counts"
            )
            self.set_aside(drop, f"another value of {names} did better in the cell")
        return tuned

    def number_seeds(self) -> None:
        if self.table.empty or "arm" not in self.table:
            return
        seeds = self.table["seed"].astype(str) if "seed" in self.table else pd.Series("", self.table.index)
        if (seeds == "").any():
            numbers = self.table.groupby([self.table[name].astype(str) for name in self.cell]).cumcount()
            table = self.table.copy()
            table["seed"] = seeds.where(seeds != "", numbers.astype(str)).astype(object)
            self.table = table
            said = "runs of one cell are numbered" if numbers.max() else "every run is called 0"
            self.notes.append(
                f"seed: {'nothing names it' if (seeds == '').all() else 'some are empty'}; {said}"
            )

    def say_what_is_odd(self) -> None:
        rows = self.table
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
        if "run" in rows or not self.cell or rows.empty:
            return self._repeats()
        group = [name for name in ("arm", "n_params", "seed") if name in rows]
        per = rows.groupby(group)[self.cell[-1]].nunique()
        if len(per) and per.median() > 20:
            self.notes.append(
                f"each of {len(per)} sizes has some {per.median():.0f} data sizes and nothing names the run: if these "
                "are checkpoints of one run, --map run=n_params says so"
            )
        return self._repeats()

    def _repeats(self) -> None:
        rows = self.table
        if rows.empty:
            return
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
            f"{int(same.sum()):,} rows share {what} with another ({lines(rows.index[same])}); each counts as a run{hint}"
        )


def failed_words(column: pd.Series) -> pd.Series:
    """Where a cell of a loss says how the run ended ("OOM", "diverged") instead of a number."""
    return column.map(lambda cell: isinstance(cell, str) and STATUS_OF.get(word(cell)) == "failed")
