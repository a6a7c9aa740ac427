"""What one run more would tell, from the information of the joint fit, without simulating.

`next_cells` ranks what to run next by the variance it removes per unit of cost, a rank-one update a run;
`expected_sd` is the error a whole design leaves.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.cells import Cells, reduce_to_cells
from transferlaws.laws.data.noise import Noise
from transferlaws.laws.data.synthetic import PLANTED, Design, Scratch, plant
from transferlaws.laws.data.table import check_table, sole_source
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import fit_joint
from transferlaws.laws.estimators.problem import EXPONENTS
from transferlaws.laws.forms import Hernandez

Floats = NDArray[np.float64]


def next_cells(
    table: pd.DataFrame,
    source: str | None = None,
    *,
    cost: Callable[[Floats, Floats], Floats] | None = None,
    parameter: str = "beta",
) -> pd.DataFrame:
    """What to run next, best for its cost first: a run more in a cell of either arm, or a data size further.

    `source` is by default the sole one. `cost(n_params, d_chars)` of a run defaults to the seconds the table
    records, fitted in logarithms, or without them to N x D (relative). Columns: arm, n_params, d_chars, new,
    cost, sd_now and sd_then of `parameter` ("alpha" or "beta"), gain_per_cost. Raises TransferLawsError for
    another parameter, or a table that cannot be fitted.
    """
    if parameter not in EXPONENTS:
        raise TransferLawsError(f"parameter is {parameter!r}; it takes 'alpha' or 'beta'")
    table = check_table(table)
    source = source or sole_source(table)
    joint = fit_joint(source_cells(table, (source,))[0])
    column = EXPONENTS[parameter]
    candidates = _candidates(joint.problem.cells)
    covariance = joint.covariance()
    problem = replace(joint.problem, cells=candidates)
    gradient = problem.predict(joint.theta[None])[1][0]
    along = gradient @ covariance
    run = candidates.noise.run_variance(candidates.source + 1, candidates.d_chars)
    new = joint.misfit.scale * run + joint.misfit.extra
    gain = along[:, column] ** 2 / (new + np.einsum("mp,mp->m", along, gradient))
    now = covariance[column, column]
    price = (cost or recorded_cost(table))(candidates.n_params, candidates.d_chars)
    frame = pd.DataFrame(
        {
            "arm": np.where(candidates.scratch, SCRATCH, source),
            "n_params": candidates.n_params,
            "d_chars": candidates.d_chars,
            "new": candidates.n_seeds == 0,
            "cost": price,
            "sd_now": np.sqrt(now),
            "sd_then": np.sqrt(np.maximum(now - gain, 0.0)),
            "gain_per_cost": (gain / now if now > 0 else 0.0 * gain)
            / price,  # nothing to gain if it is known
        }
    )
    return frame.sort_values("gain_per_cost", ascending=False, ignore_index=True)


def expected_sd(
    design: Design, law: Hernandez, noise: float | Noise, scratch: Scratch | None = None
) -> dict[str, float]:
    """Standard deviation to expect of alpha and beta from runs of `design` with `noise` (`plant`)."""
    known = noise if isinstance(noise, Noise) else Noise.plain(noise)
    cells = reduce_to_cells(plant(design, law, 0.0, scratch=scratch), (PLANTED,), known)
    sd = np.sqrt(np.diag(fit_joint(cells).covariance()))
    return {name: float(sd[column]) for name, column in EXPONENTS.items()}


def recorded_cost(table: pd.DataFrame) -> Callable[[Floats, Floats], Floats]:
    """Seconds as a power law of N and D where the table records them, else N x D."""
    if "seconds" in table.columns:
        seconds = pd.to_numeric(table["seconds"], errors="coerce").to_numpy(float)
        good = np.isfinite(seconds) & (seconds > 0)
        n, d = table["n_params"].to_numpy(float)[good], table["d_chars"].to_numpy(float)[good]
        if good.sum() > 10 and np.ptp(n) > 0 and np.ptp(d) > 0:
            design = np.column_stack([np.ones(len(n)), np.log(n), np.log(d)])
            fitted = np.linalg.lstsq(design, np.log(seconds[good]), rcond=None)[0]
            return lambda a, b: np.exp(fitted[0] + fitted[1] * np.log(a) + fitted[2] * np.log(b))
    return lambda a, b: a * b


def _candidates(cells: Cells) -> Cells:
    """Every (arm, size, data size) of the grid, and the data sizes one step beyond its ends."""
    data = np.unique(cells.d_chars)
    step = float(np.exp(np.median(np.diff(np.log(data))))) if len(data) > 1 else np.sqrt(10.0)
    data = np.concatenate([[data[0] / step], data, [data[-1] * step]])
    size, d, source = (
        g.ravel() for g in np.meshgrid(np.arange(len(cells.sizes)), data, np.array([-1, 0]), indexing="ij")
    )
    have = set(zip(cells.size, cells.d_chars, cells.source, strict=True))
    count = np.array([int(place in have) for place in zip(size, d, source, strict=True)])
    zeros = np.zeros(len(d))
    none = np.zeros((len(d), len(d)))
    ends = zeros > 0
    return Cells(cells.sizes, size, d, source, cells.sources, zeros, ends, count, none, cells.noise, none, 0)
