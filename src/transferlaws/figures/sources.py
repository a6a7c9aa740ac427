"""Sources side by side: what each is worth in data, and the same transfer in both directions.

Effective data per character of fine-tuning data, D_E / D_F, above one where pre-training helps and below it
where it costs data (Hernandez et al. 2021, eq. 1.2).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures.canvas import (
    Drawing,
    canvas,
    colour,
    drawn,
    empty_note,
    log_axes,
    number,
    panels,
)

LEAST = 0.03
"""Lower edge of D_E / D_F; a cell further down, or with D_E below zero, is a triangle on it."""
SIDEWAYS = 1.07


def nothing(sentence: str) -> Drawing:
    """A Drawing that says why it is empty."""
    figure, axes = canvas(height=1.2)
    empty_note(axes[0][0], sentence)
    return figure


def legend_below(figure: Drawing, title: str = "", ncols: int = 3) -> None:
    """One legend for all panels, under them, each label once."""
    entries = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        entries.values(), entries.keys(), title=title or None, loc="outside lower center", ncols=ncols
    )


@drawn
def proximity(worth: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """D_E / D_F against D_F with intervals, one panel a size, one colour a source (`prose.sources.worth`)."""
    if worth.empty:
        return nothing("No cell was run with every source.")
    sizes, arms = sorted(set(worth["n_params"])), list(dict.fromkeys(worth["arm"]))
    figure, axes = panels(len(sizes), height=4.4)
    finite = worth["d_effective"] / worth["d_chars"]
    top = 4 * float(finite[np.isfinite(finite)].max())
    for panel, n_params in zip(axes, sizes, strict=True):
        for place, arm in enumerate(arms):
            cells = worth[(worth["arm"] == arm) & (worth["n_params"] == n_params)]
            shift = SIDEWAYS ** (place - (len(arms) - 1) / 2)
            multiples(panel, cells, shift, colour(arm, titles), titles.source(arm), top)
        panel.axhline(1, color="0.4", linewidth=0.9)
        panel.set_ylim(LEAST, top)
        log_axes(panel)
        panel.set(xlabel=f"{titles.target}, $D_F$ (characters)", title=f"N = {number(n_params)}")
    axes[0].set_ylabel("effective data per character, $D_E/D_F$")
    legend_below(figure, "pre-trained on")
    return figure


def multiples(axes: Axes, cells: pd.DataFrame, shift: float, shade: object, label: str, top: float) -> None:
    """D_E / D_F of cells at D_F x `shift`: a dot, hollow beyond the runs, a triangle at an edge it passes."""
    x = cells["d_chars"].to_numpy(float) * shift
    d = cells["d_chars"].to_numpy(float)
    value, low, high = (
        cells[name].to_numpy(float) / d for name in ("d_effective", "d_effective_low", "d_effective_high")
    )
    endless = (cells["status"] == "below_floor").to_numpy()
    value = np.where(endless, np.inf, value)
    inside = (value > LEAST) & (value < top)
    known = inside & np.isfinite(low)
    axes.vlines(
        x[known],
        np.clip(low[known], LEAST, top),
        np.clip(high[known], LEAST, top),
        color=shade,
        linewidth=1.2,
    )
    beyond = (cells["status"] == "extrapolated").to_numpy()
    axes.plot(x[inside & ~beyond], value[inside & ~beyond], "o", color=shade)
    axes.plot(x[inside & beyond], value[inside & beyond], "o", color=shade, fillstyle="none")
    for edge, at, mark in ((LEAST, value <= LEAST, "v"), (top, value >= top, "^")):
        if at.any():  # an empty line that is not clipped leaves the layout no room
            axes.plot(x[at], np.full(at.sum(), edge), mark, color=shade, clip_on=False, zorder=5)
    axes.plot([], [], "o", color=shade, label=label)


@drawn
def directions(both: pd.DataFrame, labels: Mapping[str, str], shades: Mapping[str, str]) -> Drawing:
    """D_E / D_F of a transfer and its reverse, with intervals, one panel a size (`prose.sources.both_ways`).

    `labels` and `shades` say what to call, and how to colour, `there` and `back`.
    """
    if both.empty:
        return nothing("No cell was run in both directions.")
    sizes = sorted(set(both["n_params"]))
    figure, axes = panels(len(sizes), height=3.9)
    for panel, n_params in zip(axes, sizes, strict=True):
        cells = both[both["n_params"] == n_params]
        for side, shift in (("there", 1 / SIDEWAYS), ("back", SIDEWAYS)):
            x, value = cells["d_chars"] * shift, cells[f"times_{side}"]
            ends = [cells[f"times_{end}_{side}"].clip(lower=LEAST) for end in ("low", "high")]
            panel.vlines(x, *ends, color=shades[side], linewidth=1.4)
            panel.plot(x, value, "o", color=shades[side], label=labels[side])
        panel.axhline(1, color="0.4", linewidth=0.9)
        log_axes(panel)
        panel.set(xlabel="fine-tuning data, $D_F$ (characters)", title=f"N = {number(n_params)}")
    axes[0].set_ylabel("effective data per character, $D_E/D_F$")
    legend_below(figure)
    return figure
