"""Laws of loss say only what independent runs carry: checkpoints, too few sizes, noise, other metrics."""

import numpy as np
import pandas as pd
import pytest

from transferlaws.laws import Chinchilla, FormFit, Kaplan, LossForm, fit_form

LAW = Chinchilla(E=1.8, A=400.0, B=1200.0, alpha=0.34, beta=0.36)
DATA = np.geomspace(1e8, 1e11, 6)


def runs(
    sizes: tuple[float, ...], data: np.ndarray = DATA, *, per_run: float = 0.0, own: float = 0.003
) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n, d = (grid.ravel() for grid in np.meshgrid(sizes, data, indexing="ij"))
    shared = np.repeat(rng.normal(0, per_run, len(sizes)), len(data))
    loss = LAW.loss(n_params=n, d_chars=d) * np.exp(shared + rng.normal(0, own, n.size))
    return pd.DataFrame({"n_params": n, "d_tokens": d, "loss": loss})


def fitted(table: pd.DataFrame, form: type[LossForm] = Chinchilla) -> FormFit:
    return fit_form(form, table, bootstrap=60)


def test_checkpoints_of_six_runs_are_six_runs() -> None:
    table = runs(tuple(np.geomspace(5e7, 2e9, 6)), np.geomspace(1e8, 1e11, 60), per_run=0.015, own=0.002)
    found = fitted(table)
    assert found.intervals["alpha"].covers(LAW.alpha)
    assert any("6 independent units in 360 rows" in note for note in found.notes)
    named = fitted(table.assign(run=[f"model {n:g}" for n in table["n_params"]]))
    assert any("same run" in note and "6 independent" in note for note in named.notes)


def test_two_sizes_leave_what_size_does_open_and_data_does_not() -> None:
    found = fitted(runs((1e8, 1e9)))
    assert found.status == "not_identified"
    for name in ("E", "A", "alpha"):
        assert found.intervals[name].low is None and found.intervals[name].high is None
    assert found.intervals["beta"].closed and found.intervals["beta"].covers(LAW.beta)
    assert any("E, A, alpha" in note and "too few sizes" in note for note in found.notes)


@pytest.mark.parametrize("form", [Kaplan, Chinchilla])
def test_noise_alone_closes_no_interval(form: type[LossForm]) -> None:
    table = runs((1e6, 1e7, 1e8, 1e9))
    table["loss"] = 4 * np.exp(np.random.default_rng(5).normal(0, 0.01, len(table)))
    found = fitted(table, form)
    assert not any(interval.closed for interval in found.intervals.values())
    assert any("do not show that loss depends" in note for note in found.notes)


def test_an_accuracy_in_place_of_a_loss_is_noticed() -> None:
    table = runs((1e6, 1e7, 1e8, 1e9))
    found = fitted(table.assign(loss=1 / table["loss"]))
    assert any("rises with size and data" in note for note in found.notes)
    assert not found.intervals["alpha"].closed
