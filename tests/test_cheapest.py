"""The cheapest way to a loss: by a search over the planted law, and by the cells that got there."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferlaws import planner
from transferlaws.cli import main
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Design, Hernandez, Scratch, fit, laws_document, plant, write_laws

LAW = Hernandez(40, 0.4, 0.5)
SIZES, DATA, PRETRAINED = (3e3, 8e3, 2e4, 5e4), (1e4, 3e4, 1e5, 3e5, 1e6), 4e6
PRICES = planner.Prices(char=1e-5, flop=1e-12)


@pytest.fixture(scope="module")
def laws() -> dict[str, Any]:
    table = plant(Design(SIZES, DATA, 2), {"notes": LAW}, 0.003, seed=1)
    table["pretrain_chars"] = np.where(table["arm"] == "notes", PRETRAINED, 0)
    document: dict[str, Any] = json.loads(json.dumps(laws_document([fit(table, bootstrap=60)], table=table)))
    return document


def planted(target: float, pretrained: float, prices: planner.Prices) -> float:
    """The least cost of a loss by the planted law over the sizes of the runs and all data within reach."""
    n, d = np.meshgrid(np.geomspace(3e3, 5e4, 400), np.geomspace(1e4 / 3.16, 1e6 * 3.16, 800))
    effective = LAW.d_effective(n_params=n, d_chars=d) if pretrained else d
    cost = prices.char * d + 6 * n * prices.flop / 2.5 * (5 * d + pretrained / prices.uses)
    return float(cost[Scratch().loss(n, effective) <= target].min())


@pytest.mark.parametrize(
    "prices", [PRICES, planner.Prices(flop=1e-12), planner.Prices(char=1e-6, flop=1e-11)]
)
def test_the_way_is_that_of_a_search_over_the_planted_law(
    laws: dict[str, Any], prices: planner.Prices
) -> None:
    found = planner.cheapest(laws, 2.9, prices)
    ways = {way.arm: way for way in found.ways if way.basis == "law"}
    for arm, pretrained in (("scratch", 0.0), ("notes", PRETRAINED)):
        way, truth = ways[arm], planted(2.9, pretrained, prices)
        assert way.bill.total == pytest.approx(truth, rel=0.06)
        assert (
            way.low is not None
            and way.high is not None
            and way.low < 1.03 * truth
            and way.high > 0.97 * truth
        )
    costs = [way.bill.total for way in found.ways]
    assert costs == sorted(costs)


def test_cells_that_got_there_stand_beside(laws: dict[str, Any]) -> None:
    found = planner.cheapest(laws, 2.9, PRICES)
    for way in (way for way in found.ways if way.basis == "measured"):
        cells = [
            (cell["loss" if way.arm == "notes" else "loss_scratch"], cell["n_params"], cell["d_chars"])
            for cell in laws["rows"][0]["measured"]
        ]
        pretrained = PRETRAINED if way.arm == "notes" else None
        costs = [PRICES.bill(n, d, pretrained).total for loss, n, d in cells if loss <= 2.9]
        assert way.loss is not None and way.loss <= 2.9
        assert way.bill.total == min(costs)
    assert {way.arm for way in found.ways if way.basis == "measured"} == {"scratch", "notes"}


def test_pretraining_is_the_way_while_it_is_cheap(laws: dict[str, Any]) -> None:
    assert planner.cheapest(laws, 2.9, PRICES).ways[0].arm == "notes"
    dear = planner.Prices(char=1e-5, flop=1e-12, pretrain_token=1e-4)
    assert planner.cheapest(laws, 2.9, dear).ways[0].arm == "scratch"
    shared = planner.Prices(char=1e-5, flop=1e-12, pretrain_token=1e-4, uses=1000)
    assert planner.cheapest(laws, 2.9, shared).ways[0].arm == "notes"


def test_a_loss_out_of_reach_names_the_runs_that_would_tell_and_their_price(laws: dict[str, Any]) -> None:
    found = planner.cheapest(laws, 1.2, PRICES)
    assert not found.ways
    n, d = 5e4 * 10**0.5, 1e6 * 10**0.5
    training = 6 * n / 2.5 * 1e-12 * 5 * d
    price = 1e-5 * d + 2 * training
    assert (
        f"2 seeds of scratch at n_params {n:.3g} and {d:.3g} chars would tell, for {price:.4g}"
        in (found.refused["scratch"])
    )
    assert "2 seeds of notes and scratch" in found.refused["notes"]
    everywhere = json.loads(json.dumps(laws))
    for cell in everywhere["rows"][0]["measured"]:
        cell["gain"] = {"value": -0.4, "low": -0.5, "high": -0.3}
    hurt = planner.cheapest(everywhere, 2.9, PRICES)
    assert "costs data in all of the 20 cells" in hurt.refused["notes"]


def test_prices_that_are_none_and_laws_without_runs_are_refused(laws: dict[str, Any]) -> None:
    with pytest.raises(TransferLawsError, match="nothing costs anything"):
        planner.Prices()
    with pytest.raises(TransferLawsError, match="the price of a char is -1"):
        planner.Prices(char=-1, flop=1)
    with pytest.raises(TransferLawsError, match="no source 'prose'"):
        planner.cheapest(laws, 2.9, PRICES, "prose")


def test_the_verb_prints_every_way_and_takes_core_hours(
    laws: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "laws.json"
    write_laws(path, laws)
    ask = ["cheapest", "--laws", str(path), "--target-loss", "2.9", "--per-char", "1e-5"]
    assert main([*ask, "--per-flop", "1e-12"]) == 0
    by_flop = capsys.readouterr().out
    assert main([*ask, "--per-core-hour", "36", "--flops-per-second", "1e10"]) == 0
    assert capsys.readouterr().out == by_flop
    assert by_flop.count("measured: ") == 2 and by_flop.count("by the law") == 2
    assert main([*ask, "--per-core-hour", "36"]) == 2
    assert main([*ask[:4], "1.2", "--per-char", "1e-5"]) == 1
    assert "would tell, for" in capsys.readouterr().err
