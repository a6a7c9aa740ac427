"""Advice in words: what following each law on held-out cells would have cost, beside how well it predicts."""

import numpy as np
import pandas as pd

from transferlaws.laws import BASELINE, NOISE
from transferlaws.prose.comparison import form_name
from transferlaws.prose.numbers import Prose, counted, grid, scientific

FEW = 0.2
"""Share of wrong choices up to which most are easy."""


def costs(lost: pd.DataFrame) -> Prose:
    """What each form's advice loses (nats/token), of `laws.regret`: a row a form, best predictor first."""

    def nats(value: float) -> str:
        return f"{value:.4f}" if np.isfinite(value) else "–"

    rows = (
        (
            form_name(row["form"]),
            nats(row["regret"]),
            nats(row["worst_regret"]),
            f"{100 * row['wrong']:.0f} %" if np.isfinite(row["wrong"]) else "–",
            row["n_choices"],
        )
        for _, row in lost.iterrows()
    )
    return grid(("form", "regret, mean (nats/token)", "worst", "advised the worse", "choices"), rows)


def regretted(lost: pd.DataFrame) -> Prose:
    """Whether the form that predicts best also advises best, and by how little forms differ in advice."""
    own = lost[~lost["form"].isin((BASELINE, NOISE))].dropna(subset=["regret"]).set_index("form")
    if own.empty:
        return Prose("no held-out cell leaves a choice, so no form's advice can be right or wrong.")
    predicts = str(own.index[0])
    least = float(own["regret"].min())
    advises = list(own.index[own["regret"] <= least])
    named = " and ".join(map(form_name, advises))
    every = lost.set_index("form")["regret"]
    idle, noise = (float(every.get(row, np.nan)) for row in (BASELINE, NOISE))
    same = (
        f"{form_name(predicts)}, which misses the held-out losses least, also costs least to follow"
        if predicts in advises
        else f"{form_name(predicts)} misses the held-out losses least, but {named} costs less to follow"
    )
    wrong = 100 * float(own.loc[advises[0], "wrong"])
    dearest = form_name(str(own["regret"].idxmax()))
    said = (
        f"{same}: {least:.4f} nats/token a choice, {wrong:.0f} % of the choices wrong. The dearest, "
        f"{dearest}, costs {own['regret'].max():.4f}."
    )
    if np.isfinite(idle):
        dearer = int((own["regret"] > idle).sum())
        said += (
            f" Repeating the nearest fitted cell, which fits nothing, costs {idle:.4f}: {dearer or 'none'} "
            f"of {counted(len(own), 'form')} cost{'s' if dearer == 1 else ''} more than that."
        )
    if np.isfinite(noise):
        said += f" Noise alone would cost a perfect law {noise:.4f}."
    return Prose(said)


def wasted(lost: pd.DataFrame) -> Prose:
    """What following each form wastes in target data, of `planner.regret_at` with characters alone priced."""
    rows = (
        (form_name(row["form"]), scientific(row["price_regret"]), f"{_more(row):.2g} %", row["n_priced"])
        for _, row in lost[lost["n_priced"] > 0].iterrows()
    )
    return grid(("form", "characters lost, mean", "on top of what is needed", "choices"), rows)


def frugal(lost: pd.DataFrame) -> Prose:
    """Which forms waste the least target data, whether the best predictor is among them, and the most."""
    own = lost[~lost["form"].isin((BASELINE, NOISE)) & (lost["n_priced"] > 0)].set_index("form")
    if own.empty:
        return Prose("No held-out model had less data than one from scratch that it could stand in for.")
    more = own.apply(_more, axis="columns")
    predicts, dearest = str(own.index[0]), str(more.idxmax())
    if more.max() == 0:
        return Prose("No form wastes any: whatever they miss, they miss on the right side.")
    least = [form for form in own.index if more[form] == more.min()]
    said = (
        f"The least is wasted by {' and by '.join(map(form_name, least))}, {more.min():.2g} % on top of what "
        f"whoever knows better gathers; the most by {form_name(dearest)}, {more.max():.2g} %."
    )
    if predicts not in least:
        said += f" With {form_name(predicts)}, which misses the losses least, it is {more[predicts]:.2g} %."
    return Prose(said)


def _more(row: "pd.Series[float]") -> float:
    """Per cent that a form's advice costs on top of the least that its choices take."""
    return 100 * float(row["price_regret"]) / float(row["price_least"])


def why(lost: pd.DataFrame) -> str:
    """Why advice costs what it does, as far as the choices show it."""
    own = lost[~lost["form"].isin((BASELINE, NOISE))].dropna(subset=["regret"]).set_index("form")
    if own.empty:
        return "advice can only be wrong where there is a choice."
    wrong, dearest = float(own["wrong"].median()), str(own["worst_regret"].idxmax())
    share = f"{100 * wrong:.0f} %"
    said = (
        "most choices are far from close, and any form that falls with data gets them right: half of the "
        f"forms are wrong in no more than {share} of them. The mean is then made by few choices"
        if wrong <= FEW
        else f"half of the forms are wrong in {share} of the choices or more. These are close"
    )
    worst = float(own["worst_regret"].max())
    single = f", of which the dearest lost {worst:.3f} ({form_name(dearest)})" if worst > 0 else ""
    return f"{said}{single}. A small regret is therefore weak evidence for a law."
