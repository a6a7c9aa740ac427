"""Noise as runs have it: samples that all sizes share, and what the law does not follow said as such."""

from dataclasses import replace

import numpy as np
import pytest

from transferlaws.laws import (
    PLANTED,
    SCRATCH,
    Design,
    Hernandez,
    Noise,
    Scratch,
    check_table,
    expected_sd,
    fit,
    noise_of,
    plant,
)
from transferlaws.laws.data.cells import reduce_to_cells
from transferlaws.laws.estimators.joint import fit_joint
from transferlaws.laws.estimators.profile import profile

LAW = Hernandez(k=40, alpha=0.4, beta=0.5)
DATA = (1e3, 3e3, 1e4, 3e4, 1e5)
SIZES = (3e3, 1.2e4, 5e4, 2e5)
SAMPLES = Noise(
    np.log([1e3, 1e5]),
    np.array([[0.1, 0.02], [0.05, 0.015]]) ** 2,
    np.array([[0.4, 0.35], [0.35, 0.7]]),
    np.inf,
)
"""As the published laptop study has it: arm 0 is from scratch."""


@pytest.mark.parametrize("nested", [0.0, 1.0])
def test_planted_noise_is_found_in_its_parts(nested: float) -> None:
    planted = replace(SAMPLES, nested=nested)
    found = noise_of(check_table(plant(Design(SIZES, DATA, 40), LAW, planted, seed=1)), PLANTED)
    arm = np.array([0, 1])
    for d_chars in (1e3, 1e4, 1e5):
        near = found.run_variance(arm, [d_chars] * 2) / SAMPLES.run_variance(arm, [d_chars] * 2)
        assert near == pytest.approx(np.ones(2), rel=0.35)
    assert found.shared == pytest.approx(SAMPLES.shared, abs=0.12)
    assert found.nested == pytest.approx(nested, abs=0.2)
    assert not found.notes


def test_independent_noise_is_not_taken_for_a_sample() -> None:
    found = noise_of(check_table(plant(Design(SIZES, DATA, 20), LAW, 0.02, seed=1)), PLANTED)
    assert np.all(found.shared < 0.1)


@pytest.mark.parametrize(("seeds", "note"), [(1, "no cell was repeated"), (2, "no two cells share a seed")])
def test_what_seeds_do_not_say_is_said(seeds: int, note: str) -> None:
    table = plant(Design(SIZES, DATA, seeds), LAW, 0.02, seed=1)
    if seeds > 1:
        table["seed"] = np.arange(len(table))
    assert any(note in said for said in noise_of(check_table(table), PLANTED).notes)


def test_a_sample_that_sizes_share_costs_alpha_and_not_beta() -> None:
    design = Design(SIZES, DATA, 3)
    alone = Noise(SAMPLES.data, SAMPLES.variance, np.zeros((2, 2)), np.inf)
    shared, independent = (expected_sd(design, LAW, noise) for noise in (SAMPLES, alone))
    assert shared["alpha"] > 1.1 * independent["alpha"]
    assert shared["beta"] < independent["beta"]


def test_a_short_calibration() -> None:
    """benchmarks/laws_coverage.py in short: of 20 intervals at 95 %, 17 or more hold the truth."""
    hits = []
    for i in range(10):
        design = Design(SIZES, DATA, 1 + i % 4)
        found = fit(plant(design, LAW, SAMPLES, seed=100 + i), bootstrap=50)
        hits += [found.alpha.covers(LAW.alpha), found.beta.covers(LAW.beta)]
    assert sum(hits) >= 17


def test_standard_errors_known_exactly_make_normal_intervals() -> None:
    cells = reduce_to_cells(check_table(plant(noise=0.01, seed=1)), (PLANTED,), Noise.plain(0.01))
    joint = fit_joint(cells)
    found, sd = profile(joint, "alpha"), np.sqrt(joint.covariance()[1, 1])
    assert found.low is not None and found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * sd, rel=0.05)


def test_one_seed_tells_the_noise_where_a_curve_follows_it() -> None:
    """At the least data a curve bends to the noise, and what it leaves there is little of it."""
    off = []
    for seed in range(6):
        rows = fit(plant(Design(SIZES, DATA, 1), LAW, SAMPLES, seed=seed), bootstrap=50).residuals
        least = rows[(rows["arm"] == SCRATCH) & (rows["d_chars"] == 1e3)]
        off.append(np.log(least["sd"].mean() / 0.1))
    assert abs(np.mean(off)) < 0.5


def test_misfit_is_named_and_a_clean_law_may_be_quoted() -> None:
    table = plant(Design(SIZES, DATA, 4), LAW, SAMPLES, seed=3)
    clean = fit(table, bootstrap=50)
    assert clean.quotable
    assert "may be quoted" in clean.summary()
    corner = (table["arm"] == PLANTED) & (table["n_params"] >= 5e4) & (table["d_chars"] >= 3e4)
    table.loc[corner, "loss"] += 0.1
    spoilt = fit(table, bootstrap=50)
    assert spoilt.adequacy.verdict == "misfit"
    assert not spoilt.quotable
    assert spoilt.adequacy.sentence in spoilt.summary()
    row = spoilt.to_row()
    assert row["adequacy"]["ratio"] > 2 and row["quotable"] is False
    assert set(row["noise_parts_nats"]) == {"sample", "run", "misfit"}


def test_noise_alone_is_no_law_to_quote() -> None:
    flat = Scratch(E=4.0, A=0.0, B=1e-9)
    for seed in range(3):
        table = plant(Design(SIZES, DATA, 3), LAW, SAMPLES, seed=seed, scratch=flat)
        assert {SCRATCH, PLANTED} == set(table["arm"])
        assert not fit(table, bootstrap=50).quotable
