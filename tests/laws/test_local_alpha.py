"""Alpha step by step: a planted law has one, cells trained too little bend it, and both are seen."""

import numpy as np
import pytest

from transferlaws.laws import Curved, Design, Hernandez, Scratch, curvature, local_alpha, plant

DESIGN = Design(n_params=(3e3, 1e4, 4e4), d_chars=(1e3, 1e4, 1e5), seeds=3, d_scratch=(1e3, 1e4, 1e5, 1e6))
LAW = Hernandez(k=40.0, alpha=0.4, beta=0.5)


def test_a_planted_law_has_one_alpha_and_intervals_hold_it() -> None:
    held = steps = 0
    for seed in range(20):
        found = local_alpha(plant(DESIGN, LAW, 0.01, seed), bootstrap=100)
        closed = found.steps.dropna()
        steps += len(closed)
        held += int(((closed["low"] <= 0.4) & (closed["high"] >= 0.4)).sum())
    assert steps >= 30 and 0.85 * steps <= held
    exact = local_alpha(plant(DESIGN, LAW, 1e-6), bootstrap=50).steps
    assert np.allclose(exact["alpha"], 0.4, atol=0.02)


def test_under_trained_cells_bend_it_and_the_drift_says_so() -> None:
    data = (1e3, 3e3, 1e4, 3e4, 1e5)
    wide = Design(n_params=(3e3, 1e4, 4e4), d_chars=data, seeds=3, d_scratch=(*data, 3e5, 1e6))
    table = plant(wide, LAW, 0.003)
    straight = local_alpha(table, bootstrap=100)
    assert straight.drift.closed and straight.drift.covers(0.0)
    late = (table["arm"] == "planted") & (table["d_chars"] > 1e4)
    table.loc[late, "loss"] -= 0.12 * np.log10(table.loc[late, "d_chars"] / 1e4)
    bent = local_alpha(table, bootstrap=100)
    assert bent.drift.low is not None and bent.drift.low > 0


def test_a_law_that_bends_is_found_and_says_where_one_alpha_holds() -> None:
    data = (1e3, 3e3, 1e4, 3e4, 1e5, 3e5)
    table = plant(Design((3e3, 1e4, 4e4), data, 3, d_scratch=(*data, 1e6)), LAW, 0.005, seed=2)
    straight = curvature(table)
    assert straight.drift.covers(0.0) and straight.p is not None and straight.p > 0.05
    assert straight.range == pytest.approx((data[0], data[-1]))
    bent = Curved(LAW.k, LAW.alpha, LAW.beta, 0.1, 1e4)
    n, d = table["n_params"], table["d_chars"]
    change = Scratch().loss(n, bent.d_effective(n_params=n, d_chars=d)) - Scratch().loss(
        n, LAW.d_effective(n_params=n, d_chars=d)
    )
    found = curvature(table.assign(loss=table["loss"] + change * (table["arm"] == "planted")))
    assert found.drift.covers(0.1 * np.log(10)) and found.p is not None and found.p < 0.01
    ends = found.along.iloc[[0, -1]]
    truth = [bent.local(float(d)).alpha for d in ends["d_chars"]]
    assert np.all((ends["low"] < truth) & (truth < ends["high"]))
    assert found.range is not None and 2 < found.range[1] / found.range[0] < 30
    # The law that touches a bent one is that one there.
    assert bent.local(2e5).d_transferred(n_params=1e4, d_chars=2e5) == pytest.approx(
        bent.d_transferred(n_params=1e4, d_chars=2e5)
    )


def test_without_transfer_there_is_no_step_and_no_drift() -> None:
    table = plant(DESIGN, LAW, 0.01)
    table.loc[table["arm"] == "planted", "loss"] += 3.0
    found = local_alpha(table, bootstrap=50)
    assert found.steps.empty and not found.drift.closed
