"""What pre-training was worth in data, cell by cell: a section of the report that needs no law."""

from collections.abc import Iterator

import pandas as pd

from transferlaws.design.question import BASELINE, Titles
from transferlaws.design.scale import HALF_DECADE
from transferlaws.errors import TransferLawsError
from transferlaws.laws import CellStatus, Interval, effective_data
from transferlaws.reports.markup import Markup, interval, number, table, tag

COLUMNS = ("N", Markup("D<sub>F</sub>"), "loss", Markup("D<sub>E</sub>"), Markup("D<sub>T</sub>"), "read off")


def worth_in_data(runs: pd.DataFrame, sources: list[str], titles: Titles) -> Iterator[Markup]:
    """Effective data of every cell: the target data from which the same size reaches its loss from scratch.

    A source without from-scratch curves to be held against is said with the reason.
    """
    yield tag("h2", "What that is worth in data")
    yield tag(
        "p",
        Markup("Effective data D<sub>E</sub>"),
        f" are the characters of {titles.target} from which a model of the same size reaches the same loss "
        "from scratch, read off the from-scratch runs of that size. ",
        Markup("D<sub>T</sub> = D<sub>E</sub> − D<sub>F</sub>"),
        ", what of them was not given, was transferred. No law takes part; more than half a decade beyond "
        "the from-scratch runs, only the low end of the interval is said.",
    )
    for source in sources:
        title = titles.source(source)
        try:
            cells = effective_data(runs, source)
        except TransferLawsError as error:
            yield tag("p", tag("strong", title), f": {error}.")
            continue
        rows = (_row(cell, _longest(runs, cell["n_params"])) for _, cell in cells.iterrows())
        yield table(f"Effective data, {title}: characters", COLUMNS, rows)


def _longest(runs: pd.DataFrame, n_params: float) -> float:
    """The most data, in characters, that a size was trained on from scratch."""
    alone = runs[(runs["arm"] == BASELINE) & (runs["n_params"] == n_params)]
    return float(alone["d_chars"].max())


def _row(cell: pd.Series, longest: float) -> tuple[object, ...]:
    value, low, high = (float(cell[f"d_effective{end}"]) for end in ("", "_low", "_high"))
    effective, transferred = interval(Interval(value, low, high)), number(cell["d_transferred"])
    if value > HALF_DECADE * longest or cell["status"] == CellStatus.BELOW_FLOOR:
        # Where no run has been, a curve's own words are no measurement: only the low end is said.
        effective = _at_least(low)
        transferred = _at_least(low - cell["d_chars"])
    return (
        f"{cell['n_params']:,.0f}",
        f"{cell['d_chars']:,.0f}",
        number(cell["loss"], 4),
        effective,
        transferred,
        str(cell["status"]).replace("_", " "),
    )


def _at_least(chars: float) -> Markup:
    return Markup(f"at least {number(chars)}" if 0 < chars < float("inf") else "not known")
