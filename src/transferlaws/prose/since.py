"""What later work claims beside our runs: only where these speak to it, and no further than they do."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from transferlaws.prose import pairs
from transferlaws.prose.numbers import Prose, counted, grid, scientific


def beside(rows: Iterable[tuple[str, str, str]]) -> Prose:
    """A table of claims: the work with its citation, what its abstract says, what our runs say to it."""
    return grid(("work", "its abstract says", "our runs"), rows)


def silent(why: str) -> str:
    """Where our runs say nothing, and why."""
    return f"silent: {why}"


def longer(table: pd.DataFrame, lengths: Mapping[str, int]) -> str:
    """Whether more pre-training ever raised the fine-tuned loss, over every pair of budgets."""
    order = list(lengths)
    if len(order) < 2:
        return silent("one length of pre-training only")
    firm = pairs.firm(pairs.differences(table, order[-1], order[0]))
    if firm.empty:
        return silent("no cell was repeated at two lengths of pre-training")
    worse = int((firm["verdict"] == pairs.WORSE).sum())
    span = f"from {scientific(lengths[order[0]])} to {scientific(lengths[order[-1]])} tokens"
    if worse:
        return f"{span}, fine-tuned models got worse in {worse} of {counted(len(firm), 'repeated cell')}"
    return (
        f"{span}, fine-tuned models got worse in none of {counted(len(firm), 'repeated cell')}; budgets as "
        "long as theirs were not tried"
    )


def later_data(found: pd.DataFrame) -> str:
    """Whether the gain from more pre-training shrinks as target data grow: gains at the ends of the data.

    `found` are the differences of the largest budget against the least.
    """
    if found.empty or found["d_chars"].nunique() < 2:
        return silent("two lengths of pre-training at two data sizes were not run")
    sizes = found.groupby("d_chars")["n_params"].nunique()
    common = found[found["d_chars"].isin(sizes[sizes == sizes.max()].index)]
    ends = [common[common["d_chars"] == d] for d in (common["d_chars"].min(), common["d_chars"].max())]
    # Cells of one data size share their samples, so that their mean is hardly better known than one of them.
    (first, near), (last, far) = ((c["gain"].mean(), (c["high"] - c["gain"]).mean()) for c in ends)
    apart = abs(last - first) > np.hypot(near, far)
    way = ("less" if last < first else "more") if apart else "which these runs cannot tell apart"
    data = [scientific(float(c["d_chars"].iloc[0]), 1) for c in ends]
    said = (
        f"longer pre-training saves {first:.3f} nats/token at {data[0]} characters, {last:.3f} at {data[1]}"
    )
    return f"{said}: {way} where there is more target data" if apart else f"{said}, {way}"


def cells(found: pd.DataFrame, first: str, second: str) -> str:
    """One comparison in a table's cell: in how many cells the first ended lower than the second."""
    if found.empty:
        return silent("the two were not run in the same cells")
    return f"{first} against {second}: {pairs.counts(found)}"


def decayed(everything: pd.DataFrame, decays: Mapping[str, float]) -> str:
    """Which weight decay the runs of either arm took, where the study tried more than one.

    `decays` maps a run's key to its weight decay.
    """
    runs = everything[(everything["role"] == "run") & (everything["d_chars"] > 0)]
    known = runs["key"].map(decays).dropna()
    if known.nunique() < 2:
        used = f" ({known.iloc[0]:g})" if len(known) else ""
        return silent(f"one weight decay for every run{used}")
    least = runs.loc[known.index, "d_chars"].min()
    scarce = known[runs.loc[known.index, "d_chars"] == least]
    return (
        f"weight decay was searched: the runs took {known.min():g} to {known.max():g}, at the least data "
        f"{scarce.median():g} (median)"
    )
