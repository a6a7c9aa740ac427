"""Numbers as people write them: 1.3B, 12 M, 3,000, 1,5e6, $10^6$, 2.31 ± 0.02, 10M tokens.

A column is read as a whole, because one cell cannot say whether 3,141 is three thousand or pi.
"""

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

MISSING = frozenset({"", "nan", "na", "n/a", "none", "null", "-nan", "-", "--", "—", "–", "?", "<na>", "nat"})

SCALES = {
    "": 1.0, "k": 1e3, "thousand": 1e3, "tsd": 1e3, "m": 1e6, "mm": 1e6, "mio": 1e6, "million": 1e6,
    "millions": 1e6, "b": 1e9, "bn": 1e9, "g": 1e9, "mrd": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12,
    "tn": 1e12, "trillion": 1e12,
    "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30,
}  # fmt: skip
BYTES = frozenset({"kb", "mb", "gb", "tb", "kib", "mib", "gib"})
UNITS = {
    "token": "tokens", "tokens": "tokens", "tok": "tokens", "toks": "tokens",
    "char": "characters", "chars": "characters", "character": "characters", "characters": "characters",
    "byte": "bytes", "bytes": "bytes", "example": "examples", "examples": "examples", "sample": "examples",
    "samples": "examples", "docs": "examples", "documents": "examples", "param": "parameters",
    "params": "parameters", "parameters": "parameters", "nats": "nats", "nat": "nats", "bits": "bits",
}  # fmt: skip

_DIGITS = r"[+-]?(?:\d[\d_'’\u0020\u00a0\u202f\u2009,.]*|[.,]\d+)"
_NUMBER = re.compile(
    rf"({_DIGITS})(e[+-]?\d+)?\s*({'|'.join(sorted(SCALES, key=len, reverse=True))})"
    rf"(?:[\s-]*({'|'.join(sorted(UNITS, key=len, reverse=True))}))?",
    re.IGNORECASE,
)
_POWER = re.compile(rf"(?:({_DIGITS})\s*[×x*·]\s*)?(10|2)\s*(?:\^|\*\*)\s*([+-]?\d+)", re.IGNORECASE)
_ERROR = re.compile(r"\s*(?:±|\+/-|\+-|\\pm)\s*|\s*\((?=[\d.,e-]+\)$)")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")
_COMMA = re.compile(r"[+-]?\d*,\d+(?:e[+-]?\d+)?", re.IGNORECASE)
_DOTTED = re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}(?:,\d*)?")
_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:[.,_]\d+)?)\s?(k|m|b|bn|million|billion)(?![a-z])", re.IGNORECASE)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−", "0123456789-+-")


@dataclass(frozen=True)
class Quantities:
    """A column as numbers: NaN where a cell is empty or cannot be read, `unread` the ones that cannot."""

    values: pd.Series
    unread: pd.Series
    errors: pd.Series | None
    unit: str


def read_numbers(column: pd.Series, decimal_comma: bool = False) -> Quantities:
    """A column of cells as numbers.

    `decimal_comma` decides columns whose every comma could be either (3,141); elsewhere the column itself
    says. Error bars written into the cells (2.31 ± 0.02) come back in `errors`; `unit` is the unit that the
    cells name, if they name one.
    """
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return Quantities(column.astype("float64"), pd.Series(False, column.index), None, "")
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    texts = [cell if isinstance(cell, str) else "" if _absent(cell) else str(cell) for cell in distinct]
    texts = [text.strip() for text in texts]
    comma, dots = _style(texts, decimal_comma)
    values = np.full(len(texts), math.nan)
    errors = np.full(len(texts), math.nan)
    bad = np.zeros(len(texts), dtype=bool)
    units = set()
    for at, text in enumerate(texts):
        found = _parse(text, comma, dots)
        if found is None:
            bad[at] = text.lower() not in MISSING
        else:
            values[at], errors[at], unit = found
            units.add(unit)
    units -= {""}
    where = column.index
    return Quantities(
        pd.Series(values[codes], where, dtype="float64"),
        pd.Series(bad[codes], where, dtype=bool),
        pd.Series(errors[codes], where, dtype="float64") if np.isfinite(errors).any() else None,
        units.pop() if len(units) == 1 else "",
    )


def share_of_numbers(column: pd.Series) -> float:
    """The share of a column's filled cells that read as numbers (of the first 2,000); 0 if all are empty."""
    read = read_numbers(column.iloc[:2000])
    filled = read.values.notna() | read.unread
    return float(read.values.notna().sum() / filled.sum()) if filled.any() else 0.0


def size_in_text(text: object) -> float:
    """The size a model's name carries: 410e6 of "pythia-410m-deduped"; NaN if it carries none.

    A name with two sizes (8x7B, 1.3B-100M) has none that can be told.
    """
    found = {m.group(0).lower(): m for m in _SIZE.finditer(str(text))}
    if len(found) != 1:
        return math.nan
    match = next(iter(found.values()))
    return float(re.sub("[,_]", ".", match.group(1))) * SCALES[match.group(2).lower()]


def writes_decimal_comma(texts: list[str], semicolons: bool) -> bool:
    """Whether commas here are decimal: some cell says so, or semicolons part the cells and none says no."""
    commas = [text for text in texts if _COMMA.fullmatch(text)]
    if any(not _GROUPED.fullmatch(text) for text in commas):
        return True
    return bool(commas) and semicolons and not any(re.fullmatch(r"[+-]?\d+\.\d+", text) for text in texts)


def _absent(cell: object) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and math.isnan(cell))


def _style(texts: list[str], decimal_comma: bool) -> tuple[bool, bool]:
    """Whether a lone comma is decimal, and whether dots part thousands, in a column of such cells."""
    commas = [text for text in texts if "," in text]
    told = [_COMMA.match(text) and not _GROUPED.match(text) for text in commas]
    dots = any(text.count(".") > 1 and _DOTTED.fullmatch(text) for text in texts)
    return any(told) or dots or decimal_comma, dots


def _parse(text: str, comma: bool, dots: bool) -> tuple[float, float, str] | None:
    try:
        if not dots:
            return float(text), math.nan, ""
    except ValueError:
        pass
    text = text.strip("$ ").lstrip("~≈").strip()
    for mark in ("\\times", "\\cdot", "{", "}", "\\,", "~"):
        text = text.replace(mark, "×" if mark in ("\\times", "\\cdot") else "")
    text = re.sub(r"(?<=\d)([⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+)", lambda m: "^" + m[1], text).translate(_SUPERSCRIPT)
    parts = _ERROR.split(text.rstrip(), maxsplit=1)
    if len(parts) == 2:
        value, error = (_parse(part.rstrip(") "), comma, dots) for part in parts)
        return None if value is None or error is None else (value[0], error[0], value[2])
    if match := _POWER.fullmatch(text):
        factor = 1.0 if match[1] is None else _plain(match[1], comma, dots)
        exponent = int(match[3]) if len(match[3]) < 5 else 9999
        power = math.inf if exponent > 300 else float(match[2]) ** exponent
        return None if factor is None else (factor * power, math.nan, "")
    match = _NUMBER.fullmatch(text)
    value_of = None if match is None else _plain(match[1], comma, dots)
    if match is None or value_of is None:
        return None
    scale = match[3].lower()
    unit = "bytes" if scale in BYTES else UNITS.get((match[4] or "").lower(), "")
    return value_of * float(f"1{match[2] or ''}") * SCALES[scale], math.nan, unit


def _plain(digits: str, comma: bool, dots: bool) -> float | None:
    """Digits with separators as a number: of two kinds of separator the last is the decimal one."""
    digits = re.sub(r"[_'’\s\u00a0\u202f\u2009]", "", digits)
    if "," in digits and "." in digits:
        last = max(digits.rfind(","), digits.rfind("."))
        digits = re.sub("[,.]", "", digits[:last]) + "." + digits[last + 1 :]
    elif "," in digits:
        grouped = not comma and _GROUPED.fullmatch(digits)
        digits = digits.replace(",", "" if grouped or digits.count(",") > 1 else ".")
    elif dots:
        digits = digits.replace(".", "")
    try:
        return float(digits)
    except ValueError:
        return None
