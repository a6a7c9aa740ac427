"""How runs go: loss as it falls, learning rates, and the ladder of sizes.

Every run trains to its early stop at a constant rate and then decays it; the chosen point is scored once on
held-out test projects. N is counted without embeddings (Kaplan et al. 2020), the total is drawn beside it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from transferlaws.figures.canvas import (
    Drawing,
    canvas,
    colour,
    drawn,
    empty_note,
    log_axis,
    name,
    number,
    outside_legend,
    panels,
    shades,
)
from transferlaws.models.ladder import Size


@drawn
def ladder(sizes: Sequence[Size], vocabulary_size: int, context: int) -> Drawing:
    """Parameters of every size: without embeddings (the law's N) and with them."""
    figure, ((axes,),) = canvas(width=7.2, height=3.6)
    at = np.arange(len(sizes))
    without = [size.n_params for size in sizes]
    total = [size.n_params_total(vocabulary_size, context) for size in sizes]
    axes.bar(at - 0.2, without, 0.38, color="#0072b2", label="N, without embeddings")
    axes.bar(at + 0.2, total, 0.38, color="#e69f00", hatch="//", edgecolor="0.2", label="with embeddings")
    axes.set_xticks(at, [f"{size.n_layer} layers\nwidth {size.d_model}" for size in sizes], fontsize="small")
    axes.set_ylabel("parameters")
    log_axis(axes, "y")
    axes.set_ylim(min(without) / 2, max(total) * 2)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left")
    return figure


@drawn
def falling(curve: pd.DataFrame, uniform_loss: float) -> Drawing:
    """Training and validation loss (nats/token) of one run against tokens seen, and the loss of guessing."""
    figure, ((axes,),) = canvas(width=7.2, height=3.8)
    axes.plot(curve["tokens_seen"], curve["loss_train"], color="0.5", linewidth=1, label="training")
    axes.plot(curve["tokens_seen"], curve["loss_validation"], "o-", color="#0072b2", label="validation")
    axes.axhline(uniform_loss, color="#d55e00", linestyle=":", label="every token equally likely")
    best = int(curve["loss_validation"].to_numpy().argmin())
    axes.plot(
        curve["tokens_seen"].iloc[best],
        curve["loss_validation"].iloc[best],
        "*",
        markersize=12,
        color="#b00020",
        label="kept",
    )
    axes.set_xlabel("tokens seen")
    axes.set_ylabel("loss (nats/token)")
    axes.legend()
    return figure


@drawn
def learning_curves(curves: pd.DataFrame, table: pd.DataFrame, n_params: int) -> Drawing:
    """Validation loss (nats/token) against epochs for one size, one panel an arm, one shade a data size."""
    runs = table[(table["n_params"] == n_params) & (table["d_chars"] > 0)].drop_duplicates(["arm", "d_chars"])
    arms = ["scratch", *sorted(set(runs["arm"]) - {"scratch"})]
    figure, axes = panels(len(arms), height=3.9)
    palette = shades(runs["d_chars"])
    for panel, arm in zip(axes, arms, strict=True):
        for run in runs[runs["arm"] == arm].sort_values("d_chars").itertuples():
            curve = curves[curves["key"] == run.key]
            epochs = curve["epochs"].clip(lower=0.02)
            panel.plot(
                epochs, curve["loss_validation"], color=palette[run.d_chars], label=number(run.d_chars)
            )
            if len(curve):
                best = int(curve["loss_validation"].to_numpy().argmin())
                panel.plot(
                    epochs.iloc[best],
                    curve["loss_validation"].iloc[best],
                    "*",
                    color=palette[run.d_chars],
                    markersize=9,
                )
        log_axis(panel, "x")
        panel.set_xlabel("passes over the data (epochs)")
        panel.set_title(name(arm), loc="left")
    axes[0].set_ylabel("validation loss (nats/token)")
    outside_legend(figure, "characters")
    return figure


@drawn
def learning_rates(table: pd.DataFrame) -> Drawing:
    """The learning rate each cell was trained with, against data, one shade a size, one panel an arm."""
    runs = table[table["d_chars"] > 0]
    arms = ["scratch", *sorted(set(runs["arm"]) - {"scratch"})]
    figure, axes = panels(len(arms), height=3.9)
    if runs.empty:
        empty_note(axes[0], "No runs yet.")
        return figure
    for panel, arm in zip(axes, arms, strict=True):
        group = runs[runs["arm"] == arm]
        for n_params, shade in shades(runs["n_params"]).items():
            rates = group[group["n_params"] == n_params].groupby("d_chars")["learning_rate"].median()
            panel.plot(rates.index, rates.to_numpy(), "o-", color=shade, linewidth=1, label=number(n_params))
        log_axis(panel, "x")
        log_axis(panel, "y")
        panel.set_xlabel("Python (characters)")
        panel.set_title(name(arm), loc="left")
    axes[0].set_ylabel("learning rate")
    outside_legend(figure, "N")
    return figure


@drawn
def tuning_curves(tried: pd.DataFrame, d_chars: int) -> Drawing:
    """What the learning rate does: validation loss above the best of the arm (nats/token) against the rate,
    one panel a size (three at most, spread over the ladder), one line an arm, at one data size.

    `tried` has the columns arm, n_params, d_chars, seed, learning_rate and loss_validation (runs that
    diverged have none).
    """
    here = tried[(tried["d_chars"] == d_chars) & (tried["seed"] == 0)].dropna(subset=["loss_validation"])
    sizes = sorted(set(here["n_params"]))
    if not sizes:
        figure, axes = canvas()
        empty_note(axes[0][0], f"No learning rates were tried at {number(d_chars)} characters.")
        return figure
    sizes = [sizes[i] for i in sorted({0, len(sizes) // 2, len(sizes) - 1})]
    figure, axes = canvas(len(sizes), height=3.9, sharey=True)
    markers = dict(zip(sorted(set(here["arm"])), "os^Dvp*", strict=False))
    for panel, n_params in zip(axes[0], sizes, strict=True):
        for arm, marker in markers.items():
            curve = here[(here["arm"] == arm) & (here["n_params"] == n_params)].sort_values("learning_rate")
            if len(curve):
                above = curve["loss_validation"] - curve["loss_validation"].min()
                panel.plot(
                    curve["learning_rate"], above, "-", marker=marker, color=colour(arm), label=name(arm)
                )
        log_axis(panel, "x")
        panel.set_xlabel("learning rate")
        panel.set_title(f"N = {number(n_params)}", loc="left")
    axes[0][0].set_ylabel("validation loss above the best (nats/token)")
    outside_legend(figure)
    return figure


@drawn
def throughput(table: pd.DataFrame) -> Drawing:
    """Training FLOP/s of one worker against size: every run of over five seconds, evaluations included."""
    figure, ((axes,),) = canvas(width=7.2, height=3.6)
    runs = table[table["seconds"] > 5]
    if runs.empty:
        empty_note(axes, "No run took longer than five seconds.")
        return figure
    speed = runs["flops"] / runs["seconds"]
    axes.plot(runs["n_params"], speed, "o", color="#0072b2", alpha=0.25, markersize=4, label="a run")
    middle = speed.groupby(runs["n_params"]).median()
    axes.plot(middle.index, middle.to_numpy(), "s-", color="#d55e00", label="median")
    log_axis(axes, "x")
    log_axis(axes, "y")
    axes.set_xlabel("N, parameters without embeddings")
    axes.set_ylabel("training FLOP/s of one worker")
    axes.legend()
    return figure


@drawn
def epochs_to_best(table: pd.DataFrame) -> Drawing:
    """Passes over the data up to the kept weights, against data, one colour an arm (figure 15)."""
    figure, ((axes,),) = canvas(width=7.2, height=4.0)
    runs = table[table["d_chars"] > 0]
    markers: Mapping[str, str] = dict(zip(sorted(set(runs["arm"])), "os^Dvp*", strict=False))
    for arm in markers:
        group = runs[runs["arm"] == arm]
        axes.plot(
            group["d_chars"], group["epochs_best"], markers[arm], color=colour(arm), alpha=0.35, markersize=4
        )
        middle = group.groupby("d_chars")["epochs_best"].median()
        axes.plot(
            middle.index, middle.to_numpy(), "-", marker=markers[arm], color=colour(arm), label=name(arm)
        )
    log_axis(axes, "x")
    log_axis(axes, "y")
    axes.set_xlabel("Python (characters)")
    axes.set_ylabel("epochs to the best validation loss")
    axes.legend()
    return figure
