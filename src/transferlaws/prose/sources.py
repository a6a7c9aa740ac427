"""Sources against each other: which transfers more, what order matters, whether transfer has a direction.

What is compared was run in the same cells with the same seeds. A study of two sizes is a comparison and no
law, and is called that.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from transferlaws.design.question import UNTITLED, Question, Titles
from transferlaws.escape import markdown
from transferlaws.laws import Fit, effective_data
from transferlaws.prose import pairs
from transferlaws.prose.numbers import Prose, counted, grid, scientific

FEWEST_SIZES = 3
"""Sizes from which on an exponent of size is more than one difference."""


def worth(table: pd.DataFrame, arms: Iterable[str], *, seed: int = 0) -> pd.DataFrame:
    """Effective data of several arms in the cells that all of them have: `effective_data`, and the arm.

    Arms without runs are left out; empty where no cell is common.
    """
    runs = table[table["d_chars"] > 0]
    there = [arm for arm in arms if arm in set(runs["arm"])]
    if not there:
        return pd.DataFrame(columns=["arm", "n_params", "d_chars"])
    frames = [effective_data(runs, arm, seed=seed).assign(arm=arm) for arm in there]
    both = pd.concat(frames, ignore_index=True)
    return both[both.groupby(["n_params", "d_chars"])["arm"].transform("nunique") == len(there)]


def ranked(table: pd.DataFrame, arms: Sequence[str]) -> list[str]:
    """The arms by what they gain over the baseline on average, in the cells that all of them have."""
    found = {arm: pairs.differences(table, arm).set_index(["n_params", "d_chars"])["gain"] for arm in arms}
    common = pd.DataFrame(found).dropna()
    means = (
        dict(zip(common.columns, -common.to_numpy(float).mean(axis=0), strict=True)) if len(common) else {}
    )
    return sorted(arms, key=lambda arm: float(means.get(arm, 0.0)))


def order(table: pd.DataFrame, arms: Sequence[str], titles: Titles = UNTITLED) -> Prose:
    """The arms from the most helpful to the least, each beside the next, and whether the order is certain."""
    there = [arm for arm in arms if arm in set(table["arm"])]
    if len(there) < 2:
        return Prose("One source only: nothing to put in order.")
    line = ranked(table, there)
    found, doubts = {}, []
    for first, second in pairwise(line):
        beside = pairs.differences(table, first, second)
        found[f"{_source(titles, first)} against {_source(titles, second)}"] = beside
        if beside.empty or (beside["verdict"] != pairs.BETTER).any():
            doubts.append(f"{_source(titles, first)} before {_source(titles, second)}")
    said = f"By the loss they save on average: **{', '.join(_source(titles, arm) for arm in line)}**. "
    said += (
        "Every step of this order holds in every cell."
        if not doubts
        else f"Not in every cell: {'; '.join(doubts)}."
    )
    return Prose(f"{said}\n\n{pairs.summary(found)}")


def against_scratch(table: pd.DataFrame, arm: str, titles: Titles = UNTITLED) -> Prose:
    """Whether an arm helps or hurts beside no pre-training at all, cell by cell."""
    found = pairs.differences(table, arm)
    if found.empty:
        return Prose(f"No model pre-trained on {_source(titles, arm)} was fine-tuned in this study.")
    verdicts = found["verdict"].value_counts()
    if verdicts.get(pairs.WORSE, 0) == len(found):
        lead = f"Pre-training on {_source(titles, arm)} hurts in every cell"
    elif verdicts.get(pairs.BETTER, 0) == len(found):
        lead = f"Pre-training on {_source(titles, arm)} helps in every cell"
    else:
        lead = (
            f"Pre-training on {_source(titles, arm)} helps in {verdicts.get(pairs.BETTER, 0)} of "
            f"{counted(len(found), 'cell')}, hurts in {verdicts.get(pairs.WORSE, 0)}"
        )
        if undecided := verdicts.get(pairs.UNDECIDED, 0):
            lead += f", and in {undecided} the runs cannot say"
    return Prose(f"{lead}: it changes the loss by {_span(-found['gain'])} nats/token.")


def _span(values: pd.Series) -> str:
    return f"{values.min():+.2f} to {values.max():+.2f}"


def law_or_comparison(fits: Mapping[str, Fit]) -> Prose:
    """What the number of sizes behind each fit allows: a law, or one comparison between two sizes."""
    said = []
    for title, fit in fits.items():
        sizes = fit.cells["n_params"].nunique()
        if sizes < FEWEST_SIZES:
            said.append(
                f"*{title}*: {counted(sizes, 'size')}, which is a comparison and no law; its exponents are "
                "not quoted."
            )
            continue
        exponents = ", ".join(f"$\\{name}$ {getattr(fit, name)}" for name in ("alpha", "beta"))
        said.append(f"*{title}*: {sizes} sizes, {exponents}. {' '.join(fit.verdicts)}")
    return Prose("\n\n".join(said))


def both_ways(there: pd.DataFrame, back: pd.DataFrame) -> pd.DataFrame:
    """Cells that two directions share, with D_E/D_F of each: `there` and `back`, `_low` and `_high`.

    Takes two frames of `effective_data`.
    """
    columns = ["d_effective", "d_effective_low", "d_effective_high"]
    frames = [
        frame.set_index(["n_params", "d_chars"])[columns].div(frame["d_chars"].to_numpy(), axis=0)
        for frame in (there, back)
    ]
    both = frames[0].join(frames[1], lsuffix="_there", rsuffix="_back", how="inner").reset_index()
    return both.rename(columns=lambda name: name.replace("d_effective", "times"))


def directions(both: pd.DataFrame, there: str, back: str) -> Prose:
    """Which direction transfers more, size by size; decided only where the two intervals do not meet."""
    if both.empty:
        return Prose("No cell was run in both directions, so they cannot be compared yet.")
    sizes = both["n_params"].nunique()
    said = [
        f"{'One size' if sizes == 1 else f'{sizes} sizes'} in both"
        + ("." if sizes >= FEWEST_SIZES else ": a comparison, no law.")
    ]
    for n_params, cells in both.groupby("n_params"):
        more = int((cells["times_low_there"] > cells["times_high_back"]).sum())
        less = int((cells["times_low_back"] > cells["times_high_there"]).sum())
        said.append(
            f"At N = {n_params:,.0f}, {there} is worth more in {more} of {counted(len(cells), 'cell')} and "
            f"{back} in {less}; in {len(cells) - more - less} the intervals meet."
        )
    columns = ("N", "$D_F$", f"$D_E/D_F$, {there}", f"$D_E/D_F$, {back}")
    rows = (
        (
            f"{row['n_params']:,.0f}",
            scientific(row["d_chars"], 1),
            *(_times(row, side) for side in ("there", "back")),
        )
        for row in both.to_dict("records")
    )
    return Prose(f"{' '.join(said)}\n\n{grid(columns, rows)}")


def _times(row: Mapping[Any, Any], side: str) -> str:
    value, low, high = (row[f"times{end}_{side}"] for end in ("", "_low", "_high"))
    return f"{scientific(value)} [{scientific(low)}, {scientific(high)}]"


def drops(question: Question, table: pd.DataFrame) -> dict[str, float]:
    """Arms whose pre-training held a little of the target, and how much of it: a share of the characters."""
    found = {}
    for arm, mixture in question.pretrained.items():
        target = sum(share for part, share in mixture.shares() if part.corpus == question.target)
        if 0 < target < 1 and arm in set(table["arm"]):
            found[arm] = target
    return found


def drop(
    table: pd.DataFrame, fit: Fit, shares: Mapping[str, float], titles: Titles = UNTITLED
) -> pd.DataFrame:
    """What the target characters inside a source were worth before any fine-tuning (appendix F).

    One row a model: arm, n_params, known (characters of the target that pre-training read), d_effective of
    the zero-shot loss, measured = d_effective / known, by_law = what eq. 1.2 gives at D_F = known.
    """
    rows = []
    zero = table[(table["d_chars"] == 0) & table["arm"].isin(list(shares))]
    for arm, n_params, loss, read in zero[["arm", "n_params", "loss", "pretrain_chars"]].itertuples(
        index=False
    ):
        if n_params not in set(fit.curves) or not read > 0:
            continue
        known = shares[arm] * read
        d_effective, status = fit.curves[n_params].invert(loss)
        expected = float(fit.law.data_multiplier(n_params=n_params, d_chars=known))
        rows.append(
            (_source(titles, arm), n_params, known, d_effective, d_effective / known, expected, status.value)
        )
    columns = ["source", "n_params", "known", "d_effective", "measured", "by_law", "status"]
    return pd.DataFrame(rows, columns=columns)


def drop_rows(found: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: the known target characters' multiple, measured and by the law."""
    paper = "0.3 % of known Python counted 4.5-fold where 2-fold was expected (appendix F)"
    if found.empty:
        yield "a drop of the target in the source", paper, "not run here"
    for row in found.to_dict("records"):
        finite = np.isfinite(row["measured"])
        yield (
            f"what a drop of the target counts for in {row['source']}, N = {row['n_params']:,.0f}",
            paper,
            f"{scientific(row['known'])} known characters "
            + (
                f"counted {row['measured']:.1f} times"
                if finite
                else "took the loss below the from-scratch floor, so they have no multiple"
            )
            + f", and {row['by_law']:.1f} times was expected; one pre-training run, so without an interval",
        )


def drop_helps(table: pd.DataFrame, with_drop: str, without: str, titles: Titles = UNTITLED) -> Prose:
    """Whether fine-tuned models still show the drop: paired differences of the two sources."""
    found = pairs.differences(table, with_drop, without)
    lead = f"After fine-tuning, {_source(titles, with_drop)} against {_source(titles, without)}"
    return Prose(f"{lead}: {pairs.counts(found)}.")


def _source(titles: Titles, arm: str) -> str:
    return markdown(titles.source(arm))
