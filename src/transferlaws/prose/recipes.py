"""Trials of recipes: what Adam's epsilon and weight decay change alone, and what together."""

import pandas as pd

from transferlaws.prose.numbers import Prose, counted

EPSILON, DECAY = 1e-3, 1.0  # from which on each is the new recipe's
CHANGES = ("as published", "weight decay alone", "epsilon alone", "both")
CELL = ["arm", "n_params", "d_chars"]


def changed(trials: pd.DataFrame) -> pd.DataFrame:
    """Test losses (nats/token) of each cell, one column a change of the recipe, at the best setting tried.

    `trials` are rows of `results/trials/trials.csv`; that setting is the one of the lowest validation loss,
    over rates and ways to read weights off a run. The index is arm, n_params, d_chars; NaN was not tried.
    """
    plain = trials[
        (trials["seed"] == 0)
        & (trials["dropout"] == 0)
        & (trials["anchored"] == 0)
        & (trials["batch_tokens"] == trials["batch_tokens"].max())
    ].dropna(subset=["loss_validation", "loss_test"])
    epsilon, decay = plain["epsilon"] >= EPSILON, plain["weight_decay"] >= DECAY
    little = plain["epsilon"] == plain["epsilon"].min()
    of = {
        CHANGES[0]: (plain["candidate"] == "published+decay") & little & ~decay,
        CHANGES[1]: decay & little,
        CHANGES[2]: epsilon & ~decay,
        CHANGES[3]: epsilon & decay,
    }
    columns = {}
    for name, rows in of.items():
        found = plain[rows]
        best = found.loc[found.groupby(CELL)["loss_validation"].idxmin()]
        columns[name] = best.set_index(CELL)["loss_test"]
    return pd.DataFrame(columns, columns=list(CHANGES)).dropna(subset=[CHANGES[0], CHANGES[3]]).sort_index()


def knobs(losses: pd.DataFrame) -> Prose:
    """What the two changes gain alone and together, over the cells of `changed` in which all were tried."""
    whole = losses.dropna()
    if whole.empty:
        return Prose("No cell was trained with each change alone and with both.")
    gain = whole.rsub(whole[CHANGES[0]], axis=0).drop(columns=CHANGES[0])
    alone, both = gain[list(CHANGES[1:3])], gain[CHANGES[3]]
    beyond_sum, beyond_best = (int((both > alone.agg(of, axis=1)).sum()) for of in ("sum", "max"))
    listed = ", ".join(
        f"{name} {own.mean():.3f} (from {own.min():+.3f} to {own.max():+.3f})" for name, own in gain.items()
    )
    return Prose(
        f"Over {counted(len(gain), 'cell')}, in nats/token on test, the mean gain is: {listed}. Both "
        f"together gain more than the sum of the two alone in {beyond_sum} of {len(gain)}, and more than the "
        f"better of them in {beyond_best}."
    )
