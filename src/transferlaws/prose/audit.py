"""An audit in words: what cells would still gain by a wider search, and whether that bends a law."""

import math

import pandas as pd

from transferlaws.escape import markdown
from transferlaws.laws import Interval
from transferlaws.laws.questions.remaining import Remaining, Trend, remaining
from transferlaws.laws.questions.remaining import trends as trends_of
from transferlaws.prose.numbers import Prose, counted, grid

DOUBTFUL = 0.05  # a trend that chance makes less often than that is one
WHAT = {"N": "model size", "D": "data size", "arm": "arm"}


def all_of(found: pd.DataFrame) -> tuple[Prose, Prose, Prose]:
    """The line, the trends, and the table behind them; `found` are the gains of an audit's cells."""
    return still_to_gain(found), trends(found), table(found)


def still_to_gain(found: pd.DataFrame) -> Prose:
    """The 95th percentile of what is still to gain, and whether cells are at their optimum, in one line."""
    left = remaining(found)
    if left is None:
        return Prose("No cell was audited.")
    whole = f"{counted(left.n, 'cell')} drawn at random from {left.drawn_from:,}"
    if not left.better:
        return Prose(
            "**No setting of a wider search was better** on validation than the study's own, in any of "
            f"{whole}: with 95 % confidence no more than {_share(left.share_beyond)} of all cells have one."
        )
    return Prose(
        f"**95 % of the cells would gain less than {_said(left.percentile)} nats/token by a wider "
        f"search**: {whole}, on test, with a seed that had no part in the search, its noise included. "
        f"With 95 % confidence no more than {_share(left.share_beyond)} of all cells would gain "
        f"more than {left.largest:.3f}. {_on_average(left)}"
    )


def _on_average(left: Remaining) -> str:
    """What the search saw, and what of that another seed confirms."""
    ends = (
        f", {left.at_edge} of them at an end of the search, so that more is possible" if left.at_edge else ""
    )
    seen = (
        f"In {counted(left.better, 'cell')} a setting was better on validation{ends}: by {left.seen:.3f} on "
        "average over all cells, which is too much, as the lowest of many noisy losses was taken, and by "
        f"{left.same_seed:.3f} on test. With another seed {_said(left.mean)} is left"
    )
    low, high = left.mean.low, left.mean.high
    if low is None:
        return f"{seen}: one cell cannot tell."
    if low > 0:
        return f"{seen}: **the cells are not at their optimum.**"
    if high is not None and high < 0:
        return f"{seen}: what looked better was luck."
    return f"{seen}, which may be nothing: **as far as this audit can tell, the cells are at their optimum.**"


def _said(found: Interval) -> str:
    ends = ["open" if end is None else f"{end:.3f}" for end in (found.low, found.high)]
    return f"{found.value:.3f} [{ends[0]}, {ends[1]}]"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"


def trends(found: pd.DataFrame) -> Prose:
    """Whether what is left goes with model size, data size or arm: what does, bends a law."""
    found_trends = trends_of(found)
    if not found_trends:
        return Prose(
            "Whether gains go with model size, data size or arm, these cells are too few or too alike to say."
        )
    clear = [trend for trend in found_trends if trend.p < DOUBTFUL]
    others = [trend for trend in found_trends if trend.p >= DOUBTFUL]
    said = []
    if clear:
        said.append(f"What is left goes with {_listed(clear)}: laws fitted to these losses are bent by it.")
    if others:
        said.append(f"No trend can be told with {_listed(others)}.")
    return Prose(" ".join(said) + " (Tests by permutation, each with the others held.)")


def _listed(trends: list[Trend]) -> str:
    parts = []
    for trend in trends:
        slope = "" if trend.per_decade is None else f"{trend.per_decade:+.3f} nats/token per factor of ten, "
        parts.append(f"{WHAT[trend.what]} ({slope}p = {trend.p:.2g})")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def table(found: pd.DataFrame) -> Prose:
    """One row a cell: what the search chose, and what it gains."""
    shown = found.sort_values(["arm", "n_params", "d_chars"]) if len(found) else found
    rows = (
        (
            markdown(row["arm"]),
            f"{row['n_params']:,}",
            f"{row['d_chars']:,}",
            f"{row['loss']:.3f}",
            markdown(row["chosen"]),
            f"{row['gain_validation']:+.3f}",
            f"{row['gain_test']:+.3f}",
            "diverged" if math.isnan(row["gain"]) else f"{row['gain']:+.3f}",
        )
        for row in shown.to_dict("records")
    )
    heads = ("arm", "N", "D", "loss", "chosen", "gain, validation", "gain, test", "gain, another seed")
    return grid(heads, rows)
