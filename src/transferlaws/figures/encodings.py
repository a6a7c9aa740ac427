"""One target under several tokenizers: bits per character of both arms, and what pre-training is worth."""

from collections.abc import Mapping

import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import PALETTE, Drawing, drawn, log_axes, number, panels
from transferlaws.figures.sources import LEAST, SIDEWAYS, legend_below, multiples, nothing

SHADES = (PALETTE[0], PALETTE[3], PALETTE[4], PALETTE[1])
"""Colours of tokenizers, in the order they come in."""


@drawn
def bits(found: Mapping[str, pd.DataFrame], source: str, *, titles: Titles = UNTITLED) -> Drawing:
    """Bits per character against data, from scratch (hollow, dashed) and pre-trained, one panel a size.

    `found` maps a tokenizer to its runs (`prose.encodings.common`); points are runs, lines join their means.
    """
    if len(found) < 2:
        return nothing("One tokenizer only.")
    sizes = sorted(set(next(iter(found.values()))["n_params"]))
    figure, axes = panels(len(sizes), height=4.2)
    for panel, n_params in zip(axes, sizes, strict=True):
        for (title, runs), shade in zip(found.items(), SHADES, strict=False):
            own = runs[runs["n_params"] == n_params]
            for arm, look, fill in ((BASELINE, "--", "none"), (source, "-", "full")):
                here = own[own["arm"] == arm]
                mean = here.groupby("d_chars")["loss"].mean()
                panel.plot(here["d_chars"], here["loss"], "o", color=shade, alpha=0.3, markersize=3)
                label = title if arm == source else None
                panel.plot(mean.index, mean.to_numpy(), f"o{look}", color=shade, fillstyle=fill, label=label)
        log_axes(panel, "x")
        panel.set(xlabel=f"{titles.target} (characters)", title=f"N = {number(n_params)}")
    axes[0].set_ylabel("test loss (bits per character)")
    axes[0].plot([], [], "o--", color="0.3", fillstyle="none", label=titles.arm(BASELINE))
    axes[0].plot([], [], "o-", color="0.3", label=titles.arm(source))
    legend_below(figure)
    return figure


@drawn
def worth(found: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """D_E / D_F against D_F, one panel a size, one colour a tokenizer (`prose.encodings.worth`)."""
    cuts = list(dict.fromkeys(found["arm"]))
    if len(cuts) < 2:
        return nothing("One tokenizer only.")
    sizes = sorted(set(found["n_params"]))
    figure, axes = panels(len(sizes), height=4.2)
    finite = (found["d_effective"] / found["d_chars"]).replace(float("inf"), float("nan"))
    top = 4 * float(finite.max())
    for panel, n_params in zip(axes, sizes, strict=True):
        for place, (cut, shade) in enumerate(zip(cuts, SHADES, strict=False)):
            cells = found[(found["arm"] == cut) & (found["n_params"] == n_params)]
            multiples(panel, cells, SIDEWAYS ** (place - (len(cuts) - 1) / 2), shade, cut, top)
        panel.axhline(1, color="0.4", linewidth=0.9)
        panel.set_ylim(max(LEAST, 0.3), top)
        log_axes(panel)
        panel.set(xlabel=f"{titles.target}, $D_F$ (characters)", title=f"N = {number(n_params)}")
    axes[0].set_ylabel("effective data per character, $D_E/D_F$")
    legend_below(figure)
    return figure
