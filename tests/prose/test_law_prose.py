"""Sentences about a law say what its fit allows: each on fits in which the opposite is true."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from transferlaws import laws, prose
from transferlaws.laws import Design, Fit, Hernandez, Interval, LocalAlpha, plant
from transferlaws.laws.paper import TABLE_1
from transferlaws.laws.status import Adequate

DESIGN = Design(n_params=(3e3, 1e4, 4e4), d_chars=(1e3, 1e4, 1e5), seeds=2, d_scratch=(1e3, 1e4, 1e5, 1e6))


@pytest.fixture(scope="module")
def fit() -> Fit:
    return laws.fit(plant(DESIGN, {"text": Hernandez(k=40.0, alpha=0.4, beta=0.5)}, 0.01), bootstrap=50)


def with_alpha(fit: Fit, method: str, value: float, half: float | None) -> Fit:
    ends = (None, None) if half is None else (value - half, value + half)
    return replace(fit, method=method, alpha=Interval(value, *ends), beta=Interval(0.4, 0.3, 0.5))


def test_methods_that_exclude_each_other_are_said_to_and_called_an_error_of_the_form(fit: Fit) -> None:
    apart = [with_alpha(fit, "paper", 0.2, 0.02), with_alpha(fit, "loss_space", 0.6, 0.05)]
    said = prose.law.agreement(apart)
    assert "no value in common: the paper's way and loss space" in said and "error of the *form*" in said
    together = [with_alpha(fit, "paper", 0.3, 0.2), with_alpha(fit, "loss_space", 0.4, 0.05)]
    assert "no value in common" not in prose.law.agreement(together)
    unknown = [with_alpha(fit, "paper", 0.2, None), with_alpha(fit, "loss_space", 0.9, 0.05)]
    assert "no value in common" not in prose.law.agreement(unknown)
    assert "nothing to agree with" in prose.law.agreement(apart[:1])


def test_the_papers_number_stands_beside_the_papers_way_first(fit: Fit) -> None:
    ours = [with_alpha(fit, "loss_space", 0.38, 0.05), with_alpha(fit, "paper", 0.19, 0.05)]
    (_, printed, measured), _ = prose.law.beside(ours, TABLE_1)
    assert printed.startswith("0.18") and measured.startswith("the paper's way: 0.19")
    assert measured.index("contains the paper's value") < measured.index("loss space: 0.38")
    alone = next(iter(prose.law.beside(ours[:1], TABLE_1)))[2]
    assert alone.startswith("the paper's way gives no law on these runs; loss space")
    assert list(prose.law.beside([replace(fit, source="german")], TABLE_1)) == []


def test_a_change_of_alpha_is_said_with_where_one_alpha_holds_and_whether_it_mends_the_law() -> None:
    found = laws.curvature(plant(DESIGN, Hernandez(k=40.0, alpha=0.4, beta=0.5), 0.01))
    assert "do not show that alpha changes" in prose.evidence.bends(
        {"text": replace(found, drift=Interval(0.1, -0.1, 0.3))}
    )
    bad = replace(found.straight, verdict=Adequate.MISFIT)
    bent = replace(found, drift=Interval(0.2, 0.1, 0.3), straight=bad)
    said = prose.evidence.bends({"text": bent})
    assert "**alpha changes**" in said and "with that change the law follows the runs" in said
    assert "that is not all the law lacks" in prose.evidence.bends({"text": replace(bent, curved=bad)})
    assert "no range of data in which one alpha" in prose.evidence.bends({"text": replace(bent, range=None)})
    assert "too few" in prose.evidence.bends({"text": replace(found, p=None)})


def test_three_judgements_and_never_one_word_for_them(fit: Fit) -> None:
    adequate = replace(fit.adequacy, verdict=Adequate.ADEQUATE)
    bent = replace(fit.adequacy, verdict=Adequate.MISFIT)
    good = prose.law.verdict(replace(fit, adequacy=adequate))
    poor = prose.law.verdict(replace(fit, adequacy=bent))
    assert "may be quoted with their intervals" in good and "may not be quoted" in poor
    assert "misfit" in prose.law.judged(replace(fit, adequacy=bent))
    opened = prose.law.verdict(replace(fit, adequacy=adequate, beta=Interval(0.1, None, 0.3)))
    assert "not identified" in opened and "may not be quoted" in opened and "$\\beta$ contains zero" in opened
    for said in (good, poor, opened):
        assert "converged" not in said and said.count("- the ") == 3


def cells_of(alphas: tuple[float, ...], spread: float) -> pd.DataFrame:
    """Cells whose D_T rises with these local exponents, with intervals of this half-width in ln D_T."""
    data = 1e3 * 10.0 ** np.arange(len(alphas) + 1)
    y = np.concatenate([[8.0], 8.0 + np.cumsum(np.array(alphas) * np.log(10))])
    rows = [
        (n, d, np.exp(v), np.exp(v - spread), np.exp(v + spread), np.exp(v) / (np.exp(v) + d))
        for n in (1e3, 1e4)
        for d, v in zip(data, y, strict=True)
    ]
    names = ["n_params", "d_chars", "d_transferred", "d_transferred_low", "d_transferred_high", "fraction"]
    return pd.DataFrame(rows, columns=names).assign(status="interpolated")


@pytest.mark.parametrize(
    ("alphas", "drift", "said"),
    [
        (
            (0.3, 0.5, 0.9),
            Interval(0.3, 0.1, 0.5),
            "**it rises**, by 0.30 [0.10, 0.50] for ten times the data",
        ),
        ((0.9, 0.5, 0.3), Interval(-0.3, -0.5, -0.1), "**it falls**, by"),
        ((0.3, 0.5, 0.9), Interval(0.3, -0.1, 0.7), "do not show that it changes"),
        ((0.4,), Interval(float("nan"), None, None), "too few for a drift"),
    ],
)
def test_a_drift_of_alpha_is_said_only_where_its_interval_leaves_zero(
    alphas: tuple[float, ...], drift: Interval, said: str
) -> None:
    rows = [(10.0**i, 10.0 ** (i + 1), a, a - 0.1, a + 0.1, 3) for i, a in enumerate(alphas, 3)]
    steps = pd.DataFrame(rows, columns=["d_low", "d_high", "alpha", "low", "high", "n_sizes"])
    assert said in prose.law.drift({"text": LocalAlpha("text", steps, drift)})


def test_fractions_fall_and_rise_as_they_do() -> None:
    falls = prose.law.shares(cells_of((0.4, 0.4), 0.1))
    assert "the fraction went down in 4 of 4 steps" in falls and "went up in 4 and down in 0" in falls
    rises = prose.law.shares(cells_of((1.5, 1.5), 0.1))
    assert "went down in 0 of 4 steps" in rises and "up in 4;" in rises


def test_the_largest_alpha_is_named_by_its_method(fit: Fit) -> None:
    low, high = with_alpha(fit, "paper", 0.2, 0.1), with_alpha(fit, "loss_space", 0.6, 0.1)
    assert "largest by loss space (0.60)" in prose.law.largest_alpha({"text": [low, high]})
    swapped = [with_alpha(fit, "paper", 0.7, 0.1), high]
    assert "largest by the paper's way (0.70)" in prose.law.largest_alpha({"text": swapped})


def test_lines_that_are_not_the_papers_are_not_called_so(fit: Fit) -> None:
    assert "fitted the paper's way" in prose.law.drawn({"text": replace(fit, method="paper")}, {})
    refused = {("text", "paper"): "too few cells"}
    said = prose.law.drawn({"text": fit}, refused)
    assert "gives no law here** (too few cells)" in said and "fitted the paper's way" not in said


def test_slopes_of_their_own_drift_or_do_not() -> None:
    def cells(slopes: tuple[float, ...]) -> pd.DataFrame:
        rows = [
            (n, d, 1 / (1 + np.exp(-slope * np.log(n / 1e4))))
            for slope, d in zip(slopes, 1e3 * 10.0 ** np.arange(len(slopes)), strict=True)
            for n in (1e3, 1e4, 1e5)
        ]
        return pd.DataFrame(rows, columns=["n_params", "d_chars", "fraction"]).assign(status="interpolated")

    assert "they rise with data" in prose.law.own_slopes(cells((0.1, 0.2, 0.3, 0.4, 0.5)))
    assert "they fall with data" in prose.law.own_slopes(cells((0.5, 0.4, 0.3, 0.2, 0.1)))
    assert "they go no one way" in prose.law.own_slopes(cells((0.3, 0.2, 0.31, 0.19, 0.3)))
    assert "too few" in prose.law.own_slopes(cells((0.1, 0.9)))
    assert "nothing to compare" in prose.law.own_slopes(cells((0.1,)))


@pytest.mark.parametrize("later", [3.0, 1 / 3])
def test_where_a_law_breaks_the_side_is_said(fit: Fit, later: float) -> None:
    law = fit.law
    rows = [
        (n, d, float(law.d_transferred(n_params=n, d_chars=d)) * (later if d > 1e4 else 1.0), 1.0 + d / 1e5)
        for n in (1e3, 1e4)
        for d in (1e3, 1e4, 1e5, 1e6)
    ]
    cells = pd.DataFrame(rows, columns=["n_params", "d_chars", "d_transferred", "amplification"])
    said = prose.law.breaks(cells.assign(status="interpolated"), fit)
    assert f"$D_T$ is 1.00 to 1.00 to {later:.2f} times that of the law" in said
    assert "Too few cells" in prose.law.breaks(cells.head(2).assign(status="interpolated"), fit)
