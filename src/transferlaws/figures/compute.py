"""Loss against compute: training curves at one data size, converged runs and their frontier, payback.

Figures 4, 7 and 8 of Hernandez et al. (2021); with the bill of pre-training, which they leave out.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, colour, drawn, log_axes, number, shades
from transferlaws.figures.sources import legend_below, nothing
from transferlaws.prose.compute import frontier

FLOPS = "training compute (FLOPs)"


def curves_in_flops(curves: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Evaluations of some runs with the FLOPs spent up to each, and the run's arm, n_params and d_chars."""
    known = runs[["key", "arm", "n_params", "d_chars", "flops", "tokens_seen"]]
    both = curves[["key", "tokens_seen", "loss_validation", "phase"]].merge(
        known, on="key", suffixes=("", "_run")
    )
    both = both[both["tokens_seen"] > 0]
    return both.assign(spent=both["tokens_seen"] * (both["flops"] / both["tokens_seen_run"]))


@drawn
def at_one_data_size(
    curves: pd.DataFrame, runs: pd.DataFrame, source: str, *, titles: Titles = UNTITLED
) -> Drawing:
    """Validation loss (nats/token) against FLOPs, one panel an arm, one shade a size (figures 4 and 7).

    `runs` are one seed's at one data size. The dashed line is the least loss from scratch for so many FLOPs;
    pre-training is not counted.
    """
    found = curves_in_flops(curves, runs)
    arms = [arm for arm in (BASELINE, source) if arm in set(found["arm"])]
    if len(arms) < 2:
        return nothing("One arm only at this data size.")
    figure, axes = canvas(2, width=8.0, height=4.6, sharey=True)
    palette = shades(found["n_params"])
    alone = found[found["arm"] == BASELINE]
    line = frontier(alone["spent"], alone["loss_validation"])
    for panel, arm in zip(axes[0], arms, strict=True):
        for n_params, shade in palette.items():
            own = found[(found["arm"] == arm) & (found["n_params"] == n_params)]
            if own.empty:
                continue
            for _, phase in own.groupby("phase"):  # the decay leaves from the best point, not from the last
                panel.plot(phase["spent"], phase["loss_validation"], color=shade, linewidth=1.2)
            best = own.sort_values("loss_validation").iloc[0]
            panel.plot(best["spent"], best["loss_validation"], "o", color=shade)
        panel.plot(line["flops"], line["loss"], "--", color="0.25", linewidth=1)
        log_axes(panel, "x")
        panel.set(xlabel=FLOPS, title=titles.arm(arm))
    for n_params, shade in palette.items():
        axes[0][0].plot([], [], "o-", color=shade, label=f"N = {number(n_params)}")
    axes[0][0].plot([], [], "--", color="0.25", label="frontier from scratch")
    low, high = found["loss_validation"].min(), found.groupby("key")["loss_validation"].first().quantile(0.9)
    axes[0][0].set_ylim(low - 0.1, high)
    axes[0][0].set_ylabel("validation loss (nats/token)")
    legend_below(figure, ncols=4)
    return figure


@drawn
def converged(priced: pd.DataFrame, source: str, *, titles: Titles = UNTITLED) -> Drawing:
    """Test loss of converged cells against FLOPs, without and with the bill of pre-training (figure 8).

    Means over seeds, the two arms in their colours; the line is the frontier of both together.
    """
    runs = priced[priced["arm"].isin([BASELINE, source])].dropna(subset=["bill"])
    if set(runs["arm"]) != {BASELINE, source}:
        return nothing("One arm only.")
    cells = runs.groupby(["arm", "n_params", "d_chars"], as_index=False)[["flops", "bill", "loss"]].mean()
    figure, axes = canvas(2, width=8.0, height=4.4, sharey=True)
    views = (("pre-training for nothing", 0.0), ("pre-training paid for, one use", 1.0))
    for panel, (title, share) in zip(axes[0], views, strict=True):
        cost = cells["flops"] + share * cells["bill"]
        for arm, mark in ((BASELINE, "o"), (source, "s")):
            own = cells["arm"] == arm
            panel.plot(cost[own], cells["loss"][own], mark, color=colour(arm, titles), label=titles.arm(arm))
        _steps(panel, frontier(cost, cells["loss"]))
        log_axes(panel, "x")
        panel.set(xlabel=FLOPS, title=title)
    axes[0][0].set_ylabel("test loss (nats/token)")
    legend_below(figure)
    return figure


def _steps(panel: Axes, line: pd.DataFrame) -> None:
    panel.step(line["flops"], line["loss"], where="post", color="0.25", linewidth=1, label="frontier")


@drawn
def payback(found: pd.DataFrame) -> Drawing:
    """Uses after which pre-training has paid, against data; every seed a point, medians joined.

    `found` is the frame of `prose.compute.payback`. A triangle at the top never pays.
    """
    reached = found.dropna(subset=["uses"])
    if reached.empty:
        return nothing("No fine-tuned model reaches the best loss from scratch.")
    figure, ((axes,),) = canvas(width=7.2, height=4.0)
    finite = reached[np.isfinite(reached["uses"])]
    top = 10 * float(finite["uses"].max()) if len(finite) else 1e3
    axes.plot(finite["d_chars"], finite["uses"], "o", color="#0072b2", alpha=0.4, markersize=4)
    middle = finite.groupby("d_chars")["uses"].median()
    axes.plot(
        middle.index, middle.to_numpy(), "o-", color="#0072b2", linewidth=1.2, label="pays from here up"
    )
    never = reached[np.isinf(reached["uses"])]
    if len(never):
        axes.plot(never["d_chars"], np.full(len(never), top), "^", color="#d55e00", label="never pays")
    axes.axhline(1, color="0.4", linewidth=0.9)
    axes.set_ylim(min(0.5, float(finite["uses"].min()) / 2) if len(finite) else 0.5, top * 1.5)
    log_axes(axes)
    axes.set(xlabel="fine-tuning data, $D_F$ (characters)", ylabel="fine-tunings that share one pre-training")
    legend_below(figure)
    return figure
