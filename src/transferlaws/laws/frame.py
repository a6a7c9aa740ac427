"""The frame of laws.json, field by field: whoever wrote it, what is read of it is what it says it is."""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.floor import N_CURVE
from transferlaws.laws.forms import LOSS_LAWS

LAW = ("k", "alpha", "beta")
CURVE = ("n_params", "B", "b")
"""What a curve has beside E and D0, and is above zero."""
HOW = ("paired", "unpaired", "noise", "open")
"""How the interval of a measured gain came about."""


def check_frame(document: Mapping[str, Any]) -> None:
    """Raise TransferLawsError, naming the field and what it takes, unless `document` has the frame.

    Fields that a law need not have may be missing; fields that nobody reads may hold anything.
    """
    for at, row in _items(document, "rows", "the document"):
        _check_row(_mapping(row, at), at)
    _check_curves(document, "the document")


def _check_row(row: Mapping[str, Any], at: str) -> None:
    for name in ("source", "method", "law", "status"):
        _text(row, name, at)
    if row.get("level") is not None:
        _number(row["level"], f"{at}.level", "between 0 and 1", lambda level: 0 < level < 1)
    elif "level" not in row:
        raise _wrong(f"{at}.level", "missing", "a number between 0 and 1, or null")
    ranges = row.get("range", "missing")
    if ranges is not None:
        for name, ends in _mapping(ranges, f"{at}.range").items():
            if ends is not None:
                rectified = row["law"] != "hernandez" and name != "n_params"  # such a law holds without data
                _ends(ends, f"{at}.range.{name}", least=0 if rectified else math.ulp(0))
    if row["law"] == "hernandez":
        if ranges is not None and (missing := {"n_params", "d_chars"} - set(ranges)):
            raise _wrong(f"{at}.range.{min(missing)}", "missing", "two numbers, or null")
        names: tuple[str, ...] = LAW
    elif row["law"] in LOSS_LAWS:
        names = tuple(field.name for field in fields(LOSS_LAWS[row["law"]]))
        if ranges is None or "n_params" not in ranges or len(ranges) != 2 or None in ranges.values():
            raise _wrong(f"{at}.range", ranges, "the ends of n_params and of the data")
        for place, draw in _items(row, "draws", at) if "draws" in row else ():
            _numbers(draw, place, len(names), empty=True)
    else:
        names = ()
    for name in names:
        _interval(row.get(name), f"{at}.{name}")
    if row["law"] == "hernandez":
        _number(row["k"]["value"], f"{at}.k.value", "above zero", _positive)
    if row.get("noise_nats") is not None:
        _number(row["noise_nats"], f"{at}.noise_nats", "of at least zero", _not_negative)
    if row.get("covariance_ln_k_alpha_beta") is not None:
        _covariance(row["covariance_ln_k_alpha_beta"], f"{at}.covariance_ln_k_alpha_beta")
    if row.get("pretrain_chars") is not None:
        _ends(row["pretrain_chars"], f"{at}.pretrain_chars", least=math.ulp(0))
    if "scratch" in row:
        _check_curves(row, at)
    if "measured" in row:
        for place, cell in _items(row, "measured", at):
            _check_cell(_mapping(cell, place), place)
    if row.get("predictive") is not None:
        _check_predictive(_mapping(row["predictive"], f"{at}.predictive"), f"{at}.predictive")


def _check_curves(holder: Mapping[str, Any], at: str) -> None:
    """From-scratch curves, from the smallest size to the largest, no size twice."""
    sizes: list[float] = []
    for place, row in _items(holder, "scratch", at):
        curve = _mapping(row, place)
        for name in CURVE:
            _number(curve.get(name, "missing"), f"{place}.{name}", "above zero", _positive)
        _number(curve.get("E", "missing"), f"{place}.E", "", math.isfinite)
        _number(curve.get("D0", "missing"), f"{place}.D0", "of at least zero", _not_negative)
        if curve.get("d_n_chars", "missing") is not None:
            kind = "of at least zero, or null"
            _number(curve.get("d_n_chars", "missing"), f"{place}.d_n_chars", kind, _not_negative)
        if "d_n_range" in curve:
            for end in _numbers(curve["d_n_range"], f"{place}.d_n_range", 2, empty=True):
                if end is not None and end < 0:
                    raise _wrong(f"{place}.d_n_range", curve["d_n_range"], "ends of at least zero, or null")
        if "d_chars" in curve:
            _ends(curve["d_chars"], f"{place}.d_chars")
        if curve.get("sd_nats") is not None:
            _number(curve["sd_nats"], f"{place}.sd_nats", "of at least zero", _not_negative)
        if "dof" in curve:
            _number(curve["dof"], f"{place}.dof", "of at least zero", _not_negative)
        if sizes and curve["n_params"] <= sizes[-1]:
            raise _wrong(
                f"{place}.n_params", curve["n_params"], f"a larger size than the {sizes[-1]:g} before it"
            )
        sizes.append(curve["n_params"])


def _check_cell(cell: Mapping[str, Any], at: str) -> None:
    for name in ("n_params", "d_chars", "loss", "loss_scratch"):
        _number(cell.get(name, "missing"), f"{at}.{name}", "above zero", _positive)
    _interval(cell.get("gain"), f"{at}.gain")
    _number(cell.get("n_pairs", "missing"), f"{at}.n_pairs", "of at least zero", _not_negative)
    if cell.get("sd") is not None:
        _number(cell["sd"], f"{at}.sd", "of at least zero", _not_negative)
    if cell.get("how") not in HOW:
        raise _wrong(f"{at}.how", cell.get("how", "missing"), f"one of {', '.join(HOW)}")


def _check_predictive(held: Mapping[str, Any], at: str) -> None:
    """What `Predictive.to_json` writes: a law and curves with their covariance, and the noise about them."""
    for name in ("d_ref", "dof"):
        _number(held.get(name, "missing"), f"{at}.{name}", "above zero", _positive)
    _number(held.get("misfit", "missing"), f"{at}.misfit", "of at least zero", _not_negative)
    _numbers(held.get("law", "missing"), f"{at}.law", len(LAW))
    _numbers(held.get("centre", "missing"), f"{at}.centre", 2)
    curves = _items(held, "curves", at)
    for place, curve in curves:
        _numbers(curve, place, N_CURVE)
    sizes = _rising(held.get("n_params", "missing"), f"{at}.n_params", len(curves))
    if sizes and sizes[0] <= 0:
        raise _wrong(f"{at}.n_params", sizes, "sizes above zero")
    variances = _items(held, "variance", at)
    for place, variance in variances:
        _number(variance, place, "above zero", _positive)
    _rising(held.get("data", "missing"), f"{at}.data", len(variances))
    if not (curves and variances):
        raise _wrong(f"{at}.{'variance' if curves else 'curves'}", [], "one entry or more")
    count = len(LAW) + N_CURVE * len(curves)
    lower = _numbers(held.get("covariance", "missing"), f"{at}.covariance", count * (count + 1) // 2)
    matrix = np.zeros((count, count))
    matrix[np.tril_indices(count)] = lower
    _no_negative_variance(matrix + np.tril(matrix, -1).T, lower, f"{at}.covariance")


def _wrong(at: str, found: object, wanted: str) -> TransferLawsError:
    shown = "missing" if isinstance(found, str) and found == "missing" else repr(found)
    return TransferLawsError(
        f"{at} is {shown if len(shown) < 60 else f'{shown[:50]} ...'}; it takes {wanted}"
    )


def _items(holder: Mapping[str, Any], name: str, at: str) -> list[tuple[str, Any]]:
    place = name if at == "the document" else f"{at}.{name}"
    found = holder.get(name, "missing")
    if not isinstance(found, list):
        raise _wrong(place, found, "a list")
    return [(f"{place}[{i}]", entry) for i, entry in enumerate(found)]


def _mapping(found: object, at: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise _wrong(at, found, "an object")
    return found


def _text(row: Mapping[str, Any], name: str, at: str) -> None:
    found = row.get(name, "missing") if name in row else None
    if not isinstance(found, str) or not found:
        raise _wrong(f"{at}.{name}", "missing" if name not in row else found, "a text")


def _positive(value: float) -> bool:
    return value > 0


def _not_negative(value: float) -> bool:
    return value >= 0


def _number(found: object, at: str, kind: str, fits: Callable[[float], bool]) -> None:
    try:
        good = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(float(found))
    except OverflowError:
        good = False
    if not good or not fits(float(found)):  # type: ignore[arg-type]
        raise _wrong(at, found, f"a number {kind}".rstrip())


def _numbers(found: object, at: str, count: int, *, empty: bool = False) -> list[Any]:
    """So many numbers; `empty` allows null among them."""
    if not isinstance(found, list) or len(found) != count:
        raise _wrong(at, found, f"{count} numbers")
    for place, value in enumerate(found):
        if not (empty and value is None):
            _number(value, f"{at}[{place}]", "", math.isfinite)
    return found


def _rising(found: object, at: str, count: int) -> list[Any]:
    """So many numbers, each larger than the one before."""
    held = _numbers(found, at, count)
    if any(second <= first for first, second in pairwise(held)):
        raise _wrong(at, found, "numbers that rise")
    return held


def _ends(found: object, at: str, *, least: float = 0) -> None:
    """Two numbers in order, both of at least `least`."""
    low, high = _numbers(found, at, 2)
    if not least <= low <= high:
        raise _wrong(at, found, f"its lower and its upper end, {'above' if least else 'of at least'} zero")


def _interval(found: object, at: str) -> None:
    """A value between its ends, of which null is open."""
    held = _mapping({} if found is None else found, at)
    _number(held.get("value", "missing"), f"{at}.value", "", math.isfinite)
    for end in ("low", "high"):
        if held.get(end, "missing") is not None:
            _number(held.get(end, "missing"), f"{at}.{end}", "or null", math.isfinite)
    if held["low"] is not None and held["high"] is not None and held["low"] > held["high"]:
        raise _wrong(at, [held["low"], held["high"]], "an interval whose lower end is below its upper end")


def _covariance(found: object, at: str) -> None:
    if not isinstance(found, list) or len(found) != len(LAW):
        raise _wrong(at, found, "3 x 3 numbers")
    for place, row in enumerate(found):
        _numbers(row, f"{at}[{place}]", len(LAW))
    matrix = np.array(found, float)
    if not np.allclose(matrix, matrix.T, rtol=1e-6):
        raise _wrong(at, found, "a covariance, which is symmetric")
    _no_negative_variance(matrix, found, at)


def _no_negative_variance(matrix: NDArray[np.float64], found: object, at: str) -> None:
    values = np.linalg.eigvalsh(matrix)
    if not values[0] >= -1e-6 * max(values[-1], 1e-12):
        raise _wrong(at, found, "a covariance, which has no variance below zero")
