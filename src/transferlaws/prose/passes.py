"""Passes over the data in words: how many a run took, how far its loss fell, whether its limit ended it."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.escape import markdown
from transferlaws.laws.paper import REPORTED
from transferlaws.prose.numbers import Prose, counted, scientific


def least_data(table: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
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


def fewer(table: pd.DataFrame) -> Prose:
    """At how many data sizes each pre-trained arm needs fewer passes than from scratch, by medians."""
    runs = table[table["d_chars"] > 0]
    median = runs.groupby(["arm", "d_chars"])["epochs_best"].median()
    scratch = median[BASELINE]
    said = []
    for arm in dict.fromkeys(runs["arm"]):
        if arm == BASELINE:
            continue
        both = pd.DataFrame({"own": median[arm], "scratch": scratch}).dropna()
        least = both.index.min()
        said.append(
            f"{markdown(arm)}: fewer at {int((both['own'] < both['scratch']).sum())} of {len(both)} data "
            f"sizes, {both.loc[least, 'own']:.1f} against {both.loc[least, 'scratch']:.1f} at the least data"
        )
    return Prose(f"passes to the kept weights, beside from scratch. {'; '.join(said)}.")


def fell(
    curve: pd.DataFrame, n_params: int, n_tokens: int, vocabulary: int, titles: Titles = UNTITLED
) -> Prose:
    """One training run in words: passes over its data, and how far the loss on held-out projects fell."""
    best = curve.iloc[int(curve["loss_validation"].to_numpy().argmin())]
    return Prose(
        f"{n_params:,} parameters, {n_tokens:,} tokens of {markdown(titles.target)}, "
        f"{best['tokens_seen'] / n_tokens:.1f} passes over them: the held-out loss fell from "
        f"{curve['loss_validation'].iloc[0]:.2f} to **{best['loss_validation']:.2f} nats/token**. Guessing "
        f"uniformly among {vocabulary} tokens costs ln {vocabulary} = {np.log(vocabulary):.2f}. At the kept "
        f"weights, the loss on the text it had learnt from was {best['loss_train']:.2f}."
    )


def at_limit(table: pd.DataFrame) -> Prose:
    """Which cells hold runs that ended at their token limit, before their loss had stopped falling."""
    if "ended" not in table or not table["ended"].astype(str).ne("").any():
        return Prose(
            "These records do not say why a run ended, so some may have met their token limit first."
        )
    met = table[table["ended"] == "limit"]
    if met.empty:
        return Prose("Every run ended because its loss had stopped falling; none met its token limit.")
    cells = met.drop_duplicates(["arm", "n_params", "d_chars"])
    listed = "; ".join(
        f"{markdown(arm)} at N = {scientific(n)} with {scientific(d, 1)} characters"
        for arm, n, d in zip(cells["arm"], cells["n_params"], cells["d_chars"], strict=True)
    )
    return Prose(
        f"{counted(len(met), 'run')} of {len(table)} met the token limit before the loss had stopped "
        f"falling, so their losses are upper bounds: {listed}."
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
