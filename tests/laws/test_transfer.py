"""Planted laws are found again, by every method, and what a design cannot identify is left open."""

import json

import numpy as np
import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves import fit_curves
from transferlaws.laws.data.synthetic import Design, Scratch, plant
from transferlaws.laws.document import laws_document, read_laws, write_laws
from transferlaws.laws.estimators.effective import effective_data
from transferlaws.laws.estimators.transfer import METHODS, fit_transfer, leave_outs
from transferlaws.laws.forms import Hernandez
from transferlaws.laws.questions.equality import same_exponent

DATA = (1e4, 3e4, 1e5, 3e5, 1e6)
LAW = Hernandez(k=40, alpha=0.4, beta=0.5)
DESIGN = Design((3e3, 1.2e4, 5e4, 2e5), DATA, 2)


@pytest.fixture(scope="module")
def runs():
    return plant(DESIGN, LAW, noise=0.01, seed=5)


@pytest.mark.parametrize("method", METHODS)
def test_a_noiseless_law_is_found_exactly(method):
    fit = fit_transfer(plant(DESIGN, LAW, noise=1e-6), "text", method, bootstrap=50)
    assert fit.law.alpha == pytest.approx(LAW.alpha, abs=2e-3)
    assert fit.law.beta == pytest.approx(LAW.beta, abs=2e-3)
    assert fit.law.k == pytest.approx(LAW.k, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_intervals_hold_a_noisy_law_and_are_not_idle(runs, method):
    fit = fit_transfer(runs, "text", method, bootstrap=200)
    assert fit.status == "converged"
    for name in ("k", "alpha", "beta"):
        assert getattr(fit, name).covers(getattr(LAW, name)), name
    assert fit.alpha.width < 0.2
    assert fit.beta.width < 0.2
    assert fit.n_runs == len(runs)
    assert sum(fit.n_cells.values()) == 20


def test_coverage_over_planted_studies():
    """A short form of benchmarks/laws_coverage.py: 40 intervals at 95 % hold the truth 33 times or more (p <
    0.003).
    """
    rng = np.random.default_rng(11)
    hits = []
    for i in range(8):
        law = Hernandez(k=rng.uniform(20, 80), alpha=rng.uniform(0.1, 0.6), beta=rng.uniform(0.2, 0.6))
        missing = frozenset({("text", 3e3, 1e4), ("scratch", 5e4, 3e4)}) if i % 2 else frozenset()
        design = Design((3e3, 1.2e4, 5e4), DATA, 1 + i % 3, missing=missing)
        fit = fit_transfer(plant(design, law, rng.choice([0.005, 0.03]), seed=i), "text", bootstrap=50)
        hits += [fit.alpha.covers(law.alpha), fit.beta.covers(law.beta)]
    assert sum(hits) >= 13


@pytest.mark.parametrize(
    ("design", "law", "unknown"),
    [
        (Design((2e4,), DATA, 2), LAW, "beta"),
        (Design((3e3, 2e4, 1e5), (1e5,), 2, d_scratch=DATA), LAW, "alpha"),
        (Design((3e3, 2e4, 1e5), DATA, 2), Hernandez(1e-6, 0.4, 0.5), "beta"),
    ],
    ids=["one size", "one data size", "no transfer to see"],
)
def test_what_a_design_cannot_identify_is_open_and_said(design, law, unknown):
    fit = fit_transfer(plant(design, law, 0.01, seed=3), "text", bootstrap=50)
    assert fit.status == "not_identified"
    assert not getattr(fit, unknown).closed
    assert not fit.k.closed
    assert any(unknown in note for note in fit.notes)
    json.dumps(fit.to_row(), allow_nan=False)


def test_transfer_beyond_the_floor_is_never_falsely_tight():
    law = Hernandez(4e7, 0.4, 0.5)
    table = plant(Design((3e3, 2e4, 1e5), DATA, 2), law, 0.01, seed=3)
    fit = fit_transfer(table, "text", bootstrap=50)
    assert fit.n_cells["below_floor"] > 0
    assert fit.status != "converged"
    assert fit.beta.covers(law.beta)
    assert fit.beta.width > 1


def test_every_cell_has_a_status_and_none_is_dropped():
    scratch = Scratch(E=1.0, A=12.0, a=0.2, B=3e4, b=0.9, D0=3e3)
    table = plant(DESIGN, Hernandez(30, 0.3, 0.9), 0.02, seed=2, scratch=scratch)
    table.loc[(table["arm"] == "text") & (table["n_params"] == 3000) & (table["d_chars"] >= 3e5), "loss"] += (
        0.3
    )
    cells = effective_data(table, "text")
    assert len(cells) == 20
    assert {"below_floor", "no_transfer", "interpolated"} <= set(cells["status"])
    below = cells[cells["status"] == "below_floor"]
    assert below["d_effective"].isna().all()
    assert np.isinf(below["d_effective_high"]).all()
    assert (below["d_effective_low"] > below["d_chars"]).all()
    ossified = cells[cells["status"] == "no_transfer"]
    assert (ossified["d_transferred"] <= 0).all()


def test_inversion_gives_back_the_effective_data():
    exact = plant(DESIGN, LAW, noise=1e-7)
    for model, tolerance in (("floor", 0.01), ("pchip", 0.03)):
        cells = effective_data(exact, "text", curves=fit_curves(exact, model))
        inside = cells[cells["status"] == "interpolated"]
        truth = LAW.d_effective(n_params=inside["n_params"], d_chars=inside["d_chars"])
        assert len(inside) >= 8
        assert np.allclose(inside["d_effective"], truth, rtol=tolerance), model


def test_amplification_is_the_slope_of_the_inversion(runs):
    curves = fit_curves(runs)
    cell = effective_data(runs, "text", curves=curves).iloc[0]
    up, down = (curves[cell["n_params"]].invert(cell["loss"] + step)[0] for step in (1e-5, -1e-5))
    assert cell["amplification"] == pytest.approx(abs(np.log(up / down)) / 2e-5, rel=1e-3)


def test_d_n_is_where_the_floor_is_99_percent_of_the_loss(runs):
    curve = fit_curves(runs)[3000]
    assert curve.loss(curve.d_n()) * 0.99 == pytest.approx(curve.E)
    assert curve.d_n(0.98) < curve.d_n() < curve.d_n(0.995)


def test_common_and_separate_exponents():
    design = Design((3e3, 1.2e4, 5e4), DATA, 2)
    table = plant(design, {"text": Hernandez(40, 0.4, 0.5), "mix": Hernandez(200, 0.15, 0.5)}, 0.01, seed=4)
    assert same_exponent("beta", table, "text", "mix", bootstrap=60).p_bootstrap > 0.02
    alpha = same_exponent("alpha", table, "text", "mix", bootstrap=60)
    assert alpha.p_bootstrap < 0.05
    assert alpha.difference.low > 0
    reverse = plant(design, Hernandez(40, 0.4, 0.2), 0.01, seed=6)
    assert same_exponent("beta", table, "text", "text", reverse, bootstrap=60).p_ratio < 0.01


def test_leave_outs_move_by_no_more_than_their_intervals(runs):
    fits = leave_outs(runs, "text", bootstrap=50)
    assert set(fits) == {
        "all runs", "largest size left out", "smallest data size left out", "low-data regime only"
    }  # fmt: skip
    assert all(fit.beta.covers(LAW.beta) for fit in fits.values())
    assert fits["largest size left out"].n_runs < fits["all runs"].n_runs


def test_laws_json_goes_out_and_comes_back(runs, tmp_path):
    fit = fit_transfer(runs, "text", bootstrap=50)
    write_laws(tmp_path / "laws.json", laws_document([fit], table_sha256="0" * 64, seed=0, bootstrap=50))
    document = read_laws(tmp_path / "laws.json")
    row = document["rows"][0]
    assert row["alpha"] == {"value": fit.alpha.value, "low": fit.alpha.low, "high": fit.alpha.high}
    assert len(document["scratch"]) == 4
    assert {"n_params", "E", "B", "b", "D0", "d_n_chars"} == set(document["scratch"][0])
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(TransferLawsError, match="not JSON"):
        read_laws(tmp_path / "broken.json")


def test_the_same_seed_gives_the_same_answer(runs):
    first, second = (fit_transfer(runs, "text", bootstrap=50, seed=9) for _ in range(2))
    assert first.alpha == second.alpha
    assert first.samples.equals(second.samples)
