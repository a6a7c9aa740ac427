"""How runs go: loss as it falls, learning rates, and the ladder of sizes.

Every run trains to its early stop at a constant rate and then decays it; the chosen point is scored once on
held-out test projects. N is counted without embeddings (Kaplan et al. 2020), the total is drawn beside it.
"""

from collections.abc import Sequence

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
    number,
    outside_legend,
    panels,
    shades,
)
from transferlaws.models.ladder import Size

MARKERS = "os^Dvp*"
PHASES = {"hold": "-", "mean": ":", "decay": "--"}


@drawn
def ladder(sizes: Sequence[Size], vocabulary_size: int, context: int) -> Drawing:
    """Parameters of every size: without embeddings (the law's N) and with them."""
    figure, ((axes,),) = canvas(width=7.2, height=3.6)
    at = np.arange(len(sizes))
    without = [size.n_params for size in sizes]
    total = [size.n_params_total(vocabulary_size, context) for size in sizes]
    axes.bar(at - 0.2, without, 0.38, color="#0072b2", label="N, without embeddings")
    axes.bar(at + 0.2, total, 0.38, color="#e69f00", hatch="//", edgecolor="0.2", label="with embeddings")
    axes.set_xticks(
        at,
        [f"{size.n_layer} layer{'s' * (size.n_layer > 1)}\nwidth {size.d_model}" for size in sizes],
        fontsize="small",
    )
    axes.set_ylabel("parameters")
    log_axes(axes, "y")
    axes.set_ylim(min(without) / 2, max(total) * 2)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left")
    return figure


@drawn
def falling(curve: pd.DataFrame, uniform_loss: float) -> Drawing:
    """Training and validation loss (nats/token) of one run against tokens seen, and the loss of guessing."""
    figure, ((axes,),) = canvas(width=7.2, height=3.8)
    tokens, validation = curve["tokens_seen"], curve["loss_validation"]
    axes.plot(tokens, curve["loss_train"], color="0.5", linewidth=1, label="training")
    axes.plot(tokens, validation, "o-", color="#0072b2", label="validation")
    axes.axhline(uniform_loss, color="#d55e00", linestyle=":", label="every token equally likely")
    best = int(validation.to_numpy().argmin())
    look = {"markersize": 12, "color": "#b00020", "label": "kept"}
    axes.plot(tokens.iloc[best], validation.iloc[best], "*", **look)
    axes.set(xlabel="tokens seen", ylabel="loss (nats/token)")
    axes.legend()
    return figure


@drawn
def learning_curves(
    curves: pd.DataFrame, table: pd.DataFrame, n_params: int, *, titles: Titles = UNTITLED
) -> Drawing:
    """Validation loss (nats/token) against epochs for one size, one panel an arm, one shade a data size.

    Held weights are drawn solid, their mean dotted, decayed ones dashed; a star marks the best.
    """
    runs = table[(table["n_params"] == n_params) & (table["d_chars"] > 0)].drop_duplicates(["arm", "d_chars"])
    arms = baseline_first(runs["arm"])
    figure, axes = panels(len(arms), height=3.9)
    palette = shades(runs["d_chars"])
    for panel, arm in zip(axes, arms, strict=True):
        own = runs[runs["arm"] == arm].set_index("d_chars")["key"]
        for d_chars in sorted(own.index):
            curve, shade = curves[curves["key"] == own[d_chars]], palette[d_chars]
            epochs, losses = curve["epochs"].clip(lower=0.02), curve["loss_validation"]
            panel.plot([], [], color=shade, label=number(d_chars))
            for phase, line in PHASES.items():
                of = curve["phase"] == phase
                panel.plot(epochs[of], losses[of], line, color=shade)
            if len(curve):
                best = int(losses.to_numpy().argmin())
                panel.plot(epochs.iloc[best], losses.iloc[best], "*", color=shade, markersize=9)
        log_axes(panel, "x")
        panel.set(xlabel="passes over the data (epochs)", title=titles.arm(arm))
    axes[0].set_ylabel("validation loss (nats/token)")
    outside_legend(figure, "characters")
    return figure


@drawn
def learning_rates(table: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """The learning rate each cell was trained with, against data, one shade a size, one panel an arm."""
    runs = table[table["d_chars"] > 0]
    arms = baseline_first(runs["arm"])
    figure, axes = panels(len(arms), height=3.9)
    if runs.empty:
        empty_note(axes[0], "No runs yet.")
        return figure
    for panel, arm in zip(axes, arms, strict=True):
        group = runs[runs["arm"] == arm]
        for n_params, shade in shades(runs["n_params"]).items():
            rates = group[group["n_params"] == n_params].groupby("d_chars")["learning_rate"].median()
            panel.plot(rates.index, rates.to_numpy(), "o-", color=shade, linewidth=1, label=number(n_params))
        log_axes(panel)
        panel.set(xlabel=f"{titles.target} (characters)", title=titles.arm(arm))
    axes[0].set_ylabel("learning rate")
    outside_legend(figure, "N")
    return figure


@drawn
def tuning_curves(tried: pd.DataFrame, d_chars: int, *, titles: Titles = UNTITLED) -> Drawing:
    """What a learning rate costs: validation loss above the arm's best (nats/token), at one data size.

    One panel a size (three at most, spread over the ladder), one line an arm. `tried` has the columns arm,
    n_params, d_chars, seed, learning_rate and loss_validation (runs that diverged have none).
    """
    here = tried[(tried["d_chars"] == d_chars) & (tried["seed"] == 0)].dropna(subset=["loss_validation"])
    sizes = sorted(set(here["n_params"]))
    if not sizes:
        figure, ((alone,),) = canvas()
        empty_note(alone, f"No learning rates were tried at {number(d_chars)} characters.")
        return figure
    sizes = [sizes[i] for i in sorted({0, len(sizes) // 2, len(sizes) - 1})]
    figure, axes = panels(len(sizes), height=3.9)
    markers = dict(zip(sorted(set(here["arm"])), MARKERS, strict=False))
    for panel, n_params in zip(axes, sizes, strict=True):
        for arm, marker in markers.items():
            own = here[(here["arm"] == arm) & (here["n_params"] == n_params)]
            if len(own):
                lowest = own.groupby("learning_rate")["loss_validation"].min()  # over what else was tried
                look = {"marker": marker, "color": colour(arm, titles), "label": titles.arm(arm)}
                panel.plot(lowest.index, lowest - lowest.min(), "-", **look)
        log_axes(panel, "x")
        panel.set(xlabel="learning rate", title=f"N = {number(n_params)}")
    axes[0].set_ylabel("loss above the best (nats/token)")
    outside_legend(figure)
    return figure


@drawn
def one_rate(found: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """Gain (nats/token) with tuned rates and with one rate for both arms, against data, a panel a size.

    `found` is the frame of `prose.tuned.one_rate`.
    """
    sizes = sorted(set(found["n_params"]))
    if not sizes:
        figure, axes = canvas()
        empty_note(axes[0][0], "No cell has enough rates in common.")
        return figure
    figure, panels_ = panels(len(sizes), height=3.2)
    for panel, n_params in zip(panels_, sizes, strict=True):
        own = found[found["n_params"] == n_params].sort_values("d_chars")
        panel.plot(own["d_chars"], own["gain_tuned"], "o-", color="#0072b2", label="each arm tuned")
        panel.plot(own["d_chars"], own["gain_shared"], "s--", color="#d55e00", label="one rate for both")
        panel.axhline(0, color="0.4", linewidth=0.9)
        panel.margins(x=0.15)
        log_axes(panel, "x")
        panel.set(xlabel=f"{titles.target} (characters)", title=f"N = {number(n_params)}")
    panels_[0].set_ylabel("gain of pre-training (nats/token)")
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
    log_axes(axes)
    axes.set(xlabel="N, parameters without embeddings", ylabel="training FLOP/s of one worker")
    axes.legend()
    return figure


@drawn
def epochs_to_best(table: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """Passes over the data up to the kept weights, against data, one colour an arm (figure 15)."""
    figure, ((axes,),) = canvas(width=7.2, height=4.0)
    runs = table[table["d_chars"] > 0]
    for arm, marker in zip(sorted(set(runs["arm"])), MARKERS, strict=False):
        group, shade = runs[runs["arm"] == arm], colour(arm, titles)
        axes.plot(group["d_chars"], group["epochs_best"], marker, color=shade, alpha=0.35, markersize=4)
        middle = group.groupby("d_chars")["epochs_best"].median()
        axes.plot(middle.index, middle.to_numpy(), f"{marker}-", color=shade, label=titles.arm(arm))
    log_axes(axes)
    axes.set(xlabel=f"{titles.target} (characters)", ylabel="epochs to the best validation loss")
    figure.legend(loc="outside lower center", ncols=2)
    return figure
