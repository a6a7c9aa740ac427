"""Which column is the size, which the data, which the loss: by their names first, then by their contents."""

from collections.abc import Mapping

import pandas as pd

from transferlaws.ingest.quantities import read_numbers, share_of_numbers, size_in_text
from transferlaws.ingest.sheet import Sheet, each, plain
from transferlaws.ingest.synonyms import (
    FLOPS,
    MEANINGS,
    SCRATCH,
    SEQUENCE,
    TOKENS_A_PARAMETER,
    Meaning,
    loss_meaning,
    spelling,
)
from transferlaws.laws import word

NUMBERS = ("n_params", "d_chars", "d_tokens", "loss", "loss_validation", "loss_sd", "step", "learning_rate",
           "batch_size", "weight_decay")  # fmt: skip
LABELS = ("arm", "run", "status", "seed")


class Proposal:
    """The mapping that a table's names and contents suggest: target to (expression, unit), and remarks."""

    def __init__(self, sheet: Sheet, asked: Mapping[str, str]) -> None:
        """Look at a table; targets that were `asked` for are taken as given."""
        self.frame = sheet.frame
        self.columns = [str(name) for name in sheet.frame.columns]
        self.mapping: dict[str, tuple[str, str]] = {name: (text, "") for name, text in asked.items()}
        self.notes: list[str] = []
        self._comma = sheet.decimal_comma
        self._loss()
        for target in ("n_params", "d_chars", "d_tokens"):
            self._number(target)
        self._derived_data()
        for target in ("learning_rate", "batch_size", "weight_decay", "step"):
            self._number(target)
        self._error_bar()
        self._labels()

    def _candidates(self, target: str) -> list[tuple[str, Meaning, float, str]]:
        """Columns whose name means the target, best first: column, meaning, scale and unit of its name."""
        found = []
        for rank, meaning in enumerate(MEANINGS):
            if meaning.target != target:
                continue
            place = {name: at for at, name in enumerate(meaning.names)}
            for column in self.columns:
                forms, scale, unit = spelling(column)
                for depth, form in enumerate(forms):
                    if form in place:
                        found.append(((rank, depth, place[form]), (column, meaning, scale, unit)))
                        break
        return [what for _, what in sorted(found, key=lambda item: item[0])]

    def _take(self, target: str, expression: str, unit: str) -> None:
        self.mapping.setdefault(target, (expression, unit))

    def _loss(self) -> None:
        found = [(m.rank, name, m) for name in self.columns if (m := loss_meaning(name)) is not None]
        found = sorted(
            (one for one in found if share_of_numbers(self.frame[one[1]]) > 0), key=lambda one: one[0]
        )
        own = {name.strip().lower(): name for _, name, _ in found}
        if "loss" in own and "loss_validation" in own:  # a table of ours: its loss is the test's
            found.sort(key=lambda one: (one[1] != own["loss"], one[0]))
        if not found:
            return
        _, name, meaning = found[0]
        self._take("loss", meaning.expression.format(quoted(name)), meaning.unit)
        validation = next((one for one in found[1:] if one[2].is_validation), None)
        if validation and not meaning.is_validation and validation[2].unit == meaning.unit:
            self._take(
                "loss_validation", validation[2].expression.format(quoted(validation[1])), meaning.unit
            )
        others = [plain(other, 40) for _, other, _ in found[1:] if other != (validation or ("", "", None))[1]]
        if others and self.mapping["loss"][0] == meaning.expression.format(quoted(name)):
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            self.notes.append(f"loss could also be {', '.join(others[:3])}{more} (--map loss=...)")

    def _number(self, target: str) -> None:
        if target in self.mapping or (
            target == "d_tokens" and "d_chars" in self.mapping and not self._is_named("tok")
        ):
            return
        for column, meaning, scale, unit in self._candidates(target):
            cells = self.frame[column]
            if meaning.expression != "{}":
                sizes = cells.dropna().iloc[:500].map(size_in_text)
                if len(sizes) and sizes.notna().mean() > 0.5:
                    self._take(target, meaning.expression.format(quoted(column)), meaning.unit)
                    return
                continue
            if share_of_numbers(cells) < 0.5:
                sizes = cells.dropna().iloc[:500].map(size_in_text)
                if target == "n_params" and len(sizes) and sizes.notna().mean() > 0.5:
                    self._take(target, f"size({quoted(column)})", "parameters, from the model's name")
                    return
                continue
            read = read_numbers(cells, self._comma)
            told = read.unit or unit
            text = (
                quoted(column)
                if scale == 1
                else f"{quoted(column)}*{scale:.0e}".replace("e+0", "e").replace("e+", "e")
            )
            self._take(_home(target, told), text, told if told not in ("", "parameters") else meaning.unit)
            if target == "n_params" and scale == 1 and _looks_scaled(read.values):
                self.notes.append(
                    f"n_params runs from {read.values.min():g} to {read.values.max():g}: if "
                    f"{plain(column)!r} counts millions, --map n_params='{quoted(column)}*1e6'"
                )
            if _home(target, told) == target:
                return

    def _is_named(self, part: str) -> bool:
        return any(part in column.lower() for column in self.columns)

    def _first(self, names: tuple[str, ...]) -> str | None:
        """The first column called by one of these names that holds numbers."""
        for name in names:
            for column in self.columns:
                if name in spelling(column)[0] and share_of_numbers(self.frame[column]) > 0.5:
                    return quoted(column)
        return None

    def _derived_data(self) -> None:
        """The data where no column holds it: tokens a parameter, compute over 6 N, or steps times batch."""
        if "d_chars" in self.mapping or "d_tokens" in self.mapping or "n_params" not in self.mapping:
            return
        size = self.mapping["n_params"][0]
        ratio, flops = self._first(TOKENS_A_PARAMETER), self._first(FLOPS)
        steps = next((c for c, _, _, _ in self._candidates("step") if "epoch" not in c.lower()), None)
        batch = next((c for c, _, _, _ in self._candidates("batch_size")), None)
        length = self._first(SEQUENCE)
        if ratio:
            self._take("d_tokens", f"{ratio}*({size})", "tokens, from tokens a parameter")
        elif flops:
            self._take("d_tokens", f"{flops}/(6*({size}))", "tokens, from compute = 6 N D")
        elif steps and batch and (length or "token" in batch.lower()):
            text = f"{quoted(steps)}*{quoted(batch)}" + ("" if "token" in batch.lower() else f"*{length}")
            self._take("d_tokens", text, "tokens, from steps and batch")

    def _error_bar(self) -> None:
        source = self.mapping.get("loss", ("", ""))[0]
        for column, _, _, _ in self._candidates("loss_sd"):
            if share_of_numbers(self.frame[column]) > 0.5:
                self._take("loss_sd", quoted(column), "nats")
                return
        for column in self.columns:
            base = word(source)
            if word(column) in {
                f"{base}_{end}" for end in ("sd", "std", "stddev", "stderr", "sem", "err", "error")
            }:
                self._take("loss_sd", quoted(column), "nats")
                return

    def _labels(self) -> None:
        if "status" not in self.mapping:
            found = self._candidates("status")
            if found:
                self._take("status", quoted(found[0][0]), "")
        for column, _, _, _ in self._candidates("seed"):
            self._take("seed", quoted(column), "")
            break
        self._run()
        self._arm()

    def _run(self) -> None:
        """The column that names a run: small numbers that come back at every size are seeds instead."""
        for column, _, _, _ in self._candidates("run"):
            cells = self.frame[column]
            distinct = cells.nunique()
            if ((distinct < 2 and len(cells) > 1) or column == "file") and "step" not in self.mapping:
                continue
            if "seed" not in self.mapping and self._comes_back(column, distinct):
                self._take("seed", quoted(column), "")
                continue
            self._take("run", quoted(column), "")
            return

    def _comes_back(self, column: str, distinct: int) -> bool:
        cells = self.frame[column]
        sizes = next((c for c, m, _, _ in self._candidates("n_params") if m.expression == "{}"), None)
        if sizes is None or sizes == column or distinct > 50 or distinct * 2 > len(cells):
            return False
        small = all(str(cell).strip().removesuffix(".0").isdigit() for cell in cells.unique())
        return bool(small and (self.frame.groupby(cells.astype(str))[sizes].nunique() > 1).all())

    def _arm(self) -> None:
        """The column that says what a run began from: few labels, one of them most likely "scratch"."""
        sure = {"arm", "from_scratch", "pretrained", "pre_trained", "source"}
        for column, _, _, _ in self._candidates("arm"):
            labels = each(self.frame[column], word)
            distinct = set(labels) - {"", "nan"}
            many = len(distinct) > 2 and (
                len(distinct) * 2 > len(labels) or share_of_numbers(self.frame[column]) > 0.5
            )
            if not distinct or (many and column.strip().lower() != "arm"):
                continue
            if column == "file" and not distinct & SCRATCH:
                continue
            certain = bool(sure & set(spelling(column)[0]))
            if certain or len(distinct) > 1 or distinct & SCRATCH:
                self._take("arm", quoted(column), "")
                return


def _looks_scaled(sizes: pd.Series) -> bool:
    """Whether parameters are so few, or so broken, that they must count thousands or millions."""
    return bool((sizes.dropna() % 1 != 0).any() or 0 < sizes.max() < 200)


def quoted(column: str) -> str:
    """A column's name as an expression takes it: in backticks unless it is a word."""
    return column if column.isidentifier() else f"`{column}`"


def _home(target: str, unit: str) -> str:
    """The target that a unit belongs to: a column of data whose cells say "10M tokens" holds tokens."""
    if target not in ("d_chars", "d_tokens"):
        return target
    return {"tokens": "d_tokens", "characters": "d_chars", "bytes": "d_chars", "examples": "d_tokens"}.get(
        unit, target
    )
