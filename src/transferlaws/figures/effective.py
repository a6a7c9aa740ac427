"""Effective data: the inversion step by step, the status of every cell, and how much it amplifies noise.

D_E is the from-scratch curve read backwards at the fine-tuned loss (Hernandez et al. 2021, appendix B.1);
|d ln D_E / d L| says how many relative units of D_E one nat is worth, and so where the answer is noise.
"""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch
from matplotlib.ticker import AutoMinorLocator, LogLocator

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import (
    Drawing,
    canvas,
    cell_grid,
    colour,
    drawn,
    empty_note,
    log_axes,
    number,
)
from transferlaws.figures.losses import draw_curve, draw_inversion, typical
from transferlaws.laws import Fit

AXES = {"xlabel": "fine-tuning data, $D_F$ (characters)", "ylabel": "parameters without embeddings, N"}
STATUSES = {
    "interpolated": ("#009e73", "", "read off the measured curve"),
    "extrapolated": ("#f0e442", "..", "read off beyond the runs"),
    "below_floor": ("#56b4e9", "//", "below the curve's floor: no end"),
    "no_transfer": ("#d55e00", "xx", "no transfer: worse than from scratch"),
    "at_limit": ("0.8", "--", "trained to its limit: a lower end alone"),
}


@drawn
def inversion(
    table: pd.DataFrame, fit: Fit, cell: pd.Series | None = None, *, titles: Titles = UNTITLED
) -> Drawing:
    """One cell, first the two measured arms, then the curve read backwards at the fine-tuned loss."""
    cell = typical(fit.cells) if cell is None else cell
    figure, axes = canvas(2, height=4.0, sharey=True)
    for panel, arrow in zip(axes[0], (False, True), strict=True):
        draw_inversion(panel, table, fit, cell, titles, arrow=arrow)
    measured, read = axes[0]
    read.axhline(float(cell["loss"]), color="0.5", linewidth=0.9, linestyle=":")
    measured.set_title("1. Measure both arms")
    measured.legend(loc="upper right")
    read.set(title="2. Read the curve backwards", ylabel="", xlim=measured.get_xlim())
    return figure


@drawn
def handout(fit: Fit, cells: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """One size from scratch on ruled paper, with the losses of `prose.cells.to_read_off` to read back."""
    figure, ((axes,),) = canvas(width=9.0, height=6.2)
    if cells.empty:
        empty_note(axes, "No cell is read off the measured curve of its size.")
        return figure
    curve = fit.curves[float(cells["n_params"].iloc[0])]
    low = min(curve.d_min, float(cells["d_chars"].min()))
    draw_curve(axes, curve, low, curve.d_max, colour(BASELINE))
    for name, loss, d_chars in zip(cells["name"], cells["loss"], cells["d_chars"], strict=True):
        axes.plot(d_chars, loss, "s", color=colour(fit.source, titles))
        axes.annotate(name, (d_chars, loss), (-8, 0), textcoords="offset points", ha="right", va="center")
    log_axes(axes, "x")
    axes.xaxis.set_minor_locator(LogLocator(subs=range(2, 10)))
    axes.yaxis.set_minor_locator(AutoMinorLocator(10))
    axes.grid(which="minor", linewidth=0.4)
    axes.grid(which="major", linewidth=0.9)
    axes.set(xlabel=f"{titles.target} seen in training (characters)", ylabel="test loss (nats/token)")
    axes.set_title(f"{titles.arm(BASELINE)}, N = {number(cells['n_params'].iloc[0])} parameters")
    return figure


@drawn
def status_map(cells: pd.DataFrame) -> Drawing:
    """Every cell by size and data, coloured and hatched by how its effective data could be read."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    tile = cell_grid(axes, cells, **AXES)
    for status, *place in zip(cells["status"], cells["n_params"], cells["d_chars"], strict=True):
        tile(*place, facecolor=STATUSES[status][0], hatch=STATUSES[status][1])
    handles = [
        Patch(facecolor=shade, hatch=hatch, edgecolor="0.25", label=label)
        for status, (shade, hatch, label) in STATUSES.items()
        if (cells["status"] == status).any()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


@drawn
def amplification_map(cells: pd.DataFrame) -> Drawing:
    """|d ln D_E / d L| of every cell: a loss wrong by 0.01 nats moves D_E by this many per cent."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    tile = cell_grid(axes, cells, **AXES)
    values = cells["amplification"].where(np.isfinite(cells["amplification"]) & (cells["amplification"] > 0))
    if values.notna().any():
        norm = LogNorm(float(values.min()), max(float(values.max()), 1.01 * float(values.min())))
        ramp = mpl.colormaps["cividis"]
        for value, n_params, d_chars in zip(values, cells["n_params"], cells["d_chars"], strict=True):
            if np.isnan(value):
                at = tile(n_params, d_chars, facecolor="none", hatch="//", edgecolor="0.5")
                axes.text(*at, "no end", ha="center", va="center", fontsize="small")
                continue
            at = tile(n_params, d_chars, facecolor=ramp(norm(value)))
            ink = "white" if norm(value) < 0.5 else "black"
            axes.text(*at, f"{value:.2g}", ha="center", va="center", color=ink)
        label = r"$|d\,\ln D_E\,/\,dL|$ (% per 0.01 nats/token)"
        figure.colorbar(mpl.cm.ScalarMappable(norm, ramp), ax=axes, label=label)
    return figure
