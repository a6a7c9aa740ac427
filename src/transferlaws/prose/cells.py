"""Cells in words: how their effective data could be read, what one of them was worth, which were hurt."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.escape import markdown
from transferlaws.laws import CellStatus, Fit, Floor, Hernandez, Noise, effective_data, individual_lines
from transferlaws.laws.paper import PRINTED, REPORTED
from transferlaws.prose.numbers import Prose, counted, grid, scientific

LOW_DATA = 0.1
"""The low-data regime: D_F at most this share of D(N)."""


def statuses(cells: pd.DataFrame) -> Prose:
    """How many cells could be read off the curve, and how many could not."""
    counts = cells["status"].value_counts()
    parts = [
        f"**{counts[status]}** {'was' if counts[status] == 1 else 'were'} {status.sentence}"
        for status in CellStatus
        if status in counts
    ]
    return Prose(f"Of {len(cells)} cells, " + "; ".join(parts) + ".")


def endless(cells: pd.DataFrame) -> Prose:
    """Why a loss below the floor has no number, whether or not there is such a cell here."""
    here = "by the fitted curve there is no such amount, so $D_E$ has no upper end there."
    if not (cells["status"] == "below_floor").any():
        here = (
            "a loss below the floor would have no upper end to its $D_E$, as by the fitted curve there is no "
            "such amount; no loss here lies below its floor."
        )
    return Prose(f"{here} Any number put in its place would enter a fit as if it had been measured.")


def cell(row: pd.Series, source: str, titles: Titles = UNTITLED) -> Prose:
    """One cell in words: what pre-training on the source was worth there, or why that has no number."""
    start = (
        f"A model of N = {scientific(row['n_params'])} parameters, pre-trained on "
        f"{markdown(titles.source(source))} and fine-tuned on {scientific(row['d_chars'])} characters of "
        f"{markdown(titles.target)}, reaches {row['loss']:.3f} nats/token."
    )
    if row["status"] == "below_floor":
        return Prose(
            f"{start} Its from-scratch twin levels off above that loss: by these runs no amount of "
            f"{markdown(titles.target)} takes it there, and the effective data have no upper end."
        )
    if row["status"] == "no_transfer":
        return Prose(
            f"{start} Its from-scratch twin does at least as well with the same data: here pre-training was "
            "worth nothing, or worse."
        )
    low, high = row["d_effective_low"], row["d_effective_high"]
    if row["status"] == "at_limit":
        end = scientific(low) if np.isfinite(low) and low > 0 else "0"
        return Prose(
            f"{start} But a run met its token limit there while its loss still fell, so that its effective "
            f"data have a lower end alone: {end} characters."
        )
    ends = (
        scientific(low) if np.isfinite(low) and low > 0 else "0",
        scientific(high) if np.isfinite(high) else "no upper end",
    )
    reach = "within" if row["status"] == "interpolated" else "beyond"
    return Prose(
        f"{start} From scratch the same model needs {scientific(row['d_effective'])} characters for that "
        f"(95 % interval {ends[0]} to {ends[1]}; {reach} the data we trained on). The pre-training was worth "
        f"the difference, $D_T$ = {scientific(row['d_transferred'])} characters: it made the data go "
        f"{scientific(row['multiplier'])} times as far."
    )


def spread(cells: pd.DataFrame) -> Prose:
    """The whole range of arrows: how many times the data pre-training was worth, over all cells."""
    finite = cells[cells["status"].isin(["interpolated", "extrapolated"])]
    endless = int((cells["status"] == "below_floor").sum())
    none = int((cells["status"] == "no_transfer").sum())
    parts = []
    if len(finite):
        worth = finite["multiplier"].sort_values()
        ends = f"from {scientific(worth.iloc[0])} to {scientific(worth.iloc[-1])}"
        read = int((finite["status"] == "extrapolated").sum())
        beyond = f", {read} of these read off beyond the runs" if read else ""
        parts.append(
            f"in {counted(len(finite), 'cell')} pre-training multiplied the data, by "
            f"**{scientific(float(worth.median()))} in the median cell**, {ends}{beyond}"
        )
    if endless:
        parts.append(f"in {counted(endless, 'cell')} the from-scratch curve never gets there")
    if limited := int((cells["status"] == "at_limit").sum()):
        parts.append(f"in {counted(limited, 'cell')} a run met its token limit, so only a lower end is known")
    if none:
        parts.append(f"in {counted(none, 'cell')} pre-training was worth nothing, or worse")
    return Prose(f"Of {counted(len(cells), 'cell')}: {'; '.join(parts)}.")


def ossified(cells: pd.DataFrame) -> Prose:
    """Which cells, if any, pre-training made worse."""
    worse = cells[cells["status"] == "no_transfer"].sort_values(["n_params", "d_chars"])
    limited = int((cells["status"] == "at_limit").sum())
    cannot = (
        f" {counted(limited, 'cell')} with runs that met their token limit cannot be judged by their means."
        if limited
        else ""
    )
    if worse.empty:
        return Prose(
            f"In none of the {len(cells) - limited} cells whose runs all ended by themselves did "
            f"pre-training end up worse than starting from scratch.{cannot}"
        )
    listed = ", ".join(
        f"(N = {scientific(n)}, $D_F$ = {scientific(d)}{', one run' if seeds == 1 else ''})"
        for n, d, seeds in zip(worse["n_params"], worse["d_chars"], worse["n_seeds"], strict=True)
    )
    return Prose(
        "By the means of their runs, pre-training ended up worse than starting from scratch in "
        f"{counted(len(worse), 'cell')}: {listed}. That is a reading of means. Whether such a cell is "
        f"*ossified* takes pairs of runs with shared seeds and an interval of their difference.{cannot}"
    )


def nervous(cells: pd.DataFrame) -> Prose:
    """Where the inversion amplifies noise most and least, in per cent of D_E for 0.01 nats/token."""
    finite = cells[np.isfinite(cells["amplification"]) & (cells["amplification"] > 0)]
    if finite.empty:
        return Prose("no cell has a finite effective data, so nothing is amplified.")

    def place(row: pd.Series) -> str:
        at = f"N = {scientific(row['n_params'])}, {scientific(row['d_chars'], 1)} characters"
        return f"{row['amplification']:.2g} % at {at}"

    most = finite.loc[finite["amplification"].idxmax()]
    least = finite.loc[finite["amplification"].idxmin()]
    ln_a = np.log(finite["amplification"].astype(float))
    with_data = (
        float(np.corrcoef(ln_a, np.log(finite["d_effective"].astype(float)))[0, 1])
        if len(finite) > 2
        else np.nan
    )
    with_size = (
        float(np.corrcoef(ln_a, np.log(finite["n_params"].astype(float)))[0, 1])
        if finite["n_params"].nunique() > 1 and len(finite) > 2
        else np.nan
    )
    goes = ""
    if np.isfinite(with_data) and np.isfinite(with_size):
        goes = (
            f" It goes {'up' if with_data > 0 else 'down'} with $D_E$ (correlation of logarithms "
            f"{with_data:+.2f}) and "
            f"{'up' if with_size > 0 else 'down'} with size ({with_size:+.2f})."
        )
    return Prose(
        f"a loss wrong by 0.01 nats/token moves $D_E$ most, by {place(most)}, and least, by "
        f"{place(least)}.{goes}"
    )


def to_read_off(cells: pd.DataFrame) -> pd.DataFrame:
    """Three cells of one size to read D_E off by hand: where the curve is steepest, between, and flattest.

    The size is that with most cells read off its measured curve; fewer than three of these are all taken.
    """
    read = cells[(cells["status"] == "interpolated") & (cells["multiplier"] > 1)]
    if read.empty:
        return read
    own = read[read["n_params"] == read["n_params"].value_counts(sort=True).index[0]].sort_values(
        "amplification"
    )
    places = sorted({0, (len(own) - 1) // 2, len(own) - 1})
    return own.iloc[places].assign(name=list("ABC")[: len(places)])


def read_off(cells: pd.DataFrame) -> Prose:
    """The answers to a handout, of the cells of `to_read_off`."""
    if cells.empty:
        return Prose("No cell is read off the measured curve of its size, so there is nothing to read.")
    rows = (
        (
            cell["name"],
            f"{cell['loss']:.3f}",
            scientific(cell["d_chars"], 1),
            scientific(cell["d_effective"]),
            f"{scientific(cell['d_effective_low'])} to {scientific(cell['d_effective_high'])}",
            f"{cell['amplification']:.1f} %",
        )
        for _, cell in cells.iterrows()
    )
    return grid(("mark", "loss", "$D_F$", "$D_E$", "95 %", "0.01 nats are worth"), rows)


def left_out(cells: Mapping[str, pd.DataFrame]) -> Prose:
    """How many cells of each source a plot of fractions leaves out at its upper and at its lower end."""
    rows = []
    for source, frame in cells.items():
        counts = frame["status"].value_counts()
        finite = int(counts.get("interpolated", 0)) + int(counts.get("extrapolated", 0))
        ends = tuple(int(counts.get(status, 0)) for status in ("below_floor", "no_transfer", "at_limit"))
        rows.append((markdown(source), len(frame), finite, *ends))
    lost = [
        words
        for place, words in (
            (3, "those in which pre-training did best"),
            (4, "those in which pre-training did worst"),
            (5, "those that were not trained to their end, or shows them as lower ends"),
        )
        if any(row[place] for row in rows)
    ]
    meaning = (
        f"Cells that are left out are not a random choice: this plot loses {' and '.join(lost)}."
        if lost
        else "Here no cell is lost to it."
    )
    columns = ("source", "cells", "on the axis", "no end", "no transfer", "a lower end alone")
    return Prose(f"{grid(columns, rows)}\n\n{meaning}")


def conditioning(cells: pd.DataFrame, noise: Noise) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: how far the noise of one run moves D_E, and how many cells have no finite one.

    `noise` is that of the source of the cells (`noise_of`).
    """
    sd = np.sqrt(noise.run_variance(np.ones(len(cells), np.intp), cells["d_chars"].to_numpy(float)))
    moves = 100 * (cells["amplification"] * sd)[np.isfinite(cells["amplification"])]
    yield (
        "conditioning of the inversion",
        REPORTED["inversion"],
        f"the noise of one run between seeds ({sd.min():.3f} to {sd.max():.3f} nats/token) moves $D_E$ by "
        f"{moves.min():.1f} % in the calmest cell and {moves.max():.1f} % in the most nervous one",
    )
    yield "cells that have no number", REPORTED["plotted_cells"], _without_number(cells)


def _without_number(cells: pd.DataFrame) -> str:
    """How many cells have no D_E, or one end of it alone, in a cell of the box."""
    parts = {
        "below the floor": int((cells["status"] == "below_floor").sum()),
        "with a lower end alone, as a run met its token limit": int((cells["status"] == "at_limit").sum()),
        "without transfer": int((cells["status"] == "no_transfer").sum()),
    }
    said = [f"{count} {what}" for what, count in parts.items() if count]
    return f"of {len(cells)}, {', '.join(said)}; all are shown" if said else f"none of {len(cells)}"


def off_the_law(fit: Fit, paper: Hernandez | None) -> tuple[str, str, str]:
    """A row of the box: by what factor single cells miss the law, at the paper's headline point and here."""
    headline = "not of this target"
    if paper is not None:
        fact = next(entry for entry in PRINTED if "as measured" in entry.name)
        by_law = float(paper.data_multiplier(n_params=4e7, d_chars=3e5)) - 1
        headline = (
            f"about {fact.printed:,.0f} times $D_F$ measured at its headline point, {by_law:,.0f} by Table "
            f"1: a factor of {fact.printed / by_law:.1f}"
        )
    cells = fit.cells[fit.cells["status"].isin(["interpolated", "extrapolated"])]
    law = fit.law.d_transferred(n_params=cells["n_params"], d_chars=cells["d_chars"])
    off = np.exp(np.abs(np.log((law / cells["d_transferred"]).to_numpy(float))))
    ours = "no cell has a finite $D_T > 0$"
    if len(off):
        ours = (
            f"a factor of {np.exp(np.median(np.log(off))):.2f} in the median cell, and up to "
            f"{off.max():.1f}, over the {len(off)} cells with a finite $D_T > 0$"
        )
    return "the transfer law against single cells, $D_T$", headline, ours


def low_data(cells: pd.DataFrame, found: Sequence[Floor]) -> Prose:
    """How many cells lie in the low-data regime wherever D(N) lies in its interval, and how many outside."""
    known = {floor.n_params: floor.d_n for floor in found}
    counts = {"in it": 0, "outside it": 0, "undecided": 0}
    for n, d in zip(cells["n_params"], cells["d_chars"], strict=True):
        ends = known.get(n)
        if ends is not None and ends.low is not None and d <= LOW_DATA * ends.low:
            counts["in it"] += 1
        elif ends is not None and ends.high is not None and d > LOW_DATA * ends.high:
            counts["outside it"] += 1
        else:
            counts["undecided"] += 1
    undecided = (
        ""
        if not counts["undecided"]
        else " Undecided means that the interval of D(N) has room for both answers: the regime is the "
        "paper's word, and these runs cannot always use it."
    )
    return Prose(
        f"The low-data regime is $D_F$ up to a tenth of D(N). Of {counted(len(cells), 'cell')}, "
        f"{counts['in it'] or 'none'} in it and {counts['outside it'] or 'none'} outside it wherever D(N) "
        f"lies in its interval, {counts['undecided'] or 'none'} undecided. That holds as far as the curves' "
        f"form does, on which the lower end of D(N) rests.{undecided}"
    )


def misfit(fit: Fit, runs: pd.DataFrame) -> Prose:
    """Statuses of a source's cells, the misfit in units of noise, and the slope against N at each D_F."""
    cells = effective_data(runs, fit.source, bootstrap=200, seed=0)
    own = fit.residuals[fit.residuals["arm"] == fit.source].dropna(subset=["residual", "sd"])
    typical = float(np.sqrt(np.mean((own["residual"] / own["sd"]) ** 2)))
    said = (
        f"**{markdown(fit.source)}.** {statuses(cells)} {ossified(cells)} The fit misses the mean of a cell "
        f"by {typical:.1f} of its standard errors (root mean square over {len(own)} cells)."
    )
    slopes = individual_lines(cells)
    if len(slopes) > 1:
        listed = ", ".join(
            f"{slope:.2f} at {scientific(d_chars, 1)}"
            for d_chars, slope in zip(slopes["d_chars"], slopes["slope"], strict=True)
        )
        said += f" Slope of the logit fraction against ln N, one amount of data at a time: {listed}."
    return Prose(said)


def controls(main: str, arms: Iterable[str], runs: pd.DataFrame) -> Prose:
    """D_T of every control beside the main arm, at the controls' cells; nothing where none was run."""
    measured = [arm for arm in arms if arm in set(runs["arm"])]
    if not measured:
        return Prose()
    columns = {
        arm: effective_data(runs, arm, bootstrap=2, seed=0).set_index(["n_params", "d_chars"])
        for arm in (main, *measured)
    }

    def said(found: pd.Series) -> str:
        beyond = "beyond " if found["status"] == "extrapolated" else ""
        return beyond + scientific(found["d_transferred"], 2)

    rows = (
        (f"{n:,}", scientific(d, 1), *(said(column.loc[(n, d)]) for column in columns.values()))
        for n, d in columns[measured[0]].index
    )
    return Prose(
        "Data transferred, in characters of the target; a negative number is data that pre-training cost. "
        "*Beyond*: read off past the longest from-scratch run. No law is fitted to controls.\n\n"
        + grid(("N", "D", *map(markdown, columns)), rows)
    )
