"""Forms of loss: a published fit is found on its points, and each form finds its own planted law."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.laws import (
    SCRATCH,
    Chinchilla,
    Design,
    Hernandez,
    Kaplan,
    LossForm,
    Multiplicative,
    Unified,
    compare,
    fit_form,
    plant,
    predict_loss,
    read_table,
)
from transferlaws.laws.paper import BESIROGLU_2024, BESIROGLU_2024_INTERVALS, KAPLAN_2020

POINTS = Path(__file__).parent / "data" / "chinchilla_points.csv"
"""Figure 4 of Hoffmann et al. 2022, read off by Besiroglu et al. 2024 (arXiv 2404.10102)."""


def test_the_published_chinchilla_fit_is_found() -> None:
    table = read_table(POINTS, armless=True)
    table = table.drop(table["loss"].nlargest(5).index)
    found = fit_form(Chinchilla, table, bootstrap=400)
    law, published = found.law, BESIROGLU_2024
    assert isinstance(law, Chinchilla)
    assert pytest.approx(published.A, rel=0.05) == law.A
    assert pytest.approx(published.B, rel=0.10) == law.B
    assert pytest.approx(published.E, abs=0.005) == law.E
    assert law.alpha == pytest.approx(published.alpha, abs=0.005)
    assert law.beta == pytest.approx(published.beta, abs=0.005)
    for name, (low, high) in BESIROGLU_2024_INTERVALS.items():
        interval = found.parameters[name]
        assert interval.low is not None and interval.high is not None, name
        shared = min(interval.high, high) - max(interval.low, low)
        assert shared / (max(interval.high, high) - min(interval.low, low)) > 0.75, name


@pytest.mark.parametrize(
    "law",
    [
        Chinchilla(E=1.7, A=400, B=410, alpha=0.34, beta=0.28),
        KAPLAN_2020,
        Multiplicative(E=0.8, A=300, alpha=0.2, beta=0.15),
    ],
    ids=lambda law: type(law).__name__,
)
def test_a_form_finds_its_own_law(law: LossForm) -> None:
    n, d = (g.ravel() for g in np.meshgrid(np.geomspace(1e5, 1e9, 7), np.geomspace(1e6, 1e10, 7)))
    table = pd.DataFrame({"n_params": n, "d_tokens": d, "loss": law.loss(n_params=n, d_chars=d)})
    found = fit_form(type(law), table, bootstrap=0).law
    for name, value in vars(law).items():
        assert getattr(found, name) == pytest.approx(value, rel=0.01), name


def test_equation_6_1_takes_both_arms() -> None:
    law = Unified(N_C=1e8, D_C=1e7, alpha_N=0.1, alpha_D=0.2, k=40, alpha=0.4, beta=0.5)
    table = plant(Design(), noise=0)
    table["loss"] = law.loss(
        n_params=table["n_params"], d_chars=table["d_chars"], source=table["arm"] != SCRATCH
    )
    found = fit_form(Unified, table, bootstrap=0).law
    assert isinstance(found, Unified)
    assert found.alpha == pytest.approx(0.4, abs=0.01)
    assert found.beta == pytest.approx(0.5, abs=0.01)
    assert found.k == pytest.approx(40, rel=0.1)


def test_kaplan_with_one_size_is_refused() -> None:
    table = pd.DataFrame({"n_params": 1e5, "d_tokens": np.geomspace(1e6, 1e9, 20), "loss": 3.0})
    with pytest.raises(TransferLawsError, match="column n_params holds one value only"):
        fit_form(Kaplan, table)


@pytest.mark.parametrize(("option", "value"), [("bootstrap", 1), ("level", -1.0), ("level", 2.0)])
def test_options_that_make_no_interval_are_refused(option: str, value: Any) -> None:
    with pytest.raises(TransferLawsError, match=f"{option} is {value}"):
        fit_form(Chinchilla, plant(Design()), **{option: value})


def test_without_resamples_the_law_alone_is_fitted() -> None:
    table = plant(Design(), noise=0)
    found = fit_form(Chinchilla, table, bootstrap=0)
    assert not any(interval.closed for interval in found.intervals.values())
    alone = table[table["arm"] == SCRATCH]
    assert predict_loss(found, alone["n_params"], alone["d_chars"]) == pytest.approx(alone["loss"], rel=0.05)


def test_comparison_declares_its_hold_out_and_ranks_the_planted_law_before_the_baseline() -> None:
    table = plant(Design((3e3, 1.2e4, 5e4, 2e5)), Hernandez(40, 0.4, 0.5), 0.01, seed=1)
    result = compare(table)
    errors = result.scores.set_index("form")["error_loss"]
    assert errors["seed noise"] < errors["hernandez"] < errors["nearest cell"] / 5
    assert "its cells of 200,000 parameters" in result.declared
    assert set(result.predictions["n_params"]) == {3000, 12000, 50000, 200000}
    assert len(result.predictions.query("form == 'hernandez'")) == 5 + 3 * 2
    # A loss that a limit ended is no measurement, and judges nothing.
    table["ended"] = np.where((table["arm"] == "planted") & (table["d_chars"] == 1e6), "limit", "")
    limited = compare(table)
    assert "their limit" in limited.declared
    assert len(limited.predictions.query("form == 'hernandez'")) < 5 + 3 * 2


def test_a_form_that_the_runs_are_too_few_for_takes_no_other_along() -> None:
    table = plant(Design((3e3, 1.2e4, 5e4), seeds=1), Hernandez(40, 0.4, 0.5), 0.01, seed=1)
    result = compare(table, forms=("additive", "rectified"))
    assert "rectified is left out: 6 runs cannot fit the 6 parameters" in result.declared
    assert {"hernandez", "additive"} < set(result.scores["form"]) and "rectified" not in set(
        result.scores["form"]
    )
