"""Trials of recipes: how much lower each cell's loss is with either change, and with both."""

import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, drawn, empty_note, number
from transferlaws.prose.recipes import CHANGES

LOOKS = {
    CHANGES[1]: ("s", "#56b4e9"),
    CHANGES[2]: ("D", "#e69f00"),
    CHANGES[3]: ("o", "#d55e00"),
}


@drawn
def changes(losses: pd.DataFrame, titles: Titles = UNTITLED) -> Drawing:
    """One row a cell of `prose.recipes.changed`: how far each change takes its test loss down."""
    figure, ((axes,),) = canvas(width=7.2, height=1.4 + 0.36 * max(len(losses), 4))
    if losses.empty:
        empty_note(axes, "No cell was trained with both recipes.")
        return figure
    gain = losses.rsub(losses[CHANGES[0]], axis=0).iloc[::-1]
    rows = range(len(gain))
    axes.axvline(0.0, color="0.4", linewidth=0.9)
    axes.hlines(rows, gain.min(axis=1), gain.max(axis=1), color="0.8", linewidth=1.2, zorder=1)
    for name, (mark, shade) in LOOKS.items():
        axes.plot(gain[name], rows, mark, color=shade, label=name, markersize=6)
    axes.set_yticks(
        rows,
        [f"{titles.arm(arm)}, N = {number(n)}, D = {number(d)}" for arm, n, d in gain.index],
    )
    axes.set(xlabel="test loss lower by (nats/token)")
    figure.legend(loc="outside lower center", ncols=len(LOOKS))
    return figure
