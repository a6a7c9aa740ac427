"""A form of loss fitted to runs: the law, what is independent in the runs, and what these can tell of it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.table import check_table, notes, sole_source
from transferlaws.laws.data.words import listed
from transferlaws.laws.estimators.independent import independent_units
from transferlaws.laws.estimators.loss_search import (
    HUBER_LOG,
    Points,
    box_of,
    condition_of,
    log_loss,
    minimise,
    refine,
    to_law,
)
from transferlaws.laws.estimators.open_ends import Known, intervals_of, rising, unknown_parameters
from transferlaws.laws.estimators.result import FormFit, require_options
from transferlaws.laws.forms import AT_ONE_SIZE, LossForm
from transferlaws.laws.numerics.bootstrap import resample_rows
from transferlaws.laws.status import Status

Floats = NDArray[np.float64]
ONE_SIZE = 1.05
"""Ratio up to which sizes are one size, written more or less round."""
ILL_CONDITIONED = 1e6
"""Condition number of the exponents' information beyond which they cannot be told apart."""


def fit_form(
    form: type[LossForm],
    table: pd.DataFrame,
    arm: str | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    huber: float = HUBER_LOG,
) -> FormFit:
    """Fit a form of loss to the runs of `arm`, by default those from scratch, or to a table without arms.

    A table without arms needs n_params, d_tokens and loss. Runs of one size are fitted without the form's
    term for size, where `AT_ONE_SIZE` knows how, and a note says so. A form of both arms (eq. 6.1) takes the
    scratch arm along, and its `arm` is by default the sole source. `huber` is the error in ln L beyond which
    it counts linearly. Intervals are percentiles of `bootstrap` resamples of what is independent
    (`independent_units`), wider by Student's t where that is little more than the parameters; an end that
    these push onto a bound is None, and so are all without resamples (`bootstrap` 0) and those of parameters
    that the runs do not pin down. Raises TransferLawsError for a
    table or an arm that cannot be used, and for fewer runs than parameters.
    """
    if bootstrap:
        require_options(bootstrap, level)
    table = check_table(table, armless=True, zero_data=form.at_zero)
    said = notes(table)
    source = np.zeros(len(table), bool)
    column = "d_tokens"
    if "arm" in table.columns:
        column = "d_chars"
        arm = arm or (sole_source(table) if form.both_arms else SCRATCH)
        if form.both_arms and arm == SCRATCH:
            raise TransferLawsError(f"{form.__name__} describes both arms; name the source to fit it to")
        if arm not in set(table["arm"]):
            held = listed(sorted(set(table["arm"])))
            raise TransferLawsError(f"column arm holds no {arm!r}; it holds {held}")
        table = table[table["arm"].isin({arm, SCRATCH} if form.both_arms else {arm})]
        source = (table["arm"] != SCRATCH).to_numpy()
    n, d, loss = (table[name].to_numpy(float) for name in ("n_params", column, "loss"))
    form, about_size = _at_one_size(form, n)
    if np.ptp(d) == 0:
        raise TransferLawsError(
            f"column {column} holds one value only ({d[0]:g}); {form.__name__} needs runs at several"
        )
    if len(table) <= form.n_free():
        raise TransferLawsError(
            f"{len(table)} runs cannot fit the {form.n_free()} parameters of {form.__name__}"
        )
    points = Points.of(n, d, source, loss)
    best, optima = minimise(form, points, huber)
    law = to_law(form, best, points)
    left = points.log_loss - log_loss(form, points, best[None])[0][0]
    unit, about_units = independent_units(table, column, left)
    known = Known(int(unit.max()) + 1, len(best), level)
    weights = resample_rows(known.units, bootstrap, np.random.default_rng(seed))[:, unit]
    drawn = np.zeros((0, len(best)))
    if bootstrap:
        drawn = refine(form, points, np.tile(best, (bootstrap, 1)), huber, weights).theta
    samples = pd.DataFrame([vars(to_law(form, theta, points)) for theta in drawn], columns=list(vars(law)))
    unknown = unknown_parameters(form, law, points, best, left, known)
    parameters = intervals_of(form, law, samples, drawn, known, set().union(*unknown.values()))
    open_ended = [name for name, interval in parameters.items() if drawn.size and not interval.closed]
    condition = condition_of(form, points, best)
    fitted = np.exp(log_loss(form, points, best[None])[0][0])
    return FormFit(
        source=arm or "all rows",
        method="least_squares",
        law=law,
        parameters=parameters,
        level=level,
        status=_status(form, best, open_ended, condition),
        condition_number=condition,
        n_runs=len(table),
        range={"n_params": (float(n.min()), float(n.max())), column: (float(d.min()), float(d.max()))},
        samples=samples,
        residuals=pd.DataFrame(
            {"n_params": n, column: d, "loss": loss, "fitted": fitted, "residual": loss - fitted}
        ),
        optima=optima,
        objective=float(optima["objective"].min()),
        notes=(
            *said,
            *about_size,
            *about_units,
            *rising(n, d, loss),
            *(f"{', '.join(names)} not identified: {why}" for why, names in unknown.items() if names),
            *(
                f"{name} is not identified: resamples reach the bounds"
                for name in open_ended
                if not any(name in names for names in unknown.values())
            ),
        ),
    )


def _at_one_size(form: type[LossForm], n: Floats) -> tuple[type[LossForm], tuple[str, ...]]:
    """The form for runs of sizes `n` (m,), without its term for size where there is one size, and a note.

    One size may be written more or less round. Raises TransferLawsError for a form of one size and runs of
    several, and for a form that takes several.
    """
    sizes = np.unique(n)
    several = sizes[-1] > ONE_SIZE * sizes[0]
    if several and not form.sized:
        raise TransferLawsError(
            f"column n_params holds {len(sizes)} sizes, and {form.__name__} is loss against data at one; "
            "keep the runs of one size, or fit a law with a term for size, such as chinchilla"
        )
    if several:
        return form, ()
    form = AT_ONE_SIZE.get(form, form)
    size = " to ".join(f"{n:.4g}" for n in dict.fromkeys((sizes[0], sizes[-1])))
    if form.sized:
        raise TransferLawsError(
            f"column n_params holds one value only ({size}); {form.__name__} needs runs at several"
        )
    return form, (
        f"all runs have one size (n_params {size}): size is not in the law, which is loss against data",
    )


def _status(form: type[LossForm], best: Floats, open_ended: list[str], condition: float) -> Status:
    box, q = box_of(form), len(form.exponents)
    if open_ended:
        return Status.NOT_IDENTIFIED
    if np.any(best[:q] <= box.lower[:q]) or np.any(best[:q] >= box.upper[:q]) or np.any(best[q:] <= 0):
        return Status.AT_BOUND
    return Status.ILL_CONDITIONED if condition > ILL_CONDITIONED else Status.CONVERGED
