"""Regret: what following a form's advice loses, by hand and on a planted study."""

import numpy as np
import pandas as pd
import pytest

from transferlaws.laws import Comparison, Design, Hernandez, Scratch, plant, regret

ROWS = "scratch 100 10 4.0 | scratch 100 30 3.5 | scratch 300 10 3.8 | scratch 300 30 3.0 | notes 100 10 3.6"


def comparison(**predicted: float) -> Comparison:
    """A comparison whose forms say something of the one held-out cell, which came to 3.6 nats."""
    cell = {"n_params": 100, "d_chars": 10, "loss": 3.6}
    rows = [{"form": form, **cell, "predicted": loss, "error": 0.0} for form, loss in predicted.items()]
    scores = pd.DataFrame({"form": list(predicted), "error_loss": 0.0})
    return Comparison("notes", "held out of notes", scores, pd.DataFrame(rows))


def test_what_advice_loses_by_hand() -> None:
    """Against 3.6 stand 4.0 from scratch, 3.5 with three times the data, 3.8 at three times the size."""
    columns = ["arm", "n_params", "d_chars", "loss"]
    table = pd.DataFrame([row.split() for row in ROWS.split(" | ")], columns=columns).assign(seed=0)
    table[columns[1:]] = table[columns[1:]].astype(float)
    advised = comparison(right=3.6, too_high=3.9, far_too_high=9.0, too_low=3.4, no_idea=float("nan"))
    found = regret(table, advised).set_index("form")
    lost, wrong = found["regret"].to_dict(), found["wrong"].to_dict()
    assert (lost["right"], wrong["right"]) == (0, 0)
    assert lost["too_high"] == pytest.approx(0.2 / 3)  # takes the larger one from scratch
    assert lost["far_too_high"] == pytest.approx((0.2 + 0.4) / 3)
    assert found["worst_regret"].to_dict()["far_too_high"] == pytest.approx(0.4)
    assert (lost["too_low"], wrong["too_low"]) == pytest.approx((0.1 / 3, 1 / 3))
    assert found["n_choices"].tolist() == [3, 3, 3, 3, 0]
    assert np.isnan(lost["no_idea"])


def test_what_advice_loses_at_prices_by_hand() -> None:
    """A character costs 1, pre-training 5: the pre-trained model costs 15, and comes to 3.6.

    That is less than the 30 of three times the data, which come to 3.5. The others from scratch, with the
    same data, cost 10; with size at a price, the larger of them, which comes to 3.8, costs 40.
    """
    columns = ["arm", "n_params", "d_chars", "loss"]
    table = pd.DataFrame([row.split() for row in ROWS.split(" | ")], columns=columns).assign(seed=0)
    table[columns[1:]] = table[columns[1:]].astype(float)
    advised = comparison(right=3.6, too_low=3.4, too_high=3.9)
    found = regret(table, advised, lambda _, d, pretrained: d + 5 * pretrained).set_index("form")
    assert found["price_regret"].to_dict() == {"right": 0, "too_low": 15, "too_high": 0}
    assert found["price_least"].tolist() == [30, 30, 30] and found["n_priced"].tolist() == [1, 1, 1]
    sized = regret(table, advised, lambda n, d, pretrained: d + 0.15 * (n - 100) + 5 * pretrained)
    found = sized.set_index("form")
    assert found["price_regret"].to_dict() == {"right": 0, "too_low": 7.5, "too_high": 12.5}
    assert found["n_priced"].tolist() == [2, 2, 2]


def test_a_perfect_law_loses_what_noise_alone_would() -> None:
    law, noise = Hernandez(40, 0.4, 0.5), 0.05
    design = Design((3e3, 8e3, 2e4, 5e4), (1e4, 2e4, 4e4, 8e4, 1.6e5, 3.2e5), 1)
    lost, expected = [], []
    for seed in range(20):
        table = plant(design, {"notes": law}, noise, seed=seed)
        cells = table[table["arm"] == "notes"].assign(form="truth", error=0.0)
        n, d = cells["n_params"].to_numpy(float), cells["d_chars"].to_numpy(float)
        cells["predicted"] = Scratch().loss(n, law.d_effective(n_params=n, d_chars=d))
        share = noise * np.sqrt(2 / np.pi) / cells["loss"].mean()
        scores = pd.DataFrame({"form": ["truth", "seed noise"], "error_loss": [share, share]})
        found = regret(table, Comparison("notes", "", scores, cells)).set_index("form")["regret"]
        lost.append(found["truth"])
        expected.append(found["seed noise"])
    assert 0.5 < np.mean(lost) / np.mean(expected) < 2
