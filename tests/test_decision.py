"""Whether to pre-train: what was measured decides, harm is called harm, and no evidence is never a no."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transferlaws import planner, prose
from transferlaws.cli import main
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Design, Hernandez, Scratch, fit, laws_document, plant, write_laws

LAW = Hernandez(40, 0.4, 0.5)
SIZES, DATA = (3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5, 3e5, 1e6)


@pytest.fixture(scope="module")
def laws() -> dict[str, Any]:
    """The laws of a planted study in which pre-training helps everywhere, without its measured cells."""
    found = fit(plant(Design(SIZES, DATA, 2), {"notes": LAW}, 0.005, seed=1), bootstrap=100)
    document: dict[str, Any] = json.loads(json.dumps(laws_document([found])))
    return document


def measured(
    loss: float, scratch: float, low: float | None, high: float | None, **more: Any
) -> dict[str, Any]:
    """A measured cell of laws.json at N = 20,000 and D = 30,000, unless `more` says otherwise."""
    gain = {"value": scratch - loss, "low": low, "high": high}
    rest = {"n_params": 2e4, "d_chars": 3e4, "n_pairs": 3, "sd": 0.05, "how": "paired", **more}
    return {"loss": loss, "loss_scratch": scratch, "gain": gain, **rest}


def with_cells(laws: dict[str, Any], *cells: dict[str, Any], **row: Any) -> dict[str, Any]:
    return {**laws, "rows": [{**laws["rows"][0], "measured": list(cells), **row}]}


ASKED: dict[str, Any] = {"n_params": 20_200, "d_chars": 30_000, "pretrain_chars": 1e7}


@pytest.mark.parametrize(
    ("cell", "pays", "said"),
    [
        (measured(3.0, 3.4, 0.3, 0.5), True, r"lowers the loss by 0.4 nats \[0.3, 0.5\]; the law says"),
        (
            measured(3.4, 3.0, -0.5, -0.3),
            False,
            r"raises the loss by 0.4 nats \[0.3, 0.5\]: it costs data here",
        ),
        (measured(3.38, 3.4, -0.08, 0.12), None, "cannot tell from none at all; about 26 seeds of each arm"),
        (measured(3.4, 3.38, -0.12, 0.08), None, "cannot tell from none at all"),
        (measured(3.3, 3.4, None, None, sd=None, how="open"), None, "a second seed of both arms"),
    ],
)
def test_what_was_measured_at_the_cell_decides(
    laws: dict[str, Any], cell: dict[str, Any], pays: bool | None, said: str
) -> None:
    """The law says yes throughout; a gain that the runs cannot tell from none is never a no."""
    decision = planner.should_pretrain(with_cells(laws, cell), None, **ASKED)
    assert (decision.pretrain, decision.basis, decision.hurts) == (pays, "measured", pays is False)
    assert re.search(said, decision.reason)
    assert decision.gain.measured == cell["gain"]
    far = planner.should_pretrain(with_cells(laws, cell), None, **ASKED | {"n_params": 22_000})
    assert far.basis != "measured"


def test_a_gain_too_small_to_want_is_a_no_without_being_harm(laws: dict[str, Any]) -> None:
    known = with_cells(laws, measured(3.38, 3.4, 0.01, 0.03))
    assert planner.should_pretrain(known, None, **ASKED).pretrain is True
    decision = planner.should_pretrain(known, None, **ASKED, worth=0.1)
    assert decision.pretrain is False and not decision.hurts
    assert "less than the 0.1 nats" in decision.reason
    assert planner.should_pretrain(known, None, **ASKED, worth=0.02).pretrain is None


def test_laws_measured_at_one_size_of_pretraining_do_not_speak_of_another(laws: dict[str, Any]) -> None:
    known = with_cells(laws, measured(3.0, 3.4, 0.3, 0.5), pretrain_chars=[4e6, 4e6])
    for asked in (1.0, 3e6, 1e12):
        decision = planner.should_pretrain(known, None, **ASKED | {"pretrain_chars": asked})
        assert (decision.pretrain, decision.basis) == (None, "pretrain_chars")
        assert (
            f"measured at 4e+06 characters of pre-training and cannot say what {asked:.3g}" in decision.reason
        )
    for near in (3.5e6, 4.7e6, None):
        assert planner.should_pretrain(known, None, **ASKED | {"pretrain_chars": near}).pretrain is True
    with pytest.raises(TransferLawsError, match="give pretrain_chars"):
        planner.should_pretrain(laws, None, 2e4, 3e4)


def test_a_gain_measured_with_less_pretraining_is_a_yes_to_more_and_nothing_else(
    laws: dict[str, Any],
) -> None:
    """Four times the pre-training of the runs: the measured gain stands, and what differs is said."""
    asked = ASKED | {"pretrain_chars": 4e6}
    small = {"pretrain_chars": [1.02e6, 1.02e6]}
    helped, unclear, hurt = (3.26, 3.62, 0.28, 0.44), (3.6, 3.62, -0.05, 0.09), (3.9, 3.62, -0.4, -0.2)
    decision = planner.should_pretrain(with_cells(laws, measured(*helped), **small), None, **asked)
    assert (decision.pretrain, decision.basis) == (True, "measured")
    assert decision.gain.measured == {"value": pytest.approx(0.36), "low": 0.28, "high": 0.44}
    assert "asked about 4e+06 characters of pre-training, measured with 1.02e+06" in decision.reason
    for cell in (unclear, hurt):  # more pre-training may well turn these
        decision = planner.should_pretrain(with_cells(laws, measured(*cell), **small), None, **asked)
        assert (decision.pretrain, decision.basis) == (None, "pretrain_chars")
    unmeasured = planner.should_pretrain(with_cells(laws, **small), None, **asked)
    assert (unmeasured.pretrain, unmeasured.basis) == (None, "pretrain_chars")


def hurt_study(where: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Laws of a study with harm of 0.4 nats everywhere, at one end of its sizes or of its data."""
    table = plant(Design(SIZES, DATA, 3), {"notes": LAW}, 0.006, seed=4)
    tuned = table["arm"] == "notes"
    hurt = {
        "everywhere": tuned,
        "largest size": tuned & (table["n_params"] == 50_000),
        "most data": tuned & (table["d_chars"] >= 3e5),
        "smallest size": tuned & (table["n_params"] == 3_000),
        "least data": tuned & (table["d_chars"] == 10_000),
    }[where]
    scratch = table[~tuned].set_index(["n_params", "d_chars", "seed"])["loss"]
    at = pd.MultiIndex.from_frame(table.loc[hurt, ["n_params", "d_chars", "seed"]])
    table.loc[hurt, "loss"] = scratch.reindex(at).to_numpy() + 0.4
    fits = [fit(table, bootstrap=50)]
    return json.loads(json.dumps(laws_document(fits, table=table))), table


@pytest.mark.parametrize("where", ["everywhere", "largest size", "most data"])
def test_harm_is_said_and_bends_no_answer_from_scratch(where: str) -> None:
    laws, table = hurt_study(where)
    n, d = (5e4, 3e5)
    decision = planner.should_pretrain(laws, None, n, d, 1e7)
    assert (decision.pretrain, decision.hurts) == (False, True)
    assert (
        "it costs data here" in decision.reason and "measured cells the pre-trained model" in decision.reason
    )
    assert decision.gain.value == pytest.approx(-0.4, abs=0.02)
    transferred = planner.predict(laws, None, n, d, "d_transferred")
    assert transferred.value is not None and transferred.high is not None and transferred.high < 0
    alone = Scratch()
    truth = d - alone_data(alone, n, float(alone.loss(n, d)) + 0.4)
    assert -transferred.value == pytest.approx(truth, rel=0.05)
    target = float(table[(table["arm"] == "scratch") & (table["n_params"] == n) & (table["d_chars"] == d)]
                   ["loss"].mean())  # fmt: skip
    data = planner.data_for(laws, "scratch", target, n)
    assert data.value == pytest.approx(d, rel=0.05)
    assert data.low is not None and data.high is not None and data.low < d < data.high
    nearby = planner.should_pretrain(laws, None, 4.3e4, 4e5, 1e7)
    if where == "largest size":
        assert (nearby.pretrain, nearby.basis) == (None, "around")  # helped below, hurt above
    else:
        assert (nearby.pretrain, nearby.hurts, nearby.basis) == (False, True, "around")
    assert planner.predict(laws, None, 4.3e4, 4e5).refused


def gain_planted(n: float, d: float) -> float:
    return float(Scratch().loss(n, d) - Scratch().loss(n, LAW.d_effective(n_params=n, d_chars=d)))


@pytest.mark.parametrize("where", ["smallest size", "least data"])
def test_harm_in_some_cells_is_no_doubt_about_cells_that_are_not_beside_them(where: str) -> None:
    laws, _ = hurt_study(where)
    assert planner.should_pretrain(laws, None, 3e3, 1e4, 1e7).hurts
    decision = planner.should_pretrain(laws, None, 2.5e4, 2e5, 1e7)
    assert (decision.pretrain, decision.basis) == (True, "law")
    low, high = decision.gain.low, decision.gain.high
    assert low is not None and high is not None and high - low < 0.2
    assert low < gain_planted(2.5e4, 2e5) < high
    beside = planner.should_pretrain(laws, None, 5e3, 1.5e4, 1e7)
    assert beside.pretrain is not True and beside.basis == "around"


def test_runs_of_one_size_tell_what_pretraining_is_worth_at_that_size_alone() -> None:
    table = plant(Design((5e4,), DATA, 3), {"notes": LAW}, 0.006, seed=4)
    laws = json.loads(json.dumps(laws_document([fit(table, bootstrap=50)], table=table)))
    decision = planner.should_pretrain(laws, None, 5e4, 2e5, 1e7)
    low, high = decision.gain.low, decision.gain.high
    assert (decision.pretrain, decision.basis) == (True, "law")
    assert low is not None and high is not None and low < gain_planted(5e4, 2e5) < high
    assert "one size" in decision.gain.reason
    assert planner.should_pretrain(laws, None, 5.1e4, 2e6, 1e7).basis == "law"  # near it, and beyond its data
    other, size = (
        planner.should_pretrain(laws, None, 1e5, 2e5, 1e7),
        planner.size_for(laws, None, 3.0, 2e5),
    )
    assert other.pretrain is None and size.refused
    assert all("one size (n_params 50000)" in answer.reason for answer in (other, size))


def alone_data(scratch: Scratch, n: float, loss: float) -> float:
    grid = np.geomspace(1e3, 1e7, 20_000)
    return float(np.interp(-loss, -scratch.loss(n, grid), grid))


def test_where_nothing_was_measured_the_interval_holds_law_and_curve() -> None:
    """Gains measured far from the law's widen what it says of others."""
    table = plant(Design(SIZES, DATA, 2), {"notes": LAW}, 0.005, seed=1)
    laws = json.loads(json.dumps(laws_document([fit(table, bootstrap=50)], table=table)))
    close = planner.predict(laws, None, 2e4, 6e4, "gain")
    assert close.low is not None and close.high is not None
    assert close.low < gain_planted(2e4, 6e4) < close.high
    for cell in laws["rows"][0]["measured"]:
        cell["gain"] = {end: value + 0.6 for end, value in cell["gain"].items()}
    wide = planner.predict(laws, None, 2e4, 6e4, "gain")
    assert wide.low is not None and wide.high is not None and wide.high - wide.low > 1
    decision = planner.should_pretrain(laws, None, 2e4, 6e4, 1e7)
    assert (decision.pretrain, decision.basis) == (None, "law")
    assert "two seeds of each" in decision.reason


def test_the_verb_prints_measured_and_predicted_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], laws: dict[str, Any]
) -> None:
    path = tmp_path / "laws.json"
    ask = [
        "should-pretrain",
        "--laws",
        str(path),
        "--n-params",
        "2e4",
        "--d-chars",
        "3e4",
        "--pretrain-chars",
        "1e7",
    ]
    for cell, code, said in (
        (measured(3.0, 3.4, 0.3, 0.5), 0, "pre-train: measured here"),
        (measured(3.4, 3.0, -0.5, -0.3), 0, "do not pre-train: measured here"),
        (measured(3.38, 3.4, -0.08, 0.12), 1, "no answer: measured here"),
    ):
        write_laws(path, with_cells(laws, cell))
        assert main(ask) == code
        printed = capsys.readouterr()
        assert said in printed.out + printed.err
        assert f"{cell['gain']['value']:.4g}" in printed.out and "Traceback" not in printed.err


def test_a_table_on_which_nothing_can_be_fitted_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is left of it once the hold-out is out all hurts: no law of transfer can be compared."""
    table = hurt_study("everywhere")[1]
    table.loc[table["arm"] == "notes", "loss"] += 2.6
    table.to_csv(tmp_path / "runs.csv", index=False)
    assert main(["compare", str(tmp_path / "runs.csv"), "--per-char", "1"]) in (0, 1)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert printed.out or "pre-training costs data" in printed.err


def test_the_report_says_harm_where_it_is_and_lists_what_was_measured(laws: dict[str, Any]) -> None:
    helped, hurt = measured(3.0, 3.4, 0.3, 0.5), measured(3.4, 3.0, -0.5, -0.3)
    unclear = measured(3.38, 3.4, -0.08, 0.12)
    verdicts = {
        lead: prose.decisions.verdict(planner.should_pretrain(with_cells(laws, cell), None, **ASKED))
        for lead, cell in (
            ("Yes.", helped),
            ("No: pre-training costs data", hurt),
            ("These runs cannot", unclear),
        )
    }
    assert all(said.startswith(f"**{lead}") for lead, said in verdicts.items())
    listed = prose.decisions.cells(with_cells(laws, helped, {**hurt, "n_params": 5e4}), "notes").splitlines()
    assert "0.40 [0.30, 0.50] | 3 |" in listed[2] and "-0.40 [-0.50, -0.30]" in listed[3]
    assert "cannot say harm" in listed[3] and "cannot say harm" not in listed[2]
    decision = planner.should_pretrain(with_cells(laws, helped), None, **ASKED)
    choice = prose.decisions.instead(laws, 2e4, 3e4, {"my notes": decision})
    assert "pre-training on my notes | 0.40 [0.30, 0.50] measured" in choice
    assert "2 times the data" in choice and "3 times as large" in choice
