"""The power law of transfer, D_T = k D_F^alpha N^beta, as the paper draws it and as a table of exponents.

Figure 2: the fraction D_T/(D_F + D_T) on a logit axis against N, straight for each D_F (eq. B.2). Figure 10:
a line of its own for each D_F, and the size N* at which half the effective data is transferred. Figures 11
and 12: other ways to look at D_T.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures.canvas import (
    Drawing,
    canvas,
    colour,
    drawn,
    log_axes,
    logit,
    logit_ticks,
    number,
    outside_legend,
    panels,
    shades,
)
from transferlaws.laws import Fit, Hernandez, Interval, LocalAlpha, individual_lines
from transferlaws.prose.law import METHOD_NAMES, ORDER

LOGIT_LIMITS = (float(logit(0.003)), float(logit(0.9997)))


@drawn
def fractions(fits: Mapping[str, Fit], *, titles: Titles = UNTITLED) -> Drawing:
    """Transferred fraction (logit axis) against N, one shade a data size, one panel a source (figure 2)."""
    figure, axes = panels(len(fits), height=4.2)
    for panel, (source, fit) in zip(axes, fits.items(), strict=True):
        for d_chars, shade in shades(fit.cells["d_chars"]).items():
            cells = fit.cells[fit.cells["d_chars"] == d_chars]
            _fraction_line(panel, fit.law, cells, shade)
            _fraction_points(panel, cells, shade, number(d_chars))
        logit_ticks(panel, *LOGIT_LIMITS)
        log_axes(panel, "x")
        panel.set(xlabel="parameters without embeddings, N", title=titles.arm(source))
    axes[0].set_ylabel("fraction transferred, $D_T/D_E$")
    outside_legend(figure, "$D_F$ (characters)")
    return figure


def _fraction_line(panel: Axes, law: Hernandez, cells: pd.DataFrame, shade: object) -> None:
    """The law's straight line: solid over the sizes measured, dashed half a decade beyond."""
    low, high = cells["n_params"].min(), cells["n_params"].max()
    d_chars = float(cells["d_chars"].iloc[0])
    for start, end, look in ((low, high, "-"), (low / 3, low, "--"), (high, high * 3, "--")):
        n = np.array([start, end])
        panel.plot(n, logit(law.fraction(n_params=n, d_chars=d_chars)), look, color=shade, linewidth=1.2)


def _fraction_points(panel: Axes, cells: pd.DataFrame, shade: object, label: str) -> None:
    """Measured fractions with intervals; cells without a point on this axis are marks at its edges."""
    low, high = LOGIT_LIMITS
    limit = cells["status"] == "at_limit"
    shown = cells[(cells["fraction"].gt(0) | limit) & cells["fraction"].lt(1)]
    at = pd.Series(np.clip(logit(shown["fraction"].clip(lower=1e-9)), low, high), shown.index)
    ends = []
    for side in ("low", "high"):
        bound = shown[f"d_effective_{side}"].to_numpy(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(np.isposinf(bound), 1.0, 1 - shown["d_chars"].to_numpy() / bound)
            ends.append(np.clip(logit(np.clip(share, 1e-9, 1 - 1e-9)), low, high))
    panel.vlines(shown["n_params"], ends[0], ends[1], color=shade, linewidth=1, alpha=0.6)
    marks = [
        ("o", "full", at[shown["status"] == "interpolated"]),
        ("o", "none", at[~shown["status"].isin(("interpolated", "at_limit"))]),
        ("^", "none", at[shown["status"] == "at_limit"]),
        ("^", "full", pd.Series(high, cells.index[cells["status"] == "below_floor"])),
        ("v", "full", pd.Series(low, cells.index[cells["status"] == "no_transfer"])),
    ]
    for mark, filled, heights in marks:
        if len(heights):
            n = cells.loc[heights.index, "n_params"]
            panel.plot(n, heights, mark, color=shade, fillstyle=filled, clip_on=False, zorder=3)
    panel.plot([], [], "o", color=shade, label=label)


@drawn
def individual_fits(fit: Fit) -> Drawing:
    """A straight line of its own through the fractions of each D_F, one panel a data size (figure 10)."""
    lines = individual_lines(fit.cells).set_index("d_chars")
    palette = shades(fit.cells["d_chars"])
    columns = min(2, len(palette))
    rows = -(-len(palette) // columns)
    figure, axes = canvas(
        columns, rows, count=len(palette), width=7.6, height=2.6 * rows, sharex=True, sharey=True
    )
    n = np.array([fit.cells["n_params"].min(), fit.cells["n_params"].max()], float)
    for panel, (d_chars, shade) in zip(axes.flat, palette.items(), strict=False):
        _fraction_points(panel, fit.cells[fit.cells["d_chars"] == d_chars], shade, number(d_chars))
        shared = logit(fit.law.fraction(n_params=n, d_chars=d_chars))
        panel.plot(n, shared, ":", color="0.4", linewidth=1.2)
        title = f"$D_F$ = {number(d_chars)}"
        if d_chars in lines.index:
            line, group = lines.loc[d_chars], fit.cells[fit.cells["d_chars"] == d_chars]
            read = group["status"].isin(["interpolated", "extrapolated"])
            shown = group.loc[read & group["fraction"].gt(0), "n_params"]
            own = np.array([shown.min(), shown.max()], float)
            panel.plot(own, line["height"] + line["slope"] * np.log(own), "-", color=shade)
            title += f", slope {line['slope']:.2f}"
        panel.set_title(title, fontsize="small")
        logit_ticks(panel, *LOGIT_LIMITS)
        log_axes(panel, "x")
    figure.supxlabel("parameters without embeddings, N", fontsize="medium")
    figure.supylabel("fraction transferred, $D_T/D_E$", fontsize="medium")
    return figure


@drawn
def n_star(
    fits: Mapping[str, Fit], paper: Mapping[str, Hernandez] | None = None, *, titles: Titles = UNTITLED
) -> Drawing:
    """The size at which half the effective data is transferred, against D_F, with its 95 % band."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    for source, fit in fits.items():
        shade = colour(source, titles)
        low, high = fit.cells["d_chars"].min(), fit.cells["d_chars"].max()
        d = np.geomspace(low, high, 60)
        spread = _n_star_spread(fit.samples, d)
        if spread is not None:
            axes.fill_between(d, *spread, color=shade, alpha=0.2, linewidth=0)
        sloped = fit.beta.closed and not fit.beta.covers(0.0)
        said = titles.arm(source) + ("" if sloped else " (the runs do not fix its slope)")
        axes.plot(d, fit.law.n_star(d), "-" if sloped else "-.", color=shade, label=said)
        lines = individual_lines(fit.cells).dropna(subset=["n_star"])
        axes.plot(lines["d_chars"], lines["n_star"], "o", color=shade)
        for start, end in ((low / 10, low), (high, high * 10)):
            beyond = np.geomspace(start, end, 20)
            axes.plot(beyond, fit.law.n_star(beyond), "--", color=shade, linewidth=1.1)
    sizes = pd.concat([fit.cells["n_params"] for fit in fits.values()])
    data = pd.concat([fit.cells["d_chars"] for fit in fits.values()])
    axes.axhspan(sizes.min(), sizes.max(), color="0.5", alpha=0.12, linewidth=0, label="sizes measured")
    lowest, highest = sizes.min() / 100, sizes.max() * 1000
    axes.set_ylim(lowest, highest)
    for source, law in (paper or {}).items():
        d = np.geomspace(data.min() / 10, data.max() * 10, 40)
        star = law.n_star(d)
        if np.any((star > lowest) & (star < highest)):  # elsewhere it would be a legend without a line
            axes.plot(d, star, ":", color=colour(source, titles), label=f"the paper's law, {source}")
    log_axes(axes)
    axes.set(xlabel="fine-tuning data, $D_F$ (characters)", ylabel="$N^*$ (parameters)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _n_star_spread(samples: pd.DataFrame, d: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The central 95 % of N*(D_F) over bootstrap draws with beta > 0; None if too few have one."""
    finite = np.isfinite(samples[["k", "alpha", "beta"]].to_numpy()).all(axis=1)
    usable = samples[finite & (samples["beta"].to_numpy() > 0.01)]
    if len(usable) < 0.9 * max(len(samples), 10):
        return None
    k, alpha, beta = (usable[column].to_numpy()[:, None] for column in ("k", "alpha", "beta"))
    stars = ((1 - alpha) * np.log(d) - np.log(k)) / beta
    low, high = np.quantile(stars, [0.025, 0.975], axis=0)
    return np.exp(np.clip(low, 0, 60)), np.exp(np.clip(high, 0, 60))


@drawn
def representations(fit: Fit) -> Drawing:
    """The same cells three ways: D_T and D_T/D_F against N, and D_T/D_F against D_F (figures 11 and 12).

    Cells with a finite D_T > 0 and the law through them; open points are read off beyond the runs.
    """
    figure, axes = canvas(3, width=9.0, height=3.9)
    cells = fit.cells[fit.cells["status"].isin(["interpolated", "extrapolated"])]
    cells = cells.assign(ratio=cells["d_transferred"] / cells["d_chars"])
    views = (
        ("n_params", "d_chars", "d_transferred", "parameters, N", "$D_T$ (characters)"),
        ("n_params", "d_chars", "ratio", "parameters, N", "$D_T/D_F$"),
        ("d_chars", "n_params", "ratio", "$D_F$ (characters)", "$D_T/D_F$"),
    )
    for panel, (x, held, y, x_label, y_label) in zip(axes[0], views, strict=True):
        for value, shade in shades(fit.cells[held]).items():
            group = cells[cells[held] == value]
            for status, filled in (("interpolated", "full"), ("extrapolated", "none")):
                part = group[group["status"] == status]
                panel.plot(part[x], part[y], "o", color=shade, fillstyle=filled)
            if group.empty:
                continue
            along = np.geomspace(group[x].min(), group[x].max(), 20)
            n, d = (along, value) if x == "n_params" else (value, along)
            d_t = fit.law.d_transferred(n_params=n, d_chars=d)
            panel.plot(along, d_t if y == "d_transferred" else d_t / d, color=shade, linewidth=1)
            panel.plot([], [], "o", color=shade, label=number(value))
        log_axes(panel)
        panel.set(xlabel=x_label, ylabel=y_label)
    look = {"ncols": 4, "fontsize": "x-small"}
    by_data, by_size = (panel.get_legend_handles_labels() for panel in axes[0][1:])
    figure.legend(*by_data, title="$D_F$ (characters)", loc="outside lower left", **look)
    figure.legend(*by_size, title="N", loc="outside lower right", **look)
    return figure


@drawn
def local_alphas(
    local: Mapping[str, LocalAlpha], fits: Sequence[Fit], *, titles: Titles = UNTITLED
) -> Drawing:
    """Alpha between neighbouring data sizes, a panel a source, over the alphas of its methods.

    `fits` are those of all methods: a line each, shaded over a closed interval. A step whose interval is open
    is an open point without one.
    """
    figure, axes = panels(len(local), height=3.9)
    looks = {"paper": ("-", "#555555"), "logit": ("--", "#009e73"), "loss_space": ("-.", "#cc79a7")}
    for panel, (source, by_source) in zip(axes, local.items(), strict=True):
        found = by_source.steps
        for fit in (fit for fit in fits if fit.source == source):
            line, shade = looks[fit.method]
            if fit.alpha.low is not None and fit.alpha.high is not None:
                panel.axhspan(fit.alpha.low, fit.alpha.high, color=shade, alpha=0.12, linewidth=0)
            label = METHOD_NAMES[fit.method]
            panel.axhline(fit.alpha.value, color=shade, linestyle=line, linewidth=1.2, label=label)
        shade = colour(source, titles)
        at = np.sqrt(found["d_low"] * found["d_high"])
        closed = found["low"].notna()
        panel.vlines(at[closed], found["low"][closed], found["high"][closed], color=shade, linewidth=1.4)
        panel.plot(at, found["alpha"], color=shade, linewidth=0.8)
        panel.plot(at[closed], found["alpha"][closed], "o", color=shade)
        panel.plot(at[~closed], found["alpha"][~closed], "o", color=shade, fillstyle="none")
        ends = [*found["d_low"], *found["d_high"]] or [1e3, 1e6]
        panel.set_xlim(min(ends), max(ends))
        log_axes(panel, "x")
        panel.set(xlabel="$D_F$ (characters)", title=titles.arm(source))
    axes[0].plot([], [], "o-", color="0.3", label="between two data sizes")
    axes[0].set_ylabel(r"$\alpha$")
    outside_legend(figure)
    return figure


@drawn
def medium(fit: Fit, law: Hernandez) -> Drawing:
    """D_T measured over D_T by `law`: against D_F, and against how much the inversion amplifies noise.

    Where the paper's fit breaks (appendix D, figures 13 and 14). Cells with a finite D_T > 0; open ones are
    read off beyond the runs, lines are 95 % intervals.
    """
    figure, axes = canvas(2, height=4.0, sharey=True)
    cells = fit.cells[fit.cells["status"].isin(["interpolated", "extrapolated"])]
    by_law = law.d_transferred(n_params=cells["n_params"], d_chars=cells["d_chars"])
    cells = cells.assign(by_law=np.asarray(by_law, float))
    views = (("d_chars", "$D_F$ (characters)"), ("amplification", "$D_E$ moves per 0.01 nats/token (%)"))
    for panel, (x, label) in zip(axes[0], views, strict=True):
        for n, shade in shades(fit.cells["n_params"]).items():
            own = cells[(cells["n_params"] == n) & np.isfinite(cells[x])]
            ends = [own[f"d_transferred_{side}"].clip(lower=1e-3) / own["by_law"] for side in ("low", "high")]
            bounded = np.isfinite(ends[1])
            panel.vlines(own[x][bounded], ends[0][bounded], ends[1][bounded], color=shade, alpha=0.5)
            for status, filled in (("interpolated", "full"), ("extrapolated", "none")):
                part = own[own["status"] == status]
                ratio = part["d_transferred"] / part["by_law"]
                panel.plot(part[x], ratio, "o", color=shade, fillstyle=filled)
            panel.plot([], [], "o", color=shade, label=f"N = {number(n)}")
        panel.axhline(1, color="0.4", linewidth=0.9)
        log_axes(panel)
        panel.set_xlabel(label)
    axes[0][0].set_ylim(0.02, 50)
    axes[0][0].set_ylabel("$D_T$ measured / $D_T$ by the law")
    outside_legend(figure)
    return figure


@drawn
def coefficients(
    fits: Sequence[Fit], paper: Mapping[str, Hernandez], *, titles: Titles = UNTITLED
) -> Drawing:
    """alpha and beta of every source and method with intervals, beside the paper's values (Table 1)."""
    figure, axes = canvas(2, width=8, height=0.42 * (len(fits) + len(paper)) + 1.3, sharey=True)
    rows: list[tuple[str, str, Hernandez, Fit | None]]
    rows = [(f"paper, {source}", source, law, None) for source, law in paper.items()]
    ordered = sorted(fits, key=lambda fit: ORDER.index(fit.method))
    for source in dict.fromkeys(fit.source for fit in fits):
        own = [fit for fit in ordered if fit.source == source]
        rows += [(f"{source}, {METHOD_NAMES[fit.method]}", source, fit.law, fit) for fit in own]
    for panel, exponent, sort in zip(axes[0], ("alpha", "beta"), ("data", "size"), strict=True):
        for height, (_, source, law, fit) in enumerate(rows):
            shade = colour(source, titles)
            panel.plot(getattr(law, exponent), height, "D" if fit is None else "o", color=shade)
            if fit is not None:
                _interval_line(panel, getattr(fit, exponent), height, shade)
        panel.axvline(0, color="0.5", linewidth=0.8)
        panel.set(xlabel=rf"$\{exponent}$ ({sort})", ylim=(len(rows) - 0.5, -0.5))
        panel.margins(x=0.15)
    axes[0][0].set_yticks(range(len(rows)), [row[0] for row in rows])
    return figure


def _interval_line(panel: Axes, found: Interval, height: float, shade: str) -> None:
    """A closed interval as a line; an open end as an arrow."""
    for end, way in ((found.low, -1), (found.high, 1)):
        if end is None:
            arrow = {"arrowstyle": "->", "color": shade}
            panel.annotate("", (found.value + way * 0.5, height), (found.value, height), arrowprops=arrow)
            panel.plot(found.value + way * 0.5, height, alpha=0)
        else:
            panel.plot([found.value, end], [height, height], color=shade, linewidth=1.6)
