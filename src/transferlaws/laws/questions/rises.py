"""Where a loss rises with size or with data, which at its lowest it should not.

A larger model can do what a smaller one does, and more text holds the smaller. So where the loss lies above
the smaller neighbour's by more than seeds explain, it was not the lowest that this cell could reach.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.cells import Cells, reduce_to_cells

ALONG = ("n_params", "d_chars")
LEVEL = 0.05  # of finding a rise anywhere in an arm where there is none


def rises(table: pd.DataFrame, arm: str = SCRATCH) -> pd.DataFrame:
    """One row a pair of neighbouring cells of `arm`, along size or along data, of a checked table.

    Columns: along (n_params or d_chars), n_params and d_chars of the larger cell, smaller (the other's value
    of `along`), rise (nats/token; negative where the loss falls), sd (of that difference between seeds, what
    the two samples share taken off), p (of as large a rise by chance, if the loss were the same), beyond
    (whether p is small even for the largest of so many, by Bonferroni's rule). A cell with a run that ended
    at a limit has no neighbours. Where no cell was repeated, sd and p are NaN.
    """
    cells = reduce_to_cells(table, () if arm == SCRATCH else (arm,))
    wanted = cells.scratch if arm == SCRATCH else ~cells.scratch
    cells = cells.only(wanted & ~cells.upper & (cells.d_chars > 0))
    found = pd.DataFrame(
        [row for along in ALONG for row in _neighbours(cells, along)],
        columns=["along", "n_params", "d_chars", "smaller", "rise", "sd", "p"],
    )
    found["beyond"] = found["p"] * len(found) < LEVEL
    return found


def _neighbours(cells: Cells, along: str) -> list[tuple[str, float, float, float, float, float, float]]:
    places = np.column_stack([cells.n_params, cells.d_chars])
    moving = ALONG.index(along)
    order = np.lexsort((places[:, moving], places[:, 1 - moving]))
    rows = []
    for low, high in pairwise(order):
        if places[low, 1 - moving] != places[high, 1 - moving]:
            continue
        rise = float(cells.loss[high] - cells.loss[low])
        pair = cells.covariance[np.ix_([low, high], [low, high])]
        known = cells.noise.dof > 0
        sd = float(np.sqrt(pair[0, 0] + pair[1, 1] - 2 * pair[0, 1])) if known else np.nan
        chance = student(cells.noise.dof) if np.isfinite(cells.noise.dof) and known else norm
        p = float(chance.sf(rise / sd)) if known else np.nan
        rows.append((along, *places[high], places[low, moving], rise, sd, p))
    return rows
