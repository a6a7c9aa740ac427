"""The planner answers with an interval and a regime, or refuses and says why."""

import json
import subprocess
import sys
from typing import Any

import pytest

from transferlaws import planner
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Design, Fit, Hernandez, Scratch, fit, fit_all, laws_document, plant

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


def test_a_law_that_is_not_identified_has_open_answers(laws: dict[str, Any]) -> None:
    row = next(row for row in laws["rows"] if row["source"] == "text")
    beta = row["beta"] | {"low": None, "high": None}
    row = row | {"status": "not_identified", "beta": beta, "covariance_ln_k_alpha_beta": None}
    unknown = laws | {"rows": [row]}
    inside = planner.predict(unknown, "text", SIZES[0], 1e5)
    assert inside.low is None
    assert "not identify" in inside.reason
    assert planner.predict(unknown, "text", 2 * SIZES[-1], 1e5).refused


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
