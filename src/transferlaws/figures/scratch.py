"""What the from-scratch arm alone shows: when data run out, and which form of loss fits.

D(N) is the data at which a size reaches 99 % of its infinite-data performance (Hernandez et al. 2021,
footnote 7; figure 9). A form with a floor, E + A/N^a + B/D^b, against Kaplan's without one (appendix E).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, drawn, empty_note, log_axes, number, shades
from transferlaws.laws import Curves, LossForm


@drawn
def data_limits(
    curves: Curves,
    cells: pd.DataFrame,
    levels: tuple[float, ...] = (0.95, 0.98, 0.99),
    *,
    titles: Titles = UNTITLED,
) -> Drawing:
    """D(N) against N for several readings of "enough data", and the cells of the study below or above it."""
    figure, ((axes,),) = canvas(width=7.2, height=4.4)
    sizes = np.array(sorted(curves), float)
    known = False
    for level, look in zip(levels, (":", "--", "-"), strict=False):
        limits = np.array([curves[n].d_n(level) for n in sorted(curves)])
        good = np.isfinite(limits) & (limits > 0)
        known = known or bool(good.any())
        label = f"D(N) at {100 * level:g} %"
        axes.plot(sizes[good], limits[good], look, marker="o", color="#0072b2", label=label)
        if level == levels[-1] and good.any():
            low = np.full(good.sum(), cells["d_chars"].min() / 3)
            axes.fill_between(sizes[good], low, 0.1 * limits[good], color="#009e73", alpha=0.15, linewidth=0)
            axes.plot([], [], "s", color="#009e73", alpha=0.4, label="low-data regime, at most 0.1 D(N)")
    if not known:
        empty_note(axes, "No size has a floor that these runs can see, so D(N) is unbounded here.")
        return figure
    axes.plot(cells["n_params"], cells["d_chars"], "+", color="0.3", label="cells of this study")
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
    axes[0][-1].legend(title="N")
    return figure
