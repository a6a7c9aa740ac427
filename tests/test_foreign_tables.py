"""Tables as spreadsheets, R and trackers write them go straight to `fit`, which says how it read them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from transferlaws.cli import main
from transferlaws.cli.laws import runs_in
from transferlaws.laws import Chinchilla, Design, Hernandez, LossForm, notes, plant, read_laws

DESIGN = Design((2e3, 2e4, 2e5), (1e4, 5e4, 2e5, 1e6), 1)


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    table = plant(DESIGN, {"notes": Hernandez(40, 0.4, 0.5)}, 0.004, seed=3)
    return table.assign(loss=table["loss"].round(5))


def read(path: Path, law: type[LossForm] | None = None) -> tuple[list[tuple[object, ...]], str]:
    """The runs that `fit`, `compare` and `power` find in a table, and what they say of it."""
    table = runs_in(path, form=law)
    columns = table[["n_params", "arm", "d_chars", "loss"]]
    return sorted(columns.itertuples(index=False, name=None)), " ".join(notes(table))


@pytest.fixture(scope="module")
def plain(runs: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "runs.csv"
    runs.to_csv(path, index=False)
    return path


def human(value: int) -> str:
    return f"{value // 1000}K" if value < 1_000_000 else f"{value / 1e6:g}M"


def european(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, sep=";", decimal=",")


WRITTEN: dict[str, Callable[[pd.DataFrame], str]] = {
    "Excel's first line, semicolons": lambda t: "sep=;\n" + t.to_csv(index=False, sep=";"),
    "Excel's first line, tabs": lambda t: "sep=\t\n" + t.to_csv(index=False, sep="\t"),
    "capitals": lambda t: t.rename(columns=str.upper).to_csv(index=False),
    "camel case": lambda t: t.rename(
        columns={"n_params": "NumParams", "d_chars": "NumChars", "arm": "Arm"}
    ).to_csv(index=False),
    "other words": lambda t: t.rename(
        columns={"n_params": "parameters", "d_chars": "characters", "arm": "source", "loss": "test loss"}
    ).to_csv(index=False),
    "decimal commas": european,
    "decimal commas, quoted": lambda t: t.to_csv(index=False, sep=";", decimal=",", quoting=1),
    "sizes with letters": lambda t: t.assign(n_params=t["n_params"].map(human)).to_csv(index=False),
    "thousands": lambda t: t.assign(d_chars=t["d_chars"].map("{:,}".format)).to_csv(index=False),
    "thousands with spaces": lambda t: t.assign(
        d_chars=t["d_chars"].map(lambda d: f"{d:,}".replace(",", " "))
    ).to_csv(index=False),
    "a title above": lambda t: "Runs of March\n" + t.to_csv(index=False),
    "bars": lambda t: t.to_csv(index=False, sep="|"),
    "another word for scratch": lambda t: t.replace({"arm": {"scratch": "From Scratch"}}).rename(
        columns={"arm": "Init"}
    ).to_csv(index=False),
}  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
def test_the_same_runs_give_the_same_law_however_they_are_written(
    runs: pd.DataFrame, plain: Path, tmp_path: Path, written: str
) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text(WRITTEN[written](runs))
    found, said = read(path)
    assert found == read(plain)[0]
    assert "read as `transferlaws ingest` reads it" in said


@pytest.mark.parametrize("written", ["quoted", "tabs", "quoted tabs", "semicolons"])
def test_quotes_and_tabs_change_nothing_for_a_law_of_loss(
    runs: pd.DataFrame, plain: Path, tmp_path: Path, written: str
) -> None:
    mark = "\t" if "tabs" in written else ";" if "semi" in written else ","
    path = tmp_path / "theirs.csv"
    runs.to_csv(path, index=False, sep=mark, quoting=1 if "quoted" in written else 0)
    assert read(path) == read(plain)
    assert read(path, Chinchilla) == read(plain, Chinchilla)


@pytest.mark.parametrize(
    ("column", "ok", "crashed"),
    [
        ("State", "finished", "crashed"),
        ("Status", "COMPLETED", "OUT_OF_MEMORY"),
        ("run_state", "done", "killed"),
    ],
)
def test_runs_that_crashed_bend_no_law(
    runs: pd.DataFrame, plain: Path, tmp_path: Path, column: str, ok: str, crashed: str
) -> None:
    """A tracker's export in its own words; what a crashed run reached last is no measurement."""
    table = runs.rename(columns={"n_params": "config.n_params", "loss": "summary.test_loss"})
    half_done = table.assign(**{"summary.test_loss": 9.9}).assign(**{column: crashed}).iloc[::3]
    path = tmp_path / "export.csv"
    pd.concat([table.assign(**{column: ok}), half_done]).to_csv(path, index=False)
    found, said = read(path)
    assert found == read(plain)[0]
    assert "did not finish" in said


def test_checkpoints_of_one_run_are_one_run(runs: pd.DataFrame, plain: Path, tmp_path: Path) -> None:
    """Ten rows a run, of which the best counts, whatever their number."""
    table = runs.rename(columns={"n_params": "params"}).assign(run=[f"run-{i}" for i in range(len(runs))])
    steps = [table.assign(step=100 * at, loss=table["loss"] + 0.3 * abs(7 - at)) for at in range(10)]
    path = tmp_path / "curves.csv"
    pd.concat(steps).to_csv(path, index=False)
    found, said = read(path)
    assert found == read(plain)[0]
    assert f"{len(runs)} runs have several checkpoints at one data size" in said


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t.assign(loss=["four", *t["loss"][1:]]), "line 2, column loss: 'four' is not a number"),
        (lambda t: t.assign(loss=[-1.0, *t["loss"][1:]]), "line 2, column loss: -1 is not positive"),
        (lambda t: t.drop(columns="arm"), "transferlaws fit TABLE --law chinchilla"),
        (lambda t: t.drop(columns=["loss", "arm"]), "lacks the columns arm, loss"),
        (
            lambda t: t.assign(d_chars=t["d_chars"].where(t["arm"] == "scratch", 0)),
            "has no usable row of a source beside scratch",
        ),
    ],
)
def test_what_no_run_can_have_is_still_named_by_its_line(
    runs: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Any, said: str
) -> None:
    path = tmp_path / "runs.csv"
    spoil(runs.astype({"loss": object})).to_csv(path, index=False)
    assert main(["fit", str(path), "--bootstrap", "50"]) == 1
    assert said in capsys.readouterr().err


def test_fit_takes_such_a_table_and_its_document_says_how(
    runs: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "theirs.csv", tmp_path / "laws.json"
    path.write_text(european(runs))
    assert main(["fit", str(path), "--bootstrap", "50", "--out", str(out)]) == 0
    assert "decimal commas" in capsys.readouterr().err
    (row,) = read_laws(out)["rows"]
    assert row["n_runs"] == len(runs)
    assert any("decimal commas" in note for note in row["notes"])
