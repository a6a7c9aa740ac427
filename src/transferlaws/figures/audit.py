"""What audited cells would still gain, against size, data and arm: where losses are too high, laws bend."""

import numpy as np
import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures.canvas import (
    Drawing,
    baseline_first,
    canvas,
    colour,
    drawn,
    empty_note,
    log_axes,
    outside_legend,
)
from transferlaws.laws.questions.remaining import remaining


@drawn
def still_to_gain(found: pd.DataFrame, titles: Titles = UNTITLED) -> Drawing:
    """Gain (nats/token) of each audited cell against N, D and arm: with another seed, and as chosen."""
    figure, (axes,) = canvas(3, width=9.6, height=3.6, sharey=True)
    left = remaining(found)
    if left is None:
        for panel in axes:
            empty_note(panel, "No cell was audited.")
        return figure
    arms = [arm for arm in baseline_first(found["arm"]) if arm in set(found["arm"])]
    random = np.random.default_rng(0)
    for place, arm in enumerate(arms):
        cells, shade = found[found["arm"] == arm], colour(arm, titles)
        beside = place + random.uniform(-0.2, 0.2, len(cells))
        for panel, x in zip(axes, (cells["n_params"], cells["d_chars"], beside), strict=True):
            panel.plot(x, cells["gain_validation"], "o", mfc="none", color=shade, alpha=0.4, linestyle="none")
            panel.plot(x, cells["gain"], "o", color=shade, linestyle="none", label=titles.arm(arm))
    for panel in axes:
        panel.axhline(0, color="0.4", linewidth=0.8)
        panel.axhline(
            left.percentile.value, color="0.4", linewidth=0.8, linestyle=":", label="95th percentile"
        )
    axes[0].plot([], [], "o", mfc="none", color="0.4", alpha=0.6, linestyle="none", label="as it was chosen")
    for panel, label in zip(axes, ("parameters without embeddings, N", "characters"), strict=False):
        log_axes(panel, "x")
        panel.set_xlabel(label)
    axes[2].set(xlabel="arm", xlim=(-0.6, len(arms) - 0.4))
    axes[2].set_xticks([])
    axes[0].set_ylabel("gain (nats/token)")
    outside_legend(figure)
    return figure
