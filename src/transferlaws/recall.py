"""Laws fitted once: what was computed from a table is kept on disk, and read back where it is asked again.

The functions here are those of `transferlaws.laws` by the same names. An answer is kept under a hash of the
table, the options, the code of `transferlaws.laws` and the versions of what it computes with, as sealed JSON:
nothing in such a file can run, and one that is damaged or foreign is computed anew, with a line in the log.
The folder `laws` in the cache may be deleted at any time.
"""

import hashlib
import inspect
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, wraps
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from transferlaws import laws
from transferlaws.errors import TransferLawsError
from transferlaws.files import read_sealed, write_sealed
from transferlaws.places import cache_dir

P = ParamSpec("P")
T = TypeVar("T")

LAWS = "transferlaws.laws"
KIND = "kind"
LOG = logging.getLogger(__name__)


def remembered(function: Callable[P, T]) -> Callable[P, T]:
    """The same function, which computes an answer once for all processes that share a cache."""
    signature = inspect.signature(function)

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        asked = signature.bind(*args, **kwargs)
        asked.apply_defaults()
        key = _key(function.__qualname__, asked.arguments)
        path = cache_dir() / "laws" / key[:2] / f"{key}.json"
        if path.exists():
            try:
                kept = read_sealed(path)
                if kept is not None and kept["key"] == key:
                    return _restored(kept["answer"])
            except Exception as error:  # whatever stands in the file, it is not what was written here
                LOG.debug("%s: %s", path, error)
            LOG.warning("%s is damaged or was not written here: computed anew", path)
        plain = _plain(function(*args, **kwargs))
        if _code() != CODE:
            LOG.warning("the code has changed since it was loaded: the answer is not kept")
            return _restored(plain)
        try:
            write_sealed(path, {"key": key, "answer": plain})
        except TransferLawsError as error:
            _not_kept(path.parents[1], getattr(error.__cause__, "strerror", None))
        return _restored(plain)  # the same from disk and from here

    return answer


@cache
def _not_kept(folder: Path, reason: str | None) -> None:
    """Say, once a process, that answers are computed again the next time."""
    LOG.warning("answers are not kept: cannot write to %s (%s)", folder, reason)


compare = remembered(laws.compare)
curvature = remembered(laws.curvature)
effective_data = remembered(laws.effective_data)
fit_curves = remembered(laws.fit_curves)
fit_form = remembered(laws.fit_form)
floors = remembered(laws.floors)
gain = remembered(laws.gain)
larger_designs = remembered(laws.larger_designs)
leave_outs = remembered(laws.leave_outs)
local_alpha = remembered(laws.local_alpha)
next_cells = remembered(laws.next_cells)
power = remembered(laws.power)
same_exponent = remembered(laws.same_exponent)
_fit_all = remembered(laws.fit_all)


def fit_all(
    table: pd.DataFrame,
    methods: Sequence[str] = laws.METHODS,
    sources: Sequence[str] | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[list[laws.Fit], dict[tuple[str, str], str]]:
    """As `laws.fit_all`, every source and method kept by itself."""
    table = laws.check_table(table)
    laws.fit_all(table, methods, (), bootstrap=bootstrap, level=level)  # raises for what no fit can take
    fits: list[laws.Fit] = []
    failed: dict[tuple[str, str], str] = {}
    for source in laws.sources(table) if sources is None else sources:
        for method in (method for method in laws.METHODS if method in methods):
            found, why = _fit_all(table, (method,), (source,), bootstrap=bootstrap, seed=seed, level=level)
            fits += found
            failed |= why
    return fits, failed


def fit(
    table: pd.DataFrame,
    source: str,
    *,
    method: str = "loss_space",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> laws.Fit:
    """As `laws.fit`, of a source by name; raises TransferLawsError with the reason where there is none."""
    fits, failed = fit_all(table, (method,), (source,), bootstrap=bootstrap, seed=seed, level=level)
    if not fits:
        raise TransferLawsError(failed[source, method])
    return fits[0]


def _key(name: str, arguments: Mapping[str, Any]) -> str:
    """The hash of everything that an answer depends on."""
    asked = json.dumps([CODE, name, _plain(dict(arguments))], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def _code() -> str:
    """The hash of the code of the laws, of this file, and of the packages that do the arithmetic, on disk."""
    digest = hashlib.sha256(repr([version(name) for name in ("numpy", "pandas", "scipy")]).encode())
    package = Path(__file__).parent
    for path in [Path(__file__), *sorted((package / "laws").rglob("*.py"))]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """A value as JSON without a number that JSON does not have; raises TypeError for one of no known kind."""
    if isinstance(value, Enum):
        return _named(value, value=value.value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {KIND: "float", "value": str(float(value))}
    if isinstance(value, type):
        return {KIND: "class", "name": f"{value.__module__}:{value.__qualname__}"}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return {KIND: "tuple", "items": [_plain(item) for item in value]}
    if isinstance(value, frozenset):
        return {KIND: "frozenset", "items": sorted((_plain(item) for item in value), key=json.dumps)}
    if isinstance(value, Mapping) and not is_dataclass(value):
        return {KIND: "dict", "items": [[_plain(key), _plain(item)] for key, item in value.items()]}
    if isinstance(value, np.ndarray):
        return {KIND: "array", "dtype": str(value.dtype), "shape": list(value.shape),
                "items": [_plain(item) for item in value.ravel().tolist()]}  # fmt: skip
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return _plain_frame(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _named(value, fields={f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.init})
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _named(value: Any, /, **content: Any) -> dict[str, Any]:
    kind = type(value)
    return {KIND: "object", "name": f"{kind.__module__}:{kind.__qualname__}", **content}


def _plain_frame(value: "pd.DataFrame | pd.Series[Any]") -> dict[str, Any]:
    frame = value if isinstance(value, pd.DataFrame) else value.to_frame()
    plain_index = isinstance(frame.index, pd.RangeIndex) and frame.index.equals(pd.RangeIndex(len(frame)))
    return {
        KIND: "frame" if isinstance(value, pd.DataFrame) else "series",
        "columns": [
            [_plain(name), str(column.dtype), [_plain(item) for item in column.tolist()]]
            for name, column in frame.items()
        ],
        "index": None if plain_index else [_plain(frame.index.name), [_plain(i) for i in frame.index]],
        "rows": len(frame),
        "attrs": _plain(dict(frame.attrs)),
    }


def _restored(plain: Any) -> Any:
    """The value behind `_plain`; only tuples, arrays, frames and classes of the laws come out."""
    if isinstance(plain, list):
        return [_restored(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    kind = plain[KIND]
    if kind == "float":
        return float(plain["value"])
    if kind == "tuple":
        return tuple(_restored(item) for item in plain["items"])
    if kind == "frozenset":
        return frozenset(_restored(item) for item in plain["items"])
    if kind == "dict":
        return {_restored(key): _restored(item) for key, item in plain["items"]}
    if kind == "array":
        return np.array(_restored(plain["items"]), dtype=plain["dtype"]).reshape(plain["shape"])
    if kind in ("frame", "series"):
        return _restored_frame(plain)
    if kind == "object":
        made = _class(plain["name"])
        if issubclass(made, Enum):
            return made(plain["value"])
        return made(**{name: _restored(item) for name, item in plain["fields"].items()})
    raise ValueError(f"no kind {kind!r}")


def _restored_frame(plain: Mapping[str, Any]) -> "pd.DataFrame | pd.Series[Any]":
    index: pd.Index = pd.RangeIndex(plain["rows"])
    if plain["index"] is not None:
        name, labels = plain["index"]
        index = pd.Index([_restored(label) for label in labels], name=_restored(name))
    columns = [
        pd.Series([_restored(item) for item in items], index=index, dtype=dtype, name=_restored(name))
        for name, dtype, items in plain["columns"]
    ]
    if plain[KIND] == "series":
        return columns[0]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=index)
    frame.attrs = _restored(plain["attrs"])
    return frame


def _class(name: str) -> Any:
    """A class of the laws by its name; raises ValueError for anything else."""
    module, _, attribute = name.partition(":")
    if module != LAWS and not module.startswith(f"{LAWS}."):
        raise ValueError(f"{name} is no class of the laws")
    made = getattr(import_module(module), attribute)
    if not isinstance(made, type) or not (is_dataclass(made) or issubclass(made, Enum)):
        raise ValueError(f"{name} is no class of the laws")
    return made


CODE = _code()
"""What `_code` was when this was loaded."""
