"""What a study measured, on one page: `results/<scale>/README.md`, written with the results by `freeze`.

Every number comes from the run table and the laws; what was planned and is not there is listed as missing.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from transferlaws.files import write_atomic
from transferlaws.laws.estimators.effective import effective_data
from transferlaws.laws.estimators.result import Fit
from transferlaws.laws.estimators.two_step import individual_lines
from transferlaws.prose import words
from transferlaws.study import Study
from transferlaws.training.tuning import FEWEST_RATES, Tuning, best_tried

HOPED = {"alpha": 0.08, "beta": 0.05}
"""Half-widths of 95 % intervals that a design should reach to be worth its compute."""
BY_HAND = {
    "design.md": "What was planned and expected, written down first",
    "notes.md": "What surprised, and what was not run",
}
"""Pages that whoever ran the study may have put beside its results."""


def write_account(study: Study, fits: Sequence[Fit]) -> Path:
    """Write the account of a published study beside its results; returns its path.

    `fits` are its laws, every source and method; losses are in nats/token on test projects.
    """
    everything = study.table(everything=True)
    runs = everything[(everything["role"] == "run") & (everything["status"] == "ok")]
    primary = {fit.source: fit for fit in fits if fit.method == "loss_space"}
    parts = [
        f"# What the {study.scale.name} study measured",
        f"Written by `transferlaws freeze --scale {study.scale.name}` from the files beside it. "
        "Sizes N are without embeddings, D in characters, losses in nats/token on held-out projects.",
        "## The law",
        words.law_table(fits, study.question.paper).markdown,
        *(f"*{source}.* {words.verdict(fit).markdown}" for source, fit in primary.items()),
        "## As narrow as hoped?",
        _widths(primary),
        "## Where the law holds, and where it does not",
        *(_misfit(source, fit, runs) for source, fit in primary.items()),
        *_controls(study.question.main, list(study.question.controls), runs),
        "## Noise",
        _noise(runs),
        "## Learning rates",
        _edges(everything, study.scale.tuning),
        "## Runs that met their token limit",
        _capped(runs, study.scale.recipe.max_tokens),
        "## Runs, and what is missing",
        _coverage(study, everything),
        "\n".join(
            f"{what}: [{page}]({page})." for page, what in BY_HAND.items() if (study.results / page).exists()
        ),
    ]
    path = study.results / "README.md"
    write_atomic(path, "\n\n".join(part for part in parts if part) + "\n")
    return path


def _widths(fits: dict[str, Fit]) -> str:
    lines = ["| source | exponent | value | half-width | hoped for |", "|---|---|---|---|---|"]
    for source, fit in fits.items():
        for name, hoped in HOPED.items():
            found = getattr(fit, name)
            half = f"{found.width / 2:.3f}" if found.closed else "open"
            lines.append(f"| {source} | {name} | {found.value:.3f} | {half} | {hoped} |")
    return "\n".join(lines)


def _misfit(source: str, fit: Fit, runs: pd.DataFrame) -> str:
    """Statuses of the cells, the misfit in units of noise, and how the slope against N moves with D_F."""
    cells = effective_data(runs, source, bootstrap=200, seed=0)
    own = fit.residuals[fit.residuals["arm"] == source].dropna(subset=["residual", "sd"])
    typical = float(np.sqrt(np.mean((own["residual"] / own["sd"]) ** 2)))
    said = [
        f"**{source}.** {words.statuses(cells).markdown} {words.ossified(cells).markdown} The fit misses the "
        f"mean of a cell by {typical:.1f} of its standard errors (root mean square over {len(own)} cells)."
    ]
    slopes = individual_lines(cells)
    if len(slopes) > 1:
        listed = ", ".join(
            f"{slope:.2f} at {words.scientific(d_chars, 1)}"
            for d_chars, slope in zip(slopes["d_chars"], slopes["slope"], strict=True)
        )
        said.append(f"Slope of the logit fraction against ln N, one amount of data at a time: {listed}.")
    return " ".join(said)


def _noise(runs: pd.DataFrame) -> str:
    seeds = runs[runs["d_chars"] > 0].groupby(["arm", "n_params", "d_chars"])["loss"].agg(["std", "count"])
    seeds = seeds[seeds["count"] > 1].reset_index()
    seeds["std"] = seeds["std"] ** 2
    pooled = seeds.pivot_table("std", "d_chars", "arm") ** 0.5
    lines = [
        "Standard deviation between seeds (each draws its own sample of the data), pooled over sizes:",
        "",
        "| D | " + " | ".join(pooled.columns) + " |",
        "|---" * (len(pooled.columns) + 1) + "|",
    ]
    for d_chars, row in zip(pooled.index, pooled.to_numpy(), strict=True):
        cells = " | ".join("–" if np.isnan(value) else f"{value:.3f}" for value in row)
        lines.append(f"| {words.scientific(d_chars, 1)} | {cells} |")
    return "\n".join(lines)


def _controls(main: str, arms: Sequence[str], runs: pd.DataFrame) -> list[str]:
    """D_T of every control beside the main arm, at the controls' cells; nothing where none was run."""
    present = [arm for arm in arms if arm in set(runs["arm"])]
    if not present:
        return []
    columns = {
        arm: effective_data(runs, arm, bootstrap=2, seed=0).set_index(["n_params", "d_chars"])
        for arm in (main, *present)
    }
    lines = [
        "| N | D | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for n_params, d_chars in columns[present[0]].index:
        cells = []
        for column in columns.values():
            cell = column.loc[(n_params, d_chars)]
            beyond = "beyond " if cell["status"] == "extrapolated" else ""
            cells.append(f"{beyond}{words.scientific(cell['d_transferred'], 2)}")
        lines.append(f"| {n_params:,} | {words.scientific(d_chars, 1)} | {' | '.join(cells)} |")
    return [
        "## Controls",
        "Data transferred, in characters of the target; a negative number is data that pre-training cost. "
        "*Beyond*: read off past the longest from-scratch run. No law is fitted to controls.",
        "\n".join(lines),
    ]


def _edges(everything: pd.DataFrame, tuning: Tuning) -> str:
    """Whether the rate taken in each tuned cell has a worse one, or one that diverged, on both sides."""
    tried = everything[(everything["seed"] == 0) & everything["d_chars"].isin(tuning.d_chars)]
    grids, at_edge, lowest_at_edge = 0, [], 0
    for (arm, n_params, d_chars), group in tried.groupby(["arm", "n_params", "d_chars"]):
        if len(group) < FEWEST_RATES:  # a cell that was not tuned
            continue
        grids += 1
        losses = group.set_index("learning_rate")["loss_validation"].fillna(np.inf)
        ends = (losses.index.min(), losses.index.max())
        lowest_at_edge += losses.idxmin() in ends
        if best_tried(dict(zip(losses.index, losses, strict=True)), tuning) in ends:
            at_edge.append(f"{arm} at N = {n_params:,}, D = {d_chars:,}")
    return (
        f"{grids} cells were tuned. The rate taken is the largest whose validation loss is within "
        f"{tuning.flat_nats:g} nats of the lowest; it lies at the edge of its grid in "
        + (f"{len(at_edge)} of them: {'; '.join(at_edge)}." if at_edge else "none of them.")
        + f" The lowest loss itself lies at an edge in {lowest_at_edge}, on a plateau of that height."
    )


def _capped(runs: pd.DataFrame, max_tokens: int) -> str:
    capped = runs[runs["tokens_seen"] >= max_tokens]
    if capped.empty:
        return "None: every run ended because its loss had stopped falling."
    counts = Counter(zip(capped["arm"], capped["n_params"], capped["d_chars"], strict=True))
    listed = "; ".join(
        f"{arm} at N = {n:,}, D = {d:,}" + (f" ({count} seeds)" if count > 1 else "")
        for (arm, n, d), count in counts.items()
    )
    return (
        f"{len(capped)} runs saw {max_tokens:,} tokens before their loss had stopped falling, so theirs is "
        f"an upper end: {listed}."
    )


def _coverage(study: Study, everything: pd.DataFrame) -> str:
    lines = ["| arm | N | runs | of | core-hours, tuning included |", "|---|---|---|---|---|"]
    for arm in study.plan.arms:
        for size in study.plan.sizes_of(arm):
            wanted = [cell for cell in study.cells([arm], [size]) if cell.role == "run"]
            here = everything[(everything["arm"] == arm) & (everything["n_params"] == size.n_params)]
            done = int(((here["role"] == "run") & (here["status"] == "ok")).sum())
            spent = f"{here['seconds'].sum() / 3600:.2f}" if len(here) else "–"
            lines.append(f"| {arm} | {size.n_params:,} | {done or '**none**'} | {len(wanted)} | {spent} |")
    counts = everything["status"].value_counts()
    return "\n".join(lines) + (
        f"\n\n{everything['seconds'].sum() / 3600:.2f} core-hours in all; statuses: "
        + ", ".join(f"{count} {status}" for status, count in counts.items())
        + ". A run that diverged is repeated at half its rate."
    )
