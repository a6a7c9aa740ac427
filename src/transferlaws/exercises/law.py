"""Checks of part III: the size at which half is transferred, coverage, the baseline, equation 6.1."""

from collections.abc import Callable

from transferlaws.exercises.checking import compare
from transferlaws.laws import Unified
from transferlaws.laws.paper import TABLE_1


def check_n_star(answer: Callable[[float, float, float, float], float]) -> str:
    """Check `answer(k, alpha, beta, d_chars)`: the size at which half the effective data is transferred."""
    for law in TABLE_1.values():
        for d_chars in (1e6, 1e8):
            case = f"D_F = {d_chars:g}, k = {law.k:g}"
            compare(answer, (law.k, law.alpha, law.beta, d_chars), float(law.n_star(d_chars)), case)
    return "Right: at N* the fraction is one half, wherever D_F is."


def check_local_alpha(
    answer: Callable[[float, dict[float, float], float, dict[float, float]], float],
) -> str:
    """Check `answer(d_first, first, d_second, second)`: ln D_T's mean rise by that of ln D_F, over sizes."""
    inf, nan = float("inf"), float("nan")
    law = next(iter(TABLE_1.values()))
    whole = [{n: float(law.d_transferred(n_params=n, d_chars=d)) for n in (1e6, 1e7)} for d in (1e5, 1e6)]
    cases = (
        (1e5, whole[0], 1e6, whole[1], law.alpha, "cells of one law"),
        (
            1e3,
            {1e4: 50.0, 1e5: 100.0},
            1e4,
            {1e4: 500.0, 1e5: 10_000.0},
            1.5,
            "two sizes that rise unequally",
        ),
        (1e3, {1e4: 50.0, 1e5: 100.0}, 1e4, {1e5: 1000.0, 1e6: 7.0}, 1.0, "one size in common"),
        (1e3, {1e4: 50.0, 1e5: 90.0}, 1e5, {1e4: -3.0, 1e5: 900.0}, 0.5, "a negative D_T at one size"),
        (1e3, {1e4: 50.0, 1e5: 90.0}, 1e5, {1e4: inf, 1e5: 9.0}, -0.5, "an endless D_T at one size"),
        (1e3, {1e4: 0.0}, 1e5, {1e4: 900.0}, nan, "no size with D_T > 0 at both"),
    )
    for d_first, first, d_second, second, wanted, title in cases:
        case = f"{title}: {first} at D_F = {d_first:g} and {second} at {d_second:g}"
        compare(answer, (d_first, first, d_second, second), wanted, case)
    return "Right: sizes count alike, and cells without a finite D_T > 0 take no part."


def check_coverage(answer: Callable[[list[tuple[float | None, float | None]], float], float]) -> str:
    """Check `answer(intervals, truth)`: the share of (low, high) that hold the truth; None is no bound."""
    closed: list[tuple[float | None, float | None]] = [(0.1, 0.3), (0.2, 0.4), (0.35, 0.5), (0.0, 0.2)]
    for intervals, truth, share in (
        (closed, 0.25, 0.5),
        ([*closed, (None, 0.3), (0.4, None), (None, None)], 0.25, 4 / 7),
    ):
        compare(answer, (intervals, truth), share, f"the intervals {intervals} and the truth {truth}")
    return "Right: an open interval is never wrong on its open side, and never says much either."


def check_nearest(answer: Callable[[list[tuple[float, float, float]], float, float], float]) -> str:
    """Check `answer(cells, n_params, d_chars)`: the loss of the nearest (n, d, loss) in logarithms."""
    cells = [(1e3, 1e4, 5.0), (1e3, 1e6, 4.0), (1e5, 1e4, 4.5), (1e5, 1e6, 3.0)]
    for n, d, loss in ((1e6, 1e7, 3.0), (2e3, 8e4, 5.0), (2e4, 5e5, 3.0), (5e3, 3e5, 4.0)):
        compare(answer, (cells, n, d), loss, f"N = {n:g}, D = {d:g} and the cells {cells}")
    return "Right: with no parameter at all, and a law has to beat it."


def check_unified(answer: Callable[[Unified, float, float], float]) -> str:
    """Check `answer(law, n_params, d_chars)`: equation 6.1's loss after pre-training, from its fields."""
    for law in (
        Unified(N_C=2e7, D_C=2e8, alpha_N=0.16, alpha_D=0.17, k=40.0, alpha=0.4, beta=0.5),
        Unified(N_C=6.4e13, D_C=1.8e13, alpha_N=0.076, alpha_D=0.103, k=1.9e4, alpha=0.18, beta=0.38),
    ):
        for n, d in ((3e3, 1e4), (4e7, 3e5)):
            wanted = float(law.loss(n_params=n, d_chars=d))
            compare(answer, (law, n, d), wanted, f"N = {n:g}, D_F = {d:g} and {law}")
    return "Right: one expression for every cell of both sizes and data."
