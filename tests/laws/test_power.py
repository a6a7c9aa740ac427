"""What a design can tell is known before it is run: widths fall with seeds, and the right cell is named."""

import numpy as np
import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.laws import PLANTED, Design, Hernandez, expected_sd, fit, next_cells, plant, power

LAW = Hernandez(40, 0.4, 0.5)
DATA = (1e4, 3e4, 1e5, 3e5, 1e6)


def test_four_times_the_seeds_halve_the_expected_error() -> None:
    one, four = (expected_sd(Design((3e3, 1.2e4, 5e4), DATA, s), LAW, 0.02) for s in (1, 4))
    assert one["beta"] / four["beta"] == pytest.approx(2, rel=0.05)


def test_expected_error_is_that_of_simulated_studies() -> None:
    found = power(Design((3e3, 1.2e4, 5e4), DATA, 2), LAW, 0.01, studies=12, bootstrap=50)
    spread = found.studies.query("parameter == 'beta'")["error"].std()
    assert spread == pytest.approx(expected_sd(found.design, LAW, 0.01)["beta"], rel=0.6)
    identified, bias, width = found.summary.loc["beta", ["identified", "bias", "width"]].to_numpy(float)
    assert identified == 1
    assert abs(bias) < width / 3


def test_a_lever_arm_in_size_is_worth_more_than_a_crowd() -> None:
    narrow, wide = (
        expected_sd(Design(sizes, DATA, 2), LAW, 0.02) for sizes in ((1e4, 2e4, 4e4), (3e3, 2e4, 1.3e5))
    )
    assert wide["beta"] < narrow["beta"] / 2


def test_next_cells_do_what_they_promise() -> None:
    table = plant(Design((3e3, 1.2e4, 5e4), DATA, 2), LAW, 0.02, seed=1)
    ranked = next_cells(table, cost=lambda n, d: np.ones_like(n * d))
    best = ranked.iloc[0]
    assert (ranked["sd_then"] <= ranked["sd_now"]).all()
    assert best["arm"] == PLANTED
    assert best["sd_then"] < 0.99 * best["sd_now"]
    cheap = next_cells(table)
    assert cheap.iloc[0]["cost"] < cheap["cost"].median()


def test_a_power_study_needs_noise() -> None:
    with pytest.raises(TransferLawsError, match="noise is 0"):
        power(Design(), LAW, 0.0)


def test_wider_noise_gives_wider_intervals() -> None:
    quiet, loud = (
        fit(plant(Design((3e3, 2e4, 1e5), DATA, 2), LAW, s, seed=1), bootstrap=50) for s in (0.005, 0.05)
    )
    assert loud.beta.width > 4 * quiet.beta.width
