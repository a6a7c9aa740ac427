"""What from-scratch runs know of their floor, and so of D(N): the misfit as the floor is held elsewhere.

A floor is an extrapolation. For every size E is held on a grid and the rest of the curve fitted again; values
at which the misfit rises no further than the F distribution allows could be the floor. D(N), the data at
which a size has nearly reached it (Hernandez et al. 2021, footnote 7), is held and judged in the same way.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution

from transferlaws.laws.curves.floor import floor_loss
from transferlaws.laws.curves.scratch import curve_noise, reference, require_scratch, table_box, with_curves
from transferlaws.laws.data.cells import reduce_to_cells
from transferlaws.laws.data.table import check_table
from transferlaws.laws.estimators.result import Interval
from transferlaws.laws.numerics.one_sided import one_sided
from transferlaws.laws.numerics.solver import Box, Residuals, solve

Floats = NDArray[np.float64]

GRID = 81
KNOWN = 100.0
"""Factor between the ends of an interval of D(N) beyond which it is no answer."""
LARGEST = 1e30
"""Characters beyond which D(N) is no number."""


@dataclass(frozen=True)
class Floor:
    """The floor of one size in nats/token and its D(N) in characters, each with an interval.

    `profile` has one row a value that the floor was held at: E and rise (of the misfit); an interval holds
    those below `limit`. An end of None is one the runs leave open. `d_max` is the largest
    data set from scratch.
    """

    n_params: float
    floor: Interval
    d_n: Interval
    limit: float
    d_max: float
    profile: pd.DataFrame = field(repr=False)

    @property
    def known(self) -> bool:
        """Whether D(N) is identified: two ends within a factor of KNOWN."""
        low, high = self.d_n.low, self.d_n.high
        return low is not None and high is not None and high <= KNOWN * low


def floors(table: pd.DataFrame, *, enough: float = 0.99, level: float = 0.95) -> list[Floor]:
    """The floor and D(N) of every size whose scratch arm has three data sizes or more, smallest first.

    `enough` is the share of the performance with infinite data from which on data are enough. Raises
    TransferLawsError for a table without such a size.
    """
    table = check_table(table)
    require_scratch(table)
    cells, _ = with_curves(reduce_to_cells(table, ()))
    theta, misfit = curve_noise(cells)
    sd = np.sqrt(np.diag(misfit.onto(cells.covariance)))
    box, d_ref = table_box(cells), reference(cells)
    limit = float(f_distribution.ppf(level, 1, max(misfit.dof, 1.0)))
    found = []
    for s, n in enumerate(cells.sizes):
        at = np.flatnonzero(cells.size == s)
        d, loss, own = cells.d_chars[at], cells.loss[at], sd[at]
        of_floor, of_d_n = _residuals(d, loss, own, d_ref, enough, cells.upper[at])
        top = min(float(loss.min() + 4 * own.max()), float(box.upper[0]))  # means scatter below a floor
        e, rise_e, best_e = _profile(np.linspace(0.0, top, GRID), of_floor, theta[s], box, limit)
        places = np.linspace(np.log(d.min() / 10), np.log(LARGEST), GRID)
        x, rise_x, best_x = _profile(places, of_d_n, theta[s], box, limit)
        least = min(best_e, best_x)
        e_in, x_in = rise_e + best_e - least <= limit, rise_x + best_x - least <= limit
        d_n = float(np.exp(x[np.argmin(rise_x)]))
        found.append(
            Floor(
                n_params=int(n) if n == int(n) else float(n),
                floor=Interval(
                    float(e[np.argmin(rise_e)]),
                    None if e_in[0] else float(e[e_in].min()),
                    float(e[e_in].max()),
                ),
                d_n=Interval(
                    d_n if d_n < LARGEST / 10 else float("inf"),
                    None if x_in[0] or not x_in.any() else float(np.exp(x[x_in].min())),
                    None if x_in[-1] or not x_in.any() else float(np.exp(x[x_in].max())),
                ),
                limit=limit,
                d_max=float(d.max()),
                profile=pd.DataFrame({"E": e, "rise": rise_e}),
            )
        )
    return found


def _residuals(
    d: Floats, loss: Floats, sd: Floats, d_ref: float, enough: float, upper: NDArray[np.bool_]
) -> tuple[Residuals, Residuals]:
    """Residuals of a curve whose first parameter is its floor, and of one whose first is ln D(N)."""

    def of_floor(theta: Floats, _: object) -> tuple[Floats, Floats]:
        value, gradient, _slope = floor_loss(theta, d, d_ref)
        return one_sided((value - loss) / sd, gradient / sd[:, None], upper)

    def of_d_n(theta: Floats, _: object) -> tuple[Floats, Floats]:
        # E = enough / (1 - enough) times what the curve has left at D(N).
        curve = np.column_stack([np.zeros(len(theta)), theta[:, 1:]])
        value, gradient, _slope = floor_loss(curve, d, d_ref)
        left, by_left, _slope = floor_loss(curve[:, None], np.exp(theta[:, :1]), d_ref)
        share = enough / (1 - enough)
        gradient = gradient + share * by_left
        gradient[..., 0] = 0.0  # held
        return one_sided((value + share * left - loss) / sd, gradient / sd[:, None], upper)

    return of_floor, of_d_n


def _profile(
    coarse: Floats, residuals: Residuals, free: Floats, box: Box, limit: float
) -> tuple[Floats, Floats, float]:
    """Values (j,) the first parameter was held at, the rise (j,) of the misfit there, the least misfit."""
    least = _held(coarse, residuals, free, box)
    # Once more, closely, where the misfit passes the limit: an interval may be narrower than a step.
    near = np.flatnonzero(least - least.min() <= limit)
    low, high = coarse[max(near[0] - 1, 0)], coarse[min(near[-1] + 1, len(coarse) - 1)]
    held = np.unique(np.concatenate([coarse, np.linspace(low, high, GRID)]))
    least = _held(held, residuals, free, box)
    return held, least - least.min(), float(least.min())


def _held(held: Floats, residuals: Residuals, free: Floats, box: Box) -> Floats:
    """The least misfits (j,) of curves whose first parameter is held at values (j,), from `free` (4,)."""
    bounds = box.fixing(0, held)
    best, least = np.tile(free, (len(held), 1)), np.full(len(held), np.inf)
    best[:, 1] = np.log(np.maximum(free[0] + np.exp(free[1]) - np.clip(held, 0.0, free[0]), 1e-3))
    # Each starts from the free curve, then from what its neighbours on either side found.
    for shift in (0, 1, -1, 1, -1):
        solved = solve(residuals, np.clip(np.roll(best, shift, axis=0), *bounds), box, bounds=bounds)
        win = solved.objective < least
        best = np.where(win[:, None], solved.theta, best)
        least = np.where(win, solved.objective, least)
    return least
