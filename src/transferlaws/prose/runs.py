"""Runs in words: what size does to the loss, passes over the data, learning rates, noise between seeds."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.escape import markdown
from transferlaws.laws import run_noise
from transferlaws.laws.paper import REPORTED
from transferlaws.prose.numbers import Prose, counted, grid, scientific
from transferlaws.training.tuning import FEWEST_RATES, Tuning, best_tried


def size_steps(table: pd.DataFrame, arms: Sequence[str]) -> Prose:
    """What the step from the second-largest to the largest model did to each arm's loss, by data size."""
    runs = table[(table["d_chars"] > 0) & table["arm"].isin(arms)]
    cells = runs.groupby(["arm", "d_chars", "n_params"])["loss"].agg(["mean", "std", "count"]).reset_index()

    def step(arm: str, d_chars: float) -> str:
        losses = cells[(cells["arm"] == arm) & (cells["d_chars"] == d_chars)]
        if len(losses) < 2:
            return "one size only"
        change = losses["mean"].iloc[-1] - losses["mean"].iloc[-2]
        error = np.sqrt((losses["std"] ** 2 / losses["count"]).iloc[-2:].sum(skipna=False))
        return f"{change:+.3f}" + (f" ± {error:.3f}" if np.isfinite(error) else " (one seed)")

    rows = ([scientific(d), *(step(arm, d) for arm in arms)] for d in np.unique(runs["d_chars"]))
    return grid(("characters", *map(markdown, arms)), rows)


def untuned(tried: pd.DataFrame, d_chars: int) -> Prose:
    """What it would have cost each arm to be trained with the other arm's best rate, size by size.

    Of the rates tried at `d_chars` characters (nats/token, validation), those both arms tried.
    """
    here = tried[(tried["d_chars"] == d_chars) & (tried["seed"] == 0)].dropna(subset=["loss_validation"])
    rows = []
    for n_params in sorted(set(here["n_params"])):
        losses = {
            arm: group.set_index("learning_rate")["loss_validation"]
            for arm, group in here[here["n_params"] == n_params].groupby("arm")
        }
        scratch = losses.pop(BASELINE, None)
        for arm, own in losses.items():
            cost = np.nan if scratch is None else own.get(scratch.idxmin(), np.nan) - own.min()
            said = f"{cost:+.3f} nats/token" if np.isfinite(cost) else "not tried"
            rows.append(
                (scientific(n_params), markdown(arm), scientific(float(own.index[own.argmin()]), 1), said)
            )
    columns = ("$N$", "arm", "its best rate tried", "from scratch's best rate costs it")
    return grid(columns, rows)


def rates(table: pd.DataFrame) -> Prose:
    """Between which learning rates each arm was trained."""
    used = table[table["d_chars"] > 0]
    ends = ", ".join(
        f"between {scientific(group.min(), 2)} and {scientific(group.max(), 2)} for {markdown(arm)}"
        for arm, group in used.groupby("arm")["learning_rate"]
    )
    factor = used["learning_rate"].max() / used["learning_rate"].min()
    return Prose(f"Over all cells the rate moves by a factor of {factor:.1f}, {ends}.")


def passes(table: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: passes over the smallest data set, each arm against from scratch."""
    least = table.loc[table["d_chars"] > 0, "d_chars"].min()
    median = table[table["d_chars"] == least].groupby("arm", sort=False)["epochs_best"].median()
    scratch = median.pop(BASELINE)
    for arm, own in median.items():
        yield (
            f"passes at the smallest data set ({scientific(least)} characters here), {markdown(arm)}",
            REPORTED["epochs"],
            f"{own:.1f} against {scratch:.1f} from scratch: a factor of {scratch / max(own, 0.1):.1f}",
        )


def speed(table: pd.DataFrame, at_least: float = 1.0) -> float:
    """Training FLOP/s of one worker: the median over runs of `at_least` so many seconds; NaN without any."""
    timed = table[table["seconds"] > at_least]
    return float((timed["flops"] / timed["seconds"]).median())


def fell(
    curve: pd.DataFrame, n_params: int, n_tokens: int, vocabulary: int, titles: Titles = UNTITLED
) -> Prose:
    """One training run in words: passes over its data, and how far the loss on held-out projects fell."""
    best = curve.iloc[int(curve["loss_validation"].to_numpy().argmin())]
    return Prose(
        f"{n_params:,} parameters, {n_tokens:,} tokens of {titles.target}, "
        f"{best['tokens_seen'] / n_tokens:.1f} passes over them: the held-out loss fell from "
        f"{curve['loss_validation'].iloc[0]:.2f} to **{best['loss_validation']:.2f} nats/token**. Guessing "
        f"uniformly among {vocabulary} tokens costs ln {vocabulary} = {np.log(vocabulary):.2f}. At the kept "
        f"weights, the loss on the text it had learnt from was {best['loss_train']:.2f}."
    )


def noise(runs: pd.DataFrame) -> Prose:
    """How far seeds differ, by arm and data size."""
    runs = runs[runs["d_chars"] > 0]
    found = {
        arm: {d: run_noise(group, arm) for d, group in runs[runs["arm"] == arm].groupby("d_chars")}
        for arm in sorted(set(runs["arm"]))
    }
    pooled = pd.DataFrame(found).sort_index().dropna(how="all").dropna(how="all", axis=1)
    rows = (
        (scientific(d, 1), *("–" if np.isnan(value) else f"{value:.3f}" for value in row))
        for d, row in zip(pooled.index, pooled.to_numpy(), strict=True)
    )
    return Prose(
        "Standard deviation between seeds (each draws its own sample of the data), pooled over sizes:\n\n"
        + grid(("D", *map(markdown, pooled.columns)), rows)
    )


def edges(everything: pd.DataFrame, tuning: Tuning) -> Prose:
    """Whether the rate taken in each tuned cell has a worse one, or one that diverged, on both sides."""
    tried = everything[(everything["seed"] == 0) & everything["d_chars"].isin(tuning.d_chars)]
    grids, at_edge, lowest_at_edge = 0, [], 0
    for (arm, n_params, d_chars), group in tried.groupby(["arm", "n_params", "d_chars"]):
        if len(group) < FEWEST_RATES:  # a cell that was not tuned
            continue
        grids += 1
        losses = group.set_index("learning_rate")["loss_validation"].fillna(np.inf)
        ends = (losses.index.min(), losses.index.max())
        lowest_at_edge += losses.idxmin() in ends
        if best_tried(dict(zip(losses.index, losses, strict=True)), tuning) in ends:
            at_edge.append(f"{markdown(arm)} at N = {n_params:,}, D = {d_chars:,}")
    where = f"{len(at_edge)} of them: {'; '.join(at_edge)}" if at_edge else "none of them"
    return Prose(
        f"{grids} cells were tuned. The rate taken is the largest whose validation loss is within "
        f"{tuning.flat_nats:g} nats of the lowest; it lies at the edge of its grid in {where}. The lowest "
        f"loss itself lies at an edge in {lowest_at_edge}, on a plateau of that height."
    )


def capped(runs: pd.DataFrame, max_tokens: int) -> Prose:
    """Which runs met their token limit."""
    met = runs[runs["tokens_seen"] >= max_tokens]
    if met.empty:
        return Prose("None: every run ended because its loss had stopped falling.")
    counts = Counter(zip(met["arm"], met["n_params"], met["d_chars"], strict=True))
    listed = "; ".join(
        f"{markdown(arm)} at N = {n:,}, D = {d:,}" + (f" ({counted(count, 'seed')})" if count > 1 else "")
        for (arm, n, d), count in counts.items()
    )
    return Prose(
        f"{len(met)} runs saw {max_tokens:,} tokens before their loss had stopped falling, so theirs is an "
        f"upper end: {listed}."
    )
