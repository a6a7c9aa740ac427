"""The reporting checklist for a scaling law, filled in from the study itself.

Items are those of Li et al. (2025, "(Mis)Fitting") and of Choshen et al. (2024): what a reader has to know to
fit the law again. An answer that the study cannot give is said to be missing, not left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from transferlaws.design.question import BASELINE
from transferlaws.laws import Fit
from transferlaws.prose.numbers import Prose, grid, scientific

MISSING = "**missing**"


def filled(fit: Fit, table: pd.DataFrame, every: pd.DataFrame, provenance: Mapping[str, Any] | None) -> Prose:
    """Every item with its answer; `provenance` is that of the published results (None: not published)."""
    return grid(("item", "this study"), items(fit, table, every, provenance))


def items(
    fit: Fit, table: pd.DataFrame, every: pd.DataFrame, provenance: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    """The checklist, an item and its answer at a time."""
    sizes = fit.cells["n_params"].nunique()
    yield (
        "form, free and tied parameters",
        f"${fit.law.latex()}$ read off a curve with a floor of its own for every size; 3 parameters of the "
        f"law and 4 for each of {len(fit.curves)} curves, none tied",
    )
    yield "units", "loss in nats/token, data in characters of the cleaned corpus, N in parameters"
    yield "counting of N", "without embeddings; the total is beside it in the run table"
    yield "counting of FLOPs", "six for each weight in a matrix product, output head included, and attention"
    yield "points", f"{fit.n_runs} runs, {sum(fit.n_cells.values())} fine-tuned cells at {sizes} sizes"
    ends = (
        f"{name} from {scientific(float(low))} to {scientific(float(high))}"
        for name, (low, high) in (("N", fit.range["n_params"]), ("D", fit.range["d_chars"]))
    )
    yield "range", ", ".join(ends)
    runs = table[(table["d_chars"] > 0) & table["arm"].isin([BASELINE, fit.source])]
    seeds = runs.groupby(["arm", "n_params", "d_chars"])["seed"].nunique()
    yield "seeds per cell", f"{seeds.min()} to {seeds.max()}"
    tuned = every[every["role"] == "tune"]
    yield (
        "tuning",
        f"{len(tuned)} runs, for each arm and size, at {tuned['d_chars'].nunique()} data sizes; between them "
        "settings are interpolated or smoothed"
        if len(tuned)
        else MISSING,
    )
    limits = int((runs["ended"] == "limit").sum()) if "ended" in runs else 0
    yield "runs cut short", f"{limits} of {len(runs)} met a token limit"
    yield "which checkpoint", "the one of least validation loss, after its decay or averaging"
    yield "which split", "stopped on validation projects, scored once on test projects"
    yield "loss of the fit", "squares of residuals, whitened by the noise between seeds and the misfit"
    yield "starts and optima", f"a grid of starts; {len(fit.optima)} distinct minima found, all kept"
    yield (
        "intervals",
        f"{100 * fit.level:g} %: the wider of the profile's and that of {len(fit.samples)} redrawn studies",
    )
    yield (
        "identification, adequacy",
        f"{fit.identification.value.replace('_', ' ')}, {fit.adequacy.verdict.value}",
    )
    yield "held-out error and baseline", "in the chapter on which law predicts"
    yield "code", f"version {provenance['code_version']}, MIT" if provenance else MISSING
    yield (
        "data",
        "; ".join(f"{name} {str(digest)[:12]}" for name, digest in provenance["corpora"].items())
        if provenance
        else MISSING,
    )
    yield (
        "compute",
        f"{sum(provenance['core_hours'].values()):.1f} core-hours, pre-training and tuning included"
        if provenance
        else MISSING,
    )
    yield "runs released", f"{len(every)}, failed and diverged ones among them, each with its key"
