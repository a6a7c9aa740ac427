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


def typical(cells: pd.DataFrame) -> pd.Series:
    """The cell whose multiplier is nearest the median of those that have one; without any, the first cell.

    Cells read off within the runs come before those read off beyond them, as far as there are three.
    """
    for statuses in (["interpolated"], ["interpolated", "extrapolated"]):
        finite = cells[cells["status"].isin(statuses) & (cells["multiplier"] > 1)]
        if len(finite) >= 3 or (len(finite) and len(statuses) > 1):
            worth = np.log(finite["multiplier"].to_numpy(float))
            away = np.abs(worth - np.median(worth))
            return finite.assign(away=away, size=-finite["n_params"]).sort_values(["away", "size"]).iloc[0]
    return cells.iloc[0]


@drawn
def hero(table: pd.DataFrame, fit: Fit, titles: Titles = UNTITLED, cell: pd.Series | None = None) -> Drawing:
    """Loss (nats/token) against characters for one size, both arms, D_T as an arrow (figure 1)."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    cell = typical(fit.cells) if cell is None else cell
    draw_inversion(axes, table, fit, cell, titles, arrow=True)
    axes.legend(loc="upper right")
    return figure


@drawn
def arrows(fit: Fit, titles: Titles = UNTITLED, marked: pd.Series | None = None) -> Drawing:
    """Every arrow: from D_F to D_E of each cell, a panel a data size, with its interval; `marked` in red.

    An open triangle has no end on its curve, one at a lower end stands where a run met its token limit; a
    cross is a cell in which pre-training was worth nothing.
    """
    cells = fit.cells.sort_values(["d_chars", "n_params"])
    data, sizes = sorted(set(cells["d_chars"])), sorted(set(cells["n_params"]))
    figure, ((axes,),) = canvas(width=7.2, height=0.55 + 0.16 * len(cells) + 0.12 * len(data))
    palette, height, ticks = shades(sizes), 0.0, []
    finite = cells.loc[np.isfinite(cells["d_effective"]) & (cells["d_effective"] > 0), "d_effective"]
    low = float(cells["d_chars"].min()) / 2
    high = 3 * max(float(finite.max()) if len(finite) else 0.0, float(cells["d_chars"].max()))
    for d_chars in data:
        group = cells[cells["d_chars"] == d_chars]
        ticks.append((height + (len(group) - 1) / 2, number(d_chars)))
        for _, cell in group.iterrows():
            own = marked is not None and all(cell[axis] == marked[axis] for axis in ("n_params", "d_chars"))
            _arrow_row(axes, cell, height, (low, high), "#b00020" if own else palette[cell["n_params"]])
            height += 1
        axes.axhline(height - 0.1, color="0.5", linewidth=0.5, alpha=0.5)
        height += 0.8
    for n, shade in palette.items():
        axes.plot([], [], color=shade, linewidth=2, label=f"N = {number(n)}")
    if marked is not None:
        axes.plot([], [], color="#b00020", linewidth=2, label="the cell above")
    axes.set(xlim=(low, high), ylim=(height - 0.6, -0.8))
    axes.set_yticks([at for at, _ in ticks], [label for _, label in ticks])
    axes.grid(axis="y", visible=False)
    log_axes(axes, "x")
    axes.set(xlabel=f"{titles.target} (characters): from $D_F$ to $D_E$", ylabel="$D_F$ (characters)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _arrow_row(axes: Axes, cell: pd.Series, height: float, ends: tuple[float, float], shade: object) -> None:
    """One cell's arrow with the interval of its end."""
    start = float(cell["d_chars"])
    bounds = np.clip([float(cell[f"d_effective_{side}"]) for side in ("low", "high")], *ends)
    if np.isfinite(bounds).all():
        axes.plot(bounds, [height, height], color=shade, linewidth=5, alpha=0.22, solid_capstyle="butt")
    if cell["status"] == "below_floor":
        axes.plot([start, ends[1]], [height, height], color=shade, linewidth=1.2, linestyle=":")
        axes.plot(ends[1], height, ">", color=shade, fillstyle="none", clip_on=False)
        return
    end = float(np.clip(cell["d_effective"], *ends)) if np.isfinite(cell["d_effective"]) else ends[0]
    axes.plot([start, end], [height, height], color=shade, linewidth=1.4)
    mark = {"no_transfer": "x", "at_limit": ">"}.get(str(cell["status"]), "o")
    filled = "full" if cell["status"] == "interpolated" else "none"
    axes.plot(end, height, mark, color=shade, fillstyle=filled, markersize=4)


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
    """Every run as a faint point and the seeds' mean as a full one, hollow where a run met its limit."""
    if runs.empty:
        return
    axes.plot(runs[x], runs["loss"], marker, color=shade, alpha=0.3, markersize=3.5, linestyle="none")
    mean = runs.groupby(x)["loss"].mean()
    limited = runs["ended"].eq("limit") if "ended" in runs else pd.Series(False, runs.index)
    ends = limited.groupby(runs[x]).any()
    for filled, part in (("full", mean[~ends]), ("none", mean[ends])):
        axes.plot(part.index, part.to_numpy(), marker, color=shade, fillstyle=filled, linestyle="none")
    axes.plot([], [], marker, color=shade, label=label, linestyle="none")


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


@drawn
def slopes(found: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """What a factor of ten in size does to the loss (nats/token) against data, one colour an arm (figure 3).

    `found` is the frame of `prose.slopes.measured`; lines are 95 % intervals over seeds,
    where there are several.
    """
    figure, ((axes,),) = canvas(width=7.2, height=3.8)
    arms = list(dict.fromkeys(found["arm"]))
    for place, arm in enumerate(arms):
        own = found[found["arm"] == arm]
        at = own["d_chars"] * 1.06 ** (place - (len(arms) - 1) / 2)
        shade = colour(arm, titles)
        axes.plot(at, own["slope"], "o-", color=shade, linewidth=1, label=titles.arm(arm))
        axes.vlines(at, own["low"].fillna(own["slope"]), own["high"].fillna(own["slope"]), color=shade)
    axes.axhline(0, color="0.4", linewidth=0.9)
    log_axes(axes, "x")
    axes.set(xlabel=f"{titles.target} (characters)", ylabel="change for ten times the size (nats)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
