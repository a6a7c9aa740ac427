"""The verbs on tables: answers on standard output, one line and a code for what is wrong, never a
traceback.
"""

import json

import pytest

from transferlaws import cli
from transferlaws.laws.data.synthetic import Design, plant
from transferlaws.laws.forms import Hernandez


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "runs.csv"
    design = Design((3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5, 3e5, 1e6), 2)
    plant(design, {"text": Hernandez(40, 0.4, 0.5), "mix": Hernandez(80, 0.3, 0.5)}, 0.01, seed=1).to_csv(
        path, index=False
    )
    return path


def test_fit_then_plan(table, tmp_path, capsys):
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
    assert cli.main(["size-for", "--laws", str(laws), "--target-loss", "3.5", "--d-chars", "1e5"]) == 0
    assert cli.main(["data-for", "--laws", str(laws), "--target-loss", "3.5", "--n-params", "2e4"]) == 0
    ask = ["should-pretrain", "--laws", str(laws), "--pretrain-chars", "1e7", "--d-chars", "1e5"]
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
def test_a_bad_table_is_one_line_and_exit_1(content, message, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text(content)
    assert cli.main(["fit", str(path)]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_unknown_options_exit_2_and_write_nothing(table, tmp_path, capsys):
    out = tmp_path / "laws.json"
    assert cli.main(["fit", str(table), "--method", "magic", "--out", str(out)]) == 2
    assert "it takes loss_space, paper, logit" in capsys.readouterr().err
    assert not out.exists()


def test_every_verb_has_an_example():
    for name, verb in cli.verbs().items():
        assert f"Example: transferlaws {name}" in verb.__doc__
