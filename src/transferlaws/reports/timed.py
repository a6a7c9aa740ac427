"""What runs took of a core: on a busy machine, less than went by."""

import pandas as pd

from transferlaws.runs.record import Record
from transferlaws.study import Study


def core_seconds(record: Record) -> float:
    """Seconds of a core that a run took; of one that did not note them, those that went by."""
    outcome = record.outcome
    return float(outcome.get("core_seconds", outcome.get("seconds", 0.0)))


def timed(study: Study, *, everything: bool = False) -> pd.DataFrame:
    """The table of a study with its runs' core-seconds as `seconds`."""
    table = study.table(everything=everything)
    records = map(study.store.read, table["key"])
    return table.assign(seconds=[core_seconds(record) for record in records if record is not None])
