"""Published results, read: a study's runs as small files that are committed and need no torch.

results/<scale>/runs.csv           one row a run, diverged and failed ones too
results/<scale>/curves.parquet     every evaluation of every run
results/<scale>/specs.jsonl        key and spec of each run, so that any of them can be trained again
results/<scale>/laws.json          the laws of transfer, every source and method
results/<scale>/provenance.json    code, packages, corpora, hardware, core-hours
results/<scale>/README.md          an account of all that, in words

`reports.freeze` writes them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferlaws.runs.record import Record


def read_published(folder: Path) -> Mapping[str, Record]:
    """The records in a results folder, by key; empty if nothing was published there."""
    import pandas as pd

    if not (folder / "runs.csv").is_file():
        return {}
    table = pd.read_csv(folder / "runs.csv", keep_default_na=True)
    curves = pd.read_parquet(folder / "curves.parquet") if (folder / "curves.parquet").is_file() else None
    points: dict[str, list[list[Any]]] = {}
    if curves is not None:
        for key, group in curves.groupby("key"):
            rows = group.drop(columns="key").astype(object)
            points[str(key)] = rows.where(rows.notna(), None).to_numpy().tolist()
    rows_by_key = {
        row["key"]: row for row in table.astype(object).where(table.notna(), None).to_dict("records")
    }
    records = {}
    for line in (folder / "specs.jsonl").read_text("utf-8").splitlines():
        kept = json.loads(line)
        key, spec = kept.pop("key"), kept.pop("spec")
        row = rows_by_key.get(key)
        if row is None:
            continue
        outcome = {name: value for name, value in row.items() if value is not None} | kept
        records[key] = Record(key, spec, str(row["status"]), outcome, points.get(key, []))
    return records
