"""A study for so many core-hours: sized to the data and the hours, written down, spent to the last seed.

Nothing is trained here: a machine that takes what it takes leaves records by a planted law.
"""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from machine import SPEED, Machine
from tiny import CORPUS, QUESTION
from transferlaws import Study, TransferLawsError
from transferlaws.design.presets import laptop_2
from transferlaws.design.question import Standing
from transferlaws.design.sized import MOST_SEEDS, Dials, data_grid
from transferlaws.models.ladder import LADDER
from transferlaws.reports import choice, sizing, written
from transferlaws.reports.own import Folders, read_folders
from transferlaws.reports.page import write_report
from transferlaws.reports.pilot import Pilot, Prices

PILOT = Pilot(Prices(dict.fromkeys(LADDER, SPEED), 1.0, 1.0), 0.03, 6, 30.0, 9)


@pytest.fixture
def folders(tmp_path: Path, study_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(study_cache))
    return read_folders(
        {"german": CORPUS / "english"}, ("verilog", CORPUS / "python"), tmp_path / "out", QUESTION
    )


@pytest.mark.parametrize("available", [16_000, 1_600_000, 160_000_000])
def test_data_sizes_are_half_decades_below_all_there_is(available: int) -> None:
    grid = data_grid(available)
    assert len(grid) >= 3 and grid[-1] == available and 1_000 <= grid[0] < 3_200
    assert all(2.9 < b / a < 3.5 for a, b in pairwise(grid))


def test_too_little_data_says_how_much_there_is_and_how_much_it_takes() -> None:
    with pytest.raises(TransferLawsError, match=r"holds 6,000 .* at least 10,000"):
        data_grid(6_000)


def test_runs_are_trained_as_those_of_the_second_laptop_study_but_for_what_hours_cannot_afford() -> None:
    like, scale = laptop_2(), Dials(LADDER[:2], (1_000, 3_000, 10_000), 10_000, (2, 2, 2)).scale(10_000)
    kept = {"pause_share", "averaging", "patience_share", "weight_decay", "max_tokens"}
    assert {name: getattr(scale.recipe, name) for name in kept} == {
        name: getattr(like.recipe, name) for name in kept
    }
    assert (scale.spread, scale.epsilon_share) == (like.spread, like.epsilon_share)
    every = {(arm, size): scale.d_chars_of(arm, size) for arm in Standing for size in scale.sizes_of(arm)}
    assert set(every.values()) == {scale.d_chars}  # whatever that study gives its lesser arms and dear cells


def test_more_hours_buy_a_larger_study_within_half_of_them(folders: Folders) -> None:
    chosen = {hours: choice.choose(folders, hours, PILOT) for hours in (0.2, 2.0)}
    for hours, (_, core, _) in chosen.items():
        assert core <= choice.SHARES[0][0] * 3600 * hours
    small, large = (dials for dials, _, _ in chosen.values())
    assert (len(large.sizes), large.pretrain_tokens) > (len(small.sizes), small.pretrain_tokens)


def test_few_hours_go_into_the_runs_that_no_study_can_do_without(folders: Folders) -> None:
    slow = replace(PILOT, prices=replace(PILOT.prices, slowness=2.8))
    dials, core, _ = choice.choose(folders, 0.2, slow)
    assert choice.SHARES[0][0] * 3600 * 0.2 < core <= choice.SHARES[-1][0] * 3600 * 0.2
    assert len(dials.scale(0).tuning.d_chars) == 1  # a single decade needs no second search


def test_hours_too_few_are_refused_with_those_that_would_do(folders: Folders) -> None:
    with pytest.raises(TransferLawsError, match=r"--core-hours 0.001 is too little .* would do"):
        choice.choose(folders, 0.001, PILOT)


def test_a_design_is_written_before_it_is_spent_and_read_again(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "measure_pilot", lambda *_: PILOT)
    monkeypatch.setattr(choice, "STUDIES", 1)
    dials = sizing._design(folders, 0.2, None)
    assert written.read_design(folders, 0.2) == dials
    words = (folders.out / "design.md").read_text("utf-8")
    assert "0.2 core-hours are given" in words and f"{dials.pretrain_tokens:,} tokens" in words
    with pytest.raises(TransferLawsError, match="may only grow"):
        written.read_design(folders, 0.1)
    document = json.loads((folders.out / "design.json").read_text("utf-8"))
    (folders.out / "design.json").write_text(json.dumps(document | {"fingerprints": {}}))
    with pytest.raises(TransferLawsError, match="of other folders"):
        written.read_design(folders, 0.2)


def test_what_is_left_buys_seeds_until_it_is_spent() -> None:
    dials = Dials(LADDER[:2], (1_000, 3_000, 10_000), 10_000, (2, 2, 2))
    prices = {1_000: 1.0, 3_000: 2.0, 10_000: 4.0}  # core-seconds of one run
    rows = [
        (arm, n, d, seed, prices[d])
        for arm in ("scratch", "german")
        for n in (1, 2)
        for d in dials.d_chars
        for seed in range(2)
    ]
    table = pd.DataFrame(rows, columns=["arm", "n_params", "d_chars", "seed", "seconds"])
    a_round = 4 * sum(prices.values())
    assert sizing._seeds_for(table, dials, 0.9 * 4 * min(prices.values())) == dials
    assert sizing._seeds_for(table, dials, 16.0).seeds == (2, 2, 3)  # the largest data first
    assert sizing._seeds_for(table, dials, 2 * a_round).seeds == (4, 4, 4)
    assert sizing._seeds_for(table, dials, 1e9).seeds == (MOST_SEEDS,) * 3
    assert replace(dials, seeds=(3, 3, 3)) == sizing._seeds_for(table, dials, a_round)


@pytest.mark.parametrize(("hours", "epochs", "slow"), [(0.2, 60.0, 1.0), (2.0, 25.0, 2.0)])
def test_the_hours_are_spent_whatever_runs_take_and_a_report_comes_of_it(
    hours: float, epochs: float, slow: float, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(epochs, slow)
    monkeypatch.setattr(Study, "ensure", lambda study, arms=None, **_: machine.ensure(study, arms))
    monkeypatch.setattr(
        "transferlaws.training.throughput.measured_flops_per_second",
        lambda sizes, **_: dict.fromkeys(sizes, SPEED),
    )
    monkeypatch.setattr(choice, "STUDIES", 1)
    said: list[str] = []
    study = sizing.study_for_hours(folders, hours, jobs=None, say=said.append)
    design = json.loads((folders.out / "design.json").read_text("utf-8"))
    assert design["core_hours_spent"] == pytest.approx(hours, rel=0.25)
    assert design["rounds"][0] == design["seeds"] == [2] * len(design["d_chars"])
    assert "design.md" in said[0]
    again = sizing.study_for_hours(folders, hours, jobs=None, say=said.append)  # nothing is left to buy
    pd.testing.assert_frame_equal(again.table(), study.table())
    report = write_report(folders, study, bootstrap=50, seed=0).read_text("utf-8")
    assert "Pre-train on german? Yes." in report
    assert f"Asked for were {hours:g} core-hours" in report
