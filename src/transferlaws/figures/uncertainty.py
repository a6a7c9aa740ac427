"""How sure are we: joint region of the exponents, profiles, leave-outs, planted laws, larger designs.

The region holds 95 % of the studies redrawn from the joint fit; a profile is the misfit with one exponent
held (a likelihood-ratio interval ends where it passes the F quantile). An end that stays open has an arrow.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from scipy.stats import f as f_distribution
from scipy.stats import gaussian_kde

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.figures.canvas import (
    FROM_SCRATCH,
    PALETTE,
    Drawing,
    canvas,
    colour,
    drawn,
    log_axes,
    panels,
)
from transferlaws.laws import Fit, Hernandez, Interval, Noise, Power

SYMBOLS = {"alpha": r"$\alpha$ (data)", "beta": r"$\beta$ (size)"}
MISSED = "#d55e00"
HELD = "#0072b2"


@drawn
def region(fits: Mapping[str, Fit], paper: Mapping[str, Hernandez], *, titles: Titles = UNTITLED) -> Drawing:
    """alpha against beta: redrawn studies as dots, the contour around 95 % of them, the paper's points."""
    figure, ((axes,),) = canvas(width=7.2, height=4.6)
    for source, fit in fits.items():
        draws = fit.samples[["alpha", "beta"]].to_numpy(float)
        draws = draws[np.isfinite(draws).all(axis=1)]
        shade = colour(source, titles)
        axes.plot(*draws.T, ".", color=shade, alpha=0.25, markersize=2.5)
        _contour(axes, draws, fit.level, shade)
        axes.plot(fit.law.alpha, fit.law.beta, "o", color=shade, label=titles.arm(source))
    for source, law in paper.items():
        look = {"color": colour(source, titles), "fillstyle": "none", "label": f"the paper's law, {source}"}
        axes.plot(law.alpha, law.beta, "D", **look)
    axes.axhline(0, color="0.5", linewidth=0.8)
    axes.axvline(0, color="0.5", linewidth=0.8)
    axes.set(xlabel=SYMBOLS["alpha"], ylabel=SYMBOLS["beta"])
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _contour(axes: Axes, draws: np.ndarray, level: float, shade: object) -> None:
    """The density contour that holds `level` of the draws; none where they lie on a line or a bound."""
    if len(draws) < 50 or np.linalg.matrix_rank(np.cov(draws.T), tol=1e-10) < 2:
        return
    density = gaussian_kde(draws.T)
    low, high = draws.min(axis=0), draws.max(axis=0)
    pad = 0.15 * (high - low)
    x, y = (np.linspace(low[i] - pad[i], high[i] + pad[i], 70) for i in (0, 1))
    grid = np.stack(np.meshgrid(x, y))
    heights = density(grid.reshape(2, -1)).reshape(len(y), len(x))
    edge = float(np.quantile(density(draws.T), 1 - level))
    axes.contour(x, y, heights, levels=[edge], colors=[shade], linewidths=1.6)


@drawn
def profiles(fits: Mapping[str, Fit], *, titles: Titles = UNTITLED) -> Drawing:
    """Rise of the misfit as alpha or beta is held elsewhere, and the height at which an interval ends."""
    figure, axes = canvas(2, height=3.8, sharey=True)
    top = 0.0
    for panel, exponent in zip(axes[0], SYMBOLS, strict=True):
        for source, fit in fits.items():
            shade = colour(source, titles)
            limit = float(f_distribution.ppf(fit.level, 1, fit.dof))
            top = max(top, 2.5 * limit)
            read = fit.profile[fit.profile["parameter"] == exponent].sort_values("value")
            best = getattr(fit.law, exponent)
            value = np.append(read["value"], best)
            rise = np.append(read["rise"].clip(lower=0), 0.0)
            order = np.argsort(value)
            near = rise[order] < 12 * limit
            at, height = value[order][near], rise[order][near]
            panel.plot(at, height, ".-", color=shade, linewidth=1.2, label=titles.arm(source))
            panel.axhline(limit, color=shade, linestyle=":", linewidth=1)
            panel.plot(best, 0, "o", color=shade, clip_on=False)
        panel.set_xlabel(SYMBOLS[exponent])
    axes[0][0].set(ylim=(0, top), ylabel="rise of the misfit")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


@drawn
def leave_outs(fits: Mapping[str, Fit], *, titles: Titles = UNTITLED) -> Drawing:
    """alpha and beta with intervals, of all runs and of what is left when a part of them is taken away."""
    figure, axes = canvas(2, width=8, height=0.45 * len(fits) + 1.3, sharey=True)
    for panel, exponent in zip(axes[0], SYMBOLS, strict=True):
        found = [getattr(fit, exponent) for fit in fits.values()]
        whole = found[0]
        inks = [colour(BASELINE if i else fit.source, titles) for i, fit in enumerate(fits.values())]
        interval_rows(panel, found, inks)
        if whole.closed:
            panel.axvspan(whole.low, whole.high, color="0.5", alpha=0.15, linewidth=0)
        panel.set_xlabel(SYMBOLS[exponent])
    axes[0][0].set_yticks(range(len(fits)), list(fits))
    return figure


@drawn
def recovery(power: Power) -> Drawing:
    """Every simulated study's alpha and beta with its interval, sorted, and the planted value as a line."""
    figure, axes = canvas(2, width=8, height=0.17 * power.studies["study"].nunique() + 1.6, sharey=True)
    for panel, exponent in zip(axes[0], SYMBOLS, strict=True):
        rows = power.studies[power.studies["parameter"] == exponent].sort_values("value")
        found = [
            Interval(value, *(None if pd.isna(end) else float(end) for end in ends))
            for value, *ends in zip(rows["value"], rows["low"], rows["high"], strict=True)
        ]
        interval_rows(panel, found, [HELD if covered else MISSED for covered in rows["covered"]])
        panel.axvline(getattr(power.law, exponent), color="0.3", linestyle="--", linewidth=1)
        panel.set_xlabel(SYMBOLS[exponent])
        panel.set_yticks([])
    axes[0][0].set_ylabel("simulated studies, in order")
    axes[0][0].plot([], [], "o-", color=HELD, label="interval holds the planted value")
    axes[0][0].plot([], [], "o-", color=MISSED, label="interval misses it")
    axes[0][0].plot([], [], "--", color="0.3", label="planted")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


@drawn
def noises(noise: Noise, arms: Sequence[str], misfit: float, *, titles: Titles = UNTITLED) -> Drawing:
    """Noise of one run (nats/token) against data, by arm: whole, the sample's part of it, and the misfit.

    `arms` are those of the noise, in order; `misfit` is what a law leaves beyond it.
    """
    figure, axes = panels(len(arms), height=3.6)
    data = np.exp(noise.data)
    for place, (panel, arm) in enumerate(zip(axes, arms, strict=True)):
        whole = np.sqrt(noise.variance[place])
        sample = whole * np.sqrt(noise.shared[place, place])
        shade = colour(arm, titles)
        panel.plot(data, whole, "o-", color=shade, label="one run, all of it")
        panel.fill_between(data, 0, sample, color=shade, alpha=0.25, linewidth=0, label="its sample alone")
        panel.axhline(misfit, color="0.3", linestyle=":", label="what the law misses beyond it")
        log_axes(panel, "x")
        panel.set(xlabel="characters", title=titles.arm(arm))
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("standard deviation (nats/token)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


@drawn
def larger_designs(designs: pd.DataFrame) -> Drawing:
    """Expected width of the exponents' intervals against cost (the frame of `designs.larger_designs`)."""
    figure, axes = canvas(2, width=8, height=4.0)
    inks = (FROM_SCRATCH, *PALETTE)
    for panel, exponent in zip(axes[0], SYMBOLS, strict=True):
        columns = (designs["design"], designs["cost"], designs[f"width_{exponent}"])
        for place, (label, cost, width) in enumerate(zip(*columns, strict=True)):
            mark, shade, size = "os^vDP"[(place - 1) % 6], inks[place % len(inks)], 7
            if place == 0:
                mark, shade, size = "*", "black", 10
            panel.plot(cost, width, mark, color=shade, markersize=size, label=label)
        panel.margins(0.12)
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.set_ylim(0, 1.15 * float(designs[f"width_{exponent}"].max()))
        said = f"expected width of the interval of {SYMBOLS[exponent].split()[0]}"
        panel.set(xlabel="cost of the runs (this study = 1)", ylabel=said)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def interval_rows(panel: Axes, intervals: Sequence[Interval], shades: Sequence[object]) -> None:
    """One row an interval, from the top; an open end runs to the panel's edge and ends in an arrow."""
    ends = [v for i in intervals for v in (i.value, i.low, i.high) if v is not None]
    pad = 0.08 * (max(ends) - min(ends)) or 0.1
    left, right = min(ends) - pad, max(ends) + pad
    for height, (found, shade) in enumerate(zip(intervals, shades, strict=True)):
        low, high = (edge if end is None else end for end, edge in ((found.low, left), (found.high, right)))
        panel.plot([low, high], [height, height], color=shade, linewidth=1.4)
        for end, edge, arrow in ((found.low, left, "<"), (found.high, right, ">")):
            if end is None:
                panel.plot(edge, height, arrow, color=shade, clip_on=False)
        panel.plot(found.value, height, "o", color=shade)
    panel.set_xlim(left, right)
    panel.set_ylim(len(intervals) - 0.5, -0.5)
