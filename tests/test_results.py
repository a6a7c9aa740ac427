"""Published results: complete, of the promised form, and their laws again from their runs, to the digit."""

import json
from pathlib import Path

import pandas as pd
import pytest

from transferlaws.files import sha256_file
from transferlaws.laws import fit, laws_document, read_table
from transferlaws.runs.published import read_published
from transferlaws.runs.table import COLUMNS, CURVE_COLUMNS
from transferlaws.training.spec import RunSpec

PUBLISHED = sorted(path.parent for path in (Path(__file__).parent.parent / "results").glob("*/runs.csv"))
LARGEST_BYTES = 15_000_000

pytestmark = pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)


def test_every_file_is_there_and_of_the_promised_form(folder: Path) -> None:
    table, curves = pd.read_csv(folder / "runs.csv"), pd.read_parquet(folder / "curves.parquet")
    assert tuple(table.columns) == COLUMNS[: max(len(table.columns), COLUMNS.index("ended"))]
    assert tuple(curves.columns) == ("key", *CURVE_COLUMNS)
    assert table["key"].is_unique and set(table["status"]) <= {"ok", "diverged", "failed"}
    assert set(curves["key"]) <= set(table["key"])
    finished = table[table["status"] == "ok"]
    assert finished[["loss", "bits_per_char", "loss_validation"]].notna().all(axis=None)
    assert set(table.loc[table["pretrain_key"].notna(), "pretrain_key"]) <= set(table["key"])
    origin = json.loads((folder / "provenance.json").read_text("utf-8"))
    assert {"code_version", "packages", "corpora", "hardware", "core_hours"} <= origin.keys()
    assert sum(origin["core_hours"].values()) == pytest.approx(table["seconds"].sum() / 3600, abs=0.01)
    assert sum(path.stat().st_size for path in folder.iterdir()) < LARGEST_BYTES


def test_every_run_is_named_by_its_spec(folder: Path) -> None:
    records = read_published(folder)
    assert len(records) == len(pd.read_csv(folder / "runs.csv"))
    for key, record in records.items():
        assert RunSpec.from_json(record.spec).key == key


def test_the_laws_follow_from_the_runs_to_the_digit(folder: Path) -> None:
    printed = json.loads((folder / "laws.json").read_text("utf-8"))
    origin = printed["provenance"]
    assert origin["table_sha256"] == sha256_file(folder / "runs.csv")
    if not printed["rows"]:  # of a study under way
        table = pd.read_csv(folder / "runs.csv")
        arms = set(table.loc[table["role"] == "run", "arm"])
        assert "scratch" not in arms or arms == {"scratch"}  # one side alone leads to no law
        return
    runs, rows = read_table(folder / "runs.csv"), printed["rows"]
    if len(rows) == 9:  # every source and every method once
        rows = rows[::4]
        assert all(len({row[what] for row in rows}) == 3 for what in ("source", "method"))
    fits = [
        fit(runs, row["source"], method=row["method"], bootstrap=origin["bootstrap"], seed=origin["seed"])
        for row in rows
    ]
    again = json.loads(json.dumps(laws_document(fits, table=runs)))
    assert again["rows"] == rows
    assert again["scratch"] == printed["scratch"]
