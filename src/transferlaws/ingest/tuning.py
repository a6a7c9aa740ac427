"""What was tuned, and of each cell the setting that counts: the best, with all its seeds.

Runs that differ in a learning rate answer "which rate", not "how noisy"; taken as replicates they make any
law look uncertain and too high. The best setting of a cell is that of lowest mean loss among those tried with
most seeds; where no setting was tried with several of them, the best run of each seed counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from transferlaws.ingest.synonyms import TUNING, spelling


@dataclass(frozen=True)
class Tuning:
    """Columns that vary within cells, the rule by which the best was found, and which rows it leaves."""

    columns: tuple[str, ...]
    rule: str
    n_cells: int
    keep: pd.Series


def tuning_of(rows: pd.DataFrame, cell: Sequence[str], more: Sequence[str]) -> Tuning | None:
    """What was tuned in a table of runs, None if nothing was; `more` names columns beyond those known.

    The loss to choose by is `loss_validation` where every row has it, otherwise `loss` itself.
    """
    known = [name for name in map(str, rows) if name in more or TUNING & set(spelling(name)[0])]
    known = [name for name in known if name not in cell]
    shared = rows.duplicated(list(cell), keep=False)
    if not known or not shared.any():
        return None
    several = rows[shared]
    by_cell = several.groupby(list(cell), sort=False, dropna=False)
    settings = several[known].astype(str)
    cells = by_cell.ngroup()
    tuned = [name for name in known if (settings[name].groupby(cells).nunique() > 1).any()]
    if not tuned:
        return None
    validated = "loss_validation" in rows and bool(rows["loss_validation"].notna().all())
    work = pd.DataFrame(
        {
            "cell": cells.to_numpy(),
            "setting": settings.groupby(tuned, sort=False).ngroup().to_numpy(),
            "loss": several["loss_validation" if validated else "loss"].to_numpy(),
            "seed": several["seed"].astype(str).to_numpy() if "seed" in several else "",
        }
    )
    keep, crossed = _best(work)
    how = "validation loss" if validated else "loss (there is no validation loss)"
    rule = f"the setting of lowest mean {how} over its seeds" if crossed else f"the lowest {how}"
    kept = pd.Series(True, range(len(rows)))
    kept[shared.to_numpy()] = keep.to_numpy()
    n_cells = int(work.loc[~keep, "cell"].nunique())
    return Tuning(tuple(tuned), rule, n_cells, pd.Series(kept.to_numpy(), rows.index))


def _best(work: pd.DataFrame) -> tuple[pd.Series, bool]:
    """Which rows have the best setting of their cell, and whether settings were compared over seeds."""
    pairs = [work["cell"], work["setting"]]
    mean = work["loss"].groupby(pairs).transform("mean")
    seeds = work["seed"].groupby(pairs).transform("nunique")
    most = seeds.groupby(work["cell"]).transform("max")
    contender = mean.where(seeds == most)
    best = contender.groupby(work["cell"]).transform("min")
    first = work["setting"].where(contender == best).groupby(work["cell"]).transform("first")
    in_cell = work["seed"].groupby(work["cell"]).transform("nunique")
    crossed = most * 2 > in_cell
    of_seed = work.groupby(["cell", "seed"])["loss"].transform("idxmin")
    keep = (work["setting"] == first).where(crossed, of_seed == work.index)
    return keep.astype(bool), bool((crossed & (in_cell > 1)).any())
