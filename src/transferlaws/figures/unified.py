"""One law for all cells: measured against predicted loss, and whether sources share an exponent.

The loss-space fit puts k D_F^alpha N^beta into one curve a size; equation 6.1 of Hernandez et al. (2021) puts
it into Kaplan's form of the whole loss. Differences of exponents come with the intervals of the joint fit.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, colour, drawn, empty_note
from transferlaws.figures.uncertainty import interval_rows
from transferlaws.laws import Equality, Fit, LossForm, Noise
from transferlaws.prose.comparison import LAWS


def predicted(table: pd.DataFrame, fit: Fit, form: LossForm) -> pd.DataFrame:
    """Every cell of both arms: arm, n_params, d_chars, loss (mean, nats/token), loss_space, eq_6_1, in_law.

    `in_law` is false for ossified cells, which the loss-space fit sets aside; they are predicted all the
    same. Sizes without a curve have no loss_space prediction (NaN).
    """
    runs = table[table["arm"].isin([BASELINE, fit.source]) & (table["d_chars"] > 0)]
    cells = runs.groupby(["arm", "n_params", "d_chars"], as_index=False)["loss"].mean()
    tuned = (cells["arm"] == fit.source).to_numpy()
    places = [tuple(place) for place in cells[["arm", "n_params", "d_chars"]].itertuples(index=False)]
    took_part = set(fit.residuals[["arm", "n_params", "d_chars"]].itertuples(index=False, name=None))
    by_curve = [
        np.nan
        if n not in set(fit.curves)
        else float(fit.predict_loss(n, d) if arm == fit.source else fit.curves[n].loss(d))
        for arm, n, d in places
    ]
    n_params, d_chars = (cells[column].to_numpy(float) for column in ("n_params", "d_chars"))
    return cells.assign(
        loss_space=by_curve,
        eq_6_1=form.loss(n_params=n_params, d_chars=d_chars, source=tuned),
        in_law=[place in took_part for place in places],
    )


def typical(noise: Noise, cells: pd.DataFrame) -> float:
    """Standard deviation of one run in nats/token between seeds, over the cells of `predicted` alike."""
    arm = (cells["arm"] != BASELINE).to_numpy().astype(np.intp)
    return float(np.sqrt(noise.run_variance(arm, cells["d_chars"].to_numpy(float)).mean()))


@drawn
def measured_against_predicted(cells: pd.DataFrame, noise: float, *, titles: Titles = UNTITLED) -> Drawing:
    """Measured loss against predicted, and what is left over, for both laws; `noise` (nats) as a band."""
    figure, axes = canvas(2, 2, width=8.0, height=6.4, sharex=True, sharey="row")
    ends = [float(cells["loss"].min()), float(cells["loss"].max())]
    for column, (law, title) in enumerate(LAWS.items()):
        top, below = axes[0][column], axes[1][column]
        top.plot(ends, ends, color="0.5", linewidth=0.9)
        if np.isfinite(noise):
            below.axhspan(-2 * noise, 2 * noise, color="0.5", alpha=0.15, linewidth=0)
        below.axhline(0, color="0.5", linewidth=0.9)
        for arm, group in cells.groupby("arm", sort=False):
            for kept, mark in ((True, "o"), (False, "x")):
                part = group[group["in_law"] == kept]
                if part.empty:
                    continue
                label = titles.arm(str(arm)) if kept else "ossified, outside the loss-space fit"
                look = {"color": colour(str(arm), titles), "linestyle": "none", "alpha": 0.8}
                top.plot(part[law], part["loss"], mark, label=label if column == 0 else None, **look)
                below.plot(part[law], part["loss"] - part[law], mark, **look)
        top.set_title(title)
        below.set_xlabel("predicted loss (nats/token)")
    axes[0][0].set_ylabel("measured loss (nats/token)")
    axes[1][0].set_ylabel("measured - predicted (nats/token)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@drawn
def differences(tests: Mapping[str, Sequence[Equality]]) -> Drawing:
    """First less second source's alpha and beta with intervals, one row a pair, and zero as a line."""
    figure, axes = canvas(2, width=8, height=0.45 * len(tests) + 1.4, sharey=True)
    if not tests:
        for panel in axes[0]:
            empty_note(panel, "One source only: nothing to compare.")
        return figure
    for panel, place, symbol in zip(axes[0], (0, 1), (r"\alpha", r"\beta"), strict=True):
        found = [pair[place].difference for pair in tests.values()]
        interval_rows(panel, found, ["#0072b2"] * len(found))
        left, right = panel.get_xlim()
        panel.set_xlim(min(left, -0.02), max(right, 0.02))
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.axvline(0, color="0.4", linewidth=0.9)
        panel.set_xlabel(f"difference in ${symbol}$")
    axes[0][0].set_yticks(range(len(tests)), list(tests))
    return figure
