"""Planted laws are found again, by every method, and what a design cannot identify is left open."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.laws import (
    METHODS,
    PLANTED,
    SCRATCH,
    CellStatus,
    Curve,
    Design,
    Hernandez,
    Scratch,
    Status,
    effective_data,
    fit,
    fit_all,
    fit_curves,
    laws_document,
    leave_outs,
    plant,
    predict_loss,
    read_laws,
    same_exponent,
    write_laws,
)

DATA = (1e4, 3e4, 1e5, 3e5, 1e6)
LAW = Hernandez(k=40, alpha=0.4, beta=0.5)
DESIGN = Design((3e3, 1.2e4, 5e4, 2e5), DATA, 2)


TEXT = {"text": LAW}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return plant(DESIGN, TEXT, noise=0.01, seed=5)


@pytest.mark.parametrize("method", METHODS)
def test_a_noiseless_law_is_found_exactly(method: str) -> None:
    found = fit(plant(DESIGN, LAW, noise=1e-6), method=method, bootstrap=50)
    assert found.law.alpha == pytest.approx(LAW.alpha, abs=2e-3)
    assert found.law.beta == pytest.approx(LAW.beta, abs=2e-3)
    assert found.law.k == pytest.approx(LAW.k, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_intervals_hold_a_noisy_law_and_are_not_idle(runs: pd.DataFrame, method: str) -> None:
    found = fit(runs, "text", method=method, bootstrap=200)
    assert found.status is Status.CONVERGED
    for name in ("k", "alpha", "beta"):
        assert getattr(found, name).covers(getattr(LAW, name)), name
    assert found.alpha.width < 0.2
    assert found.beta.width < 0.2
    assert found.n_runs == len(runs)
    assert sum(found.n_cells.values()) == 20


def test_coverage_over_planted_studies() -> None:
    """A short form of benchmarks/laws_coverage.py: of 16 intervals at 95 %, 13 or more hold the truth."""
    rng = np.random.default_rng(11)
    hits = []
    for i in range(8):
        law = Hernandez(k=rng.uniform(20, 80), alpha=rng.uniform(0.1, 0.6), beta=rng.uniform(0.2, 0.6))
        missing = frozenset({(PLANTED, 3e3, 1e4), (SCRATCH, 5e4, 3e4)}) if i % 2 else frozenset()
        design = Design((3e3, 1.2e4, 5e4), DATA, 1 + i % 3, missing=missing)
        found = fit(plant(design, law, rng.choice([0.005, 0.03]), seed=i), bootstrap=50)
        hits += [found.alpha.covers(law.alpha), found.beta.covers(law.beta)]
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
def test_what_a_design_cannot_identify_is_open_and_said(design: Design, law: Hernandez, unknown: str) -> None:
    found = fit(plant(design, law, 0.01, seed=3), bootstrap=50)
    assert found.status is Status.NOT_IDENTIFIED
    assert Status.NOT_IDENTIFIED.sentence in found.summary()
    assert not getattr(found, unknown).closed
    assert not found.k.closed
    assert any(unknown in note for note in found.notes)
    assert '"status": "not_identified"' in json.dumps(found.to_row(), allow_nan=False)


def test_transfer_beyond_the_floor_is_never_falsely_tight() -> None:
    law = Hernandez(4e7, 0.4, 0.5)
    table = plant(Design((3e3, 2e4, 1e5), DATA, 2), law, 0.01, seed=3)
    found = fit(table, bootstrap=50)
    assert found.n_cells["below_floor"] > 0
    assert found.status is not Status.CONVERGED
    assert found.beta.covers(law.beta)
    assert found.beta.width > 1


def test_every_cell_has_a_status_and_none_is_dropped() -> None:
    scratch = Scratch(E=1.0, A=12.0, a=0.2, B=3e4, b=0.9, D0=3e3)
    table = plant(DESIGN, Hernandez(30, 0.3, 0.9), 0.02, seed=2, scratch=scratch)
    spoilt = (table["arm"] == PLANTED) & (table["n_params"] == 3000) & (table["d_chars"] >= 3e5)
    table.loc[spoilt, "loss"] += 0.3
    cells = effective_data(table)
    assert len(cells) == 20
    assert {"below_floor", "no_transfer", "interpolated"} <= set(cells["status"]) <= set(CellStatus)
    below = cells[cells["status"] == "below_floor"]
    assert below["d_effective"].isna().all()
    assert np.isinf(below["d_effective_high"]).all()
    assert (below["d_effective_low"] > below["d_chars"]).all()
    ossified = cells[cells["status"] == "no_transfer"]
    assert (ossified["d_transferred"] <= 0).all()
    # At 3e5 characters the smallest size is on either side of a tenth of D(N), as far as these runs know it.
    of_least = cells[cells["n_params"] == 3000].set_index("d_chars")
    truth = (3e4 / (scratch.loss(3e3, np.inf) / 99)) ** (1 / 0.9) - 3e3
    assert (of_least["d_n_chars_low"] < truth).all() and (truth < of_least["d_n_chars_high"]).all()
    assert of_least["regime"].to_dict() == {1e4: "low", 3e4: "low", 1e5: "low", 3e5: "unknown", 1e6: "medium"}
    row = laws_document([fit(table, bootstrap=50)], table=table)["scratch"][0]
    assert row["d_n_range"] == pytest.approx(list(of_least.iloc[0][["d_n_chars_low", "d_n_chars_high"]]))


def test_inversion_gives_back_the_effective_data() -> None:
    exact = plant(DESIGN, LAW, noise=1e-7)
    for model, tolerance in (("floor", 0.01), ("pchip", 0.03)):
        cells = effective_data(exact, curves=fit_curves(exact, model))
        inside = cells[cells["status"] == "interpolated"]
        truth = LAW.d_effective(n_params=inside["n_params"], d_chars=inside["d_chars"])
        assert len(inside) >= 8
        assert np.allclose(inside["d_effective"], truth, rtol=tolerance), model


def test_amplification_is_the_slope_of_the_inversion(runs: pd.DataFrame) -> None:
    curves = fit_curves(runs)
    cell = effective_data(runs, curves=curves).iloc[0]
    up, down = (curves[cell["n_params"]].invert(cell["loss"] + step)[0] for step in (1e-5, -1e-5))
    assert cell["amplification"] == pytest.approx(abs(np.log(up / down)) / 2e-5, rel=1e-3)


def test_d_n_is_where_the_floor_is_99_percent_of_the_loss(runs: pd.DataFrame) -> None:
    curve = fit_curves(runs)[3000]
    assert isinstance(curve, Curve)
    assert curve.loss(curve.d_n()) * 0.99 == pytest.approx(curve.E)
    assert curve.d_n(0.98) < curve.d_n() < curve.d_n(0.995)


def test_common_and_separate_exponents() -> None:
    design = Design((3e3, 1.2e4, 5e4), DATA, 2)
    table = plant(design, {"text": Hernandez(40, 0.4, 0.5), "mix": Hernandez(200, 0.15, 0.5)}, 0.01, seed=4)
    beta = same_exponent("beta", table, "text", "mix", bootstrap=60)
    assert beta.p_bootstrap is not None and beta.p_bootstrap > 0.02
    alpha = same_exponent("alpha", table, "text", "mix", bootstrap=60)
    assert alpha.p_bootstrap is not None and alpha.p_bootstrap < 0.05
    assert alpha.difference.low is not None and alpha.difference.low > 0
    reverse = plant(design, {"back": Hernandez(40, 0.4, 0.2)}, 0.01, seed=6)
    other = same_exponent("beta", table, "text", "back", reverse, bootstrap=60)
    assert other.p_ratio is not None and other.p_ratio < 0.01


def test_leave_outs_move_by_no_more_than_their_intervals(runs: pd.DataFrame) -> None:
    fits = leave_outs(runs, bootstrap=50)
    assert set(fits) == {
        "all runs", "largest size left out", "smallest data size left out", "low-data regime only"
    }  # fmt: skip
    assert all(found.beta.covers(LAW.beta) for found in fits.values())
    assert fits["largest size left out"].n_runs < fits["all runs"].n_runs


def test_laws_json_goes_out_and_comes_back(runs: pd.DataFrame, tmp_path: Path) -> None:
    found = fit(runs, "text", bootstrap=50)
    write_laws(tmp_path / "laws.json", laws_document([found], table_sha256="0" * 64, seed=0, bootstrap=50))
    document = read_laws(tmp_path / "laws.json")
    row = document["rows"][0]
    assert row["alpha"] == {"value": found.alpha.value, "low": found.alpha.low, "high": found.alpha.high}
    assert len(document["scratch"]) == 4
    assert {"n_params", "E", "B", "b", "D0", "d_n_chars"} == set(document["scratch"][0])
    assert row["scratch"] == document["scratch"]
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(TransferLawsError, match="not JSON"):
        read_laws(tmp_path / "broken.json")


def test_runs_that_ended_at_a_limit_are_upper_ends(runs: pd.DataFrame) -> None:
    d = runs["d_chars"].where(
        runs["arm"] == SCRATCH, LAW.d_effective(n_params=runs["n_params"], d_chars=runs["d_chars"])
    )
    end, curve = Scratch().loss(runs["n_params"], 4e5), Scratch().loss(runs["n_params"], d)
    capped = runs.assign(loss=runs["loss"] + np.maximum(end - curve, 0.0))
    at_limit = capped.assign(ended=np.where(end > curve, "limit", "stalled"))
    as_points, as_ends = (fit(table, "text", bootstrap=50) for table in (capped, at_limit))
    assert not as_points.quotable
    assert as_ends.quotable
    assert as_ends.alpha.covers(LAW.alpha) and as_ends.beta.covers(LAW.beta)
    ends = at_limit.loc[end > curve, ["arm", "n_params", "d_chars"]].drop_duplicates()
    assert any(f"{len(ends)} cells have runs that ended at a limit" in note for note in as_ends.notes)
    cells = as_ends.cells[as_ends.cells["status"] == "at_limit"]
    assert len(cells) == (ends["arm"] == "text").sum()
    assert np.isinf(cells["d_effective_high"]).all()
    assert (as_ends.residuals["residual"].isna()).sum() == len(ends)


def test_the_same_seed_gives_the_same_answer(runs: pd.DataFrame) -> None:
    first, second = (fit(runs, "text", bootstrap=50, seed=9) for _ in range(2))
    assert first.alpha == second.alpha
    assert first.samples.equals(second.samples)


def test_every_source_by_every_method_and_why_one_could_not() -> None:
    table = plant(Design((3e3, 1.2e4, 5e4), DATA, 1), {"b": LAW, "a": LAW}, 0.01, seed=3)
    table = table[(table["arm"] != "a") | (table["n_params"] == 3000)]  # one size: no line in ln N
    fits, failed = fit_all(table, ("paper", "loss_space"), bootstrap=50)
    assert [(found.source, found.method) for found in fits] == [
        ("a", "loss_space"), ("b", "loss_space"), ("b", "paper")
    ]  # fmt: skip
    assert "needs low-data cells" in failed["a", "paper"]
    with pytest.raises(TransferLawsError, match="holds the sources a, b; name one"):
        fit(table)
    with pytest.raises(TransferLawsError, match="methods holds 'magic'"):
        fit_all(table, ("magic",))


def test_a_fit_tells_itself_in_a_few_lines_and_predicts(runs: pd.DataFrame) -> None:
    found = fit(runs, bootstrap=50)
    first, *lines = str(found).splitlines()
    assert first == f"text, hernandez by loss_space: converged, {len(runs)} runs"
    assert any(line.split()[0] == "alpha" and "at 95 %" in line for line in lines)
    assert Status.CONVERGED.sentence in found.summary()
    loss = predict_loss(found, [3000, 50000], 1e5)
    truth = [float(Scratch().loss(n, LAW.d_effective(n_params=n, d_chars=1e5))) for n in (3000, 50000)]
    assert loss == pytest.approx(truth, abs=0.02)
    with pytest.raises(TransferLawsError, match="no curve for n_params = 4000"):
        predict_loss(found, 4000, 1e5)


def test_cells_that_pre_training_hurts_bend_neither_the_law_nor_the_curve_they_are_judged_by(
    runs: pd.DataFrame,
) -> None:
    cell = ["n_params", "d_chars", "seed"]
    alone = runs[runs["arm"] == SCRATCH].set_index(cell)["loss"]
    worse = alone.reindex(pd.MultiIndex.from_frame(runs[cell])).to_numpy() + 0.3
    largest = (runs["arm"] == "text") & (runs["n_params"] == 2e5) & (runs["d_chars"] > 1e4)
    harmed = runs.assign(loss=np.where(largest, worse, runs["loss"]))
    found = fit(harmed, "text", bootstrap=100)
    for name in ("k", "alpha", "beta"):
        assert getattr(found, name).covers(getattr(LAW, name)), name
    for d in DATA:
        assert float(found.curves[2e5].loss(d)) == pytest.approx(alone[2e5, d].mean(), abs=0.02)
    assert any("4 cells lie above their own from-scratch curve" in note for note in found.notes)
