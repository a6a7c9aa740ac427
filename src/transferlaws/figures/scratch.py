"""What the from-scratch arm alone shows: when data run out, and which form of loss fits.

D(N) is the data at which a size reaches 99 % of its infinite-data performance (Hernandez et al. 2021,
footnote 7; figure 9). A form with a floor, E + A/N^a + B/D^b, against Kaplan's without one (appendix E).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, drawn, log_axes, number, outside_legend, shades
from transferlaws.laws import Floor, LossForm

BEYOND = 1e3


@drawn
def floor_profiles(found: Sequence[Floor]) -> Drawing:
    """Rise of the misfit as the floor of each size is held elsewhere; the dotted line ends an interval."""
    figure, ((axes,),) = canvas(width=7.2, height=4.0)
    palette = shades(floor.n_params for floor in found)
    limit = max(floor.limit for floor in found)
    for floor in found:
        near = floor.profile[floor.profile["rise"] < 6 * limit]
        shade = palette[floor.n_params]
        axes.plot(near["E"], near["rise"], color=shade, label=f"N = {number(floor.n_params)}")
        axes.plot(floor.floor.value, 0, "o", color=shade, clip_on=False)
    axes.axhline(limit, color="0.4", linestyle=":", linewidth=1)
    axes.set(xlabel="floor E (nats/token)", ylabel="rise of the misfit", ylim=(0, 4 * limit))
    axes.set_xlim(left=min(0.0, *(floor.profile["E"].min() for floor in found)))
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@drawn
def data_limits(found: Sequence[Floor], cells: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """D(N) with its interval against N, and the study's cells; an arrow is an end that the runs leave open.

    The axis ends at `BEYOND` times the largest data set. A size whose D(N) is not identified has no point.
    """
    figure, ((axes,),) = canvas(width=7.2, height=4.4)
    top = BEYOND * max(float(cells["d_chars"].max()), *(floor.d_max for floor in found))
    for floor in found:
        low = floor.d_n.low or 0.0
        high = np.inf if floor.d_n.high is None else floor.d_n.high
        if 0 < low < top:
            axes.plot([floor.n_params] * 2, [low, min(high, top)], color="#0072b2", linewidth=1.6)
        if 0 < 0.1 * low < top:
            axes.plot(floor.n_params, 0.1 * low, "_", color="#009e73", markersize=14)
        if floor.known and floor.d_n.value <= top:
            axes.plot(floor.n_params, floor.d_n.value, "o", color="#0072b2")
        if high > top:
            axes.plot(floor.n_params, top, "^", color="#0072b2", clip_on=False)
    axes.plot([], [], "^-", color="#0072b2", label="interval of D(N); a triangle: it goes on beyond the axis")
    if any(floor.known for floor in found):
        axes.plot([], [], "o", color="#0072b2", label="D(N), where it is identified")
    axes.plot([], [], "_", color="#009e73", markersize=14, label="a tenth of its lower end")
    axes.plot(cells["n_params"], cells["d_chars"], "+", color="0.3", label="cells of this study")
    axes.set_ylim(float(cells["d_chars"].min()) / 3, top)
    log_axes(axes)
    axes.set(xlabel="parameters without embeddings, N", ylabel=f"{titles.target} (characters)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@drawn
def residuals(table: pd.DataFrame, laws: Mapping[str, LossForm], *, titles: Titles = UNTITLED) -> Drawing:
    """Measured minus fitted loss (nats/token) of from-scratch cells, one panel a law, one shade a size."""
    figure, axes = canvas(len(laws), height=3.8, sharey=True)
    runs = table[(table["arm"] == BASELINE) & (table["d_chars"] > 0)]
    cells = runs.groupby(["n_params", "d_chars"], as_index=False)["loss"].mean()
    for panel, (title, law) in zip(axes[0], laws.items(), strict=True):
        for n_params, shade in shades(cells["n_params"]).items():
            group = cells[cells["n_params"] == n_params]
            d_chars = group["d_chars"].to_numpy(float)
            left = group["loss"] - law.loss(n_params=n_params, d_chars=d_chars, source=False)
            panel.plot(d_chars, left, "o-", color=shade, linewidth=1, label=number(n_params))
        panel.axhline(0, color="0.4", linewidth=0.8)
        log_axes(panel, "x")
        panel.set(xlabel=f"{titles.target} (characters)", title=title)
    axes[0][0].set_ylabel("measured - fitted (nats/token)")
    outside_legend(figure, "N")
    return figure
