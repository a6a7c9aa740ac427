"""Learning rates in words: how they were searched, between which they lie, what one rate for all would do."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE
from transferlaws.escape import markdown
from transferlaws.prose.numbers import Prose, counted, scientific
from transferlaws.training.tuning import FEWEST_RATES, Tuning, best_tried


def searched(everything: pd.DataFrame, tuning: Tuning) -> Prose:
    """How rates and weight decays were searched, and how far what was taken is from the best tried."""
    return _on_a_surface(everything, tuning) if tuning.smooth else _edges(everything, tuning)


def _on_a_surface(everything: pd.DataFrame, tuning: Tuning) -> Prose:
    cell = ["arm", "n_params", "d_chars"]
    of_seed = everything[(everything["seed"] == 0) & everything["d_chars"].isin(tuning.d_chars)]
    tried = of_seed[of_seed["role"] == "tune"].groupby(cell)["loss_validation"]
    taken = of_seed[of_seed["role"] == "run"].set_index(cell)["loss_validation"]
    above = (taken - tried.min()).dropna()
    said = (
        f"{counted(tried.ngroups, 'cell')} searched with {counted(len(of_seed) - len(taken), 'run')}, by "
        "validation loss. Rates and weight decays of the runs proper come from one surface an arm through "
        "these"
    )
    if above.empty:
        return Prose(f"{said}; none of these is there yet.")
    return Prose(
        f"{said}. The searched seed's runs at these settings lie {above.median():.3f} nats above the lowest "
        f"loss that the search of their cell found (median; at most {above.max():.3f})."
    )


def _edges(everything: pd.DataFrame, tuning: Tuning) -> Prose:
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


def rates(table: pd.DataFrame) -> Prose:
    """Between which learning rates each arm was trained."""
    used = table[table["d_chars"] > 0]
    ends = ", ".join(
        f"between {scientific(group.min(), 2)} and {scientific(group.max(), 2)} for {markdown(arm)}"
        for arm, group in used.groupby("arm")["learning_rate"]
    )
    factor = used["learning_rate"].max() / used["learning_rate"].min()
    return Prose(f"Over all cells the rate moves by a factor of {factor:.1f}, {ends}.")


def unsearched(table: pd.DataFrame, tuning: Tuning) -> Prose:
    """How many runs have more or less data than any that settings were searched at."""
    runs = table[table["d_chars"] > 0]
    low, high = min(tuning.d_chars), max(tuning.d_chars)
    outside = int(((runs["d_chars"] < low) | (runs["d_chars"] > high)).sum())
    searched = ", ".join(scientific(float(d), 1) for d in tuning.d_chars)
    if not outside:
        return Prose(f"Settings were searched at {searched} characters, and no run lies outside these.")
    how = (
        "theirs are read off the same surface, beyond where it was searched"
        if tuning.smooth
        else "theirs are those of the nearest searched amount, which nobody tried there"
    )
    return Prose(
        f"Settings were searched at {searched} characters. Of {counted(len(runs), 'run')}, {outside} have "
        f"less or more data than that: {how}."
    )


def one_rate(tried: pd.DataFrame, source: str) -> pd.DataFrame:
    """What tuning adds to a gain: cells in which both arms tried rates, each at its best and at a shared one.

    `tried` are tuning runs (their validation losses in nats/token count). The shared rate of a size is the
    one that costs both arms least in sum over that size's data sizes. Columns: n_params, d_chars, rate,
    rate_scratch, rate_source, gain_tuned, gain_shared (nats/token), and d_e_tuned, d_e_shared (characters of
    D_E, read off the straight lines between those from-scratch cells; inf beyond them).
    """
    runs = tried[(tried["seed"] == tried["seed"].min()) & (tried["d_chars"] > 0)]
    runs = runs.dropna(subset=["loss_validation"])
    rows = []
    for n_params, size in runs.groupby("n_params"):
        best = size.groupby(["arm", "d_chars", "learning_rate"])["loss_validation"].min()
        tables = {
            arm: best[arm].unstack("learning_rate")
            for arm in (BASELINE, source)
            if arm in best.index.get_level_values("arm")
        }
        if len(tables) < 2:
            continue
        data = sorted(set(tables[BASELINE].index) & set(tables[source].index))
        data = [
            d for d in data if all((each.loc[d].notna()).sum() >= FEWEST_RATES for each in tables.values())
        ]
        if not data:
            continue
        excess = sum(each.loc[data].sub(each.loc[data].min(axis=1), axis=0) for each in tables.values())
        cost = excess.dropna(axis=1).sum() if isinstance(excess, pd.DataFrame) else pd.Series(dtype=float)
        if cost.empty:
            continue
        rate = float(cost.index.to_numpy(float)[int(cost.to_numpy().argmin())])
        tuned = {arm: each.loc[data].min(axis=1) for arm, each in tables.items()}
        shared = {arm: each.loc[data, rate] for arm, each in tables.items()}
        for d in data:
            rows.append(
                {
                    "n_params": n_params,
                    "d_chars": d,
                    "rate": rate,
                    "rate_scratch": float(tables[BASELINE].loc[d].idxmin()),
                    "rate_source": float(tables[source].loc[d].idxmin()),
                    "gain_tuned": float(tuned[BASELINE][d] - tuned[source][d]),
                    "gain_shared": float(shared[BASELINE][d] - shared[source][d]),
                    "d_e_tuned": _read_off(tuned[BASELINE], float(tuned[source][d])),
                    "d_e_shared": _read_off(shared[BASELINE], float(shared[source][d])),
                }
            )
    columns = ["n_params", "d_chars", "rate", "rate_scratch", "rate_source", "gain_tuned", "gain_shared",
               "d_e_tuned", "d_e_shared"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _read_off(curve: pd.Series, loss: float) -> float:
    """Characters at which straight lines in ln D through a curve have a loss; inf and NaN off its ends."""
    d, losses = np.log(curve.index.to_numpy(float)), np.minimum.accumulate(curve.to_numpy(float))
    if loss < losses[-1]:
        return float("inf")
    if loss > losses[0]:
        return float("nan")
    return float(np.exp(np.interp(-loss, -losses, d)))


def tuning_share(found: pd.DataFrame) -> Prose:
    """How much of the gain, and of the arrow, one shared rate would have added or taken: of `one_rate`."""
    if found.empty:
        return Prose(
            "In no cell of this study did both arms try a rate in common with others beside it, so what "
            "tuning adds cannot be told from its runs."
        )
    change = found["gain_shared"] - found["gain_tuned"]
    larger = int((change > 0).sum())
    read = found[np.isfinite(found["d_e_tuned"]) & np.isfinite(found["d_e_shared"])]
    arrow = "no $D_E$ can be read off between the tuned cells with both"
    if len(read):
        factor = (read["d_e_shared"] / read["d_e_tuned"]).sort_values()
        arrow = (
            f"where both can be read off ({counted(len(read), 'cell')}), $D_E$ with one rate is "
            f"{scientific(float(factor.median()))} times that of the tuned cells in the median, from "
            f"{scientific(float(factor.iloc[0]))} to {scientific(float(factor.iloc[-1]))}"
        )
    return Prose(
        f"On average {change.mean():+.3f} nats/token of a gain of {found['gain_tuned'].mean():.3f}: so much "
        "would one rate for both arms and all data of a size (the one that costs both least in sum) add. The "
        f"gain comes out larger with it in {larger} of {counted(len(found), 'cell')} and smaller in "
        f"{int((change < 0).sum())}, by {change.min():+.3f} to {change.max():+.3f}; {arrow}."
    )


def tuning_slack(tuning: Tuning, parts: Mapping[str, float]) -> Prose:
    """What the search itself leaves open, beside the parts of a run's noise: no scatter, but a lift."""
    own = float(np.hypot(parts["sample"], parts["run"]))
    size = "more than" if tuning.flat_nats > own else "less than"
    return Prose(
        f"And **tuning**: validation losses within {tuning.flat_nats:g} nats/token of the lowest count as "
        f"equal when a setting is taken, {size} one run's noise ({own:.3f}). It is no scatter: a cell lies "
        "above its own optimum and never below, by an amount that its neighbours share, so no number of "
        "seeds shows it or takes it off. What a wider search would find is for an audit to say."
    )
