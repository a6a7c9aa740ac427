"""What does following a law cost? Nats, or money, lost on held-out cells by choosing as each form advises.

A choice sets a model pre-trained on the source against one that could be had instead and was run: the same
from scratch, one from scratch with more data, or a larger one from scratch. Losses from scratch are known to
whoever asks a law of transfer, so a form says only what the pre-trained model would come to; where it points
to the worse of the two, the difference measured between them is lost.

At prices the choice is another: somebody needs the loss that the dearer of the two, from scratch, has, and
may hope to have it from the cheaper, pre-trained one. If that does not get there its price is lost; if it is
not tried though it would, the difference of the prices.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import norm

from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.table import check_table
from transferlaws.laws.questions.compare import NOISE, Comparison

COLUMNS = ("form", "regret", "worst_regret", "wrong", "n_choices")
PRICED = ("price_regret", "price_least", "n_priced")

Price = Callable[[float, float, bool], float]
"""What a model costs: parameters, characters of target data, whether it is pre-trained."""


def regret(table: pd.DataFrame, comparison: Comparison, price: Price | None = None) -> pd.DataFrame:
    """What each form's advice loses, in the order of the comparison's scores; `table` is the one compared.

    One row a form: `regret` is the mean over all choices and `worst_regret` the most, in nats/token, `wrong`
    the share of choices in which the worse was advised, NaN where there is nothing to choose from. Of the
    noise between seeds, `regret` and `wrong` are what it leaves to expect of a perfect law. With a `price`,
    `price_regret` is the mean lost in the `n_priced` choices in which the pre-trained model is the cheaper
    one, and `price_least` the mean that each takes whoever knows better. Raises TransferLawsError for a table
    that cannot be used.
    """
    table = check_table(table)
    alone = table[table["arm"] == SCRATCH].groupby(["n_params", "d_chars"], as_index=False)["loss"].mean()
    cells = comparison.predictions.merge(alone, how="cross", suffixes=("", "_other"))
    more_data = (cells["n_params_other"] == cells["n_params"]) & (cells["d_chars_other"] >= cells["d_chars"])
    larger = (cells["d_chars_other"] == cells["d_chars"]) & (cells["n_params_other"] > cells["n_params"])
    choices = cells[(more_data | larger) & np.isfinite(cells["predicted"])]
    apart = (choices["loss"] - choices["loss_other"]).abs()
    wrong = (choices["predicted"] < choices["loss_other"]) != (choices["loss"] < choices["loss_other"])
    lost = apart.where(wrong, 0.0).groupby(choices["form"])
    found = pd.DataFrame(
        {
            "regret": lost.mean(), "worst_regret": lost.max(), "wrong": wrong.groupby(choices["form"]).mean(),
            "n_choices": lost.size(),
        }
    )  # fmt: skip
    scores = comparison.scores.set_index("form")
    if NOISE in scores.index and len(choices):
        every = choices.drop_duplicates(["n_params", "d_chars", "n_params_other", "d_chars_other"])
        away = (every["loss"] - every["loss_other"]).abs().to_numpy()
        # Noise stands in the scores by its mean size, a share of the loss.
        sd = scores["error_loss"].to_dict()[NOISE] * every["loss"].to_numpy() * np.sqrt(np.pi / 2)
        astray = norm.cdf(-away / np.maximum(sd, 1e-12))
        found.loc[NOISE] = [float((away * astray).mean()), np.nan, float(astray.mean()), len(every)]
    if price is not None:
        found = found.join(_at_prices(choices, price))
    found = found.reindex(scores.index).rename_axis("form").reset_index()
    counts = [name for name in ("n_choices", "n_priced") if name in found]
    found[counts] = found[counts].fillna(0).astype(int)
    return found[[name for name in (*COLUMNS, *PRICED) if name in found]]


def _at_prices(choices: pd.DataFrame, price: Price) -> pd.DataFrame:
    """PRICED by form, of choices whose pre-trained model is the cheaper one."""
    tuned, alone = (
        np.array([price(n, d, pretrained) for n, d in choices[columns].itertuples(index=False)])
        for columns, pretrained in (
            (["n_params", "d_chars"], True),
            (["n_params_other", "d_chars_other"], False),
        )
    )
    suffices = choices["loss"] <= choices["loss_other"]
    advised = choices["predicted"] <= choices["loss_other"]
    lost = np.where(advised & ~suffices, tuned, np.where(suffices & ~advised, alone - tuned, 0.0))
    priced = choices.assign(lost=lost, least=np.where(suffices, tuned, alone))[tuned < alone]
    means = priced.groupby("form").agg(lost=("lost", "mean"), least=("least", "mean"), n=("lost", "size"))
    return means.set_axis(list(PRICED), axis="columns")
