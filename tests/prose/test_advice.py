"""Sentences about advice say what was lost by following it, also where the best predictor advises badly."""

import numpy as np
import pandas as pd

from transferlaws import prose
from transferlaws.laws import BASELINE, NOISE


def lost(**regret: float) -> pd.DataFrame:
    """What advice lost, by form, the best predictor first."""
    names = {"idle": BASELINE, "noise": NOISE}
    rows = [(names.get(form, form), value, 2 * value, value / 2, 9) for form, value in regret.items()]
    return pd.DataFrame(rows, columns=["form", "regret", "worst_regret", "wrong", "n_choices"])


def test_the_best_predictor_is_praised_for_its_advice_only_where_it_was_cheapest() -> None:
    good = prose.advice.regretted(lost(additive=0.1, rectified=0.2, idle=0.3, noise=0.01))
    assert good.startswith("additive, which misses the held-out losses least, also costs least")
    assert "none of 2 forms cost more" in good
    bad = prose.advice.regretted(lost(additive=0.2, rectified=0.1, idle=0.15, noise=0.01))
    assert "additive misses the held-out losses least, but rectified costs less" in bad
    assert "costs 0.1500: 1 of 2 forms costs more" in bad and "dearest, additive, costs 0.2000" in bad


def test_few_wrong_choices_are_called_few_only_where_they_are() -> None:
    dear = lost(additive=0.1, rectified=0.2, idle=0.01)
    few = prose.advice.why(dear.assign(wrong=0.05))
    assert "in no more than 5 % of them" in few and "the dearest lost 0.400 (rectified)" in few
    many = prose.advice.why(dear.assign(wrong=0.4))
    assert "wrong in 40 % of the choices or more" in many and "most choices" not in many
    assert "dearest" not in prose.advice.why(dear.assign(wrong=0.0, worst_regret=0.0))


def test_without_a_choice_nothing_is_claimed() -> None:
    nothing = lost(additive=np.nan, idle=np.nan)
    assert "leaves a choice" in prose.advice.regretted(nothing)
    assert "where there is a choice" in prose.advice.why(nothing)
    assert "| additive | – | – | – |" in prose.advice.costs(nothing)


def test_data_wasted_is_said_of_those_who_waste_it() -> None:
    def of(**wasted: float) -> pd.DataFrame:
        priced = lost(**wasted)
        return priced.assign(price_regret=priced["regret"], price_least=50.0, n_priced=4)

    said = prose.advice.frugal(of(additive=1.0, rectified=0.5, idle=9.0))
    assert "wasted by rectified, 1 % on top" in said and "most by additive, 2 %" in said
    assert "With additive, which misses the losses least, it is 2 %" in said
    both = prose.advice.frugal(of(additive=0.5, rectified=0.5, logistic=2.0))
    assert "by additive and by rectified" in both and "With additive" not in both
    assert "No form wastes any" in prose.advice.frugal(of(additive=0.0, rectified=0.0, idle=3.0))
    assert "No held-out model" in prose.advice.frugal(of(additive=1.0).assign(n_priced=0))
    assert "| no fit: nearest cell | 9.0 | 18 % | 4 |" in prose.advice.wasted(of(additive=1.0, idle=9.0))
