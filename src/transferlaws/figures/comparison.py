"""Which law predicts: what is held out, the error of every form on it, and where each form is wrong.

Errors are |predicted/measured - 1| in loss, on cells no form has seen, beside a baseline that fits nothing
and the error that the seeds' noise alone would leave.
"""

from textwrap import fill

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from transferlaws.figures.canvas import Drawing, canvas, cell_grid, drawn, log_axes
from transferlaws.laws import BASELINE, NOISE, Comparison
from transferlaws.prose.comparison import form_name

FITTED, HELD_OUT = "#999999", "#e69f00"


@drawn
def hold_out(table: pd.DataFrame, source: str, held: pd.Series) -> Drawing:
    """The cells of a source on their grid: those to be fitted, and those held out until the end."""
    figure, ((axes,),) = canvas(width=7.2, height=3.6)
    runs = table[table["arm"] == source].assign(held=held)
    labels = {"xlabel": "fine-tuning data, $D_F$ (characters)", "ylabel": "parameters without embeddings, N"}
    tile = cell_grid(axes, runs, **labels)
    cells = runs.drop_duplicates(["n_params", "d_chars"])
    for n, d, kept_back in zip(cells["n_params"], cells["d_chars"], cells["held"], strict=True):
        tile(n, d, facecolor=HELD_OUT if kept_back else FITTED, hatch="//" if kept_back else "")
    handles = [
        Patch(facecolor=FITTED, edgecolor="0.25", label="fitted"),
        Patch(facecolor=HELD_OUT, edgecolor="0.25", hatch="//", label="held out"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


@drawn
def scores(comparison: Comparison) -> Drawing:
    """Mean held-out error in loss of each form (dot), its cells (ticks), the baseline and the noise floor."""
    ranked = comparison.scores[~comparison.scores["form"].isin([BASELINE, NOISE])]
    figure, ((axes,),) = canvas(width=7.2, height=0.42 * len(ranked) + 1.6)
    labels = []
    for height, (form, n_free, error) in enumerate(
        zip(ranked["form"], ranked["n_free"], ranked["error_loss"], strict=True)
    ):
        each = comparison.predictions.loc[comparison.predictions["form"] == form, "error"]
        axes.plot(100 * each.clip(lower=1e-5), np.full(len(each), height), "|", color="0.45", markersize=9)
        axes.plot(100 * error, height, "o", color="#0072b2", markersize=8)
        labels.append(f"{form_name(form)} ({n_free})")
    for form, look in ((BASELINE, "--"), (NOISE, ":")):
        error = comparison.scores.loc[comparison.scores["form"] == form, "error_loss"]
        axes.axvline(100 * float(error.iloc[0]), color="#b00020", linestyle=look, label=form_name(form))
    axes.set_yticks(range(len(ranked)), labels)
    axes.set_ylim(len(ranked) - 0.5, -0.5)
    log_axes(axes, "x")
    axes.set_xlabel("error in loss on held-out cells (%)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@drawn
def residual_maps(comparison: Comparison) -> Drawing:
    """Predicted less measured loss of every held-out cell in per cent, one map a form, best first."""
    errors = comparison.predictions.assign(signed=lambda rows: 100 * (rows["predicted"] / rows["loss"] - 1))
    order = [form for form in comparison.scores["form"] if form != NOISE]
    columns = 2
    rows = -(-len(order) // columns)
    figure, axes = canvas(
        columns, rows, count=len(order), width=8.0, height=2.4 * rows + 1.2, sharex=True, sharey=True
    )
    # The colours end where the middle half of all errors is still told apart; beyond, the number says it.
    limit = max(1.0, float(np.nanquantile(errors["signed"].abs(), 0.75)))
    norm, ramp = mpl.colors.Normalize(-limit, limit), mpl.colormaps["PuOr"]
    for panel, form in zip(axes.ravel(), order, strict=False):
        tile = cell_grid(panel, errors, title=fill(form_name(form), 22))
        for n, d, value in errors.loc[errors["form"] == form, ["n_params", "d_chars", "signed"]].to_numpy():
            at = tile(n, d, facecolor=ramp(norm(value)) if np.isfinite(value) else "none", linewidth=0.5)
            shade = ramp(norm(value)) if np.isfinite(value) else (1.0, 1.0, 1.0, 1.0)
            ink = "white" if np.dot(shade[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"
            said = f"{round(value, 1) + 0.0:+.1f}" if np.isfinite(value) else "?"
            panel.text(*at, said, ha="center", va="center", fontsize="small", color=ink)
        panel.tick_params(axis="x", rotation=60)
    figure.supxlabel("fine-tuning data, $D_F$ (characters)", fontsize="medium")
    figure.supylabel("parameters, N", fontsize="medium")
    bar = mpl.cm.ScalarMappable(norm, ramp)
    figure.colorbar(
        bar,
        ax=[panel for panel in axes.flat if panel is not None],
        label="predicted less measured loss (%)",
        extend="both",
        shrink=0.7,
    )
    return figure
