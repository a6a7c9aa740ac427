"""Effective data: the inversion step by step, the status of every cell, and how much it amplifies noise.

D_E is the from-scratch curve read backwards at the fine-tuned loss (Hernandez et al. 2021, appendix B.1);
|d ln D_E / d L| says how many relative units of D_E one nat is worth, and so where the answer is noise.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.patches import Patch, Rectangle

from transferlaws.figures.canvas import Drawing, canvas, drawn, number
from transferlaws.figures.losses import draw_inversion, headline
from transferlaws.laws.estimators.result import Fit

STATUSES = {
    "interpolated": ("#009e73", "", "read off the measured curve"),
    "extrapolated": ("#f0e442", "..", "read off beyond the runs"),
    "below_floor": ("#56b4e9", "//", "below the curve's floor: no end"),
    "no_transfer": ("#d55e00", "xx", "no transfer: worse than from scratch"),
}


@drawn
def inversion(table: pd.DataFrame, fit: Fit, cell: pd.Series | None = None) -> Drawing:
    """One cell, first the two measured arms, then the curve read backwards at the fine-tuned loss."""
    cell = headline(fit.cells) if cell is None else cell
    figure, axes = canvas(2, height=4.0, sharey=True)
    for panel, arrow in zip(axes[0], (False, True), strict=True):
        draw_inversion(panel, table, fit, cell, arrow=arrow)
    at = {"color": "0.5", "linewidth": 0.9, "linestyle": ":"}
    axes[0][1].axhline(float(cell["loss"]), **at)
    axes[0][0].set_title("1. Measure both arms", loc="left")
    axes[0][1].set_title("2. Read the curve backwards", loc="left")
    axes[0][1].set_ylabel("")
    axes[0][0].legend(loc="upper right")
    axes[0][1].set_xlim(axes[0][0].get_xlim())
    return figure


@drawn
def status_map(cells: pd.DataFrame) -> Drawing:
    """Every cell by size and data, coloured and hatched by how its effective data could be read."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    sizes, data = _grid_axes(axes, cells)
    for status, x, y in zip(cells["status"], *_places(cells, sizes, data), strict=True):
        shade, hatch, _ = STATUSES[status]
        axes.add_patch(_tile(x, y, facecolor=shade, hatch=hatch, edgecolor="0.25", linewidth=0.6))
    present = [status for status in STATUSES if (cells["status"] == status).any()]
    handles = [
        Patch(
            facecolor=STATUSES[status][0],
            hatch=STATUSES[status][1],
            edgecolor="0.25",
            label=STATUSES[status][2],
        )
        for status in present
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


@drawn
def amplification_map(cells: pd.DataFrame) -> Drawing:
    """|d ln D_E / d L| of every cell: a loss wrong by 0.01 nats moves D_E by this many per cent."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    sizes, data = _grid_axes(axes, cells)
    values = cells["amplification"].where(np.isfinite(cells["amplification"]) & (cells["amplification"] > 0))
    if values.notna().any():
        norm = LogNorm(float(values.min()), max(float(values.max()), 1.01 * float(values.min())))
        ramp = mpl.colormaps["cividis"]
        for value, x, y in zip(values, *_places(cells, sizes, data), strict=True):
            if np.isnan(value):
                axes.add_patch(_tile(x, y, facecolor="none", hatch="//", edgecolor="0.5", linewidth=0.6))
                axes.text(x, y, "no end", ha="center", va="center", fontsize="small")
                continue
            axes.add_patch(_tile(x, y, facecolor=ramp(norm(value)), edgecolor="0.25", linewidth=0.6))
            ink = "white" if norm(value) < 0.5 else "black"
            axes.text(x, y, f"{value:.2g}", ha="center", va="center", color=ink)
        figure.colorbar(
            mpl.cm.ScalarMappable(norm, ramp), ax=axes, label=r"$|d\,\ln D_E\,/\,dL|$ (% per 0.01 nats/token)"
        )
    return figure


def _grid_axes(axes: Axes, cells: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Label a grid of cells; the sizes (upwards) and the data sizes (rightwards)."""
    sizes, data = sorted(set(cells["n_params"])), sorted(set(cells["d_chars"]))
    axes.grid(False)
    axes.set_xlim(-0.5, len(data) - 0.5)
    axes.set_ylim(-0.5, len(sizes) - 0.5)
    axes.set_xticks(range(len(data)), [number(value) for value in data])
    axes.set_yticks(range(len(sizes)), [number(value) for value in sizes])
    axes.set_xlabel("fine-tuning data, $D_F$ (characters)")
    axes.set_ylabel("parameters without embeddings, N")
    return sizes, data


def _places(cells: pd.DataFrame, sizes: list[float], data: list[float]) -> tuple[list[int], list[int]]:
    """Column and row of every cell on the grid."""
    return [data.index(d) for d in cells["d_chars"]], [sizes.index(n) for n in cells["n_params"]]


def _tile(x: int, y: int, **look: Any) -> Rectangle:
    """One cell of the grid."""
    return Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, **look)
