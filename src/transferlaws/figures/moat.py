"""What a larger pre-trained model is worth in data: in loss, cell by cell, and in data transferred."""

import numpy as np
import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, drawn, log_axes, number, shades
from transferlaws.figures.sources import SIDEWAYS, legend_below, nothing
from transferlaws.laws import Interval


@drawn
def larger_or_more(
    found: pd.DataFrame,
    transfer: Interval,
    times: float,
    paper: float | None = None,
    *,
    titles: Titles = UNTITLED,
) -> Drawing:
    """The factor of data that a model `times` as large is worth in loss, with intervals, one shade a size.

    `found` is the frame of `prose.moat.in_loss`; `transfer` the factor in D_T (line and band), `paper` the
    paper's (dotted). A size without an answer at a data size has no point there.
    """
    known = found.dropna(subset=["factor"])
    if known.empty:
        return nothing("No cell has an answer in loss within half a decade of the runs.")
    figure, ((axes,),) = canvas(width=7.2, height=4.6)
    palette = shades(known["n_params"])
    for place, (n_params, shade) in enumerate(palette.items()):
        own = known[known["n_params"] == n_params]
        x = own["d_chars"].to_numpy(float) * SIDEWAYS ** (place - (len(palette) - 1) / 2)
        value, low, high = (own[name].to_numpy(float) for name in ("factor", "low", "high"))
        closed = np.isfinite(low) & np.isfinite(high)
        axes.vlines(x[closed], low[closed], high[closed], color=shade, linewidth=1.2)
        label = f"N = {number(n_params)} against {times:g} times that"
        axes.plot(x, value, "o", color=shade, label=label)
    axes.axhline(transfer.value, color="#b00020", linewidth=1.2, label="in data transferred, this study")
    if transfer.low is not None and transfer.high is not None:
        axes.axhspan(transfer.low, transfer.high, color="#b00020", alpha=0.1, linewidth=0)
    if paper is not None:
        axes.axhline(paper, color="#b00020", linestyle=":", label="in data transferred, the paper")
    axes.axhline(1, color="0.4", linewidth=0.9)
    log_axes(axes)
    axes.set(xlabel=f"{titles.target}, $D_F$ (characters)", ylabel="worth so many times the data")
    legend_below(figure, ncols=2)
    return figure
