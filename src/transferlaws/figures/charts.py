"""Charts a reader can touch: Altair specs in a `div` that the site's own script draws.

Vega runs the sliders and the arithmetic in the browser (eq. 1.1: D_T = k D_F^alpha N^beta), so a page needs
neither a server nor hand-written JavaScript. Text takes the page's colour, in light and in dark mode.
"""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures import canvas
from transferlaws.laws import Hernandez

RAISED = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹", "¹⁰", "¹¹", "¹²", "¹³", "¹⁴"]
POWERS = f"'10' + {RAISED}[round(log(datum.value) / log(10))]"
THEME: dict[str, Any] = {
    "background": "transparent",
    # By name: Vega lays text out by what a canvas measures, and a canvas knows no "inherit".
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "tickColor": "currentColor",
        "domainColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.12,
        "labelFontSize": 12,
        "titleFontSize": 13,
        "titleFontWeight": "normal",
    },
    "legend": {
        "labelColor": "currentColor",
        "titleColor": "currentColor",
        "labelFontSize": 12,
        "orient": "top",
        "columns": 2,
        "labelLimit": 300,
    },
    "title": {"color": "currentColor", "anchor": "start", "fontWeight": "normal"},
    "text": {"color": "currentColor"},
    "rule": {"color": "currentColor"},
}


@dataclass(frozen=True)
class Interactive:
    """An Altair chart with a sentence for readers who cannot see it."""

    chart: alt.LayerChart | alt.Chart
    label: str

    def spec(self) -> dict[str, Any]:
        """The Vega-Lite specification, in the book's theme."""
        return {**self.chart.to_dict(), "config": THEME}

    def _repr_html_(self) -> str:
        spec = html.escape(json.dumps(self.spec(), sort_keys=True))
        label = html.escape(self.label)
        return f'<div class="chart" role="figure" aria-label="{label}" data-spec="{spec}"></div>'


def log_axis(title: str, decades: tuple[int, int], *, every: int = 1) -> alt.Axis:
    """An axis with one tick a power of ten, written 10^k."""
    ticks = [10.0**k for k in range(decades[0], decades[1] + 1, every)]
    return alt.Axis(title=title, values=ticks, labelExpr=POWERS)


def calculator(
    laws: Mapping[str, Hernandez],
    *,
    n_params: float,
    d_chars: float,
    measured: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
) -> Interactive:
    """Effective data against fine-tuning data for several laws, with sliders for N and D_F.

    `laws` maps the name in the legend to a law; `n_params` and `d_chars` are where the sliders start, to the
    digit. `measured` has the ends of `n_params` and `d_chars` for laws whose grid is known (`Fit.range`):
    their lines are solid within both and dashed elsewhere, and those of the others dashed throughout.
    """
    size = alt.param("log_n", value=np.log10(n_params), bind=_range("parameters N", n_params, 3, 11))
    data = alt.param("log_d", value=np.log10(d_chars), bind=_range("characters D_F", d_chars, 2, 10))
    points, rows = [], []
    for title, law in laws.items():
        ends = (measured or {}).get(title, {})
        n_low, n_high = np.log10(ends.get("n_params", (1e300, 1e-300)))
        d_low, d_high = np.log10(ends.get("d_chars", (1e300, 1e-300)))
        own = {"law": title, "k": law.k, "alpha": law.alpha, "beta": law.beta}
        own |= {"n_low": round(n_low - 0.01, 3), "n_high": round(n_high + 0.01, 3)}
        points.append(
            own | {"known": bool(ends), "d_low": round(d_low - 0.01, 3), "d_high": round(d_high + 0.01, 3)}
        )
        inner = [float(end) for end in (d_low, d_high) if 2 < end < 10]
        grid = sorted({*np.round(np.arange(2, 10.01, 0.2), 2).tolist(), *inner})
        for part, (low, high) in enumerate(pairwise([2.0, *inner, 10.0])):
            inside = bool(ends) and d_low - 0.01 <= low and high <= d_high + 0.01
            steps = [x for x in grid if low - 1e-9 <= x <= high + 1e-9]
            rows += [own | {"part": f"{title} {part}", "inside": inside, "log_x": x} for x in steps]
    transferred = "datum.k * pow(10, datum.alpha * {} + datum.beta * log_n)"
    sized = "log_n >= datum.n_low && log_n <= datum.n_high"
    y = alt.Y(
        "d_e:Q",
        scale=alt.Scale(type="log", domain=[1e2, 1e14], clamp=True),
        axis=log_axis("effective data D_E (characters)", (2, 14), every=2),
    )
    colour = alt.Color(
        "law:N",
        title=None,
        scale=alt.Scale(domain=list(laws), range=["#0072b2", "#d55e00", "#009e73", "#cc79a7"]),
    )
    lines = (
        alt.Chart(pd.DataFrame(rows))
        .transform_calculate(x="pow(10, datum.log_x)")
        .transform_calculate(d_e="datum.x + " + transferred.format("datum.log_x"))
        .mark_line(strokeWidth=2)
        .encode(
            x=alt.X(
                "x:Q",
                scale=alt.Scale(type="log", domain=[1e2, 1e10]),
                axis=log_axis("fine-tuning data D_F (characters)", (2, 10), every=2),
            ),
            y=y,
            color=colour,
            detail="part:N",
            strokeDash=alt.condition(f"datum.inside && {sized}", alt.value([1, 0]), alt.value([5, 4])),
        )
    )
    here = (
        alt.Chart(pd.DataFrame(points))
        .transform_calculate(x="pow(10, log_d)")
        .transform_calculate(d_e="datum.x + " + transferred.format("log_d"))
        .transform_calculate(inside=f"{sized} && log_d >= datum.d_low && log_d <= datum.d_high")
        .transform_calculate(
            said="datum.law + ': D_T = ' + format(datum.d_e - datum.x, '.2e') + ', D_T / D_F = ' "
            "+ format((datum.d_e - datum.x) / datum.x, '.3~r') + (datum.inside ? '' : datum.known ? "
            "' (extrapolated)' : ' (its grid is not published)')"
        )
    )
    dots = here.mark_point(size=90, filled=True).encode(x="x:Q", y=y, color=colour, tooltip="said:N")
    answers = (
        here.transform_window(row="row_number()")
        .transform_calculate(height="8 + 18 * datum.row")
        .mark_text(align="left", fontSize=12)
        .encode(x=alt.value(8), y=alt.Y("height:Q", scale=None, axis=None), text="said:N")
    )
    nothing = (
        alt.Chart(pd.DataFrame({"x": [1e2, 1e10]}))
        .mark_line(strokeDash=[3, 3], color="currentColor", opacity=0.5)
        .encode(x="x:Q", y=alt.Y("x:Q"))
    )
    chart = alt.layer(nothing, lines, dots, answers).add_params(size, data).resolve_scale(y="shared")
    return Interactive(
        chart.properties(width="container", height=340),
        "Calculator: effective data against fine-tuning data on logarithmic axes, one line for each law, "
        "solid where its runs are and dashed elsewhere, with sliders for the number of parameters and the "
        "fine-tuning data.",
    )


def runs(table: pd.DataFrame, *, titles: Titles = UNTITLED) -> Interactive:
    """Every run: test loss against characters, colour by arm; hover names the run, a menu picks a size."""
    columns = ["key", "arm", "n_params", "d_chars", "seed", "loss", "learning_rate", "epochs_best"]
    shown = table.loc[table["d_chars"] > 0, [column for column in columns if column in table]].copy()
    shown["arm"] = shown["arm"].map(titles.arm)
    shown["loss"] = shown["loss"].round(4)
    sizes = sorted(int(n) for n in shown["n_params"].unique())
    colours = {titles.arm(arm): canvas.colour(arm, titles) for arm in dict.fromkeys(table["arm"])}
    menu = alt.binding_select(options=[None, *sizes], labels=["all", *map(str, sizes)], name="size N ")
    pick = alt.selection_point(fields=["n_params"], bind=menu)
    ends = np.log10([shown["d_chars"].min(), shown["d_chars"].max()])
    decades = int(np.floor(ends[0])), int(np.ceil(ends[1]))
    chart = (
        alt.Chart(shown)
        .mark_point(filled=True, size=60)
        .encode(
            x=alt.X(
                "d_chars:Q",
                scale=alt.Scale(type="log", domain=[10.0 ** decades[0], 10.0 ** decades[1]]),
                axis=log_axis(f"{titles.target} seen in training (characters)", decades),
            ),
            y=alt.Y("loss:Q", scale=alt.Scale(zero=False), title="test loss (nats/token)"),
            color=alt.Color(
                "arm:N",
                title=None,
                scale=alt.Scale(domain=list(colours), range=list(colours.values())),
            ),
            shape=alt.Shape("arm:N", title=None, scale=alt.Scale(domain=list(colours))),
            opacity=alt.condition(pick, alt.value(0.85), alt.value(0.06)),
            tooltip=list(shown.columns),
        )
        .add_params(pick)
        .properties(width="container", height=320)
    )
    return Interactive(
        chart,
        f"Every run as a point: test loss against characters of {titles.target}, coloured by arm; hover for "
        "its key.",
    )


def _range(title: str, start: float, low: int, high: int) -> alt.BindRange:
    """A slider in powers of ten, in steps of 0.1 that meet `start` to the digit."""
    at = float(np.log10(start))
    least = at - 0.1 * int((at - low) / 0.1)
    most = at + 0.1 * int((high - at) / 0.1)
    return alt.binding_range(min=least, max=most, step=0.1, name=f"{title}, as a power of ten ")
