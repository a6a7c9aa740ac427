"""Designs read back from tables, planted laws that go through a study's middle, and what more runs buy."""

import numpy as np
import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.laws import (
    PLANTED,
    Design,
    Hernandez,
    Scratch,
    design_of,
    fit,
    larger_designs,
    plant,
    planted_law,
    run_noise,
    scratch_of,
)

LAW = Hernandez(k=40.0, alpha=0.4, beta=0.5)
DESIGN = Design(
    n_params=(3e3, 1.2e4, 4.8e4),
    d_chars=(1e3, 1e4, 1e5),
    seeds=2,
    d_scratch=(1e3, 1e4, 1e5, 3e5),
    missing=frozenset({("scratch", 3e3, 3e5), (PLANTED, 4.8e4, 1e3)}),
)


def test_a_design_is_read_back_from_its_runs() -> None:
    assert design_of(plant(DESIGN, LAW)) == DESIGN
    with pytest.raises(TransferLawsError, match="prose"):
        design_of(plant(DESIGN, LAW), "prose")


def test_scratch_curves_are_those_that_were_planted() -> None:
    truth = Scratch(E=1.5, A=20.0, a=0.3, B=60.0, b=0.35, D0=0.0)
    found = scratch_of(plant(DESIGN, LAW, noise=1e-4, scratch=truth))
    n, d = np.array([3e3, 4.8e4]), np.array([1e3, 1e5])
    assert found.loss(n, d) == pytest.approx(truth.loss(n, d), abs=0.01)


def test_the_noise_between_seeds_is_the_planted_one() -> None:
    table = plant(Design(seeds=8), LAW, noise=0.02)
    assert run_noise(table, PLANTED) == pytest.approx(0.02, rel=0.1)
    assert fit(table, bootstrap=50).noise == pytest.approx(0.02, rel=0.15)
    assert np.isnan(run_noise(table[table["seed"] == 0], PLANTED))


def test_a_planted_law_transfers_in_the_middle_what_the_fit_does() -> None:
    found = fit(plant(DESIGN, LAW), bootstrap=50)
    law = planted_law(found, alpha=0.1, beta=0.9)
    middle = {name: float(np.exp(np.log(found.cells[name]).mean())) for name in ("n_params", "d_chars")}
    assert (law.alpha, law.beta) == (0.1, 0.9)
    assert law.d_transferred(**middle) == pytest.approx(found.law.d_transferred(**middle))


def test_twice_the_seeds_cost_twice_and_narrow_by_the_root_of_two() -> None:
    designs = larger_designs(plant(DESIGN, LAW), None, LAW, 0.02).set_index("design")
    now, more = designs.loc["this study"], designs.loc["twice the seeds"]
    assert more["cost"] == pytest.approx(2.0)
    for width in ("width_alpha", "width_beta"):
        assert now[width] / more[width] == pytest.approx(np.sqrt(2), rel=0.02)
    assert designs.loc["two sizes more", "width_beta"] < now["width_beta"]
