"""How much pre-training: data transferred, and the loss after fine-tuning, against tokens of pre-training."""

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import (
    FROM_SCRATCH,
    Drawing,
    drawn,
    log_axes,
    number,
    panels,
    shades,
)
from transferlaws.figures.sources import SIDEWAYS, legend_below, nothing
from transferlaws.laws import SCRATCH

TOKENS = "tokens of pre-training"


@drawn
def transferred(found: pd.DataFrame) -> Drawing:
    """D_T with 95 % intervals against tokens of pre-training, one panel a size, one shade a data size.

    `found` is the frame of `prose.pretraining.by_budget`. A cell without transfer is a triangle at the foot.
    """
    if found.empty or found["tokens"].nunique() < 2:
        return nothing("One budget of pre-training only.")
    sizes, palette = sorted(set(found["n_params"])), shades(found["d_chars"])
    positive = found.loc[found["d_transferred"] > 0, "d_transferred"]
    positive = positive[np.isfinite(positive)]
    if positive.empty:
        return nothing("No budget transferred anything that can be read off.")
    foot, top = float(positive.min()) / 4, float(positive.max()) * 4
    figure, axes = panels(len(sizes), height=4.2)
    for panel, n_params in zip(axes, sizes, strict=True):
        for place, (d_chars, shade) in enumerate(palette.items()):
            cells = found[(found["n_params"] == n_params) & (found["d_chars"] == d_chars)]
            x = cells["tokens"].to_numpy(float) * SIDEWAYS ** (place - (len(palette) - 1) / 2)
            value, low, high = (cells[f"d_transferred{end}"].to_numpy(float) for end in ("", "_low", "_high"))
            value = np.where((cells["status"] == "below_floor").to_numpy(), np.inf, value)
            shown = (value > 0) & np.isfinite(value)
            panel.plot(x[shown], value[shown], "-", color=shade, linewidth=0.8)
            known = shown & ~np.isnan(low)
            panel.vlines(
                x[known], np.clip(low[known], foot, top), np.clip(high[known], foot, top), color=shade
            )
            beyond = (cells["status"] == "extrapolated").to_numpy()
            panel.plot(x[shown & ~beyond], value[shown & ~beyond], "o", color=shade, label=number(d_chars))
            panel.plot(x[shown & beyond], value[shown & beyond], "o", color=shade, fillstyle="none")
            for edge, at, mark in ((foot, value <= 0, "v"), (top, np.isinf(value), "^")):
                if at.any():
                    panel.plot(x[at], np.full(at.sum(), edge), mark, color=shade, clip_on=False, zorder=5)
        panel.set_ylim(foot, top)
        log_axes(panel)
        panel.set(xlabel=TOKENS, title=f"N = {number(n_params)}")
    axes[0].set_ylabel("effective data transferred, $D_T$ (characters)")
    legend_below(figure, "$D_F$ (characters)", ncols=4)
    return figure


@drawn
def losses(table: pd.DataFrame, lengths: dict[str, int], *, titles: Titles = UNTITLED) -> Drawing:
    """Loss (nats/token) against tokens of pre-training, zero-shot too, and from scratch as a dotted line.

    One panel a size that every budget has, one shade a data size; a run is a faint point.
    """
    runs = table[table["arm"].isin(list(lengths))]
    common = [
        n
        for n in sorted(set(runs["n_params"]))
        if set(runs.loc[runs["n_params"] == n, "arm"]) == set(lengths)
    ]
    if len(lengths) < 2 or not common:
        return nothing("One budget of pre-training only.")
    least = runs[runs["arm"] == next(iter(lengths))]
    data = sorted(set(least.loc[least["d_chars"] > 0, "d_chars"]))
    palette = shades(data)
    figure, axes = panels(len(common), height=4.2)
    for panel, n_params in zip(axes, common, strict=True):
        own = runs[runs["n_params"] == n_params]
        alone = table[(table["arm"] == BASELINE) & (table["n_params"] == n_params)]
        for d_chars, shade, label in ((0, FROM_SCRATCH, "none"), *((d, palette[d], number(d)) for d in data)):
            here = own[own["d_chars"] == d_chars]
            x = here["arm"].map(lengths).to_numpy(float)
            panel.plot(x, here["loss"], "o", color=shade, alpha=0.3, markersize=3)
            mean = here.groupby(x)["loss"].mean()
            panel.plot(mean.index, mean.to_numpy(), "o-", color=shade, linewidth=1, label=label)
            beside = alone.loc[alone["d_chars"] == d_chars, "loss"]
            if d_chars and len(beside):
                panel.axhline(float(beside.mean()), color=shade, linestyle=":", linewidth=1)
        log_axes(panel, "x")
        panel.set(xlabel=TOKENS, title=f"N = {number(n_params)}")
    axes[0].set_ylabel("test loss (nats/token)")
    axes[0].plot([], [], ":", color="0.3", label=titles.arm(SCRATCH))
    legend_below(figure, f"{titles.target} to fine-tune on (characters)", ncols=3)
    return figure
