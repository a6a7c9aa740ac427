"""Sentences on runs and cells say what runs show: each on planted studies in which the opposite is true."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from transferlaws import laws, prose
from transferlaws.figures import effective
from transferlaws.laws import (
    Chinchilla,
    Design,
    Floor,
    Hernandez,
    Interval,
    Kaplan,
    Noise,
    effective_data,
    fit_form,
    noise_of,
    plant,
)
from transferlaws.training.tuning import Tuning

SIZES, DATA = (3e3, 1e4, 4e4), (1e3, 1e4, 1e5)


def study(scratch_slope: float, tuned_slope: float, seeds: int = 3, noise: float = 0.002) -> pd.DataFrame:
    """Losses that fall by so much for ten times the size, from scratch and pre-trained."""
    rng = np.random.default_rng(0)
    rows = [
        (n, arm, d, seed, 5 - 0.3 * np.log10(d) + slope * np.log10(n / 1e4) + noise * rng.normal())
        for arm, slope in (("scratch", scratch_slope), ("text", tuned_slope))
        for n in SIZES
        for d in DATA
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["n_params", "arm", "d_chars", "seed", "loss"])


def test_slopes_are_those_that_were_planted_and_only_over_common_sizes() -> None:
    table = study(-0.02, -0.3)
    bent = pd.concat([table, table[table["arm"] == "scratch"].assign(n_params=4e6, loss=9.0)])
    found = prose.slopes.measured(bent, ["scratch", "text"])
    assert set(found["n_sizes"]) == {3}
    by_arm = found.groupby("arm")["slope"].mean()
    assert by_arm["scratch"] == pytest.approx(-0.02, abs=0.005)
    assert by_arm["text"] == pytest.approx(-0.3, abs=0.005)


@pytest.mark.parametrize(
    ("scratch", "text", "said", "not_said", "beside"),
    [
        (
            0.0,
            -0.3,
            "steeper at 3 of the 3 data sizes with intervals of both, and flatter at 0",
            "raises the loss",
            "as in the paper",
        ),
        (-0.3, 0.0, "lowers the loss at 3 of the 3 data sizes", "steeper at 3", "still falls"),
        (0.2, -0.1, "at 3 it raises the loss", "flatter at 3", "the loss rises there"),
    ],
)
def test_saturation_is_said_where_it_is(
    scratch: float, text: float, said: str, not_said: str, beside: str
) -> None:
    found = prose.slopes.measured(study(scratch, text), ["scratch", "text"])
    sentence = prose.slopes.saturation(found)
    assert said in sentence and not_said not in sentence
    assert beside in prose.slopes.beside_paper(found)


def test_without_repeats_no_slope_is_certain() -> None:
    found = prose.slopes.measured(study(-0.3, -0.3, seeds=1), ["scratch", "text"])
    assert found["low"].isna().all()
    assert "no slope has an interval" in prose.slopes.saturation(found)
    assert "so none can say" in prose.slopes.beside_paper(found)


def test_runs_that_nobody_searched_settings_for_are_counted() -> None:
    table = study(0.0, 0.0)
    assert "no run lies outside" in prose.tuned.unsearched(table, Tuning((1000, 100_000)))
    said = prose.tuned.unsearched(table, Tuning((10_000,)))
    assert "Of 54 runs, 36 have less or more data" in said and "nearest searched amount" in said
    assert "same surface" in prose.tuned.unsearched(table, Tuning((10_000,), smooth=True))


def searched(best_scratch: float, best_text: float) -> pd.DataFrame:
    """Valleys of validation loss around each arm's best rate, a gain of 0.5 nats at the bottom."""
    rates = 1e-3 * 2.0 ** np.arange(6)
    rows = [
        (n, arm, d, 0, rate, floor - 0.4 * np.log10(d / 1e3) + 0.1 * np.log2(rate / best) ** 2)
        for arm, best, floor in (("scratch", best_scratch, 5.0), ("text", best_text, 4.5))
        for n in SIZES[:2]
        for d in DATA
        for rate in rates
    ]
    columns = ["n_params", "arm", "d_chars", "seed", "learning_rate", "loss_validation"]
    return pd.DataFrame(rows, columns=columns)


def test_one_rate_changes_nothing_where_both_arms_like_the_same() -> None:
    found = prose.tuned.one_rate(searched(4e-3, 4e-3), "text")
    assert (
        len(found) == 6 and np.allclose(found["gain_shared"], 0.5) and np.allclose(found["gain_tuned"], 0.5)
    )
    assert "larger with it in 0 of 6 cells and smaller in 0" in prose.tuned.tuning_share(found)


def test_one_rate_that_costs_scratch_more_makes_pretraining_look_better_and_the_other_way_round() -> None:
    favoured = searched(4e-3, 4e-3)
    hurt = favoured["arm"] == "scratch"
    favoured.loc[hurt & (favoured["learning_rate"] != 8e-3), "loss_validation"] += 0.2
    favoured.loc[hurt & (favoured["learning_rate"] == 8e-3), "loss_validation"] -= 0.1
    found = prose.tuned.one_rate(favoured, "text")
    assert (found["gain_tuned"] < 0.5 + 1e-9).all()
    for cost, word in (("scratch", "larger"), ("text", "smaller")):
        table = searched(4e-3, 4e-3)
        # The arm's own best lies elsewhere, but so shallow that the sum still prefers the other's.
        moved = table["arm"] == cost
        table.loc[moved & (table["learning_rate"] == 16e-3), "loss_validation"] = (
            table.loc[moved & (table["learning_rate"] == 4e-3), "loss_validation"].to_numpy() - 0.05
        )
        said = prose.tuned.tuning_share(prose.tuned.one_rate(table, "text"))
        assert "larger with it in 6 of 6" in said if word == "larger" else "smaller in 6" in said


def test_arms_that_share_no_rate_say_nothing() -> None:
    table = searched(4e-3, 4e-3)
    table.loc[table["arm"] == "text", "learning_rate"] *= 1.5
    assert "cannot be told" in prose.tuned.tuning_share(prose.tuned.one_rate(table, "text"))


def floor(n: float, low: float | None, d_low: float | None, d_high: float | None) -> Floor:
    profile = pd.DataFrame({"E": [0.0], "rise": [0.0]})
    return Floor(n, Interval(2.0, low, 2.1), Interval(3e7, d_low, d_high), 4.0, 1e6, profile)


def test_a_floor_that_is_not_known_gives_no_d_n() -> None:
    known, unknown = floor(1e3, 1.9, 1e7, 1e8), floor(1e4, None, 1e7, None)
    said = prose.floors.known([known, unknown])
    assert "two ends for 1 of 2 sizes" in said and "No floor at all" in said
    table = prose.floors.enough([known, unknown], [known, unknown])
    assert table.count("not identified") == 2 and "for 1 of 2 sizes" in table
    assert "3.0" not in table.splitlines()[3]  # the size that does not know it prints no D(N)
    assert not floor(1e3, 1.9, 1e7, 1e12).known


def test_low_data_is_said_only_where_the_interval_of_d_n_leaves_no_doubt() -> None:
    cells = pd.DataFrame({"n_params": [1e3, 1e3, 1e3, 1e4], "d_chars": [1e5, 3e6, 1e8, 1e5]})
    found = [floor(1e3, 1.9, 1e7, 1e8), floor(1e4, None, None, None)]
    said = prose.cells.low_data(cells, found)
    assert "1 in it and 1 outside it wherever D(N) lies in its interval, 2 undecided" in said
    assert "none in it and none outside it" in prose.cells.low_data(cells, [])


def test_the_range_of_arrows_counts_every_cell() -> None:
    made = plant(Design(seeds=2), Hernandez(k=40.0, alpha=0.4, beta=0.5), 0.005)
    cells = effective_data(made, bootstrap=20)
    said = prose.cells.spread(cells)
    finite = cells[cells["status"].isin(["interpolated", "extrapolated"])]
    assert f"Of {len(cells)} cells" in said
    assert prose.numbers.scientific(float(finite["multiplier"].median())) in said
    worst = cells.assign(status="no_transfer", multiplier=0.5)
    assert f"in {len(cells)} cells pre-training was worth nothing" in prose.cells.spread(worst)
    assert "multiplied" not in prose.cells.spread(worst)


def test_one_capped_run_is_no_ossification() -> None:
    cells = pd.DataFrame({"n_params": [1e3], "d_chars": [1e6], "status": ["no_transfer"], "n_seeds": [1]})
    said = prose.cells.ossified(cells)
    assert "one run" in said and "takes pairs of runs" in said


def test_runs_at_their_limit_are_named_and_their_absence_is_said() -> None:
    table = study(0.0, -0.1).assign(ended="plateau")
    assert "none met its token limit" in prose.passes.at_limit(table)
    table.loc[0, "ended"] = "limit"
    assert "1 run of 54 met the token limit" in prose.passes.at_limit(table)
    assert "do not say why" in prose.passes.at_limit(study(0.0, 0.0))


def test_three_noises_are_three_numbers() -> None:
    parts = {"sample": 0.04, "run": 0.02, "misfit": 0.011}
    noise = noise_of(study(0.0, -0.1), "text")
    said = prose.noise.three_noises(noise, ["scratch", "text"], parts)
    for number in ("0.040", "0.020", "0.011"):
        assert said.count(number) == 1
    plain = prose.noise.three_noises(Noise.plain(0.05), ["scratch", "text"], parts)
    assert re.search(r"scratch 0.050 to 0.050; text 0.050 to 0.050", plain)


def test_fewer_passes_are_counted_both_ways() -> None:
    table = study(0.0, 0.0).assign(epochs_best=lambda rows: np.where(rows["arm"] == "text", 3.0, 9.0))
    assert "text: fewer at 3 of 3 data sizes, 3.0 against 9.0" in prose.passes.fewer(table)
    other = table.assign(epochs_best=12.0 - table["epochs_best"])
    assert "text: fewer at 0 of 3 data sizes, 9.0 against 3.0" in prose.passes.fewer(other)


def test_cells_that_a_plot_loses_are_counted_and_their_absence_is_said() -> None:
    cells = pd.DataFrame({"status": ["interpolated", "below_floor", "no_transfer", "no_transfer"]})
    said = prose.cells.left_out({"text": cells})
    assert "| text | 4 | 1 | 1 | 2 | 0 |" in said and "not a random choice" in said
    assert "did best" in said and "did worst" in said
    worst = prose.cells.left_out({"text": cells.iloc[[0, 2]]})
    assert "did worst" in worst and "did best" not in worst
    assert "no cell is lost" in prose.cells.left_out({"text": cells.head(1)})


def test_every_way_to_read_a_cell_has_its_words_and_its_place_in_a_picture() -> None:
    statuses = [status.value for status in laws.CellStatus]
    assert set(effective.STATUSES) == set(statuses)
    row = {"n_params": 1e4, "d_chars": 1e4, "loss": 3.0, "multiplier": 2.0, "d_effective": 2e4}
    row |= {"d_effective_low": 1e4, "d_effective_high": np.inf, "d_transferred": 1e4}
    cells = pd.DataFrame([row | {"status": status} for status in statuses])
    assert len({str(prose.cells.cell(cell, "text")) for _, cell in cells.iterrows()}) == len(statuses)
    assert "a lower end alone" in prose.cells.cell(cells.iloc[statuses.index("at_limit")], "text")
    said = prose.cells.spread(cells)
    assert said.startswith("Of 5 cells") and "in 1 cell a run met its token limit" in said


@pytest.mark.parametrize(("power", "word"), [(0.5, "up"), (-0.5, "down")])
def test_the_inversion_is_nervous_where_it_is(power: float, word: str) -> None:
    d = np.array([1e3, 1e4, 1e5])
    cells = pd.DataFrame(
        {"n_params": [1e3, 1e4, 1e5], "d_chars": d, "d_effective": 2 * d, "amplification": d**power}
    )
    said = prose.cells.nervous(cells)
    assert f"goes {word} with $D_E$" in said and f"and {word} with size" in said
    assert "nothing is amplified" in prose.cells.nervous(cells.assign(amplification=np.nan))


def test_one_form_is_better_than_another_only_where_it_misses_less() -> None:
    table = plant(Design(seeds=2), {}, 0.002)
    forms = [fit_form(form, table, bootstrap=0) for form in (Kaplan, Chinchilla)]
    assert "The form with a floor misses" in prose.comparison.floor_needed(*forms)
    assert "The form without a floor misses" in prose.comparison.floor_needed(*reversed(forms))
    assert "does not decide for a floor" in prose.comparison.floor_needed(forms[1], forms[1])


def test_a_form_misses_where_it_was_bent() -> None:
    cells = pd.DataFrame(
        [(n, d, 3.0 + (0.5 if n == 1e5 else 0.0), 3.0) for n in (1e3, 1e4, 1e5) for d in (1e3, 1e4)],
        columns=["n_params", "d_chars", "loss", "eq_6_1"],
    )
    assert "most at N = $10^{5}$ (the largest), by 0.500" in prose.comparison.where_it_misses(cells)
    assert "(too low)" in prose.comparison.where_it_misses(cells)
    flipped = cells.assign(loss=3.0, eq_6_1=cells["loss"])
    assert "(too high)" in prose.comparison.where_it_misses(flipped)
    assert "too far" not in prose.comparison.where_it_misses(flipped)
    level = cells.assign(loss=3.0 + 0.2 * (cells["d_chars"] == 1e4), eq_6_1=3.0)
    assert "goes on falling at the most data, by 0.200 too far" in prose.comparison.where_it_misses(level)


def test_a_factor_is_one_only_where_all_runs_have_it() -> None:
    table = pd.DataFrame({"bits_per_char": [2.0, 4.0], "loss": [1.0, 2.0]})
    assert "are 2.0000 times" in prose.tokens.one_factor(table, "laptop")
    apart = prose.tokens.one_factor(table.assign(loss=[1.0, 4.0]), "laptop")
    assert "between 1.0000 and 2.0000" in apart and "one factor" not in apart


def test_the_slack_of_a_search_is_set_beside_the_noise() -> None:
    parts = {"sample": 0.03, "run": 0.04, "misfit": 0.0}
    said = prose.tuned.tuning_slack(Tuning((3000,), flat_nats=0.02), parts)
    assert "within 0.02 nats/token" in said and "less than one run's noise (0.050)" in said
    assert "more than one run's noise" in prose.tuned.tuning_slack(Tuning((3000,), flat_nats=0.1), parts)


def test_what_a_study_gave_stands_beside_what_its_design_should() -> None:
    designs = pd.DataFrame({"width_alpha": [0.1], "width_beta": [0.1]})
    made = plant(Design(seeds=2), Hernandez(k=40.0, alpha=0.4, beta=0.5), 0.01)
    fit = replace(laws.fit(made, bootstrap=50), alpha=Interval(0.4, 0.3, 0.6), beta=Interval(0.5, None, 0.6))
    wide = prose.evidence.obtained(
        designs, replace(fit, noise_parts={"sample": 0.03, "run": 0.04, "misfit": 0.02})
    )
    assert "expected 0.1, obtained 0.3 (3.0 times)" in wide and "obtained an open interval" in wide
    assert "0.020 nats/token, beside 0.050 of noise" in wide
    clean = prose.evidence.obtained(
        designs, replace(fit, noise_parts={"sample": 0.03, "run": 0.04, "misfit": 0.0})
    )
    assert "misses nothing beyond noise" in clean


def test_the_noise_that_moves_effective_data_is_that_between_seeds() -> None:
    cells = pd.DataFrame({"d_chars": [1e3, 1e4], "amplification": [2.0, 10.0], "d_effective": [1e4, np.inf]})
    cells = cells.assign(n_params=1e4, status=["interpolated", "below_floor"])
    (_, _, moved), (_, _, endless) = prose.cells.conditioning(cells, Noise.plain(0.05))
    assert "(0.050 to 0.050 nats/token) moves $D_E$ by 10.0 % in the calmest cell and 50.0 %" in moved
    assert endless == "of 2, 1 below the floor; all are shown"
    limited = cells.assign(status="at_limit")
    *_, (_, _, none) = prose.cells.conditioning(cells.assign(status="interpolated"), Noise.plain(0.05))
    *_, (_, _, ends) = prose.cells.conditioning(limited, Noise.plain(0.05))
    assert none == "none of 2" and "2 with a lower end alone" in ends
    # Nor is such a cell counted among those in which pre-training did no harm, or called endless.
    assert "In none of the 0 cells" in prose.cells.ossified(limited)
    assert "2 cells with runs that met their token limit cannot" in prose.cells.ossified(limited)
    assert "no loss here lies below its floor" in prose.cells.endless(limited)
    assert "no loss here" not in prose.cells.endless(cells)


def test_a_handout_has_cells_of_one_size_from_the_steepest_to_the_flattest() -> None:
    cells = pd.DataFrame(
        {
            "n_params": [10, 10, 10, 10, 20, 20],
            "d_chars": [1e3, 1e4, 1e5, 1e6, 1e3, 1e4],
            "loss": [4.0, 3.5, 3.0, 2.5, 3.9, 3.4],
            "multiplier": [9.0, 4.0, 2.0, 1.5, 9.0, 4.0],
            "amplification": [2.0, 5.0, 3.0, 4.0, 1.0, 9.0],
            "status": ["interpolated"] * 6,
            "d_effective": 1e5,
            "d_effective_low": 5e4,
            "d_effective_high": 2e5,
        }
    )
    chosen = prose.cells.to_read_off(cells)
    assert set(chosen["n_params"]) == {10} and list(chosen["amplification"]) == [2.0, 3.0, 5.0]
    assert "| C | 3.500 |" in prose.cells.read_off(chosen)
    assert len(prose.cells.to_read_off(cells[4:])) == 2
    off = cells.assign(status="below_floor")
    assert "nothing to read" in prose.cells.read_off(prose.cells.to_read_off(off))
