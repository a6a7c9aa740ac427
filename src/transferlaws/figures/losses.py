"""Loss against data and against size, both arms: what a run measures, before any law.

The hero is the paper's figure 1: effective data transferred is the horizontal distance between a fine-tuned
point and the from-scratch curve of the same size. Loss against size is its figure 3.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import (
    Drawing,
    canvas,
    colour,
    drawn,
    log_axes,
    number,
    outside_legend,
    panels,
    shades,
)
from transferlaws.laws import Curve, Curves, Fit, MeasuredCurve


def headline(cells: pd.DataFrame) -> pd.Series:
    """The cell to show first: interpolated if any is, of the largest size, then of the least data."""
    order = {"interpolated": 0, "extrapolated": 1, "below_floor": 2, "no_transfer": 3}
    ranked = cells.assign(rank=cells["status"].map(order), size=-cells["n_params"])
    return ranked.sort_values(["rank", "size", "d_chars"]).iloc[0]


@drawn
def hero(table: pd.DataFrame, fit: Fit, titles: Titles = UNTITLED, cell: pd.Series | None = None) -> Drawing:
    """Loss (nats/token) against characters for one size, both arms, D_T as an arrow (figure 1)."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    cell = headline(fit.cells) if cell is None else cell
    draw_inversion(axes, table, fit, cell, titles, arrow=True)
    axes.legend(loc="upper right")
    return figure


def draw_inversion(
    axes: Axes, table: pd.DataFrame, fit: Fit, cell: pd.Series, titles: Titles, *, arrow: bool
) -> None:
    """Both arms of one size; with `arrow`, the way from the fine-tuned point to the from-scratch curve."""
    size = table[(table["n_params"] == cell["n_params"]) & (table["d_chars"] > 0)]
    curve = fit.curves[cell["n_params"]]
    d_effective = float(cell["d_effective"])
    reach = d_effective if np.isfinite(d_effective) and d_effective > 0 else curve.d_max * 10
    low = min(curve.d_min, size["d_chars"].min())
    high = min(max(curve.d_max, 1.6 * reach), curve.d_max * 100)
    draw_curve(axes, curve, low, high, colour(BASELINE))
    for arm, marker in ((BASELINE, "o"), (fit.source, "s")):
        runs = size[size["arm"] == arm]
        said = f"{titles.arm(arm)} ({len(runs)} runs)"
        draw_runs(axes, runs, "d_chars", colour(arm, titles), marker, said)
    if arrow:
        draw_arrow(axes, cell, high)
    axes.set_xlim(low * 0.7, high * 1.3)
    log_axes(axes, "x")
    axes.set(xlabel=f"{titles.target} seen in training (characters)", ylabel="test loss (nats/token)")
    axes.set_title(f"N = {number(cell['n_params'])} parameters")


def draw_arrow(axes: Axes, cell: pd.Series, high: float) -> None:
    """D_T as an arrow at the fine-tuned loss, with the interval of D_E; an arrow off the page has no end."""
    start, loss, d_effective = float(cell["d_chars"]), float(cell["loss"]), float(cell["d_effective"])
    open_ended = cell["status"] == "below_floor"
    if cell["status"] == "no_transfer":
        d_effective = d_effective if d_effective > 0 else 0.0
    end = high if open_ended else min(max(d_effective, start / 30), high)
    arrow = {"arrowstyle": "-|>", "color": "#b00020", "linewidth": 1.8, "shrinkA": 5, "shrinkB": 0}
    axes.annotate("", xy=(end, loss), xytext=(start, loss), arrowprops=arrow)
    bounds = [float(cell[f"d_effective_{side}"]) for side in ("low", "high")]
    if all(np.isfinite(bounds)) and min(bounds) > 0:
        axes.plot(np.clip(bounds, None, high), [loss, loss], color="#b00020", linewidth=6, alpha=0.25)
    middle = np.sqrt(start * end) if end > 0 else start
    said = "$D_T$: no end on this curve" if open_ended else "$D_T$"
    axes.annotate(said, (middle, loss), (0, 7), textcoords="offset points", ha="center", color="#b00020")


def draw_curve(axes: Axes, curve: Curve | MeasuredCurve, low: float, high: float, shade: object) -> None:
    """A from-scratch curve: solid where there are runs, dashed where it extrapolates."""
    inside = np.geomspace(max(low, curve.d_min), min(high, curve.d_max), 100)
    axes.plot(inside, curve.loss(inside), color=shade)
    if high > curve.d_max:
        beyond = np.geomspace(curve.d_max, high, 100)
        axes.plot(beyond, curve.loss(beyond), "--", color=shade, linewidth=1.1)


def draw_runs(axes: Axes, runs: pd.DataFrame, x: str, shade: object, marker: str, label: str | None) -> None:
    """Every run as a faint point and the seeds' mean as a full one."""
    if runs.empty:
        return
    axes.plot(runs[x], runs["loss"], marker, color=shade, alpha=0.3, markersize=3.5, linestyle="none")
    mean = runs.groupby(x)["loss"].mean()
    axes.plot(mean.index, mean.to_numpy(), marker, color=shade, label=label, linestyle="none")


@drawn
def loss_against_data(
    table: pd.DataFrame, curves: Curves, arm: str = BASELINE, *, titles: Titles = UNTITLED
) -> Drawing:
    """Loss (nats/token) against characters, one shade a size, with the from-scratch curves."""
    figure, ((axes,),) = canvas(width=7.2, height=4.4)
    runs = table[(table["arm"] == arm) & (table["d_chars"] > 0)]
    for n_params, shade in shades(runs["n_params"]).items():
        draw_runs(axes, runs[runs["n_params"] == n_params], "d_chars", shade, "o", f"N = {number(n_params)}")
        if n_params in set(curves):
            curve = curves[n_params]
            draw_curve(axes, curve, curve.d_min, curve.d_max * 3, shade)
    log_axes(axes, "x")
    axes.set(xlabel=f"{titles.target} seen in training (characters)", ylabel="test loss (nats/token)")
    axes.set_title(titles.arm(arm))
    axes.legend()
    return figure


@drawn
def loss_against_size(table: pd.DataFrame, arms: Sequence[str], *, titles: Titles = UNTITLED) -> Drawing:
    """Loss (nats/token) against size at fixed data, one panel an arm, one shade a data size (figure 3)."""
    figure, axes = panels(len(arms), height=3.9)
    palette = shades(table.loc[table["d_chars"] > 0, "d_chars"])
    for panel, arm in zip(axes, arms, strict=True):
        for d_chars, shade in palette.items():
            runs = table[(table["arm"] == arm) & (table["d_chars"] == d_chars)]
            draw_runs(panel, runs, "n_params", shade, "o", number(d_chars))
            mean = runs.groupby("n_params")["loss"].mean()
            panel.plot(mean.index, mean.to_numpy(), color=shade, linewidth=1)
        log_axes(panel, "x")
        panel.set(xlabel="parameters without embeddings, N", title=titles.arm(arm))
    axes[0].set_ylabel("test loss (nats/token)")
    outside_legend(figure, "characters")
    return figure
