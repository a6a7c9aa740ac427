"""The measured gain of a cell: paired by seed, with an interval of its own, or open and said so."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp, ttest_ind

from transferlaws.errors import TransferLawsError
from transferlaws.laws import Design, Hernandez, fit, gain, laws_document, plant

Rows = list[tuple[str, int, float]]


def cell(rows: Rows, n: int = 50_000, d: int = 30_000) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["arm", "seed", "loss"])
    return frame.assign(n_params=n, d_chars=d)


def arms(scratch: list[float], tuned: list[float], first: int = 0) -> Rows:
    return [("scratch", s, loss) for s, loss in enumerate(scratch)] + [
        ("notes", s + first, loss) for s, loss in enumerate(tuned)
    ]


SCRATCH, TUNED = [3.51, 3.73, 3.60], [3.16, 3.36, 3.27]


def test_a_sole_cell_has_the_interval_of_a_paired_t_test() -> None:
    """Its samples differ by 0.2 nats and cancel: an unpaired interval would be many times as wide."""
    (found,) = gain(cell(arms(SCRATCH, TUNED)))
    truth = ttest_1samp(np.subtract(SCRATCH, TUNED), 0).confidence_interval(0.95)
    assert (found.gain.low, found.gain.high) == pytest.approx((truth.low, truth.high))
    assert (found.how, found.n_pairs) == ("paired", 3)
    assert (found.loss_scratch, found.loss) == pytest.approx((np.mean(SCRATCH), np.mean(TUNED)))


def test_seeds_that_do_not_meet_are_compared_by_welch() -> None:
    (found,) = gain(cell(arms(SCRATCH, TUNED[:2], first=7)))
    truth = ttest_ind(SCRATCH, TUNED[:2], equal_var=False).confidence_interval(0.95)
    assert (found.gain.low, found.gain.high) == pytest.approx((truth.low, truth.high))
    assert (found.how, found.n_pairs) == ("unpaired", 0)


def test_one_seed_takes_the_noise_of_other_cells_or_none() -> None:
    alone, other = cell(arms([3.6], [3.2])), cell(arms(SCRATCH, TUNED), d=10_000)
    (found,) = gain(alone)
    assert (found.how, found.gain.low, found.gain.high, found.sd) == ("open", None, None, None)
    found = gain(pd.concat([alone, other], ignore_index=True))[1]
    assert found.d_chars == 30_000 and found.how == "noise"
    assert found.gain.low is not None and 0 < found.gain.low < 0.4
    strangers = cell(arms([3.6], [3.2], first=5))
    found = gain(pd.concat([strangers, other], ignore_index=True))[1]
    assert (found.how, found.n_pairs) == ("noise", 0) and found.gain.covers(0.0)  # samples do not cancel


def test_intervals_hold_the_planted_gain_as_often_as_they_say() -> None:
    law, held = Hernandez(40, 0.4, 0.5), []
    design = Design((3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5), 2)
    truth = gain(plant(design, law, 1e-9))
    for seed in range(40):
        cells = gain(plant(design, law, 0.02, seed=seed, seed_noise=0.1))
        held += [a.gain.covers(b.gain.value) for a, b in zip(cells, truth, strict=True)]
    assert 0.92 < np.mean(held) < 0.98


def test_settings_tried_in_one_cell_are_tuning_of_which_the_best_counts() -> None:
    worse = [cell(arms(list(np.add(SCRATCH, more)), list(np.add(TUNED, more)))).assign(learning_rate=rate)
             for rate, more in ((1e-3, 0.0), (1e-2, 0.4), (1e-4, 0.9))]  # fmt: skip
    (found,) = gain(pd.concat(worse, ignore_index=True))
    assert found.loss_scratch == pytest.approx(np.mean(SCRATCH))
    assert found.n_pairs == 3


def test_a_cell_without_its_twin_has_no_gain_and_an_unknown_level_is_refused() -> None:
    assert gain(cell([("scratch", 0, 3.5), ("notes", 0, 3.1)]).assign(d_chars=[10_000, 30_000])) == []
    with pytest.raises(TransferLawsError, match="level is 2"):
        gain(cell(arms(SCRATCH, TUNED)), level=2)


def test_the_document_holds_what_was_measured_and_the_scratch_arm_s_own_curves() -> None:
    table = plant(Design((3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5, 3e5), 2), {"notes": Hernandez(40, 0.4, 0.5)})
    hurt = (table["arm"] == "notes") & (table["n_params"] == 50_000)
    table.loc[hurt, "loss"] += 1.5
    table["pretrain_chars"] = np.where(table["arm"] == "notes", 2e6, 0)
    found = fit(table, bootstrap=50)
    plain, document = laws_document([found]), laws_document([found], table=table)
    row = document["rows"][0]
    assert {key: row[key] for key in plain["rows"][0]} == plain["rows"][0]
    assert row["pretrain_chars"] == [2e6, 2e6]
    assert len(row["measured"]) == 12
    assert {"n_params", "d_chars", "loss", "loss_scratch", "gain", "n_pairs", "how"} <= row["measured"][
        0
    ].keys()
    curve = document["scratch"][-1]
    runs = (
        table[(table["arm"] == "scratch") & (table["n_params"] == 50_000)].groupby("d_chars")["loss"].mean()
    )
    by_curve = [curve["E"] + curve["B"] * (d + curve["D0"]) ** -curve["b"] for d in runs.index]
    assert by_curve == pytest.approx(list(runs), abs=0.02)
    assert curve["d_chars"] == [1e4, 3e5]
