"""What size does to the loss, in words: the slope against N at each amount of data, by arm."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

from transferlaws.design.question import BASELINE
from transferlaws.escape import markdown
from transferlaws.prose.numbers import Prose, counted, scientific


def measured(table: pd.DataFrame, arms: Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """What ten times the size does to the loss (nats/token), by arm and data size, over sizes all arms have.

    Columns: arm, d_chars, slope, low, high, n_sizes, n_seeds. Sizes share a seed's sample, so a slope is
    taken seed by seed, over the seeds that have all sizes; with one of them the ends are NaN.
    """
    runs = table[(table["d_chars"] > 0) & table["arm"].isin(arms)]
    rows = []
    for arm in arms:
        for d_chars, group in runs.groupby("d_chars"):
            by_arm = [set(group.loc[group["arm"] == each, "n_params"]) for each in arms]
            sizes = sorted(set.intersection(*by_arm))
            if len(sizes) < 2:
                continue
            wide = group[group["arm"] == arm].pivot_table(index="seed", columns="n_params", values="loss")
            wide = wide[sizes].dropna()
            if wide.empty:
                continue
            own = np.polyfit(np.log10(sizes), wide.to_numpy().T, 1)[0]
            n = len(own)
            reach = (
                float(student.ppf((1 + level) / 2, n - 1) * own.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
            )
            value = float(own.mean())
            rows.append((arm, d_chars, value, value - reach, value + reach, len(sizes), n))
    return pd.DataFrame(rows, columns=["arm", "d_chars", "slope", "low", "high", "n_sizes", "n_seeds"])


def beside_paper(found: pd.DataFrame) -> Prose:
    """Whether from-scratch lines go flat with little data, as the paper's do: at the least repeated data."""
    scratch = found[found["arm"] == BASELINE].dropna(subset=["low"]).sort_values("d_chars")
    paper = "The paper reports that these lines go flat with little data"
    if scratch.empty:
        return Prose(f"{paper}; none of ours was repeated at all its sizes, so none can say.")
    least = scratch.iloc[0]
    slope = f"{least['slope']:+.3f} [{least['low']:+.3f}, {least['high']:+.3f}]"
    if least["high"] < 0:
        how = "over all our sizes together the loss still falls there"
    elif least["low"] > 0:
        how = "over all our sizes together the loss rises there"
    else:
        how = "ours may be flat there, as in the paper"
    return Prose(
        f"{paper}. At our least data, {scientific(least['d_chars'], 1)} characters, ten times the size "
        f"changes the loss by {slope} nats/token: {how}."
    )


def saturation(found: pd.DataFrame) -> Prose:
    """Where from-scratch lines go flat and pre-trained ones do not: the paper's figure 3, by `measured`."""
    scratch = found[found["arm"] == BASELINE].set_index("d_chars")
    said = []
    flat = scratch[(scratch["low"] <= 0) & (scratch["high"] >= 0)]
    rising = scratch[scratch["low"] > 0]
    firm = scratch["low"].notna()
    if firm.any():
        said.append(
            "From scratch, over all sizes together, ten times the size lowers the loss at "
            f"{int((scratch['high'] < 0).sum())} of the {counted(int(firm.sum()), 'data size')} that were "
            f"repeated, by the interval of the slope"
            f"{f'; at {len(flat)} it may do nothing' if len(flat) else ''}"
            f"{f'; at {len(rising)} it raises the loss' if len(rising) else ''}. Between two neighbouring "
            "sizes the loss may still rise: the figure shows where."
        )
    else:
        said.append("From scratch no data size was repeated at all sizes, so no slope has an interval.")
    for arm, own in found[found["arm"] != BASELINE].groupby("arm", sort=False):
        both = own.set_index("d_chars").join(scratch, rsuffix="_scratch", how="inner")
        told = int(both[["low", "low_scratch"]].notna().all(axis=1).sum())
        steeper = both[both["high"] < both["low_scratch"]]
        flatter = both[both["low"] > both["high_scratch"]]
        least = both.index.min()
        said.append(
            f"Pre-trained ({markdown(arm)}) the slope is steeper at {len(steeper)} of the "
            f"{counted(told, 'data size')} with intervals of both, and flatter at {len(flatter)}; at the "
            f"least data it is {both.loc[least, 'slope']:+.3f} against "
            f"{both.loc[least, 'slope_scratch']:+.3f}."
            if len(both)
            else f"Pre-trained ({markdown(arm)}): no data size in common."
        )
    return Prose(" ".join(said))
