"""What was tuned, and of each cell the setting that counts: the best, with all its seeds.

Runs that differ in a learning rate answer "which rate", not "how noisy"; taken as replicates they make any
law look uncertain and too high. A cell was tuned if one of its seeds was tried at several settings, or if
cell after cell has the same grid of settings, whatever their seeds. The best setting is that of lowest mean
loss among those tried with most seeds; where none was tried with most of them, the best run of each seed
counts. Runs whose seeds and settings both differ without such a grid are left alone: they may as well have
been tuned already.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

LEAST_GRID = 3
"""Settings that the same grid has in most cells if runs of different seeds are taken for tuning."""


@dataclass(frozen=True)
class Tuning:
    """Columns that vary within cells, the rule by which the best was found, and which rows it leaves."""

    columns: tuple[str, ...]
    rule: str
    n_cells: int
    keep: pd.Series

    @property
    def sentence(self) -> str:
        """What varies, in how many cells, and which of its values counts."""
        vary = "varies" if len(self.columns) == 1 else "vary"
        cells = f"{self.n_cells:,} cell{'s' * (self.n_cells != 1)}"
        return f"{', '.join(self.columns)} {vary} within {cells}: tuning, of which {self.rule} counts"


def tuning_of(
    rows: pd.DataFrame, cell: Sequence[str], columns: Sequence[str], surely: bool = False
) -> Tuning | None:
    """What of `columns` was tuned in a table of runs, None if nothing was.

    The loss to choose by is `loss_validation` where every row has it, otherwise `loss` itself. `surely` takes
    runs of different seeds for tuning as well, with or without a grid.
    """
    known = [name for name in columns if name not in cell]
    shared = rows.duplicated(list(cell), keep=False)
    if not known or not shared.any():
        return None
    several = rows[shared]
    settings = several[known].apply(_distinct)
    cells = several.groupby(list(cell), sort=False, dropna=False).ngroup()
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
    keep, crossed = _best(work, surely or _is_grid(work))
    if keep.all():
        return None
    how = "validation loss" if validated else "loss (there is no validation loss)"
    rule = f"the setting of lowest mean {how} over its seeds" if crossed else f"the lowest {how}"
    kept = pd.Series(True, range(len(rows)))
    kept[shared.to_numpy()] = keep.to_numpy()
    n_cells = int(work.loc[~keep, "cell"].nunique())
    return Tuning(tuple(tuned), rule, n_cells, pd.Series(kept.to_numpy(), rows.index))


def _distinct(column: pd.Series) -> pd.Series:
    """Settings to compare: numbers as numbers, however they are written, and anything else as text."""
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers.astype(object).where(numbers.notna(), column.astype(str))


def _is_grid(work: pd.DataFrame) -> bool:
    """Whether most cells have the same settings, LEAST_GRID of them or more."""
    tried = [frozenset(settings) for _, settings in work.groupby("cell")["setting"]]
    grid, cells = Counter(tried).most_common(1)[0]
    return len(grid) >= LEAST_GRID and cells * 2 > len(tried)


def _best(work: pd.DataFrame, grid: bool) -> tuple[pd.Series, bool]:
    """Which rows have the best setting of their cell, and whether settings were compared over seeds."""
    pairs = [work["cell"], work["setting"]]
    mean = work["loss"].groupby(pairs).transform("mean")
    seeds = work["seed"].groupby(pairs).transform("nunique")
    most = seeds.groupby(work["cell"]).transform("max")
    contender = mean.where(seeds == most)
    best = contender.groupby(work["cell"]).transform("min")
    first = work["setting"].where(contender == best).groupby(work["cell"]).transform("first")
    in_cell = work["seed"].groupby(work["cell"]).transform("nunique")
    repeated = work.duplicated(["cell", "seed"], keep=False).groupby(work["cell"]).transform("any")
    unmet = ~repeated & grid  # every run of such a cell has a seed of its own
    crossed = (most * 2 > in_cell) | unmet
    of_seed = work.groupby(["cell", "seed"])["loss"].transform("idxmin")
    keep = (work["setting"] == first).where(crossed, of_seed == work.index) | ~(repeated | grid)
    return keep.astype(bool), bool((crossed & (in_cell > 1)).any())
