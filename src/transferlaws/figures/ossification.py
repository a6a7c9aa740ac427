"""Where pre-training stops paying: both arms of a small model, and their paired difference against data.

Figures 5 and 6 of Hernandez et al. (2021), with what their differences lack: pairs, intervals, and marks for
runs that met their token limit.
"""

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, colour, drawn, log_axes, number, shades
from transferlaws.figures.sources import SIDEWAYS, legend_below, nothing
from transferlaws.prose.ossification import CAPPED, SINGLE


@drawn
def small_model(
    table: pd.DataFrame, source: str, n_params: int | None = None, *, titles: Titles = UNTITLED
) -> Drawing:
    """Loss (nats/token) against data of both arms of one size, the smallest by default (figure 5).

    Every run is a point, hollow if it met its token limit; lines join means.
    """
    runs = table[table["arm"].isin([BASELINE, source]) & (table["d_chars"] > 0)]
    if set(runs["arm"]) != {BASELINE, source}:
        return nothing("One arm only.")
    n_params = n_params or int(runs["n_params"].min())
    own = runs[runs["n_params"] == n_params]
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    for arm, mark in ((BASELINE, "o"), (source, "s")):
        here = own[own["arm"] == arm]
        limited = (here["ended"] == "limit") if "ended" in here else pd.Series(False, index=here.index)
        shade = colour(arm, titles)
        mean = here.groupby("d_chars")["loss"].mean()
        axes.plot(mean.index, mean.to_numpy(), color=shade, linewidth=1)
        axes.plot(here["d_chars"][~limited], here["loss"][~limited], mark, color=shade, label=titles.arm(arm))
        axes.plot(here["d_chars"][limited], here["loss"][limited], mark, color=shade, fillstyle="none")
    axes.plot([], [], "o", color="0.3", fillstyle="none", label="met its token limit")
    log_axes(axes, "x")
    axes.set(xlabel=f"{titles.target} (characters)", ylabel="test loss (nats/token)")
    axes.set_title(f"N = {number(n_params)} parameters")
    axes.legend()
    return figure


@drawn
def differences(found: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """Loss pre-trained less from scratch, against D_F, and D_F / D(N) where that is known (figure 6).

    One shade a size; hollow cells are capped or single and decide nothing (`prose.ossification.cells`).
    """
    if found.empty:
        return nothing("No cell was run in both arms.")
    views = [("d_chars", f"{titles.target}, $D_F$ (characters)")]
    if found["share"].notna().any():
        views.append(("share", "$D_F/D(N)$, where D(N) is known"))
    figure, axes = canvas(len(views), width=8.0 if len(views) > 1 else 7.2, height=4.6, sharey=True)
    palette = shades(found["n_params"])
    for panel, (column, label) in zip(axes[0], views, strict=True):
        for place, (n_params, shade) in enumerate(palette.items()):
            own = found[(found["n_params"] == n_params) & found[column].notna()]
            x = own[column].to_numpy(float) * SIDEWAYS ** (0.7 * (place - (len(palette) - 1) / 2))
            value = -own["gain"].to_numpy(float)
            low, high = -own["high"].to_numpy(float), -own["low"].to_numpy(float)
            decides = ~own["judged"].isin([CAPPED, SINGLE]).to_numpy()
            for kept, fill, width in ((decides, "full", 1.4), (~decides, "none", 0.6)):
                known = kept & np.isfinite(low) & np.isfinite(high)
                panel.vlines(x[known], low[known], high[known], color=shade, linewidth=width)
                panel.plot(x[kept], value[kept], "o", color=shade, fillstyle=fill)
            panel.plot([], [], "o", color=shade, label=f"N = {number(n_params)}")
        panel.axhline(0, color="0.4", linewidth=0.9)
        log_axes(panel, "x")
        panel.set_xlabel(label)
    axes[0][0].set_ylabel("loss, pre-trained less from scratch (nats/token)")
    axes[0][0].plot([], [], "o", color="0.3", fillstyle="none", label="capped or one pair")
    legend_below(figure, ncols=4)
    return figure
