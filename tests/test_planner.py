"""The planner answers with an interval and a regime, or refuses and says why."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transferlaws import planner
from transferlaws.cli import main
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Design, Fit, Hernandez, Scratch, fit, fit_all, laws_document, plant, write_laws

LAW = Hernandez(40, 0.4, 0.5)
SIZES, DATA = (3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5, 3e5, 1e6)


def frozen(fits: list[Fit]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(laws_document(fits)))
    return document


@pytest.fixture(scope="module")
def laws() -> dict[str, Any]:
    found = fit(plant(Design(SIZES, DATA, 2), {"text": LAW}, 0.005, seed=1), bootstrap=100)
    return frozen([found])


def test_predictions_hold_the_planted_truth(laws: dict[str, Any]) -> None:
    at: dict[str, Any] = {"n_params": 2e4, "d_chars": 6e4}
    for quantity in ("d_transferred", "d_effective", "fraction"):
        answer = planner.predict(laws, None, **at, quantity=quantity)
        truth = getattr(LAW, quantity)(**at)
        assert answer.low is not None and answer.high is not None
        assert answer.low < truth < answer.high
        assert answer.high / answer.low < 1.2
        assert answer.decades_outside == 0
    loss = planner.predict(laws, "text", 1.2e4, 6e4, "loss")
    truth = float(Scratch().loss(1.2e4, LAW.d_effective(n_params=1.2e4, d_chars=6e4)))
    assert loss.value == pytest.approx(truth, abs=0.02)


def test_half_a_decade_beyond_the_runs_is_answered_and_no_more(laws: dict[str, Any]) -> None:
    assert not planner.predict(laws, "text", 1.5e5, 1e5).refused
    refusal = planner.predict(laws, "text", 2e5, 1e5)
    assert refusal.refused
    assert refusal.value is None
    assert "0.6 decades outside the runs" in refusal.reason


def test_size_and_data_are_inverses_of_the_loss(laws: dict[str, Any]) -> None:
    target = planner.predict(laws, "text", 2e4, 1e5, "loss").value
    assert target is not None
    size, data = planner.size_for(laws, "text", target, 1e5), planner.data_for(laws, "text", target, 2e4)
    assert size.value == pytest.approx(2e4, rel=0.02)
    assert data.value == pytest.approx(1e5, rel=0.02)
    assert size.low is not None and size.high is not None
    assert size.low < 2e4 < size.high
    alone = planner.data_for(laws, "scratch", target, 2e4)
    assert alone.value is not None and data.value is not None
    assert alone.value > 3 * data.value


def test_an_unreachable_loss_is_refused(laws: dict[str, Any]) -> None:
    assert planner.size_for(laws, "text", 0.5, 1e5).refused
    assert "reaches a loss of 0.5" in planner.data_for(laws, "text", 0.5, 2e4).reason


def test_the_papers_law_answers_without_interval_and_says_so() -> None:
    answer = planner.predict(planner.paper_laws(), "text", 4e7, 3e5)
    assert answer.value == pytest.approx(476, abs=1)
    assert answer.low is None
    assert "without intervals" in answer.reason
    assert planner.size_for(planner.paper_laws(), "text", 3.0, 1e5).refused


def test_pretraining_pays_where_the_planted_gap_is_wide(laws: dict[str, Any]) -> None:
    decision = planner.should_pretrain(laws, "text", 2e4, 3e4, pretrain_chars=1e7, uses=10)
    assert decision.pretrain is True
    assert decision.pretrain_flops == pytest.approx(6 * 2e4 * 1e7 / 2.5 / 10)
    pretrained, alone = decision.loss_pretrained.value, decision.loss_scratch.value
    assert pretrained is not None and alone is not None
    assert pretrained < alone


def test_a_law_that_is_not_identified_has_open_answers() -> None:
    found = fit(plant(Design(SIZES[:1], DATA, 2), {"text": LAW}, 0.01, seed=1), bootstrap=50)
    laws = frozen([found])
    inside = planner.predict(laws, "text", 3e3, 1e5)
    assert inside.low is None
    assert "not identify" in inside.reason
    assert planner.predict(laws, "text", 6e3, 1e5).refused


def test_unknown_source_and_impossible_numbers(laws: dict[str, Any]) -> None:
    with pytest.raises(TransferLawsError, match="no source 'prose'; they hold text"):
        planner.predict(laws, "prose", 2e4, 1e5)
    with pytest.raises(TransferLawsError, match="n_params is -1"):
        planner.predict(laws, "text", -1, 1e5)
    with pytest.raises(TransferLawsError, match=r"frame of laws\.json"):
        planner.predict(
            {"rows": [{"law": "hernandez", "source": "text", "method": "x"}], "scratch": []}, "text", 1, 1
        )


def test_every_source_is_read_off_its_own_curves() -> None:
    """Another source in the same document, alphabetically first, moves no answer about this one."""
    design = Design(SIZES, DATA, 2)
    both = plant(design, {"harmful": Hernandez(1e-3, 0.4, 0.1), "text": LAW}, 0.01, seed=2)
    spoilt = (both["arm"] == "harmful") & (both["d_chars"] >= 1e5)
    both.loc[spoilt, "loss"] += 0.5 * both.loc[spoilt, "d_chars"] / 1e5
    alone = both[both["arm"] != "harmful"]
    laws = frozen(fit_all(both, ("loss_space",), bootstrap=50)[0])
    assert [row["source"] for row in laws["rows"]] == ["harmful", "text"]
    assert laws["rows"][0]["scratch"] == laws["scratch"] != laws["rows"][1]["scratch"]
    sole = frozen([fit(alone, bootstrap=50)])
    asked: dict[str, Any] = {"n_params": 2e4, "d_chars": 1e5, "pretrain_chars": 1e7}
    assert planner.should_pretrain(laws, "text", **asked) == planner.should_pretrain(sole, None, **asked)
    with pytest.raises(TransferLawsError, match="hold the sources harmful, text; name one"):
        planner.predict(laws, None, 2e4, 1e5)


def test_a_document_without_a_source_s_own_curves_is_read_off_those_at_its_top(laws: dict[str, Any]) -> None:
    older = {**laws, "rows": [{k: v for k, v in row.items() if k != "scratch"} for row in laws["rows"]]}
    assert planner.predict(older, "text", 2e4, 1e5, "loss") == planner.predict(laws, "text", 2e4, 1e5, "loss")


def test_answers_come_without_waiting_for_pandas_or_scipy() -> None:
    code = """
import sys
from transferlaws import planner
planner.predict(planner.paper_laws(), "text", 4e7, 3e5)
print(*{"pandas", "scipy"}.intersection(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


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
    for asked in (1.0, 3e6, 5e6, 1e12):
        decision = planner.should_pretrain(known, None, **ASKED | {"pretrain_chars": asked})
        assert (decision.pretrain, decision.basis) == (None, "pretrain_chars")
        assert (
            f"measured at 4e+06 characters of pre-training and cannot say what {asked:.3g}" in decision.reason
        )
    for near in (3.5e6, 4.7e6, None):
        assert planner.should_pretrain(known, None, **ASKED | {"pretrain_chars": near}).pretrain is True
    with pytest.raises(TransferLawsError, match="give pretrain_chars"):
        planner.should_pretrain(laws, None, 2e4, 3e4)


def hurt_study(where: str) -> tuple[dict[str, Any], pd.DataFrame]:
    """Laws of a study with harm of 0.4 nats everywhere, at the largest size or at the most data."""
    table = plant(Design(SIZES, DATA, 3), {"notes": LAW}, 0.006, seed=4)
    tuned = table["arm"] == "notes"
    hurt = {
        "everywhere": tuned,
        "largest size": tuned & (table["n_params"] == 50_000),
        "most data": tuned & (table["d_chars"] >= 3e5),
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


def alone_data(scratch: Scratch, n: float, loss: float) -> float:
    grid = np.geomspace(1e3, 1e7, 20_000)
    return float(np.interp(-loss, -scratch.loss(n, grid), grid))


def test_where_nothing_was_measured_the_interval_holds_law_and_curve() -> None:
    """Gains measured far from the law's widen what it says of others."""
    table = plant(Design(SIZES, DATA, 2), {"notes": LAW}, 0.005, seed=1)
    laws = json.loads(json.dumps(laws_document([fit(table, bootstrap=50)], table=table)))
    close = planner.predict(laws, None, 2e4, 6e4, "gain")
    truth = float(Scratch().loss(2e4, 6e4) - Scratch().loss(2e4, LAW.d_effective(n_params=2e4, d_chars=6e4)))
    assert close.low is not None and close.high is not None and close.low < truth < close.high
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
