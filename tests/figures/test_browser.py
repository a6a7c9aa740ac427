"""The browser of runs: names come out as text, and thinned curves keep what is read off them."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd

from transferlaws.design.question import Titles
from transferlaws.figures import browser

EVIL = "</script><script>alert(1)</script>\u2028\u202e"


def everything() -> pd.DataFrame:
    """Two runs, one of them diverged, with hostile text in every column of text."""
    numbers = dict.fromkeys(browser.COLUMNS, 3.0)
    one = numbers | {
        "key": "a1",
        "arm": EVIL,
        "role": "run",
        "pretrain_key": "",
        "status": "ok",
        "scale": EVIL,
    }
    return pd.DataFrame([one, one | {"key": "b2", "loss": np.nan, "status": "diverged", "role": EVIL}])


def curve(n: int) -> pd.DataFrame:
    """A curve that is least three quarters of the way, with evaluations of averaged weights."""
    tokens = np.arange(n) * 1000
    own = pd.DataFrame({"tokens_seen": tokens, "loss_validation": 2 + np.abs(tokens / tokens[-1] - 0.75)})
    both = pd.concat([own.assign(phase="hold"), own.assign(phase="mean")])
    return both.assign(key="a1", loss_train=both["loss_validation"].where(both["phase"] == "hold") - 1)


def shown(page: str) -> dict[str, Any]:
    """What the page's only script element holds."""
    (data,) = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    found: dict[str, Any] = json.loads(data)
    return found


def test_hostile_names_stay_inside_the_json_and_unseen_signs_are_written_out() -> None:
    titles = Titles(target="Python", sources={EVIL: EVIL}, corpora={"python": "Python"})
    page = browser.runs(everything(), curve(3), titles=titles)._repr_html_()
    assert page.count("<script") == 1 and "alert(1)" in page
    found = shown(page)
    (first, second) = (dict(zip(found["columns"], row, strict=True)) for row in found["rows"])
    assert (
        first["arm"] == "</script><script>alert(1)</script>\\u2028\\u202e" and first["arm"] in found["arms"]
    )
    assert second["loss"] is None and second["status"] == "diverged"


def test_a_thinned_curve_keeps_its_first_last_and_least_point() -> None:
    found = browser.runs(everything(), curve(1001)).curves["a1"]
    assert list(found) == ["training", "held out", "held out, averaged weights"]
    for series in found.values():
        assert len(series) <= browser.POINTS
        assert series[0][0] == 0 and series[-1][0] == 1_000_000
        assert min(series, key=lambda point: point[1])[0] == 750_000
