"""Tables from outside: fitted where that is right, else one clear line; nothing dropped in silence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transferlaws.cli.laws import fit as fit_verb
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Design, Hernandez, check_table, fit, notes, plant, read_table, sources

SMALL = Design((3e3, 2e4, 1e5), (1e4, 3e4, 1e5, 3e5, 1e6), 2)


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return plant(SMALL, {"text": Hernandez(40, 0.4, 0.5)}, 0.01, seed=1)


def write(tmp_path: Path, table: pd.DataFrame) -> Path:
    path = tmp_path / "runs.csv"
    table.to_csv(path, index=False)
    return path


def test_windows_ends_and_byte_order_mark_change_nothing(runs: pd.DataFrame, tmp_path: Path) -> None:
    plain = read_table(write(tmp_path, runs))
    path = tmp_path / "windows.csv"
    text = runs.to_csv(index=False, lineterminator="\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    pd.testing.assert_frame_equal(read_table(path), plain)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("loss", "four", r"line 9, column loss: 'four' is not a number"),
        ("n_params", "3k", r"line 9, column n_params: '3k' is not a number"),
        ("loss", -1.5, r"line 9, column loss: -1\.5 is not positive"),
        ("d_chars", -10, r"line 9, column d_chars: -10 is negative"),
        ("n_params", 0, r"line 9, column n_params: 0 is not positive"),
        ("arm", "", r"line 9, column arm: empty"),
    ],
)
def test_a_value_no_run_can_have_is_named_by_column_and_line(
    runs: pd.DataFrame, tmp_path: Path, column: str, value: Any, message: str
) -> None:
    bad = runs.astype(object)
    bad.loc[7, column] = value
    with pytest.raises(TransferLawsError, match=message):
        read_table(write(tmp_path, bad))


def test_missing_columns_are_named(runs: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(TransferLawsError, match=r"lacks the columns arm, seed; needed are"):
        read_table(write(tmp_path, runs.drop(columns=["arm", "seed"])))
    long = pd.DataFrame([[1, 2]], columns=["a\nb" * 1000, "c"])
    with pytest.raises(TransferLawsError, match=r"it has a\\nba\\nb[anb\\]* \.\.\., c\)$"):
        read_table(write(tmp_path, long))


def test_what_is_no_usable_run_is_set_aside_and_said(runs: pd.DataFrame, tmp_path: Path) -> None:
    odd = runs.astype(object)
    odd["status"] = "ok"
    odd.loc[3, "loss"] = np.nan
    odd.loc[4, "status"] = "diverged"
    odd.loc[5, "d_chars"] = 0
    odd = pd.concat([odd, odd.iloc[[10]]])
    table = read_table(write(tmp_path, odd))
    assert len(table) == len(runs) - 3
    said = " ".join(notes(table))
    for words in (
        "status is not ok (line 6)",
        "loss is missing or not finite (line 5)",
        "zero-shot",
        "(line 7)",
    ):
        assert words in said
    assert f"exact repeats of an earlier row (counted once) (line {len(runs) + 2})" in said


def test_a_repeated_table_is_not_twice_the_evidence(runs: pd.DataFrame) -> None:
    once = fit(runs, "text", bootstrap=50)
    twice = fit(pd.concat([runs, runs]), "text", bootstrap=50)
    assert twice.alpha == once.alpha
    assert any("exact repeats" in note for note in twice.notes)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (lambda t: t[t["arm"] == "text"], "column arm has no 'scratch' run"),
        (lambda t: t[t["arm"] == "scratch"], "no usable row of a source"),
        (lambda t: t[t["d_chars"] == 10000], "one data size only"),
        (lambda t: t.iloc[:0], "no usable row"),
    ],
)
def test_a_table_that_cannot_carry_a_law_is_refused_in_one_line(
    runs: pd.DataFrame, tmp_path: Path, keep: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    path = write(tmp_path, keep(runs))
    with pytest.raises(TransferLawsError, match=message) as caught:
        fit_verb(path, bootstrap=50)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00\x01", b"PK\x03\x04\x00", b"a,b\n1,2,3\n"])
def test_what_is_no_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no.csv"
    path.write_bytes(content)
    with pytest.raises(TransferLawsError, match=r"no\.csv"):
        read_table(path)


def test_a_hundred_thousand_rows(tmp_path: Path) -> None:
    big = plant(Design((3e3, 2e4, 1e5), SMALL.d_chars, 3400), Hernandez(40, 0.4, 0.5), 0.05, seed=2)
    assert len(big) > 1e5
    found = fit(read_table(write(tmp_path, big)), bootstrap=50)
    assert found.n_runs == len(big)
    assert found.alpha.value == pytest.approx(0.4, abs=0.01)
    assert found.beta.value == pytest.approx(0.5, abs=0.01)


def test_a_table_may_keep_its_own_names_of_columns_and_baseline(runs: pd.DataFrame, tmp_path: Path) -> None:
    theirs = runs.rename(columns={"n_params": "params", "arm": "group", "loss": "test_nats"})
    theirs["group"] = theirs["group"].replace("scratch", "from_zero")
    theirs["loss"] = 9.9  # of training, say
    columns = {"n_params": "params", "arm": "group", "loss": "test_nats"}
    path = write(tmp_path, theirs)
    table = read_table(path, columns=columns, baseline="from_zero")
    assert sources(table) == ["text"]
    assert table["loss"].tolist() == runs["loss"].tolist()
    assert notes(table) == ("column loss was set aside; test_nats is read in its place",)
    assert check_table(table)["arm"].equals(table["arm"])
    with pytest.raises(TransferLawsError, match="no baseline 'zero'; it holds from_zero, text"):
        read_table(path, columns=columns, baseline="zero")
    with pytest.raises(TransferLawsError, match="no column 'parameters' to read n_params from"):
        read_table(path, columns={"n_params": "parameters"})


def test_a_table_without_arms_is_welcome_only_where_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("n_params,d_tokens,loss\n1e6,1e7,3.0\n")
    assert list(read_table(path, armless=True).columns) == ["n_params", "d_tokens", "loss"]
    with pytest.raises(TransferLawsError, match="lacks the columns arm, d_chars, seed"):
        read_table(path)


def swept(runs: pd.DataFrame, name: str, seeds: str) -> pd.DataFrame:
    """The runs at five settings each, 0.2 nats worse for every step from the best, which differs by size."""
    settings = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2]
    best = runs["n_params"].map({3000: 3, 20_000: 2, 100_000: 1})
    tried = [
        runs.assign(**{name: value}, loss=runs["loss"] + 0.2 * (best - step).abs())
        for step, value in enumerate(settings)
    ]
    table = pd.concat(tried, ignore_index=True)
    if seeds == "each its own":
        table["seed"] = range(len(table))
    return table


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        ("learning_rate", "shared"),
        ("LR", "each its own"),
        ("Batch size", "shared"),
        ("weight-decay", "each its own"),
    ],
)
def test_of_what_is_tuned_the_best_of_a_cell_counts_for_everything_that_reads_the_table(
    runs: pd.DataFrame, tmp_path: Path, name: str, seeds: str
) -> None:
    table = read_table(write(tmp_path, swept(runs, name, seeds)))
    assert sorted(table["loss"]) == pytest.approx(sorted(runs["loss"]))
    (said,) = [note for note in notes(table) if "tuning" in note]
    assert f"set aside {4 * len(runs)} rows, {name} varies within 30 cells: tuning, of which" in said
    assert check_table(table).equals(table)
    found, truth = fit(table, bootstrap=50), fit(runs, bootstrap=50)
    assert found.alpha.value == pytest.approx(truth.alpha.value, abs=0.03)


def test_a_setting_is_chosen_on_validation_where_there_is_one(tmp_path: Path) -> None:
    """The setting that is luckiest on test is not the one that validation chose."""
    path = tmp_path / "runs.csv"
    path.write_text(
        "n_params,arm,d_chars,seed,learning_rate,loss,loss_validation\n"
        "3000,text,10000,0,0.001,3.00,3.10\n3000,text,10000,0,1e-2,2.90,3.30\n"
        "3000,text,10000,1,1e-3,3.20,3.10\n3000,text,10000,1,0.01,2.90,3.30\n"
    )
    assert list(read_table(path)["loss"]) == [3.0, 3.2]
    assert "validation loss over its seeds" in notes(read_table(path))[0]


def test_seeds_that_were_each_tuned_already_stay_seeds(runs: pd.DataFrame) -> None:
    """A rate that a seed happens to have of its own is no sweep, and no reason to lose the seed."""
    table = runs.assign(learning_rate=np.where(runs["seed"] == 1, 2e-3, 1e-3))
    assert len(check_table(table)) == len(runs)


@pytest.mark.parametrize(
    ("column", "ok", "crashed"),
    [("status", "FINISHED", "Crashed"), ("state", "finished", "killed"), ("State", "completed", "timeout")],
)
def test_runs_that_did_not_finish_are_set_aside_in_the_words_of_trackers(
    runs: pd.DataFrame, column: str, ok: str, crashed: str
) -> None:
    table = runs.assign(**{column: ok}, loss=runs["loss"])
    table.loc[[2, 5], column], table.loc[[2, 5], "loss"] = crashed, 9.9
    assert len(check_table(table)) == len(runs) - 2
    regions = runs.assign(state=np.where(runs["seed"] == 1, "Ohio", "Utah"))
    assert len(check_table(regions)) == len(runs)
