"""Laws of loss lead somewhere: to a loss, a size, an amount of data, at several sizes or at one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from transferlaws import planner
from transferlaws.cli import main
from transferlaws.errors import TransferLawsError
from transferlaws.laws import (
    LOSS_FORMS,
    Chinchilla,
    LossForm,
    PowerOfData,
    Rectified,
    RectifiedAtOneSize,
    Tied,
    fit_form,
    laws_document,
)

HOFFMANN = Chinchilla(E=1.82, A=482.0, B=2085.0, alpha=0.348, beta=0.366)
SIZES, DATA = (2e6, 1e7, 5e7, 2.5e8), (1e8, 4e8, 1.6e9, 6.4e9, 2.5e10)
LIN = Rectified(E=0.5, A=40.0, B=300.0, alpha=0.2, beta=0.35, d_learned=2e4)


def table(
    law: LossForm, sizes: tuple[float, ...], data: tuple[float, ...], unit: str = "d_tokens"
) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n, d = (grid.ravel() for grid in np.meshgrid(sizes, data))
    loss = law.loss(n_params=n, d_chars=d) * np.exp(0.002 * rng.normal(size=n.size))
    frame = pd.DataFrame({"n_params": n, unit: d, "loss": loss})
    return frame if unit == "d_tokens" else frame.assign(arm="scratch", seed=0)


def frozen(form: type[LossForm], runs: pd.DataFrame) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(laws_document([fit_form(form, runs, bootstrap=100)])))
    return document


@pytest.fixture(scope="module")
def laws() -> dict[str, Any]:
    return frozen(Chinchilla, table(HOFFMANN, SIZES, DATA))


def test_loss_size_and_data_are_answered_within_their_intervals(laws: dict[str, Any]) -> None:
    truth = float(HOFFMANN.loss(n_params=3e7, d_chars=1e9))
    loss = planner.predict(laws, "all rows", 3e7, 1e9, "loss")
    size, data = planner.size_for(laws, None, truth, 1e9), planner.data_for(laws, None, truth, 3e7)
    assert (size.quantity, data.quantity) == ("n_params", "d_tokens")
    for answer, expected in ((loss, truth), (size, 3e7), (data, 1e9)):
        assert answer.value == pytest.approx(expected, rel=0.03)
        assert answer.low is not None and answer.high is not None and answer.low < expected < answer.high
        assert "tokens" in answer.reason


def test_what_a_law_of_loss_cannot_say_is_refused(laws: dict[str, Any]) -> None:
    assert "half a decade" in planner.predict(laws, None, 1e10, 1e9, "loss").reason
    assert "knows nothing of pre-training" in planner.predict(laws, None, 3e7, 1e9, "multiplier").reason
    assert planner.data_for(laws, None, 1.0, 3e7).refused
    with pytest.raises(TransferLawsError, match=r"chinchilla of all rows.* nothing of pre-training"):
        planner.should_pretrain(laws, "all rows", 3e7, 1e9, 1e9)
    with pytest.raises(TransferLawsError, match="are of all rows; they hold no 'notes'"):
        planner.predict(laws, "notes", 3e7, 1e9, "loss")


def test_two_sizes_identify_one_exponent_for_both_and_not_two() -> None:
    law = Tied(E=1.8, A=400.0, B=4000.0, alpha=0.36)
    runs = table(law, SIZES[1:3], tuple(np.geomspace(1e8, 2.5e10, 12)))
    free, tied = (fit_form(form, runs, bootstrap=200) for form in (Chinchilla, Tied))
    assert not free.intervals["alpha"].closed
    found = tied.intervals["alpha"]
    assert found.closed and found.covers(law.alpha) and found.width < 0.1


@pytest.mark.parametrize("name", LOSS_FORMS)
def test_every_form_reads_back_as_the_law_it_was(name: str) -> None:
    form = LOSS_FORMS[name]
    if form.both_arms:
        pytest.skip("a law of both arms takes a table of both")
    law = HOFFMANN if form.sized else PowerOfData(E=2.0, B=900.0, beta=0.35)
    found = fit_form(form, table(law, SIZES if form.sized else SIZES[:1], DATA), bootstrap=0)
    answer = planner.predict(json.loads(json.dumps(laws_document([found]))), None, 2e6, 1e9, "loss")
    assert answer.value == pytest.approx(float(found.law.loss(n_params=2e6, d_chars=1e9)))
    assert (answer.low, answer.high) == (None, None)


@pytest.mark.parametrize(
    ("form", "law"),
    [
        (Chinchilla, PowerOfData(E=2.9, B=1500.0, beta=0.37)),
        (PowerOfData, PowerOfData(E=0.4, B=60.0, beta=0.2)),
        (Rectified, RectifiedAtOneSize(E=1.2, B=2e4, beta=0.48, d_learned=3e8)),
    ],
)
def test_one_size_is_loss_against_data_and_size_is_not_in_it(form: type[LossForm], law: LossForm) -> None:
    runs = table(law, (3e7,), tuple(np.geomspace(1e7, 1e11, 14)))
    runs.loc[::2, "n_params"] = 30_439_808  # as other tools write it, less round
    found = fit_form(form, runs, bootstrap=100)
    assert type(found.law) is type(law)
    assert any("size is not in the law" in note for note in found.notes)
    assert found.intervals["beta"].value == pytest.approx(law.disassemble()[0][0], rel=0.15)
    laws = frozen(form, runs)
    truth = float(law.loss(n_params=3e7, d_chars=2e9))
    assert planner.predict(laws, None, 3e7, 2e9, "loss").value == pytest.approx(truth, rel=0.01)
    assert planner.data_for(laws, None, truth, 3e7).value == pytest.approx(2e9, rel=0.05)
    for refused in (planner.predict(laws, None, 6e7, 2e9, "loss"), planner.size_for(laws, None, truth, 2e9)):
        assert refused.refused and "one size" in refused.reason


def test_a_law_of_one_size_is_not_fitted_to_several_nor_one_of_size_to_one() -> None:
    with pytest.raises(TransferLawsError, match="holds 4 sizes"):
        fit_form(PowerOfData, table(HOFFMANN, SIZES, DATA))
    with pytest.raises(TransferLawsError, match="one value only"):
        fit_form(LOSS_FORMS["kaplan"], table(HOFFMANN, SIZES[:1], DATA))


@pytest.mark.parametrize(("unit", "without"), [("d_tokens", 3), ("d_chars", 3), ("d_tokens", 1)])
def test_runs_without_data_count_for_a_rectified_law_and_are_set_aside_for_others(
    unit: str, without: int
) -> None:
    """Runs `without` data are there at all three sizes, or at the smallest alone."""
    data, sizes = (0.0, *np.geomspace(2e2, 2e6, 9)), (1e8, 4e8, 1.6e9)
    runs = table(LIN, sizes, data, unit)
    runs = runs[(runs[unit] > 0) | runs["n_params"].isin(sizes[:without])]
    found = fit_form(Rectified, runs, bootstrap=100)
    assert found.n_runs == len(runs)
    laws = json.loads(json.dumps(laws_document([found])))
    start = float(LIN.loss(n_params=1e8, d_chars=0.0))
    assert planner.predict(laws, None, 1e8, 0.0, "loss").value == pytest.approx(start, rel=0.01)
    assert "even without data" in planner.data_for(laws, None, start + 1, 1e8).reason
    additive = fit_form(Chinchilla, runs, bootstrap=0)
    assert additive.n_runs == len(runs) - without
    assert any(f"zero-shot ({unit} = 0)" in note and "rectified" in note for note in additive.notes)
    with pytest.raises(TransferLawsError, match=f"{unit} is 0"):
        planner.predict(json.loads(json.dumps(laws_document([additive]))), None, 1e8, 0.0, "loss")


def test_the_verbs_read_what_fit_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, laws = tmp_path / "runs.csv", str(tmp_path / "laws.json")
    table(HOFFMANN, SIZES, DATA).to_csv(runs, index=False)
    assert main(["fit", str(runs), "--law", "chinchilla", "--bootstrap", "60", "--out", laws]) == 0
    capsys.readouterr()
    at = ["--laws", laws, "--source", "all rows"]
    assert main(["predict", *at, "--n-params", "3e7", "--d-chars", "1e9"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("loss") and "read as tokens" in printed.err
    assert main(["size-for", *at, "--target-loss", "4", "--d-tokens", "1e9"]) == 0
    assert main(["data-for", *at, "--target-loss", "4", "--n-params", "3e7"]) == 0
    assert "d_tokens" in capsys.readouterr().out
    assert main(["predict", *at, "--n-params", "3e7"]) == 2
    assert (
        main(["should-pretrain", *at, "--n-params", "3e7", "--d-chars", "1e9", "--pretrain-chars", "1"]) == 1
    )
    assert "nothing of pre-training" in capsys.readouterr().err
