"""Data against size: what a larger pre-trained model is worth in data, and whether more data is still a moat.

The same factor of size is worth one amount of data in D_T and another in loss. The first is a ratio of
exponents; the second asks for the data with which the small model reaches the large one's loss, and there may
be none.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Fit, Interval
from transferlaws.laws.paper import PRINTED
from transferlaws.planner import Answer, data_for, predict, size_for
from transferlaws.prose.numbers import Prose, counted, grid, interval, scientific

COLUMNS = ["d_chars", "rival", "own", "rival_size", "size", "ahead", "needs"]
ASKED = ("loss", "gain", "multiplier")
PRINTED_FACTOR = next(fact for fact in PRINTED if "ten times N" in fact.name)


def in_transfer(fit: Fit, times: float = 10.0) -> Interval:
    """The factor of D_F that raises D_T as much as `times` the parameters do: times^(beta / alpha)."""
    found = fit.beta_over_alpha
    low, high = (None if end is None else float(times**end) for end in (found.low, found.high))
    return Interval(float(times**found.value), low, high)


def in_loss(laws: Mapping[str, Any], fit: Fit, times: float = 10.0) -> pd.DataFrame:
    """With how much more data a fine-tuned model has the loss of one `times` as large, by the planner.

    One row a cell of the fit: n_params, d_chars, factor with low and high (NaN: open), and why the planner
    refused (empty if it did not; the factor is then NaN).
    """
    rows = []
    for n_params, d_chars in fit.cells[["n_params", "d_chars"]].itertuples(index=False, name=None):
        larger = predict(laws, fit.source, times * n_params, d_chars, "loss")
        if larger.value is None:
            rows.append((n_params, d_chars, np.nan, np.nan, np.nan, larger.reason))
            continue
        found = data_for(laws, fit.source, larger.value, n_params)
        value, low, high = (
            np.nan if end is None else end / d_chars for end in (found.value, found.low, found.high)
        )
        rows.append((n_params, d_chars, value, low, high, "" if found.value is not None else found.reason))
    return pd.DataFrame(rows, columns=["n_params", "d_chars", "factor", "low", "high", "why"])


def both_senses(fit: Fit, found: pd.DataFrame, times: float = 10.0) -> Prose:
    """What so many times the parameters are worth in data: in data transferred, and in loss."""
    transfer = in_transfer(fit, times)
    known = found.dropna(subset=["factor"])
    said = (
        f"**In data transferred**, a model {times:g} times as large is worth {interval(transfer)} times the "
        "fine-tuning data. "
    )
    if known.empty:
        said += "**In loss**, the planner answers in none of the cells"
    else:
        ends = (scientific(float(end)) for end in (known["factor"].min(), known["factor"].max()))
        said += (
            f"**In loss**, by the law, between {' and '.join(ends)} times (median "
            f"{scientific(float(known['factor'].median()))}), in the {counted(len(known), 'cell')} of "
            f"{len(found)} in which there is an answer"
        )
    refused = Counter(found.loc[found["factor"].isna(), "why"].map(_kind))
    if refused:
        said += "; elsewhere " + ", ".join(f"{reason} ({count})" for reason, count in refused.most_common())
    said += "."
    if not known.empty:
        above = known["low"] > transfer.value
        below = known["high"] < transfer.value
        said += (
            f" In {int((above | below).sum())} of these the interval in loss excludes the "
            f"{transfer.value:.2g} times of data transferred: in loss the "
            f"larger model is worth less data than in transfer in {int(below.sum())}, and more in "
            f"{int(above.sum())}."
        )
    return Prose(said)


def _kind(reason: str) -> str:
    """A refusal in a few words."""
    if "decades outside" in reason:
        return "the larger model lies outside the runs"
    if reason.startswith("no d_chars"):
        return "no data within reach get there"
    if reason.startswith("even d_chars"):
        return "less data than were measured suffice"
    return "the planner refuses"


def rivals(table: pd.DataFrame, laws: Mapping[str, Any], source: str, times: float = 10.0) -> pd.DataFrame:
    """A rival with `times` your data and no pre-training, against you with the source and your best size.

    One row a data size at which both were measured: d_chars, rival and own (the least mean losses over the
    sizes that were run, from scratch and fine-tuned), rival_size and size (N of these), ahead (own at most
    rival), and needs: the planner's smallest size that reaches the rival's loss with your data.
    """
    means = table[table["d_chars"] > 0].groupby(["arm", "d_chars", "n_params"], as_index=False)["loss"].mean()
    alone, tuned = (means[means["arm"] == arm] for arm in (BASELINE, source))
    rows = []
    for d_chars, own in tuned.groupby("d_chars"):
        other = alone[np.isclose(alone["d_chars"], times * float(d_chars), rtol=0.01)]
        if other.empty:
            continue
        best, rival = own.loc[own["loss"].idxmin()], other.loc[other["loss"].idxmin()]
        needs = size_for(laws, source, float(rival["loss"]), float(d_chars))
        sizes = rival["n_params"], best["n_params"]
        rows.append((d_chars, rival["loss"], best["loss"], *sizes, best["loss"] <= rival["loss"], needs))
    return pd.DataFrame(rows, columns=COLUMNS)


def moat(found: pd.DataFrame, times: float = 10.0) -> Prose:
    """Whether a rival's data advantage held, data size by data size."""
    if found.empty:
        return Prose(f"No pair of data sizes a factor of {times:g} apart was measured in both arms.")
    rows = (
        (
            scientific(float(row["d_chars"]), 1),
            f"{row['rival']:.3f} (N = {row['rival_size']:,.0f})",
            f"{row['own']:.3f} (N = {row['size']:,.0f})",
            "caught up" if row["ahead"] else "behind",
            _size(row["needs"]),
        )
        for row in found.to_dict("records")
    )
    columns = (
        "your data", f"rival from scratch, {times:g} times the data", "you, pre-trained", "measured",
        "smallest size by the law",
    )  # fmt: skip
    ahead = int(found["ahead"].sum())
    lead = (
        f"At {ahead or 'none'} of {counted(len(found), 'data size')} the pre-trained model matches or beats "
        f"a rival with {times:g} times its data and none of the pre-training. Losses are means over seeds."
    )
    return Prose(f"{lead}\n\n{grid(columns, rows)}")


def _size(found: Answer) -> str:
    if found.value is None:
        return "none within half a decade of the runs"
    return interval(Interval(found.value, found.low, found.high))


def plan(
    laws: Mapping[str, Any], source: str, n_examples: int, chars_each: int, sizes: Sequence[float]
) -> Prose:
    """What to expect from so many examples of so many characters, size by size, by runs and by the law."""
    d_chars = float(n_examples * chars_each)
    rows = []
    for n_params in sizes:
        try:
            asked = [predict(laws, source, n_params, d_chars, name) for name in ASKED]
        except TransferLawsError as error:
            return Prose(f"No answer: {error}.")
        rows.append((f"{n_params:,.0f}", *map(_said, asked)))
    columns = (
        "N",
        "loss after fine-tuning",
        "pre-training saves (nats/token)",
        "and is worth, times the data",
    )
    return Prose(
        f"{n_examples:,} examples of about {chars_each:,} characters are $D_F$ = {scientific(d_chars)} "
        f"characters. By the law:\n\n{grid(columns, rows)}"
    )


def _said(answer: Answer) -> str:
    if answer.value is None:
        return f"none: {answer.reason}"
    return interval(Interval(answer.value, answer.low, answer.high))


def beside_paper(fit: Fit, found: pd.DataFrame, times: float = 10.0) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: what ten times the parameters are worth, like with like, and in loss."""
    paper = f"about {PRINTED_FACTOR.printed:g} times, for text ({PRINTED_FACTOR.place})"
    caveat = "" if fit.quotable else "; the law misses its runs, so this sums up a range"
    yield (
        f"{times:g} times N, in data transferred",
        paper,
        f"{interval(in_transfer(fit, times))} times{caveat}",
    )
    known = found["factor"].dropna()
    said = (
        f"{scientific(float(known.min()))} to {scientific(float(known.max()))} times, where it answers"
        if len(known)
        else "no answer within half a decade of the runs"
    )
    yield f"{times:g} times N, in loss", "not stated", said
