"""The planner answers with an interval and a regime, or refuses and says why."""

import json

import pytest

from transferlaws import planner
from transferlaws.errors import TransferLawsError
from transferlaws.laws.data.synthetic import Design, Scratch, plant
from transferlaws.laws.document import laws_document
from transferlaws.laws.estimators.transfer import fit_transfer
from transferlaws.laws.forms import Hernandez

LAW = Hernandez(40, 0.4, 0.5)
SIZES, DATA = (3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5, 3e5, 1e6)


@pytest.fixture(scope="module")
def laws():
    fit = fit_transfer(plant(Design(SIZES, DATA, 2), LAW, 0.005, seed=1), "text", bootstrap=100)
    return json.loads(json.dumps(laws_document([fit])))


def test_predictions_hold_the_planted_truth(laws):
    at = {"n_params": 2e4, "d_chars": 6e4}
    for quantity in ("d_transferred", "d_effective", "fraction"):
        answer = planner.predict(laws, "text", **at, quantity=quantity)
        truth = getattr(LAW, quantity)(**at)
        assert answer.low < truth < answer.high
        assert answer.high / answer.low < 1.2
        assert answer.decades_outside == 0
    loss = planner.predict(laws, "text", 1.2e4, 6e4, "loss")
    truth = float(Scratch().loss(1.2e4, LAW.d_effective(n_params=1.2e4, d_chars=6e4)))
    assert loss.value == pytest.approx(truth, abs=0.02)


def test_half_a_decade_beyond_the_runs_is_answered_and_no_more(laws):
    assert not planner.predict(laws, "text", 1.5e5, 1e5).refused
    refusal = planner.predict(laws, "text", 2e5, 1e5)
    assert refusal.refused
    assert refusal.value is None
    assert "0.6 decades outside the runs" in refusal.reason


def test_size_and_data_are_inverses_of_the_loss(laws):
    target = planner.predict(laws, "text", 2e4, 1e5, "loss").value
    size, data = planner.size_for(laws, "text", target, 1e5), planner.data_for(laws, "text", target, 2e4)
    assert size.value == pytest.approx(2e4, rel=0.02)
    assert data.value == pytest.approx(1e5, rel=0.02)
    assert size.low < 2e4 < size.high
    alone = planner.data_for(laws, "scratch", target, 2e4)
    assert alone.value > 3 * data.value


def test_an_unreachable_loss_is_refused(laws):
    assert planner.size_for(laws, "text", 0.5, 1e5).refused
    assert "reaches a loss of 0.5" in planner.data_for(laws, "text", 0.5, 2e4).reason


def test_the_papers_law_answers_without_interval_and_says_so():
    answer = planner.predict(planner.paper_laws(), "text", 4e7, 3e5)
    assert answer.value == pytest.approx(476, abs=1)
    assert answer.low is None
    assert "without intervals" in answer.reason
    assert planner.size_for(planner.paper_laws(), "text", 3.0, 1e5).refused


def test_pretraining_pays_where_the_planted_gap_is_wide(laws):
    decision = planner.should_pretrain(laws, "text", 2e4, 3e4, pretrain_chars=1e7, uses=10)
    assert decision.pretrain is True
    assert decision.pretrain_flops == pytest.approx(6 * 2e4 * 1e7 / 2.5 / 10)
    assert decision.loss_pretrained.value < decision.loss_scratch.value


def test_a_law_that_is_not_identified_has_open_answers():
    fit = fit_transfer(plant(Design(SIZES[:1], DATA, 2), LAW, 0.01, seed=1), "text", bootstrap=50)
    laws = json.loads(json.dumps(laws_document([fit])))
    inside = planner.predict(laws, "text", 3e3, 1e5)
    assert inside.low is None
    assert "not identify" in inside.reason
    assert planner.predict(laws, "text", 6e3, 1e5).refused


def test_unknown_source_and_impossible_numbers(laws):
    with pytest.raises(TransferLawsError, match="no source 'prose'; they hold text"):
        planner.predict(laws, "prose", 2e4, 1e5)
    with pytest.raises(TransferLawsError, match="n_params is -1"):
        planner.predict(laws, "text", -1, 1e5)
    with pytest.raises(TransferLawsError, match=r"frame of laws\.json"):
        planner.predict(
            {"rows": [{"law": "hernandez", "source": "text", "method": "x"}], "scratch": []}, "text", 1, 1
        )
