"""Every run of a study for a reader to filter and to follow: what each was, and the curve it took.

The table goes into the page as JSON, in which no text can end the script that holds it; the site's own script
(`book/_static/runs.js`) writes all of it as text. Long curves are thinned to a few points of a logarithmic
axis, since that is how they are drawn.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.escape import html, visible

POINTS = 24
"""Of each series of a curve, at most so many points are shown: first, last, least, and others between."""
COLUMNS = (
    "key", "arm", "role", "n_params", "d_chars", "seed", "loss", "bits_per_char", "loss_validation",
    "learning_rate", "epochs_best", "tokens_seen", "pretrain_key", "status",
)  # fmt: skip
DIGITS = 5


@dataclass(frozen=True)
class Runs:
    """All runs of a study as a page shows them: the rows of a table, and curves by key."""

    scale: str
    rows: Sequence[Sequence[Any]]
    curves: dict[str, dict[str, list[list[float]]]]
    arms: dict[str, str]

    def document(self) -> dict[str, Any]:
        """What the page is given, as one JSON document."""
        return {
            "scale": self.scale,
            "columns": COLUMNS,
            "rows": self.rows,
            "curves": self.curves,
            "arms": self.arms,
        }

    def _repr_html_(self) -> str:
        data = json.dumps(self.document(), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        file = f"<code>results/{html(self.scale)}/runs.csv</code>"
        without = f"The runs are shown by a script; without one, read {file}."
        return (
            f'<div class="runs"><p class="runs-without">{without}</p>'
            f'<script type="application/json" class="runs-data">{data}</script></div>'
        )


def runs(everything: pd.DataFrame, curves: pd.DataFrame, *, titles: Titles = UNTITLED) -> Runs:
    """A study's runs, those that tune, pre-train or diverged among them, with their curves.

    `everything` and `curves` are `Study.table(everything=True)` and `Study.curves()`.
    """
    rows = [[_plain(value) for value in row] for row in everything[list(COLUMNS)].itertuples(index=False)]
    own = curves[curves["key"].isin(set(everything["key"]))]
    return Runs(
        scale=str(everything["scale"].iloc[0]) if len(everything) else "",
        rows=rows,
        curves={str(key): _series(points) for key, points in own.groupby("key", sort=False)},
        arms={visible(arm): visible(titles.arm(arm)) for arm in dict.fromkeys(everything["arm"])},
    )


def _series(points: pd.DataFrame) -> dict[str, list[list[float]]]:
    """Tokens seen and loss (nats/token): on training text, held out, and held out with averaged weights."""
    averaged = points["phase"].eq("mean")
    series = {
        "training": points.loc[~averaged, ["tokens_seen", "loss_train"]],
        "held out": points.loc[~averaged, ["tokens_seen", "loss_validation"]],
        "held out, averaged weights": points.loc[averaged, ["tokens_seen", "loss_validation"]],
    }
    return {
        name: _thinned(each.dropna().to_numpy(float)) for name, each in series.items() if len(each.dropna())
    }


def _thinned(points: np.ndarray) -> list[list[float]]:
    """At most `POINTS` of the points (n, 2), as evenly as they lie on a logarithmic axis of tokens."""
    if len(points) > POINTS:
        place = np.log1p(points[:, 0])
        wanted = np.linspace(place[0], place[-1], POINTS - 1)
        kept = {int(np.abs(place - each).argmin()) for each in wanted} | {int(points[:, 1].argmin())}
        points = points[sorted(kept)]
    return [[int(tokens), round(float(loss), 3)] for tokens, loss in points]


def _plain(value: Any) -> Any:
    """A cell of the table as JSON: visible text, whole numbers, others to five digits, None for none."""
    if isinstance(value, str):
        return visible(value)
    if value is None or not np.isfinite(value):
        return None
    number = float(value)
    return int(number) if number == int(number) else float(f"{number:.{DIGITS}g}")
