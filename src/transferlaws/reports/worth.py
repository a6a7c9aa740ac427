"""What pre-training was worth in data, cell by cell: a section of the report that needs no law."""

from collections.abc import Iterator

import pandas as pd

from transferlaws.design.question import Titles
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Interval, effective_data
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
        ", what of them was not given, was transferred. No law takes part.",
    )
    for source in sources:
        title = titles.source(source)
        try:
            cells = effective_data(runs, source)
        except TransferLawsError as error:
            yield tag("p", tag("strong", title), f": {error}.")
            continue
        rows = (_row(cell) for _, cell in cells.iterrows())
        yield table(f"Effective data, {title}: characters", COLUMNS, rows)


def _row(cell: pd.Series) -> tuple[object, ...]:
    ends = (float(cell[f"d_effective{end}"]) for end in ("", "_low", "_high"))
    return (
        f"{cell['n_params']:,.0f}",
        f"{cell['d_chars']:,.0f}",
        number(cell["loss"], 4),
        interval(Interval(*ends)),
        number(cell["d_transferred"]),
        str(cell["status"]).replace("_", " "),
    )
