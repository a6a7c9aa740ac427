"""Do a law's intervals hold runs it has not seen? Each size and data size of a source left out in turn."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data.table import check_table, sole_source
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import fit_joint

COLUMNS = ("left_out", "n_params", "d_chars", "n_seeds", "loss", "predicted", "low", "high", "held")


def held_out(
    table: pd.DataFrame, source: str | None = None, *, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Every cell of `source` (by default the sole one) as predicted without its size, and without its data.

    From-scratch runs stay in, as whoever asks a law of transfer has them. One row a cell and what was left
    out ("n_params" or "d_chars"): COLUMNS, losses in nats/token; `low` and `high` are the ends that hold the
    mean of as many runs as the cell has at `level`, and `held` whether they do (of an upper end: whether
    it lies above `low`). Raises TransferLawsError as `fit` does, and for fewer than three sizes or
    three data sizes.
    """
    table = check_table(table)
    source = source or sole_source(table)
    cells, _ = source_cells(table, (source,))
    tuned = cells.only(~cells.scratch)
    measured = tuned.frame(tuned.loss, tuned.n_seeds.astype(float)).assign(upper=tuned.upper)
    if min(measured["n_params"].nunique(), measured["d_chars"].nunique()) < 3:
        raise TransferLawsError(
            f"arm {source!r} has {measured['n_params'].nunique()} sizes and {measured['d_chars'].nunique()} "
            "data sizes; leaving one out takes three of each"
        )

    def rows() -> Iterator[tuple[object, ...]]:
        for what in ("n_params", "d_chars"):
            for value, cell in measured.groupby(what):
                kept = table[~((table["arm"] == source) & (table[what] == value))]
                joint = fit_joint(source_cells(kept, (source,))[0])
                known = joint.predictive(joint.wider(seed))
                columns = cell[["n_params", "d_chars", "loss", "sd", "upper"]]
                for n, d, loss, runs, upper in columns.itertuples(index=False):
                    predicted, low, high = known.interval(n, d, runs, level)
                    held = low <= loss and (upper or loss <= high)
                    yield what, n, d, int(runs), loss, predicted, low, high, bool(held)

    return pd.DataFrame(rows(), columns=list(COLUMNS)).astype({"held": np.bool_})
