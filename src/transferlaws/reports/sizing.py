"""A study for so many core-hours: a pilot, a design written down before it is spent, and its rounds of seeds.

What the pilot measured (`reports.pilot`) decides which study is made (`reports.choice`); that is written down
(`reports.written`), and only then run. What is left of the hours buys seeds, round by round, the largest data
first: the cost decides when to stop, never a result.
"""

import math
from collections.abc import Callable

import pandas as pd

from transferlaws.design.sized import FEWEST_DATA, LEAST_SEEDS, MOST_SEEDS, Dials, data_grid
from transferlaws.errors import TransferLawsError
from transferlaws.reports.choice import choose, seen
from transferlaws.reports.given import most_jobs
from transferlaws.reports.own import Folders
from transferlaws.reports.pilot import measure_pilot
from transferlaws.reports.written import note_round, read_design, write_design
from transferlaws.runs.store import Store
from transferlaws.study import Study


def study_for_hours(folders: Folders, hours: float, *, jobs: int | None, say: Callable[[str], None]) -> Study:
    """Size, write down and run the study of some folders that takes `hours` core-hours; returns it finished.

    A folder that holds a design goes on with it. Raises TransferLawsError where the hours or the data are
    too few for any answer, where runs fail, and for a folder that holds the design of another study.
    """
    if not (math.isfinite(hours) and hours > 0):
        raise TransferLawsError(f"--core-hours is {hours}; it takes a positive number")
    if folders.models:
        grid = data_grid(folders.corpora[folders.question.target].characters("train"))
        largest = Dials(tuple(folders.models), grid[:FEWEST_DATA], 0, (LEAST_SEEDS,) * FEWEST_DATA)
        jobs = most_jobs(folders.at_scale(largest.scale(0)), jobs)
    known = read_design(folders, hours)
    if known is None:
        dials = _design(folders, hours, jobs)
        say(f"the design, written before it is spent: {folders.out / 'design.md'}")
    else:
        dials = known
        say(f"going on with the design in {folders.out / 'design.md'}")
    return _spend(folders, dials, hours, jobs, say)


def _design(folders: Folders, hours: float, jobs: int | None) -> Dials:
    """Measure, choose, and write the design down."""
    pilot = measure_pilot(folders, hours, jobs)
    dials, core, tried = choose(folders, hours, pilot)
    write_design(folders, hours, pilot, dials, core, tried, seen(dials, pilot.noise))
    return dials


def _spend(
    folders: Folders, dials: Dials, hours: float, jobs: int | None, say: Callable[[str], None]
) -> Study:
    """Run the study, then seeds as long as the hours last."""
    while True:
        study = folders.at_scale(dials.scale(folders.pretrain_chars))
        swept = study.ensure(study.plan.arms, jobs=jobs)
        if swept.failed:
            raise TransferLawsError(f"{len(swept.failed)} runs failed: {'; '.join(swept.failed.values())}")
        spent = _spent(folders, study)
        note_round(folders, dials, spent)
        left = 3600 * hours - spent
        more = _seeds_for(study.table(), dials, left)
        if more == dials:
            return study
        say(f"{left / 3600:.2g} core-hours are left: seeds by amount of data {more.seeds}")
        dials = more


def _seeds_for(table: pd.DataFrame, dials: Dials, left: float) -> Dials:
    """The dials with the seeds that `left` core-seconds buy: the fewest first, then the largest data."""
    runs = table[table["d_chars"] > 0].groupby("d_chars")
    spent, counts = runs["seconds"].sum(), runs["seed"].nunique()
    prices = {d: float(spent[d]) / int(counts[d]) if d in counts else math.inf for d in dials.d_chars}
    while True:
        places = [
            at for at, d in enumerate(dials.d_chars) if prices[d] <= left and dials.seeds[at] < MOST_SEEDS
        ]
        if not places:
            return dials
        place = min(places, key=lambda at: (dials.seeds[at], -dials.d_chars[at]))
        left -= prices[dials.d_chars[place]]
        dials = dials.one_more_seed(place)


def _spent(folders: Folders, study: Study) -> float:
    """Core-seconds of everything that was trained here, pilot included."""
    stores = (study.store, Store(folders.out / "runs" / "pilot"))
    return sum(record.core_seconds for store in stores for record in store)
