"""The pilot of a study for so many core-hours: how long runs take here, and how far seeds lie apart.

The next to smallest model of the ladder, or the smallest that is given, is trained from scratch on two small
data sets, three seeds each.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE
from transferlaws.design.sized import PRETRAIN_TOKENS, Dials, data_grid
from transferlaws.errors import TransferLawsError
from transferlaws.models.ladder import LADDER, Size
from transferlaws.reports.own import Folders
from transferlaws.runs.cost import CostModel, expected_runs
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.search import BASE_WIDTH
from transferlaws.runs.store import Store

SEEDS = 3
SHARE = 0.15  # of the hours: where the pilot alone would take more, they are too few
PRETRAINED = "pretrain"


@dataclass(frozen=True)
class Prices:
    """What runs take here: measured FLOP/s by size, and what the pilot's took beside what was expected.

    `length` is the ratio of tokens to the end of a run, `slowness` of seconds for so many tokens.
    """

    flops_per_second: dict[Size, float]
    length: float
    slowness: float

    def core_seconds(self, plan: Plan, nothing: Store) -> float:
        """Core-seconds of all runs of a plan; `nothing` is a store without records."""
        cost = CostModel(plan, nothing, self.flops_per_second)
        total = 0.0
        for cell in expected_runs(plan.cells(nothing), plan.scale, lambda _: False):
            seconds = cost.estimate(cell).seconds
            assert seconds is not None  # the speed of every size was measured
            total += self.slowness * seconds * (1.0 if cell.role == PRETRAINED else self.length)
        return total


@dataclass(frozen=True)
class Pilot:
    """What was measured before the design: prices, and the noise of a run in nats/token by `noise_runs`.

    All `runs` took `seconds` of a core.
    """

    prices: Prices
    noise: float
    noise_runs: int
    seconds: float
    runs: int


def no_records(folders: Folders) -> Store:
    """A store without records, in which a plan knows only its first runs."""
    return Store(folders.out / "runs" / "nothing")


def measure_pilot(folders: Folders, hours: float, jobs: int | None) -> Pilot:
    """Train the pilot, or take what an interrupted study left of it."""
    from transferlaws.runs.sweep import require_training

    require_training()
    from transferlaws.training.throughput import measured_flops_per_second

    data = data_grid(folders.corpora[folders.question.target].characters("train"))[:2]
    sizes = tuple(folders.models)[:1] or LADDER[1:2]
    dials = Dials(sizes, data, PRETRAIN_TOKENS[0], (SEEDS,) * 2)
    whole = dials.scale(folders.pretrain_chars)
    first_guess = float(f"{whole.tuning.first_guess * BASE_WIDTH / sizes[0].d_model:.3g}")
    tuning = replace(whole.tuning, d_chars=data[:1], first_guess=first_guess, most_rates=3, smooth=False)
    study = folders.at_scale(replace(whole, name="pilot", tuning=tuning), least=1)
    plan, nothing = study.plan, no_records(folders)
    speeds = measured_flops_per_second(
        tuple(folders.models) or LADDER,
        vocabulary_size=plan.vocabulary_size,
        context=study.scale.context,
        models={size.checkpoint: folder for size, folder in folders.models.items()},
    )
    alone = plan.cells(nothing, [BASELINE])
    blind = sum(_seconds(CostModel(plan, nothing, speeds), alone, plan))
    if blind > SHARE * 3600 * hours:
        raise TransferLawsError(
            f"--core-hours {hours:g} is too little for any answer: the pilot alone, {len(alone)} small runs, "
            f"takes about {blind / 3600:.2g} core-hours; {blind / 3600 / SHARE:.2g} are the least"
        )
    swept = study.ensure([BASELINE], jobs=jobs)
    if swept.failed:
        raise TransferLawsError(f"the pilot failed: {'; '.join(swept.failed.values())}")
    records = list(study.store)
    spent = sum(record.core_seconds for record in records)
    known = sum(_seconds(CostModel(plan, study.store, speeds), plan.cells(study.store, [BASELINE]), plan))
    slowness = spent / known
    noise, count = _noise(study.table())
    return Pilot(Prices(speeds, known / blind, slowness), noise, count, spent, len(records))


def _seconds(cost: CostModel, cells: Iterable[Cell], plan: Plan) -> list[float]:
    runs = expected_runs(list(cells), plan.scale, cost.done)
    return [cost.estimate(cell).seconds or 0.0 for cell in runs]


def _noise(table: pd.DataFrame) -> tuple[float, int]:
    """Standard deviation of a run about its cell's mean, in nats/token, and of how many runs."""
    groups = table.groupby(["arm", "n_params", "d_chars"])["loss"]
    deviations = table["loss"] - groups.transform("mean")
    dof = len(table) - groups.ngroups
    return float(np.sqrt(np.sum(deviations**2) / max(dof, 1))), len(table)
