"""Do two transfers share an exponent? Common against separate, by likelihood ratio and by bootstrap.

The paper reads beta as the target's and the architecture's (equal for its two sources) and alpha as a
directed proximity; both are hypotheses here. The two laws are fitted together, with the exponent tied
and with it free.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data.cells import Cells
from transferlaws.laws.data.table import check_table
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import JointFit, fit_joint
from transferlaws.laws.estimators.problem import EXPONENTS
from transferlaws.laws.estimators.result import LEAST_DRAWS, Interval
from transferlaws.laws.estimators.transfer import fit
from transferlaws.laws.numerics.bootstrap import percentiles, redraw
from transferlaws.laws.status import Status


@dataclass(frozen=True)
class Equality:
    """A test that `parameter` is the same for two transfers.

    `first` and `second` are the separate values, `common` the shared one, `difference` first less second
    with its interval, `ratio` the rise of the misfit when tied; `p_ratio` compares it with F(1, dof),
    `p_bootstrap` with its distribution over studies redrawn from the tied law. p-values are None where an
    exponent is not identified.
    """

    parameter: str
    first: float
    second: float
    common: float
    difference: Interval
    ratio: float
    dof: float
    p_ratio: float | None
    p_bootstrap: float | None
    status: Status

    def verdict(self, level: float = 0.95) -> str:
        """One sentence: whether the runs speak against a common value."""
        if self.p_ratio is None or self.p_bootstrap is None:
            return f"these runs do not identify {self.parameter} for both transfers, so they cannot tell"
        against = max(self.p_ratio, self.p_bootstrap) < 1 - level
        word = "speak against" if against else "do not speak against"
        return (
            f"the runs {word} a common {self.parameter} "
            f"(likelihood ratio p = {self.p_ratio:.2g}, bootstrap p = {self.p_bootstrap:.2g})"
        )


def same_exponent(
    parameter: str,
    table: pd.DataFrame,
    source: str,
    other_source: str,
    other_table: pd.DataFrame | None = None,
    *,
    bootstrap: int = 300,
    seed: int = 0,
    level: float = 0.95,
) -> Equality:
    """Test that `parameter` ("alpha" or "beta") of `source` equals that of `other_source`.

    Both arms are of `table` and share its from-scratch runs, unless `other_table` holds the second (another
    target: the reverse direction). Raises TransferLawsError for an unknown parameter or arm.
    """
    if parameter not in EXPONENTS:
        raise TransferLawsError(f"parameter is {parameter!r}; it takes 'alpha' or 'beta'")
    if other_table is None:
        cells, _ = source_cells(check_table(table), (source, other_source))
    else:
        first, _ = source_cells(check_table(table), (source,))
        second, _ = source_cells(check_table(other_table), (other_source,))
        cells = _side_by_side(first, second)
    free = fit_joint(cells)
    tied = _refit_tied(free, parameter)
    column = EXPONENTS[parameter]
    values = free.theta[[column, 3 + column]]
    ratio = max(tied.objective - free.objective, 0.0)
    rng = np.random.default_rng([seed, 2])
    draws = np.tile(free.theta, (bootstrap, 1))
    separate = free.problem.minimise(
        redraw(free.centre, free.problem.covariance, free.dof, bootstrap, rng), draws
    )
    differences = separate.theta[:, column] - separate.theta[:, 3 + column]
    losses = redraw(tied.centre, tied.problem.covariance, np.inf, bootstrap, rng)
    null_tied = tied.problem.minimise(losses, np.tile(tied.theta, (bootstrap, 1)))
    null_free = free.problem.minimise(losses, np.tile(_untie(tied), (bootstrap, 1)))
    null = np.maximum(null_tied.objective - null_free.objective, 0.0)
    identified = all(
        fit(runs, name, bootstrap=LEAST_DRAWS, seed=seed, level=level).intervals[parameter].closed
        for runs, name in ((table, source), (table if other_table is None else other_table, other_source))
    )
    low, high = percentiles(differences, level)
    return Equality(
        parameter=parameter,
        first=float(values[0]),
        second=float(values[1]),
        common=float(tied.theta[tied.problem.places[0, column]]),
        difference=Interval(float(values[0] - values[1]), *((low, high) if identified else (None, None))),
        ratio=ratio,
        dof=free.dof,
        p_ratio=float(f_distribution.sf(ratio, 1, free.dof)) if identified else None,
        p_bootstrap=float((1 + np.sum(null >= ratio)) / (1 + bootstrap)) if identified else None,
        status=Status.CONVERGED if identified else Status.NOT_IDENTIFIED,
    )


def _refit_tied(free: JointFit, parameter: str) -> JointFit:
    """The same cells and noise with one exponent shared, from the free fit's two values and their mean."""
    problem = replace(free.problem, tied=parameter)
    column = EXPONENTS[parameter]
    places = problem.places
    starts = []
    for share in (0.0, 0.5, 1.0):
        law = np.zeros(problem.n_law)
        for k in range(problem.n_sources):
            law[places[k]] = free.theta[3 * k : 3 * k + 3]
        law[places[0, column]] = (1 - share) * free.theta[column] + share * free.theta[3 + column]
        starts.append(np.concatenate([law, free.theta[3 * problem.n_sources :]]))
    found = problem.minimise(np.tile(problem.cells.loss, (3, 1)), np.array(starts))
    best = int(np.argmin(found.objective))
    return replace(free, problem=problem, theta=found.theta[best], objective=float(found.objective[best]))


def _untie(tied: JointFit) -> NDArray[np.float64]:
    laws = tied.theta[tied.problem.places].ravel()
    return np.concatenate([laws, tied.theta[tied.problem.n_law :]])


def _side_by_side(first: Cells, second: Cells) -> Cells:
    """Two tables' cells as one problem: every size keeps its own curve, every source its own law."""
    both = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("sizes", "d_chars", "loss", "upper", "n_seeds")
    }
    between = np.zeros((len(first.loss), len(second.loss)))
    return Cells(
        **both,
        size=np.concatenate([first.size, second.size + len(first.sizes)]),
        source=np.concatenate([first.source, np.where(second.source < 0, -1, 1)]),
        sources=(f"{first.sources[0]} (first)", f"{second.sources[0]} (second)"),
        covariance=np.block([[first.covariance, between], [between.T, second.covariance]]),
        present=np.zeros((len(both["loss"]), 0)),
        noise=replace(first.noise, dof=first.noise.dof + second.noise.dof),
        n_runs=first.n_runs + second.n_runs,
    )
