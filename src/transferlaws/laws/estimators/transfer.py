"""The transfer law of a table, D_T = k D_F^alpha N^beta, by three methods, each with intervals and a status.

loss_space (primary): all cells at once in nats. paper: logit lines a data size, then the fit of the fits
(appendix C). logit: one weighted regression on the logit axis. The last two see the low-data regime only, by
the D(N) of the fitted curves.
"""

from collections.abc import Sequence

import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves.curve import LOW_DATA
from transferlaws.laws.data.table import check_table, notes, sole_source
from transferlaws.laws.data.table import sources as sources_of
from transferlaws.laws.estimators.effective import describe_cells, invert_cells, source_cells
from transferlaws.laws.estimators.loss_space import loss_space
from transferlaws.laws.estimators.result import Fit, require_options
from transferlaws.laws.estimators.two_step import two_step
from transferlaws.laws.status import CellStatus

METHODS = ("loss_space", "paper", "logit")
LEAST_REDRAWN = 200
"""Redrawn studies behind the effective data of the cells, however few are asked for."""


def fit(
    table: pd.DataFrame,
    source: str | None = None,
    *,
    method: str = "loss_space",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Fit:
    """Fit the transfer law of `source`, by default the sole one, to a runs table (columns: `check_table`).

    `bootstrap` redrawn studies (at least 50) give the samples; `level` is the intervals'. Raises
    TransferLawsError for an unknown method or source, several sources of which none is named, or a table in
    which no curve or law has anything to hold on to.
    """
    if method not in METHODS:
        raise TransferLawsError(f"method is {method!r}; it takes {', '.join(METHODS)}")
    require_options(bootstrap, level)
    table = check_table(table)
    source = source or sole_source(table)
    cells, said = source_cells(table, (source,))
    inversion = invert_cells(cells, max(bootstrap, LEAST_REDRAWN), seed)
    frame = describe_cells(inversion, level=level)
    if method == "loss_space":
        found = loss_space(cells, bootstrap, seed, level)
    else:
        found = two_step(inversion, method, bootstrap, level)
    tuned = cells.only(~cells.scratch)
    return Fit(
        source=source,
        method=method,
        level=level,
        law=found.law,
        k=found.ln_k.exp(found.law.k),
        alpha=found.alpha,
        beta=found.beta,
        beta_over_alpha=found.beta_over_alpha,
        status=found.status,
        search=found.search,
        adequacy=found.adequacy,
        condition_number=found.condition_number,
        n_runs=cells.n_runs,
        n_cells={
            status.value: int((frame["status"] == status).sum())
            for status in CellStatus
            if status is not CellStatus.AT_LIMIT or cells.upper.any()
        },
        range={
            "n_params": (float(tuned.n_params.min()), float(tuned.n_params.max())),
            "d_chars": (float(tuned.d_chars.min()), float(tuned.d_chars.max())),
        },
        samples=found.samples,
        curves=found.curves,
        cells=frame,
        residuals=found.residuals,
        profile=found.profile,
        optima=found.optima,
        noise_parts=found.noise_parts,
        dof=found.dof,
        predictive=found.predictive,
        objective=found.objective,
        notes=(*notes(table), *said, *cells.noise.notes, *found.why),
    )


def fit_all(
    table: pd.DataFrame,
    methods: Sequence[str] = METHODS,
    sources: Sequence[str] | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[list[Fit], dict[tuple[str, str], str]]:
    """The fits of every source by every method, and the reason of each (source, method) that has none.

    `sources` defaults to all of the table; a source's fits come in the order of `METHODS`. Options as in
    `fit`. A source or method that cannot be fitted does not take the others with it; an unknown method or a
    table that is none raises TransferLawsError.
    """
    unknown = [method for method in methods if method not in METHODS]
    if unknown or not methods:
        what = repr(unknown[0]) if unknown else "empty"
        raise TransferLawsError(f"methods holds {what}; it takes one or more of {', '.join(METHODS)}")
    require_options(bootstrap, level)
    table = check_table(table)
    fits, failed = [], {}
    for source in sources_of(table) if sources is None else sources:
        for method in sorted(set(methods), key=METHODS.index):
            try:
                fits.append(fit(table, source, method=method, bootstrap=bootstrap, seed=seed, level=level))
            except TransferLawsError as error:
                failed[source, method] = str(error)
    return fits, failed


def leave_outs(
    table: pd.DataFrame,
    source: str | None = None,
    *,
    method: str = "loss_space",
    bootstrap: int = 200,
    seed: int = 0,
) -> dict[str, Fit]:
    """The fit of all runs, and without the largest size, the least data, all but the low-data regime.

    That regime is by the D(N) of the fitted curves, also where the runs do not know it (`floors`). Keyed by
    what was left out, all runs first; options and errors as in `fit`.
    """
    table = check_table(table)
    source = source or sole_source(table)
    whole = fit(table, source, method=method, bootstrap=bootstrap, seed=seed)
    tuned = table["arm"] == source
    d_n = {n: whole.curves[n].d_n() for n in whole.curves}
    low = table["d_chars"] <= LOW_DATA * table["n_params"].map(d_n).fillna(0.0)
    least, largest = table.loc[tuned, "d_chars"].min(), table.loc[tuned, "n_params"].max()
    parts = {
        "largest size left out": table[table["n_params"] < largest],
        "smallest data size left out": table[~(tuned & (table["d_chars"] == least))],
        "low-data regime only": table[~tuned | low],
    }
    return {"all runs": whole} | {
        name: fit(part, source, method=method, bootstrap=bootstrap, seed=seed)
        for name, part in parts.items()
        if (part["arm"] == source).any()
    }
