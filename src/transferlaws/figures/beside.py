"""The same question studied twice: what a cell was worth in the one study against the other."""

import numpy as np
import pandas as pd

from transferlaws.figures.canvas import Drawing, canvas, drawn, empty_note, log_axes, number, shades


@drawn
def arrows(cells: pd.DataFrame, names: tuple[str, str]) -> Drawing:
    """D_E / D_F of a cell in the first study across, in the second up, with intervals; a colour a size.

    `cells` are those of `prose.beside.both_read`, `names` what to call the two studies.
    """
    figure, ((axes,),) = canvas(width=5.4, height=4.6)
    if cells.empty:
        empty_note(axes, "No cell was read off in both studies.")
        return figure
    times = {
        f"{end}{study}": cells[f"d_effective{end}{study}"] / cells["d_chars"]
        for study in ("_first", "_second")
        for end in ("", "_low", "_high")
    }
    shade = shades(cells["n_params"])
    for n_params in sorted(set(cells["n_params"])):
        at = cells["n_params"] == n_params
        ends = [np.maximum(times[f"_low{study}"][at], 0.1) for study in ("_first", "_second")]
        axes.hlines(
            times["_second"][at], ends[0], times["_high_first"][at], color=shade[n_params], linewidth=1
        )
        axes.vlines(
            times["_first"][at], ends[1], times["_high_second"][at], color=shade[n_params], linewidth=1
        )
        axes.plot(
            times["_first"][at],
            times["_second"][at],
            "o",
            color=shade[n_params],
            label=f"N = {number(n_params)}",
        )
    axes.axline((1, 1), (10, 10), color="0.4", linewidth=0.9, linestyle="--")
    log_axes(axes)
    axes.set(xlabel=f"$D_E/D_F$, {names[0]}", ylabel=f"$D_E/D_F$, {names[1]}")
    figure.legend(loc="outside right upper")
    return figure
