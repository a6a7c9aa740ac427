"""The search finds the minimum of a known curve, and never reports one at the edge of its grid."""

import math

import pytest

from transferlaws.training.tuning import Tuning, best_rate, interpolated_rate, next_rates

TUNING = Tuning(d_chars=(1_000,), first_guess=4e-3, most_rates=12)


def search(optimum: float, diverges_above: float = math.inf) -> dict[float, float]:
    losses: dict[float, float] = {}
    while rates := next_rates(losses, TUNING, TUNING.first_guess):
        for rate in rates:
            parabola = 3.0 + 0.05 * math.log(rate / optimum) ** 2
            losses[rate] = math.inf if rate > diverges_above else parabola
    return losses


@pytest.mark.parametrize("optimum", [2e-4, 1.1e-3, 5e-3, 3e-2])
def test_the_search_brackets_and_finds_the_optimum(optimum: float) -> None:
    losses = search(optimum)
    best = min(losses, key=lambda rate: losses[rate])
    assert min(losses) < best < max(losses)
    assert best_rate(losses, TUNING) == pytest.approx(optimum, rel=1e-6)


def test_no_rung_is_tried_again_for_its_last_digit() -> None:
    losses = {0.000266666: 3.2, 0.000533333: 3.0, 0.00106667: 3.1}  # each rounded from another
    assert next_rates(losses, TUNING, 0.000533333) == []


def test_a_diverging_neighbour_bounds_the_search() -> None:
    losses = search(optimum=1e-2, diverges_above=9e-3)
    assert best_rate(losses, TUNING) == 8e-3


def test_on_a_plateau_the_largest_good_rate_is_taken_and_nothing_far_below_is_tried() -> None:
    losses: dict[float, float] = {}
    while rates := next_rates(losses, TUNING, TUNING.first_guess):
        losses |= {
            rate: 3.0 + 0.0005 * math.log2(rate / 1e-4) + (0.1 if rate > 5e-3 else 0) for rate in rates
        }
    assert best_rate(losses, TUNING) == 4e-3
    assert min(losses) == 2e-3


def test_rates_between_tuned_sizes_follow_the_power_law_and_stay_level_beyond() -> None:
    tuned = [(1_000, 1e-3), (100_000, 1e-2)]
    assert interpolated_rate(tuned, 10_000) == pytest.approx(10**-2.5, rel=5e-3)
    assert interpolated_rate(tuned, 10_000_000) == pytest.approx(1e-2)
