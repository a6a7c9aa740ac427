"""One surface of rates and weight decays: it finds planted valleys, and one bad cell does not bend it."""

import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferlaws.runs.published import read_published
from transferlaws.training.surface import Trial, fit_surface

SIZES, DATA = (3_000, 12_000, 50_000, 200_000), (3_000, 30_000, 300_000)


def best(n: float, d: float) -> tuple[float, float]:
    rate = 4e-3 * (n / 2e4) ** -0.3 * (d / 3e4) ** 0.2
    return rate, 3.0 * (d / 3e4) ** -0.25


def planted(noise: float, seed: int = 0, spoiled: tuple[int, int] | None = None) -> list[Trial]:
    """Rates a factor of two apart and weight decays a factor of three, around a guess that is off."""
    random, trials = np.random.default_rng(seed), []
    for n, d in product(SIZES, DATA):
        rate, decay = best(n, d)
        tried = [(4e-3 * 2.0**i, 3.0) for i in range(-3, 4)] + [(4e-3, w) for w in (0.3, 1.0, 10.0)]
        for r, w in tried:
            loss = 4 + 0.06 * math.log(r / rate) ** 2 + 0.03 * math.log(w / decay) ** 2
            loss += noise * random.normal() + (0.2 * math.log(r / 1e-3) if (n, d) == spoiled else 0.0)
            trials.append(Trial(n, d, r, w, loss))
    return trials


@pytest.mark.parametrize("spoiled", [None, (12_000, 30_000)])
def test_a_planted_surface_is_found(spoiled: tuple[int, int] | None) -> None:
    surface = fit_surface(planted(0.01, spoiled=spoiled))
    for n, d in product(SIZES, DATA):
        rate, decay = best(n, d)
        # What the choice costs, in nats: less than a tenth of the noise of the losses it came from.
        costs = 0.06 * math.log(surface.rate(n, d) / rate) ** 2
        costs += 0.03 * math.log(surface.weight_decay(n, d) / decay) ** 2
        assert costs < (0.001 if spoiled is None else 0.01)
    assert surface.residuals["residual"].abs().median() < 0.01


def test_the_surface_follows_the_searches_of_the_second_laptop_study() -> None:
    records = read_published(Path(__file__).parents[2] / "results" / "laptop-2").values()
    trials = [
        Trial(
            record.outcome["n_params"],
            record.outcome["d_chars"],
            record.spec["learning_rate"] * record.spec["size"]["d_model"],
            record.spec["recipe"]["weight_decay"],
            record.outcome["loss_validation"],
        )
        for record in records
        if record.spec["arm"] == "scratch" and record.spec["seed"] == 0
    ]
    surface = fit_surface(trials)
    table = pd.DataFrame(trials)
    for n, d in sorted({(trial.n_params, trial.d_chars) for trial in trials}):
        cell, cost = table[(table["n_params"] == n) & (table["d_chars"] == d)], 0.0
        best = cell.sort_values("loss").iloc[0]
        for axis, other, chosen in (
            ("rate", "weight_decay", surface.rate(n, d)),
            ("weight_decay", "rate", surface.weight_decay(n, d)),
        ):
            line = cell[cell[other] == best[other]].sort_values(axis)
            cost += float(np.interp(math.log(chosen), np.log(line[axis]), line["loss"])) - best["loss"]
        # Of some eight noisy losses the least lies two standard deviations low by luck alone.
        assert cost < 0.06, (n, d)


def test_runs_that_diverged_say_where_not_to_go() -> None:
    trials = [t if t.rate < 1e-2 else Trial(t.n_params, t.d_chars, t.rate, t.weight_decay, math.inf)
              for t in planted(0.005)]  # fmt: skip
    surface = fit_surface(trials)
    assert surface.rate(3_000, 300_000) < 1e-2
    with pytest.raises(ValueError, match="finite"):
        fit_surface([t for t in trials if math.isinf(t.loss)])


def test_a_cell_that_was_not_searched_takes_its_rate_from_the_others() -> None:
    trials = [t for t in planted(0.01) if (t.n_params, t.d_chars) != (200_000, 300_000)]
    surface = fit_surface(trials)
    assert surface.rate(200_000, 300_000) == pytest.approx(best(200_000, 300_000)[0], rel=0.25)
