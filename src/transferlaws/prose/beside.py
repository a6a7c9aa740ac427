"""The same question studied twice, in words: the same readings of both studies, and what moved."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from transferlaws.escape import markdown
from transferlaws.laws import Fit, Interval, rises
from transferlaws.prose.law import judged, meet
from transferlaws.prose.numbers import Prose, counted, grid, interval, scientific

PLACE = ["arm", "n_params", "d_chars"]
EXPONENTS = {"alpha": "$\\alpha$", "beta": "$\\beta$"}


@dataclass(frozen=True)
class Reading:
    """A study as it is set beside another: finished runs proper, their token limit, a law of them."""

    runs: pd.DataFrame
    max_tokens: int
    fit: Fit


def shared(first: pd.DataFrame, second: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs of two studies in the cells (arm, size, data) that both have."""
    both = first[PLACE].drop_duplicates().merge(second[PLACE].drop_duplicates(), on=PLACE)
    return first.merge(both, on=PLACE), second.merge(both, on=PLACE)


def table(studies: Mapping[str, Reading]) -> Prose:
    """One row a reading, one column a study, in the order given."""
    rows = [
        ("runs", lambda read: f"{len(read.runs):,}"),
        ("core-hours of these", lambda read: f"{read.runs['seconds'].sum() / 3600:.1f}"),
        (
            "ended by their token limit",
            lambda read: str(int((read.runs["tokens_seen"] >= read.max_tokens).sum())),
        ),
        ("neighbours between which the loss rises, by more than seeds explain", _rising),
        (
            "a run differs with its sample by (sd, nats/token)",
            lambda read: f"{read.fit.noise_parts['sample']:.3f}",
        ),
        ("and by itself", lambda read: f"{read.fit.noise_parts['run']:.3f}"),
        ("what the law misses beyond both", lambda read: f"{read.fit.noise_parts['misfit']:.3f}"),
        ("$k$", lambda read: interval(read.fit.k)),
        ("$\\alpha$", lambda read: interval(read.fit.alpha)),
        ("$\\beta$", lambda read: interval(read.fit.beta)),
        ("judged", lambda read: judged(read.fit)),
    ]
    said = ((what, *map(say, studies.values())) for what, say in rows)
    return grid(("reading", *map(markdown, studies)), said)


def _rising(read: Reading) -> str:
    found = pd.concat([rises(read.runs, arm) for arm in dict.fromkeys(read.runs["arm"])])
    return f"{int((found['rise'] > 0).sum())} of {len(found)}, {int(found['beyond'].sum())}"


def moved(first: Fit, second: Fit) -> Prose:
    """How far each exponent moved from one study to the other, and whether both intervals allow for it."""
    said, apart = [], []
    for name, sign in EXPONENTS.items():
        one, other = getattr(first, name), getattr(second, name)
        by = f"{sign} moved by {other.value - one.value:+.2f}{_within(one, other)}"
        if not meet(one, other):
            apart.append(sign)
            by += ", and **no value lies in both intervals**"
        said.append(by)
    meaning = (
        f"Two intervals of 95 % that exclude each other cannot both hold the exponent: for "
        f"{' and '.join(apart)} the first study was surer than it could be."
        if apart
        else "The second study contradicts neither interval of the first."
    )
    return Prose(f"{'; '.join(said)}. {meaning}")


def _within(one: Interval, other: Interval) -> str:
    """The interval of a difference of independent numbers, from theirs; nothing where an end is open."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return ""
    by = other.value - one.value
    low = by - np.hypot(other.value - other.low, one.high - one.value)
    high = by + np.hypot(other.high - other.value, one.value - one.low)
    return f" [{low:+.2f}, {high:+.2f}]"


def both_read(first: Fit, second: Fit) -> pd.DataFrame:
    """The cells whose D_E both studies read off a measured curve.

    Columns: n_params, d_chars; d_effective, d_effective_low, d_effective_high (characters), of the first
    study ending in _first, of the second in _second.
    """
    columns = ["n_params", "d_chars", "d_effective", "d_effective_low", "d_effective_high"]
    read = [fit.cells.loc[fit.cells["status"] == "interpolated", columns] for fit in (first, second)]
    return read[0].merge(read[1], on=columns[:2], suffixes=("_first", "_second"))


def arrows(cells: pd.DataFrame) -> Prose:
    """How the arrow from D_F to D_E changed, over the cells of `both_read`."""
    if cells.empty:
        return Prose("No cell has a $D_E$ in both studies that is read off measured curves.")
    factor = (cells["d_effective_second"] / cells["d_effective_first"]).sort_values()
    fell = int((factor < 1).sum())
    apart = int(
        (
            (cells["d_effective_low_second"] > cells["d_effective_high_first"])
            | (cells["d_effective_high_second"] < cells["d_effective_low_first"])
        ).sum()
    )
    return Prose(
        f"In {counted(len(cells), 'cell')} both studies read $D_E$ off their measured curves. The second "
        f"finds less of it in {fell} and more in {len(factor) - fell}: {scientific(float(factor.median()))} "
        f"times the first's in the median, from {scientific(float(factor.iloc[0]))} to "
        f"{scientific(float(factor.iloc[-1]))} times. In {apart} of them the two intervals have no value in "
        "common."
    )
