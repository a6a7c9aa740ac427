"""One `fit(law, table)` for every form: search the exponents, solve the rest, say what the data can tell.

Loss forms follow Hoffmann et al. 2022: Huber's loss (1e-3) on ln L. The start grid is over the exponents
only, the other coefficients by non-negative least squares (variable projection), which is what makes it well
conditioned.
"""

from dataclasses import dataclass
from typing import overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats.qmc import Halton

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data.table import NEEDED, SCRATCH, check_table, notes
from transferlaws.laws.estimators.result import Fit, FormFit, Interval
from transferlaws.laws.estimators.transfer import fit_transfer
from transferlaws.laws.forms import Hernandez, LossForm
from transferlaws.laws.numerics.bootstrap import percentiles, resample_rows
from transferlaws.laws.numerics.solver import Box, Solution, solve

__all__ = ["Fit", "FormFit", "Interval", "fit", "fit_loss_form"]

Floats = NDArray[np.float64]
HUBER_LOG = 1e-3
"""Hoffmann et al. 2022; for noise of known normal shape a larger threshold wastes less of it."""
STARTS = 256
REFINED = 12


@overload
def fit(law: type[Hernandez], table: pd.DataFrame, arm: str = ..., **options: int | float | str) -> Fit: ...
@overload
def fit(
    law: type[LossForm], table: pd.DataFrame, arm: str = ..., **options: int | float | str
) -> FormFit: ...
def fit(
    law: type[Hernandez] | type[LossForm], table: pd.DataFrame, arm: str = "", **options: int | float | str
) -> Fit | FormFit:
    """Fit `law` to a runs table: `Hernandez` to source `arm` (options of `fit_transfer`), else
    `fit_loss_form`.

    Raises TransferLawsError for a table, an arm or an option that cannot be used.
    """
    if issubclass(law, Hernandez):
        return fit_transfer(table, arm or "text", **options)  # type: ignore[arg-type]
    return fit_loss_form(law, table, arm, **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Points:
    """Runs a form of loss is fitted to, sizes and data divided by their geometric means (n_0, d_0); arrays
    (m,).
    """

    n: Floats
    d: Floats
    source: NDArray[np.bool_]
    log_loss: Floats
    n_0: float
    d_0: float

    @classmethod
    def of(cls, n: Floats, d: Floats, source: NDArray[np.bool_], loss: Floats) -> "Points":
        """Points from parameters, characters (or tokens), arm flags and nats/token."""
        n_0, d_0 = float(np.exp(np.log(n).mean())), float(np.exp(np.log(d).mean()))
        return cls(n / n_0, d / d_0, source, np.log(loss), n_0, d_0)


def fit_loss_form(
    law: type[LossForm],
    table: pd.DataFrame,
    arm: str = "",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    huber: float = HUBER_LOG,
) -> FormFit:
    """Fit a form of loss to the runs of `arm` (default: scratch), or to all rows of a table without arms.

    `huber` is the size of an error in ln L beyond which it counts linearly, not quadratically.
    Tables without arms need n_params, d_tokens, loss. A form of both arms (eq. 6.1) takes the scratch arm
    along. Intervals are percentiles of `bootstrap` resamples of runs; an end that resamples push onto a
    bound is None.
    """
    with_arms = "arm" in table.columns
    table = check_table(table, NEEDED if with_arms else ("n_params", "d_tokens", "loss"))
    said = notes(table)
    if with_arms:
        arm = arm or SCRATCH
        if law.both_arms and arm == SCRATCH:
            raise TransferLawsError(f"{law.__name__} describes both arms; name the source to fit it to")
        wanted = {arm, SCRATCH} if law.both_arms else {arm}
        if arm not in set(table["arm"]):
            raise TransferLawsError(
                f"column arm holds no {arm!r}; it holds {', '.join(sorted(set(table['arm'])))}"
            )
        table = table[table["arm"].isin(wanted)]
        source = (table["arm"] != SCRATCH).to_numpy()
    else:
        source = np.zeros(len(table), bool)
    column = "d_chars" if with_arms else "d_tokens"
    n, d = table["n_params"].to_numpy(float), table[column].to_numpy(float)
    for name, values in (("n_params", n), (column, d)):
        if np.ptp(values) == 0:
            raise TransferLawsError(
                f"column {name} holds one value only ({values[0]:g}); {law.__name__} needs runs at several"
            )
    if len(table) <= law.n_free():
        raise TransferLawsError(
            f"{len(table)} runs cannot fit the {law.n_free()} parameters of {law.__name__}"
        )
    points = Points.of(n, d, source, table["loss"].to_numpy(float))
    best, optima = minimise(law, points, huber)
    value = to_law(law, best, points)
    weights = resample_rows(len(n), bootstrap, np.random.default_rng(seed))
    drawn = _solve(law, points, np.tile(best, (bootstrap, 1)), huber, weights)
    samples = pd.DataFrame([vars(to_law(law, theta, points)) for theta in drawn.theta])
    parameters, open_ended = _intervals(law, value, samples, drawn.theta, level)
    box = _box(law)
    q = len(law.exponents)
    on_bound = (best[:q] <= box.lower[:q]) | (best[:q] >= box.upper[:q]) | bool(np.any(best[q:] <= 0))
    condition = _condition(law, points, best)
    status = "converged"
    if open_ended:
        status = "not_identified"
    elif np.any(on_bound):
        status = "at_bound"
    elif condition > 1e6:
        status = "ill_conditioned"
    fitted = np.exp(_log_loss(law, points, best[None])[0][0])
    loss = table["loss"].to_numpy(float)
    return FormFit(
        source=arm or "all rows",
        law=value,
        parameters=parameters,
        level=level,
        status=status,
        condition_number=condition,
        n_runs=len(table),
        range={"n_params": (float(n.min()), float(n.max())), column: (float(d.min()), float(d.max()))},
        samples=samples,
        residuals=pd.DataFrame(
            {"n_params": n, column: d, "loss": loss, "fitted": fitted, "residual": loss - fitted}
        ),
        optima=optima,
        objective=float(optima["objective"].min()),
        notes=(*said, *(f"{name} is not identified: resamples reach the bounds" for name in open_ended)),
    )


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
) -> tuple[dict[str, Interval], list[str]]:
    box = _box(law)
    tail = (1 - level) / 2
    out, open_ended = {}, []
    stuck = {
        name: (np.mean(theta[:, i] <= box.lower[i]) > tail, np.mean(theta[:, i] >= box.upper[i]) > tail)
        for i, name in enumerate(law.exponents)
    }
    for name, number in vars(value).items():
        low, high = percentiles(samples[name].to_numpy(float), level)
        at_low, at_high = stuck.get(name, (False, False))
        ends = [
            None if stop or not np.isfinite(end) else end for end, stop in ((low, at_low), (high, at_high))
        ]
        if None in ends:
            open_ended.append(name)
        out[name] = Interval(float(number), *ends)
    return out, open_ended


def _condition(law: type[LossForm], points: Points, theta: Floats) -> float:
    """Condition number of the exponents' information once the terms are solved out (variable projection)."""
    q = len(law.exponents)
    gradient = _log_loss(law, points, theta[None])[1][0]
    inside = np.flatnonzero(theta[q:] > 0) + q
    basis, _ = np.linalg.qr(gradient[:, inside])
    projected = gradient[:, :q] - basis @ (basis.T @ gradient[:, :q])
    return float(np.linalg.cond(projected.T @ projected))
