"""What does following a law cost? Nats lost on held-out cells by choosing as each compared form advises.

A choice sets a model pre-trained on the source against one that could be had instead and was run: the same
from scratch, one from scratch with more data, or a larger one from scratch. Losses from scratch are known to
whoever asks a law of transfer, so a form says only what the pre-trained model would come to; where it points
to the worse of the two, the difference measured between them is lost.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.table import check_table
from transferlaws.laws.questions.compare import NOISE, Comparison

COLUMNS = ("form", "regret", "worst_regret", "wrong", "n_choices")


def regret(table: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """What each form's advice loses, in the order of the comparison's scores; `table` is the one compared.

    One row a form: `regret` is the mean over all choices and `worst_regret` the most, in nats/token, `wrong`
    the share of choices in which the worse was advised, NaN where there is nothing to choose from. Of the
    noise between seeds, `regret` and `wrong` are what it leaves to expect of a perfect law. Raises
    TransferLawsError for a table that cannot be used.
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
    found = found.reindex(scores.index).rename_axis("form").reset_index()
    return found.assign(n_choices=found["n_choices"].fillna(0).astype(int))[list(COLUMNS)]
