"""Predictions cover: law, curves, misfit and noise together hold what is measured."""

import numpy as np
import pytest

from transferlaws import planner
from transferlaws.laws import (
    PLANTED,
    Design,
    Hernandez,
    Predictive,
    Scratch,
    fit,
    held_out,
    laws_document,
    plant,
)

LAW, CURVES = Hernandez(k=40, alpha=0.4, beta=0.5), Scratch()
DESIGN = Design((3e3, 1.2e4, 5e4, 2e5), (1e4, 3e4, 1e5, 3e5, 1e6), 3)


def test_cells_left_out_lie_in_their_intervals() -> None:
    found = [held_out(plant(DESIGN, LAW, 0.02, seed=seed)) for seed in range(3)]
    assert np.mean([rows["held"].mean() for rows in found]) >= 0.9
    assert set(found[0]["left_out"]) == {"n_params", "d_chars"}
    # An interval that holds everything says nothing: what a cell can be is not much wider than its noise.
    assert np.median(found[0]["high"] - found[0]["low"]) < 0.2


def test_the_truth_lies_in_the_interval_of_the_mean_and_one_run_varies_more() -> None:
    found = fit(plant(DESIGN, LAW, 0.02, seed=4), bootstrap=50)
    assert found.predictive is not None
    n, d = 1.2e4, 5e4
    truth = float(CURVES.loss(n, LAW.d_effective(n_params=n, d_chars=d)))
    value, low, high = found.predictive.interval(n, d)
    assert low < truth < high
    _, one_low, one_high = found.predictive.interval(n, d, 1)
    assert one_high - one_low > max(2 * 1.96 * 0.02 * 0.8, high - low)
    again = Predictive.from_json(found.predictive.to_json())
    assert again.interval(n, d, 3) == pytest.approx(found.predictive.interval(n, d, 3), rel=1e-6)
    answer = planner.predict(laws_document([found]), PLANTED, n, d, "loss")
    assert (answer.value, answer.low, answer.high) == pytest.approx((value, low, high), rel=1e-4)
