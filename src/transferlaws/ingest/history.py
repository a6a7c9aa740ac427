"""Curves of runs as rows: one row a run and step, the run's settings beside its measurements.

Trackers log each measurement at steps of its own. What is no loss holds until it is logged again, so that the
tokens seen at step 990 stand beside the loss evaluated at step 1,000.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from transferlaws.ingest.synonyms import loss_meaning

_SETTING = re.compile(
    r"(?:^|[/,_ -])([A-Za-z][A-Za-z0-9.]*(?:_[A-Za-z]+)*)=([^/,= ]+?)(?=$|[/, ]|[_-][A-Za-z][\w.]*=)"
)
_SEED = re.compile(r"(?:^|[/,_ .-])seed[-_]?(\d{1,9})(?![\d.])", re.IGNORECASE)


@dataclass(frozen=True)
class History:
    """One run: its name, its settings, and its measurements by name as (step, value)."""

    run: str
    settings: Mapping[str, object] = field(default_factory=dict)
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)


def settings_in(name: str) -> dict[str, str]:
    """Settings that a run's name carries: "lr=0.001,seed3" has lr and seed."""
    found = {match[1]: match[2] for match in _SETTING.finditer(name)}
    seed = _SEED.search(name)
    if seed and "seed" not in found:
        found["seed"] = seed[1]
    return found


def as_frame(histories: Iterable[History]) -> pd.DataFrame:
    """Runs as one table, a row for every step at which something was measured."""
    return pd.concat([_rows(history) for history in histories], ignore_index=True)


def _rows(history: History) -> pd.DataFrame:
    single = {
        name: points[0][1]
        for name, points in history.curves.items()
        if len(points) == 1 and loss_meaning(name) is None
    }
    curves = {
        name: pd.Series(dict(points), dtype="float64")
        for name, points in history.curves.items()
        if points and name not in single
    }
    if curves:
        frame = pd.DataFrame(curves).sort_index()
        held = [name for name in curves if loss_meaning(name) is None]
        frame[held] = frame[held].ffill()
        frame = frame.astype(object).where(frame.notna(), None)
        if "step" not in frame:
            frame.insert(0, "step", pd.Series(frame.index, frame.index, dtype=object))
    else:
        frame = pd.DataFrame(index=[0])
    settings = {**settings_in(history.run), **single, **history.settings}
    fixed = pd.DataFrame({"run": history.run, **settings}, index=frame.index, dtype=object)
    return pd.concat([fixed, frame[[name for name in frame if name not in fixed]]], axis=1)
