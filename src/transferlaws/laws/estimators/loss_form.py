"""A form of loss fitted to runs: search the exponents, solve the rest, say what the data can tell.

Follows Hoffmann et al. 2022: Huber's loss (1e-3) on ln L. The start grid is over the exponents only, the
other coefficients by non-negative least squares (variable projection), which makes it well conditioned.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats.qmc import Halton

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.table import check_table, notes, sole_source
from transferlaws.laws.estimators.result import FormFit, Interval, require_options
from transferlaws.laws.forms import AT_ONE_SIZE, LossForm
from transferlaws.laws.numerics.bootstrap import percentiles, resample_rows
from transferlaws.laws.numerics.solver import Box, Solution, solve
from transferlaws.laws.status import Status

Floats = NDArray[np.float64]
HUBER_LOG = 1e-3
"""Hoffmann et al. 2022; for noise of known normal shape a larger threshold wastes less of it."""
ILL_CONDITIONED = 1e6
"""Condition number of the exponents' information beyond which they cannot be told apart."""
STARTS = 256
REFINED = 12


@dataclass(frozen=True)
class Points:
    """Runs a form of loss is fitted to: arrays (m,), sizes and data over their geometric means n_0, d_0."""

    n: Floats
    d: Floats
    source: NDArray[np.bool_]
    log_loss: Floats
    n_0: float
    d_0: float

    @classmethod
    def of(cls, n: Floats, d: Floats, source: NDArray[np.bool_], loss: Floats) -> "Points":
        """Points from parameters, characters (or tokens), arm flags and nats/token."""
        n_0, d_0 = float(np.exp(np.log(n).mean())), float(np.exp(np.log(d[d > 0]).mean()))
        return cls(n / n_0, d / d_0, source, np.log(loss), n_0, d_0)


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
    it counts linearly. Intervals are percentiles of `bootstrap` resamples of the runs; an end that these push
    onto a bound is None, and so are all without resamples (`bootstrap` 0). Raises TransferLawsError for a
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
            held = ", ".join(sorted(set(table["arm"])))
            raise TransferLawsError(f"column arm holds no {arm!r}; it holds {held}")
        table = table[table["arm"].isin({arm, SCRATCH} if form.both_arms else {arm})]
        source = (table["arm"] != SCRATCH).to_numpy()
    n, d, loss = (table[name].to_numpy(float) for name in ("n_params", column, "loss"))
    form, about_size = _at_one_size(form, n)
    for name, values in (("n_params", n), (column, d)):
        if np.ptp(values) == 0 and (form.sized or name != "n_params"):
            raise TransferLawsError(
                f"column {name} holds one value only ({values[0]:g}); {form.__name__} needs runs at several"
            )
    if len(table) <= form.n_free():
        raise TransferLawsError(
            f"{len(table)} runs cannot fit the {form.n_free()} parameters of {form.__name__}"
        )
    points = Points.of(n, d, source, loss)
    best, optima = minimise(form, points, huber)
    law = to_law(form, best, points)
    weights = resample_rows(len(n), bootstrap, np.random.default_rng(seed))
    drawn = np.zeros((0, len(best)))
    if bootstrap:
        drawn = _solve(form, points, np.tile(best, (bootstrap, 1)), huber, weights).theta
    samples = pd.DataFrame([vars(to_law(form, theta, points)) for theta in drawn], columns=list(vars(law)))
    parameters = _intervals(form, law, samples, drawn, level)
    open_ended = [name for name, interval in parameters.items() if drawn.size and not interval.closed]
    condition = _condition(form, points, best)
    fitted = np.exp(_log_loss(form, points, best[None])[0][0])
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
            *(f"{name} is not identified: resamples reach the bounds" for name in open_ended),
        ),
    )


def _at_one_size(form: type[LossForm], n: Floats) -> tuple[type[LossForm], tuple[str, ...]]:
    """The form for runs of sizes `n` (m,), without its term for size where there is one size, and a note.

    Raises TransferLawsError for a form of one size and runs of several.
    """
    sizes = np.unique(n)
    if len(sizes) > 1 and not form.sized:
        raise TransferLawsError(
            f"column n_params holds {len(sizes)} sizes, and {form.__name__} is loss against data at one; "
            "keep the runs of one size, or fit a law with a term for size, such as chinchilla"
        )
    if len(sizes) > 1:
        return form, ()
    form = AT_ONE_SIZE.get(form, form)
    note = (
        f"all runs have one size (n_params {sizes[0]:g}): size is not in the law, which is loss against data"
    )
    return form, () if form.sized else (note,)


def _status(form: type[LossForm], best: Floats, open_ended: list[str], condition: float) -> Status:
    box, q = _box(form), len(form.exponents)
    if open_ended:
        return Status.NOT_IDENTIFIED
    if np.any(best[:q] <= box.lower[:q]) or np.any(best[:q] >= box.upper[:q]) or np.any(best[q:] <= 0):
        return Status.AT_BOUND
    return Status.ILL_CONDITIONED if condition > ILL_CONDITIONED else Status.CONVERGED


def minimise(law: type[LossForm], points: Points, huber: float = HUBER_LOG) -> tuple[Floats, pd.DataFrame]:
    """The best parameters (q + terms,), and every distinct optimum found with its objective."""
    grid = _grid(law)
    shapes = law.basis(grid, points.n, points.d, points.source)
    power = law.power(grid)
    terms = np.empty((len(grid), len(law.terms)))
    misfit = np.empty(len(grid))
    for i, (shape, outer) in enumerate(zip(shapes, power[:, 0], strict=True)):
        # (sum of terms)^power = L, in relative terms: the sum over L^(1/power) should be 1.
        relative = shape / np.exp(points.log_loss / outer)[:, None]
        terms[i], misfit[i] = nnls(relative, np.ones(len(relative)))
        misfit[i] *= outer
    order = np.argsort(misfit)[:REFINED]
    found = _solve(law, points, np.column_stack([grid, terms])[order], huber)
    ranked = np.argsort(found.objective)
    kept: list[int] = []
    for i in ranked:
        if all(
            np.abs(found.theta[i, : grid.shape[1]] - found.theta[j, : grid.shape[1]]).max() > 0.02
            for j in kept
        ):
            kept.append(int(i))
    rows = [{"objective": found.objective[i], **vars(to_law(law, found.theta[i], points))} for i in kept]
    return found.theta[kept[0]], pd.DataFrame(rows)


def to_law(law: type[LossForm], theta: Floats, points: Points) -> LossForm:
    """The law in parameters and characters (or tokens) from normalised theta (q + terms,)."""
    q = len(law.exponents)
    normal = theta[None, :q]
    raw = normal.copy()
    for i, name in enumerate(law.exponents):
        if name in law.lengths:
            raw[0, i] *= points.d_0
    # Terms are monomials: each changes by one factor, read off at any point of its arm.
    one, flags = np.ones(2), np.array([False, True])
    own = law.basis(normal, one, one, flags)[0].max(0)
    other = law.basis(raw, one * points.n_0, one * points.d_0, flags)[0].max(0)
    terms = theta[q:] * own / other
    return law.assemble(
        dict(zip(law.exponents, map(float, raw[0]), strict=True)),
        dict(zip(law.terms, map(float, terms), strict=True)),
    )


def _grid(law: type[LossForm]) -> Floats:
    lower, upper = np.array(list(law.exponents.values())).T
    start_low, start_high = np.maximum(lower, -0.3), np.minimum(upper, 1.5)
    unit = Halton(len(lower), scramble=False).random(STARTS + 1)[1:]
    grid = start_low + unit * (start_high - start_low)
    for i, name in enumerate(law.exponents):
        if name in law.lengths:
            grid[:, i] = lower[i] * (upper[i] / lower[i]) ** unit[:, i]
    return grid


def _box(law: type[LossForm]) -> Box:
    lower, upper = np.array(list(law.exponents.values())).T
    terms = len(law.terms)
    none = np.zeros(len(lower) + terms)
    return Box(
        np.concatenate([lower, np.zeros(terms)]), np.concatenate([upper, np.full(terms, 1e30)]), none, none
    )


def _log_loss(law: type[LossForm], points: Points, theta: Floats) -> tuple[Floats, Floats]:
    """ln L (B, m) and its gradient (B, m, q + terms); exponents by central differences."""
    q = len(law.exponents)

    def total(exponents: Floats) -> tuple[Floats, Floats]:
        shapes = law.basis(exponents, points.n, points.d, points.source)
        return shapes, np.maximum(np.einsum("bmt,bt->bm", shapes, theta[:, q:]), 1e-12)

    shapes, sums = total(theta[:, :q])
    power = law.power(theta[:, :q])
    gradient = np.empty((*sums.shape, theta.shape[1]))
    gradient[:, :, q:] = power[:, :, None] * shapes / sums[:, :, None]
    for i, name in enumerate(law.exponents):
        step = np.zeros_like(theta[:, :q])
        step[:, i] = 1e-5 * (np.maximum(np.abs(theta[:, i]), 1e-3) if name in law.lengths else 1.0)
        up, down = theta[:, :q] + step, theta[:, :q] - step
        rise = law.power(up) * np.log(total(up)[1]) - law.power(down) * np.log(total(down)[1])
        gradient[:, :, i] = rise / (2 * step[:, i : i + 1])
    return power * np.log(sums), gradient


def _solve(
    law: type[LossForm], points: Points, start: Floats, huber: float, weights: Floats | None = None
) -> Solution:
    def residuals(theta: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:  # noqa: ARG001
        value, gradient = _log_loss(law, points, theta)
        return (value - points.log_loss) / huber, gradient / huber

    return solve(residuals, start, _box(law), weights=weights, threshold=1.0, steps=400, tolerance=1e-10)


def _intervals(
    law: type[LossForm], value: LossForm, samples: pd.DataFrame, theta: Floats, level: float
) -> dict[str, Interval]:
    """Percentiles of the resampled laws; an end is open where resamples lean on the bound of an exponent."""
    if not len(theta):
        return {name: Interval(float(number), None, None) for name, number in vars(value).items()}
    box = _box(law)
    tail = (1 - level) / 2
    stuck = {
        name: (np.mean(theta[:, i] <= box.lower[i]) > tail, np.mean(theta[:, i] >= box.upper[i]) > tail)
        for i, name in enumerate(law.exponents)
    }
    out = {}
    for name, number in vars(value).items():
        ends = zip(
            percentiles(samples[name].to_numpy(float), level), stuck.get(name, (False, False)), strict=True
        )
        low, high = (None if stop or not np.isfinite(end) else end for end, stop in ends)
        out[name] = Interval(float(number), low, high)
    return out


def _condition(law: type[LossForm], points: Points, theta: Floats) -> float:
    """Condition number of the exponents' information once the terms are solved out (variable projection)."""
    q = len(law.exponents)
    gradient = _log_loss(law, points, theta[None])[1][0]
    inside = np.flatnonzero(theta[q:] > 0) + q
    basis, _ = np.linalg.qr(gradient[:, inside])
    projected = gradient[:, :q] - basis @ (basis.T @ gradient[:, :q])
    return float(np.linalg.cond(projected.T @ projected))
