"""Where one alpha does not describe all cells: the law that says how it changes, and where one alpha does.

The joint fit of all cells with one parameter more, alpha rising or falling along ln D_F. Its interval is the
likelihood ratio's, as those of `fit`; the straight law is then the local law of a range: the data at which
its alpha is that of the curved law, to within what can be told or matters.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import t as student

from transferlaws.laws.data.cells import Cells
from transferlaws.laws.data.table import check_table, sole_source
from transferlaws.laws.estimators.adequacy import Adequacy, adequacy
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import JointFit, fit_joint
from transferlaws.laws.estimators.problem import CURVATURE, EXPONENTS
from transferlaws.laws.estimators.result import LEAST_DRAWS, Interval, require_options
from transferlaws.laws.forms.curved import Curved

Floats = NDArray[np.float64]

DECADE = float(np.log(10.0))
SAME = 0.05
"""How far a local alpha may lie from another to be called the same, however well both are known."""


@dataclass(frozen=True)
class Curvature:
    """A law whose alpha changes, and what it changes: `drift` is what alpha gains for ten times the data.

    `p` is the F test's of no drift, against what the curved law leaves (None: fewer than three data sizes);
    `straight` and `curved` are how the two laws follow the runs. `range` are the ends, in characters, of the
    data at which the straight law's `alpha` lies within SAME or the interval of the curved law's (None: of
    none). `along` has one row a data size of the source: d_chars, alpha, low, high.
    """

    source: str
    law: Curved
    drift: Interval
    p: float | None
    alpha: float
    straight: Adequacy
    curved: Adequacy
    range: tuple[float, float] | None
    along: pd.DataFrame = field(repr=False)


def curvature(
    table: pd.DataFrame, source: str | None = None, *, seed: int = 0, level: float = 0.95
) -> Curvature:
    """Fit the law of `source` (by default the sole one) with an alpha that changes along the data.

    Raises TransferLawsError as `fit` does.
    """
    require_options(LEAST_DRAWS, level)
    table = check_table(table)
    source = source or sole_source(table)
    cells, _ = source_cells(table, (source,))
    plain, bent = fit_joint(cells), fit_joint(cells, curved=True)
    law, known = law_of(bent), bent.problem.box()
    alpha = float(plain.theta[EXPONENTS["alpha"]])
    cells = bent.problem.cells
    d = np.unique(cells.d_chars[~cells.scratch])
    fine = np.geomspace(d[0], d[-1], 201)
    (local, reach), (between, by) = _local(bent, d, level), _local(bent, fine, level)
    same = fine[np.abs(between - alpha) <= np.maximum(by, SAME)]
    if known.lower[CURVATURE] == known.upper[CURVATURE]:
        drift, p = Interval(0.0, None, None), None
    else:
        drift, p = _drift(bent, level)
    return Curvature(
        source=source,
        law=law,
        drift=drift,
        p=p,
        alpha=alpha,
        straight=_adequacy(plain, seed),
        curved=_adequacy(bent, seed),
        range=(float(same[0]), float(same[-1])) if len(same) else None,
        along=pd.DataFrame({"d_chars": d, "alpha": local, "low": local - reach, "high": local + reach}),
    )


def law_of(joint: JointFit) -> Curved:
    """The curved law of a joint fit of one source."""
    c, alpha, beta, bend = map(float, joint.theta[: joint.problem.n_law])
    m_d, m_n = joint.problem.centre
    k = float(np.exp(np.clip(c - alpha * m_d - beta * m_n, -600, 600)))
    return Curved(k, alpha, beta, bend, float(np.exp(m_d)))


def _drift(joint: JointFit, level: float) -> tuple[Interval, float]:
    """Alpha's gain for ten times the data, with the ends of its profile, and the F test of none."""
    box = joint.problem.box()
    value, bounds = float(joint.theta[CURVATURE]), (box.lower[CURVATURE], box.upper[CURVATURE])
    sd = float(np.sqrt(joint.covariance()[CURVATURE, CURVATURE]))
    unit = np.sqrt(joint.threshold(level)) * (sd if sd > 0 else (bounds[1] - bounds[0]) / 40)
    steps = unit * np.array([0.5, 0.8, 1.0, 1.3, 1.8, 3.0, 6.0])
    grid = np.unique(np.clip([*(value - steps), 0.0, value, *(value + steps), *bounds], *bounds))
    rises = np.maximum(_held(joint, grid) - joint.objective, 0.0)
    ends: list[float | None] = []
    for side in (grid <= value, grid >= value):
        beyond = np.flatnonzero(side & (rises > joint.threshold(level)))
        if not beyond.size:
            ends.append(None)
            continue
        out = beyond[-1] if side[0] else beyond[0]
        inner = out + (1 if side[0] else -1)
        root, limit = np.sqrt(rises[[inner, out]]), np.sqrt(joint.threshold(level))
        share = (limit - root[0]) / max(root[1] - root[0], 1e-12)
        ends.append(float(grid[inner] + share * (grid[out] - grid[inner])) * DECADE)
    rise = float(rises[np.flatnonzero(grid == 0.0)[0]])
    return Interval(value * DECADE, ends[0], ends[1]), float(f_distribution.sf(rise, 1, joint.dof))


def _held(joint: JointFit, grid: Floats) -> Floats:
    """The least misfits (j,) with the curvature held at each of `grid` (j,)."""
    problem, covariance = joint.problem, joint.covariance()
    response = covariance[CURVATURE] / max(covariance[CURVATURE, CURVATURE], 1e-300)
    start = joint.theta + (grid - joint.theta[CURVATURE])[:, None] * response
    start[:, CURVATURE] = grid
    losses, bounds = np.tile(problem.cells.loss, (len(grid), 1)), problem.box().fixing(CURVATURE, grid)
    return problem.minimise(losses, np.clip(start, *bounds), bounds).objective


def _adequacy(joint: JointFit, seed: int) -> Adequacy:
    points = ~joint.problem.cells.upper
    cells: Cells = joint.problem.cells.only(points)
    gradient = joint.problem.predict(joint.theta[None])[1][0][points]
    return adequacy(cells, cells.loss - joint.fitted[points], gradient, joint.misfit, seed)


def _local(joint: JointFit, d_chars: Floats, level: float) -> tuple[Floats, Floats]:
    """Alpha at data sizes (j,), and the half-widths (j,) of its intervals by the curvature at the optimum."""
    by = np.column_stack([np.ones(len(d_chars)), np.log(d_chars) - joint.problem.centre[0]])
    places = [EXPONENTS["alpha"], CURVATURE]
    inner = joint.covariance()[np.ix_(places, places)]
    reach = float(student.ppf((1 + level) / 2, joint.dof)) * np.sqrt(np.sum((by @ inner) * by, axis=1))
    return by @ joint.theta[places], reach
