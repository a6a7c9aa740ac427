"""What pre-training gained, cell by cell, as it was measured: above zero it helped, below it cost data."""

from collections.abc import Mapping, Sequence

import numpy as np

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.escape import mathtext
from transferlaws.figures.canvas import Drawing, drawn, log_axes, number, outside_legend, panels, shades
from transferlaws.laws import Gain

SPREAD = 1.06  # ratio in data by which sizes are drawn beside each other


@drawn
def gains(found: Mapping[str, Sequence[Gain]], titles: Titles = UNTITLED) -> Drawing:
    """Measured gain (nats/token) against characters, a panel a source, a shade a size.

    A question mark stands at a gain without interval.
    """
    figure, axes = panels(len(found), height=3.4)
    palette = shades(cell.n_params for cells in found.values() for cell in cells)
    for panel, (source, cells) in zip(axes, found.items(), strict=True):
        panel.axhline(0.0, color="0.4", linewidth=1)
        for place, (n_params, shade) in enumerate(palette.items()):
            mine = [cell for cell in cells if cell.n_params == n_params]
            x = np.array([cell.d_chars for cell in mine]) * SPREAD ** (place - len(palette) / 2)
            y = np.array([cell.gain.value for cell in mine])
            panel.plot(x, y, "o-", color=shade, label=f"N = {number(n_params)}", linewidth=1)
            for at, value, cell in zip(x, y, mine, strict=True):
                if cell.gain.low is None or cell.gain.high is None:
                    panel.annotate("?", (at, value), (4, 4), textcoords="offset points", color=shade)
                else:
                    panel.vlines(at, cell.gain.low, cell.gain.high, color=shade, linewidth=1.4)
        log_axes(panel, "x")
        panel.set(xlabel=f"{mathtext(titles.target)} (characters)", title=mathtext(titles.arm(source)))
    axes[0].set_ylabel("measured gain (nats/token)")
    outside_legend(figure)
    return figure
