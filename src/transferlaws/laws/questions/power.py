"""Can this design see the exponents? Plant a law, simulate the study, fit it, and count.

`power` gives bias, coverage and the width to expect; `next_cells` ranks what to run next by the variance of
beta it removes per unit of cost, from the information of the joint fit (a rank-one update a run, no
simulation).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data.cells import Cells, reduce_to_cells
from transferlaws.laws.data.synthetic import Design, Scratch, plant
from transferlaws.laws.data.table import SCRATCH, check_table
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import JointFit, fit_joint
from transferlaws.laws.estimators.transfer import fit_transfer
from transferlaws.laws.forms import Hernandez

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Power:
    """What a design can tell: `summary` has one row a parameter (alpha, beta, beta_over_alpha, k).

    Columns: truth, bias (ln for k and the ratio), coverage of the intervals, identified (share of studies
    with both ends bounded), width (median of those, ln for k and the ratio). `studies` holds every fit
    behind it.
    """

    design: Design
    law: Hernandez
    noise: float
    summary: pd.DataFrame = field(repr=False)
    studies: pd.DataFrame = field(repr=False)


def power(
    design: Design,
    law: Hernandez,
    noise: float,
    studies: int = 50,
    *,
    scratch: Scratch | None = None,
    bootstrap: int = 100,
    seed: int = 0,
    level: float = 0.95,
) -> Power:
    """Simulate `studies` of `design` under `law` with `noise` nats a run, and fit each in loss space.

    Raises TransferLawsError if noise or studies is not positive.
    """
    if noise <= 0 or studies < 1:
        raise TransferLawsError(f"noise is {noise} and studies is {studies}; both take positive numbers")
    truth = {"k": law.k, "alpha": law.alpha, "beta": law.beta, "beta_over_alpha": law.beta / law.alpha}
    rows = []
    for i in range(studies):
        table = plant(
            design, law, noise, int(np.random.SeedSequence([seed, i]).generate_state(1)[0]), scratch=scratch
        )
        fit = fit_transfer(table, "text", bootstrap=bootstrap, seed=i, level=level)
        for name, true in truth.items():
            interval = getattr(fit, name)
            log = name in ("k", "beta_over_alpha")
            rows.append(
                {
                    "study": i,
                    "parameter": name,
                    "value": interval.value,
                    "low": interval.low,
                    "high": interval.high,
                    "error": _log(interval.value) - _log(true) if log else interval.value - true,
                    "covered": interval.covers(true),
                    "identified": interval.closed,
                    "width": (_log(interval.high) - _log(interval.low) if log else interval.width)
                    if interval.closed
                    else np.nan,
                    "status": fit.status,
                }
            )
    frame = pd.DataFrame(rows)
    grouped = frame.groupby("parameter")
    summary = pd.DataFrame(
        {
            "truth": pd.Series(truth),
            "bias": grouped["error"].mean(),
            "coverage": grouped["covered"].mean(),
            "identified": grouped["identified"].mean(),
            "width": grouped["width"].median(),
        }
    ).loc[list(truth)]
    return Power(design, law, noise, summary, frame)


def _log(value: float) -> float:
    return float(np.log(max(value, 1e-12)))


def next_cells(
    table: pd.DataFrame,
    source: str,
    cost: Callable[[Floats, Floats], Floats] | None = None,
    parameter: str = "beta",
) -> pd.DataFrame:
    """What to run next: one run more in a cell of either arm, or one data size further, ranked by gain per
    cost.

    `cost(n_params, d_chars)` of a run defaults to the seconds the table records, fitted in logarithms, or
    without them to N x D (relative). Columns: arm, n_params, d_chars, new, cost, sd_now, sd_then,
    gain_per_cost.
    """
    table = check_table(table)
    cells, _ = source_cells(table, (source,))
    joint = fit_joint(cells)
    column = {"alpha": 1, "beta": 2}.get(parameter)
    if column is None:
        raise TransferLawsError(f"parameter is {parameter!r}; it takes 'alpha' or 'beta'")
    candidates = _candidates(joint.problem.cells)
    covariance = joint.covariance()
    problem = replace(joint.problem, cells=candidates, sd=np.ones(len(candidates.loss)))
    gradient = problem.predict(joint.theta[None])[1][0]
    run_variance = float(np.mean(joint.problem.sd**2 * joint.problem.cells.n_seeds))
    along = gradient @ covariance
    gain = along[:, column] ** 2 / (run_variance + np.einsum("mp,mp->m", along, gradient))
    now = covariance[column, column]
    cost = cost or recorded_cost(table)
    price = cost(candidates.n_params, candidates.d_chars)
    arms = np.array([source, SCRATCH])[np.where(candidates.scratch, 1, 0)]
    frame = pd.DataFrame(
        {
            "arm": arms,
            "n_params": candidates.n_params,
            "d_chars": candidates.d_chars,
            "new": candidates.n_seeds == 0,
            "cost": price,
            "sd_now": np.sqrt(now),
            "sd_then": np.sqrt(np.maximum(now - gain, 0.0)),
            "gain_per_cost": gain / now / price,
        }
    )
    return frame.sort_values("gain_per_cost", ascending=False, ignore_index=True)


def expected_sd(
    design: Design, law: Hernandez, noise: float, scratch: Scratch | None = None
) -> dict[str, float]:
    """Standard deviation to expect of alpha and beta from the information alone, without simulating."""
    cells = reduce_to_cells(plant(design, law, 0.0, scratch=scratch), ("text",))
    joint: JointFit = fit_joint(cells)
    problem = replace(joint.problem, sd=noise / np.sqrt(joint.problem.cells.n_seeds.astype(float)))
    sd = np.sqrt(np.diag(replace(joint, problem=problem).covariance()))
    return {"alpha": float(sd[1]), "beta": float(sd[2])}


def _candidates(cells: Cells) -> Cells:
    """Every (arm, size, data size) of the grid, and the data sizes one step beyond its ends."""
    data = np.unique(cells.d_chars)
    step = float(np.exp(np.median(np.diff(np.log(data))))) if len(data) > 1 else np.sqrt(10.0)
    data = np.concatenate([[data[0] / step], data, [data[-1] * step]])
    size, d, source = (
        g.ravel() for g in np.meshgrid(np.arange(len(cells.sizes)), data, np.array([-1, 0]), indexing="ij")
    )
    have = {(s, a, b) for s, a, b in zip(cells.size, cells.d_chars, cells.source, strict=True)}
    count = np.array([int((s, a, b) in have) for s, a, b in zip(size, d, source, strict=True)])
    zeros = np.zeros(len(d))
    return Cells(cells.sizes, size, d, source, cells.sources, zeros, count, zeros, 0, 0)


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
