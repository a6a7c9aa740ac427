"""Wide tables made long: one column a data size, a model size, a seed, an arm, or a run.

A table counts as wide only if it lacks the column that its columns stand for, so that a table with a loss and
columns of other measurements is left as it is.
"""

import re

import pandas as pd

from transferlaws.ingest.quantities import read_numbers, share_of_numbers
from transferlaws.ingest.sheet import Sheet, plain
from transferlaws.ingest.synonyms import MEANINGS, SCRATCH, loss_meaning, spelling
from transferlaws.laws import word

_NUMBER = r"[0-9][0-9_,.]*(?:e[+-]?\d+)?\s*(?:[kmbt]|bn)?|10\^\d+"
_COLUMN = re.compile(
    rf"(?P<stem>.*?)[\s_@=:/-]*(?P<number>{_NUMBER})\s*(?P<unit>tokens?|tok|chars?|characters?|examples?|samples?|params?)?",
    re.IGNORECASE,
)
_SEEDS = re.compile(r"(seed|rep|replicate|run|trial|fold|s)s?$", re.IGNORECASE)
_SIZES = re.compile(r"(n|n_?params?|params?|size|model)$", re.IGNORECASE)
_TRACKED = re.compile(r"(?P<run>.+) - (?P<metric>[^-]+?)(?P<end>__MIN|__MAX)?")
_UNIT_TARGET = {"tok": "d_tokens", "cha": "d_chars", "exa": "d_tokens", "sam": "d_tokens", "par": "n_params"}


def lengthen(sheet: Sheet) -> Sheet:
    """The table with a row a measurement; the same table if it has that already."""
    columns = [str(name) for name in sheet.frame.columns]
    if any("tracked" in note for note in sheet.notes):
        return sheet
    for attempt in (_tracked, _numbered, _arms):
        found = attempt(sheet, columns)
        if found is not None:
            return found
    return sheet


def _has(columns: list[str], *targets: str) -> bool:
    """Whether some column is called as one of these targets is."""
    named = {
        name
        for meaning in MEANINGS
        if meaning.target in targets
        for name in meaning.names
        if "size(" not in meaning.expression
    }
    return any(form in named for column in columns for form in spelling(column)[0])


def _melt(
    sheet: Sheet, columns: list[str], values: dict[str, object], target: str, value: str, said: str
) -> Sheet:
    """`values` maps each wide column to what it stands for; cells become the column `value`."""
    kept = sheet.frame[[name for name in sheet.frame.columns if name not in columns]]
    pieces = []
    for column in columns:
        piece = kept.copy()
        piece[target] = pd.Series([values[column]] * len(piece), piece.index, dtype=object)
        piece[value] = sheet.frame[column].astype(object)
        pieces.append(piece)
    frame = pd.concat(pieces)
    filled = frame[value].map(
        lambda cell: bool(str(cell).strip()) and str(cell).lower() not in ("nan", "none")
    )
    return sheet.with_frame(frame[filled].rename_axis(str(sheet.frame.index.name or "row")), said)


def _tracked(sheet: Sheet, columns: list[str]) -> Sheet | None:
    """The chart that W&B exports: Step, "name - metric", and the same with __MIN and __MAX."""
    matches = {name: match for name in columns if (match := _TRACKED.fullmatch(name))}
    if not matches or len(matches) < len(columns) - 3:
        return None
    metrics = {match["metric"] for match in matches.values()}
    chosen = [metric for metric in sorted(metrics) if loss_meaning(metric) is not None]
    wide = [name for name, match in matches.items() if not match["end"] and match["metric"] in chosen[:1]]
    if not wide:
        return None
    ends = [name for name in matches if name not in wide]
    left = sheet.with_frame(sheet.frame.drop(columns=ends))
    runs: dict[str, object] = {name: matches[name]["run"] for name in wide}
    return _melt(left, wide, runs, "run", chosen[0], f"one column a run ({len(wide)} runs): made long")


def _numbered(sheet: Sheet, columns: list[str]) -> Sheet | None:
    """Columns that differ in a number alone: data sizes, model sizes or seeds."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in columns:
        match = _COLUMN.fullmatch(name.strip())
        if match and any(c.isdigit() for c in match["number"]):
            stem = word(match["stem"])
            groups.setdefault((stem, (match["unit"] or "").lower()[:3]), []).append((name, match["number"]))
    for (stem, unit), members in sorted(groups.items(), key=lambda item: -len(item[1])):
        wide = [name for name, _ in members]
        others = [name for name in columns if name not in wide]
        if len(wide) < 2 or any(
            loss_meaning(name) and loss_meaning(name) != loss_meaning(stem) for name in others
        ):
            continue
        if min(share_of_numbers(sheet.frame[name]) for name in wide) < 0.5:
            continue
        target = _stands_for(stem, unit, others)
        if target is None:
            continue
        texts = pd.Series([number.strip() for _, number in members], dtype=object)
        read = read_numbers(texts).values
        if read.isna().any() or read.duplicated().any():
            continue
        values: dict[str, object] = {name: float(x) for name, x in zip(wide, read, strict=True)}
        value = next(
            (
                c
                for c in (stem, re.sub(r"_?(seed|rep|replicate|run|trial|fold|d|n)$", "", stem))
                if loss_meaning(c)
            ),
            "loss",
        )
        what = {"seed": "seed", "n_params": "model size"}.get(target, "data size")
        first, last = plain(wide[0], 20), plain(wide[-1], 20)
        called = "data" if target == "d" else target
        said = f"one column a {what} ({first} to {last}): made long"
        return _melt(sheet, wide, values, called, value, said)
    return None


def _stands_for(stem: str, unit: str, others: list[str]) -> str | None:
    """What the numbers in such columns' names are, None if the table has that already."""
    if _SEEDS.search(stem) and not unit:
        return None if _has(others, "seed") else "seed"
    if unit in _UNIT_TARGET:
        target = _UNIT_TARGET[unit]
        if unit in ("exa", "sam"):
            return None if _has(others, "d_tokens", "d_chars") else "examples"
    elif _SIZES.fullmatch(stem):
        target = "n_params"
    elif _has(others, "n_params") or not _has(others, "d_tokens", "d_chars"):
        plain_stem = (
            stem in ("", "d", "data", "loss", "tokens", "chars", "loss_d") or loss_meaning(stem) is not None
        )
        forms = spelling(stem)[0]
        named = next(
            (m for m in MEANINGS if m.target in ("d_tokens", "d_chars") and forms[0] in m.names), None
        )
        if named is None and not plain_stem:
            return None
        if _has(others, "d_tokens", "d_chars"):
            return None
        return named.names[0] if named and stem not in ("d", "data") else "d"
    else:
        target = "n_params" if stem == "" or loss_meaning(stem) is not None else ""
    return target if target and not _has(others, target) else None


def _arms(sheet: Sheet, columns: list[str]) -> Sheet | None:
    """One column an arm: `loss_scratch` and `loss_text`, or columns called `scratch` and others."""
    for cut in (re.compile(r".*loss[\s_/.:-]+(.+)", re.I), re.compile(r"(.+?)[\s_/.:-]+loss", re.I)):
        named = {name: word(match[1]) for name in columns if (match := cut.fullmatch(name.strip()))}
        if SCRATCH & set(named.values()) and len(named) > 1 and not _has(columns, "arm"):
            return _by_arm(sheet, dict(named))
    scratch = [name for name in columns if word(name) in SCRATCH - {"0", "1", "no", "none"}]
    others = [name for name in columns if name not in scratch]
    if len(scratch) != 1 or _has(others, "arm") or any(loss_meaning(name) for name in others):
        return None
    if set(sheet.frame[scratch[0]].map(word)) <= {"0", "1", "true", "false", "yes", "no"}:
        return None
    known = {name for meaning in MEANINGS for name in meaning.names}
    wide = [
        name
        for name in columns
        if name in scratch
        or (spelling(name)[0][0] not in known and share_of_numbers(sheet.frame[name]) > 0.5)
    ]
    return _by_arm(sheet, {name: name for name in wide}) if len(wide) > 1 else None


def _by_arm(sheet: Sheet, arms: dict[str, object]) -> Sheet:
    said = f"one column an arm ({', '.join(map(plain, arms))}): made long"
    return _melt(sheet, list(arms), arms, "arm", "loss", said)
