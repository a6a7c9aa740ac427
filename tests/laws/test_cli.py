"""The verbs on tables: answers on standard output, one line and a code for what is wrong, no traceback."""

import json
from pathlib import Path

import pandas as pd
import pytest

from transferlaws import cli
from transferlaws.laws import Design, Hernandez, plant


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "runs.csv"
    design = Design((3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5, 3e5, 1e6), 2)
    plant(design, {"text": Hernandez(40, 0.4, 0.5), "mix": Hernandez(80, 0.3, 0.5)}, 0.01, seed=1).to_csv(
        path, index=False
    )
    return path


def test_fit_then_plan(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    laws = tmp_path / "laws.json"
    arguments = ["fit", str(table), "--method", "paper,loss_space", "--bootstrap", "60", "--out", str(laws)]
    assert cli.main(arguments) == 0
    rows = json.loads(laws.read_text())["rows"]
    assert [(row["source"], row["method"]) for row in rows] == [
        (source, method) for source in ("mix", "text") for method in ("loss_space", "paper")
    ]
    text = rows[2]
    assert text["alpha"]["low"] < 0.4 < text["alpha"]["high"]
    assert set(text["n_cells"]) == {"interpolated", "extrapolated", "below_floor", "no_transfer"}
    capsys.readouterr()
    ask = ["predict", "--laws", str(laws), "--source", "text", "--json"]
    assert cli.main([*ask, "--n-params", "2e4", "--d-chars", "1e5"]) == 0
    answers = {answer["quantity"]: answer for answer in json.loads(capsys.readouterr().out)}
    truth = Hernandez(40, 0.4, 0.5).d_transferred(n_params=2e4, d_chars=1e5)
    assert answers["d_transferred"]["low"] < truth < answers["d_transferred"]["high"]
    assert cli.main([*ask, "--n-params", "2e9", "--d-chars", "1e5"]) == 1
    assert "decades outside the runs" in capsys.readouterr().err
    assert (
        cli.main(
            ["size-for", "--laws", str(laws), "--source", "text", "--target-loss", "3.5", "--d-chars", "1e5"]
        )
        == 0
    )
    capsys.readouterr()
    assert cli.main(["data-for", "--laws", str(laws), "--target-loss", "3.5", "--n-params", "2e4"]) == 1
    assert "hold the sources mix, text; name one" in capsys.readouterr().err
    ask = [
        "should-pretrain",
        "--laws",
        str(laws),
        "--source",
        "mix",
        "--pretrain-chars",
        "1e7",
        "--d-chars",
        "1e5",
    ]
    capsys.readouterr()
    assert cli.main([*ask, "--n-params", "2e4"]) == 0
    assert capsys.readouterr().out.startswith("pre-train: ")
    assert cli.main([*ask, "--n-params", "2e9"]) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("n_params,arm,d_chars,seed,loss\n3e3,scratch,1e4,0,-4\n", "line 2, column loss: -4 is not positive"),
        (
            "n_params,arm,d_chars,seed,loss\n3e3,scratch,1e4,0,high\n",
            "line 2, column loss: 'high' is not a number",
        ),
        ("n_params,d_chars,loss\n1,2,3\n", "lacks the columns arm, seed"),
        ("", "is empty"),
    ],
)
def test_a_bad_table_is_one_line_and_exit_1(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    assert cli.main(["fit", str(path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_table_in_its_own_words(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = pd.read_csv(table)
    runs = runs[runs["arm"] != "mix"].rename(columns={"n_params": "params", "arm": "group"})
    path, laws = tmp_path / "theirs.csv", tmp_path / "laws.json"
    runs.replace({"group": {"scratch": "from_zero"}}).to_csv(path, index=False)
    words = ["--map", "n_params=params,arm=group", "--baseline", "from_zero"]
    assert cli.main(["fit", str(path), *words, "--bootstrap", "50", "--out", str(laws)]) == 0
    assert "text, hernandez by loss_space: converged" in capsys.readouterr().out
    ask = ["data-for", "--laws", str(laws), "--target-loss", "3.5", "--n-params", "2e4"]
    assert cli.main(ask) == 0  # the sole source need not be named
    assert cli.main(["compare", str(path), "--map", "n_params"]) == 2
    assert "it takes pairs such as" in capsys.readouterr().err
    assert cli.main(["compare", str(path), *words, "--per-core-hour", "0.05"]) == 2
    assert "takes --flops-per-second" in capsys.readouterr().err


def test_unknown_options_exit_2_and_write_nothing(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "laws.json"
    assert cli.main(["fit", str(table), "--method", "magic", "--out", str(out)]) == 2
    assert "it takes loss_space, paper, logit" in capsys.readouterr().err
    assert not out.exists()


def test_a_user_without_a_home_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_home(_: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("TRANSFERLAWS_CACHE", raising=False)
    monkeypatch.setattr("transferlaws.places.user_cache_path", no_home)
    assert cli.main(["status"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "TRANSFERLAWS_CACHE" in error


def test_every_verb_has_an_example() -> None:
    for name, verb in cli.verbs().items():
        assert f"Example: transferlaws {name}" in (verb.__doc__ or "")
