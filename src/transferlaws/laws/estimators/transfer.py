"""The transfer law of a table, D_T = k D_F^alpha N^beta, by three methods, each with intervals and a status.

loss_space (primary): all cells at once in nats. paper: logit lines a data size, then the fit of the fits
(appendix C). logit: one weighted regression on the logit axis. The last two see the low-data regime only.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves import Curves
from transferlaws.laws.curves.scratch import reference, scratch_ranges
from transferlaws.laws.data.cells import Cells
from transferlaws.laws.data.table import check_table, notes
from transferlaws.laws.estimators.effective import STATUSES, describe_cells, invert_cells, source_cells
from transferlaws.laws.estimators.joint import JointFit, fit_joint
from transferlaws.laws.estimators.profile import Profile, profile
from transferlaws.laws.estimators.result import ILL_CONDITIONED, Fit, Interval, exp_end
from transferlaws.laws.estimators.two_step_fit import fit_two_step
from transferlaws.laws.forms.hernandez import Hernandez
from transferlaws.laws.numerics.bootstrap import percentiles, redraw

Floats = NDArray[np.float64]

METHODS = ("loss_space", "paper", "logit")


def fit_transfer(
    table: pd.DataFrame,
    source: str,
    method: str = "loss_space",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Fit:
    """Fit the transfer law of `source` to a runs table (see `table.check_table` for its columns).

    `bootstrap` redrawn studies (at least 50) give the samples; `level` is the intervals'. Raises
    TransferLawsError for an unknown method or source, or a table in which no curve or law has anything to
    hold on to.
    """
    if method not in METHODS:
        raise TransferLawsError(f"method is {method!r}; it takes {', '.join(METHODS)}")
    if bootstrap < 50:
        raise TransferLawsError(f"bootstrap is {bootstrap}; an interval takes 50 redrawn studies or more")
    if not 0.5 <= level < 1:
        raise TransferLawsError(f"level is {level}; it takes a share from 0.5 to below 1, such as 0.95")
    table = check_table(table)
    cells, said = source_cells(table, (source,))
    inversion = invert_cells(cells, max(bootstrap, 200), seed)
    frame = describe_cells(inversion, level=level)
    counts = {name: int((frame["status"] == name).sum()) for name in STATUSES}
    at = ~cells.scratch
    common = {
        "source": source,
        "method": method,
        "level": level,
        "n_runs": cells.n_runs,
        "n_cells": counts,
        "range": {
            "n_params": (float(cells.n_params[at].min()), float(cells.n_params[at].max())),
            "d_chars": (float(cells.d_chars[at].min()), float(cells.d_chars[at].max())),
        },
        "cells": frame,
        "notes": (*notes(table), *said),
    }
    if method == "loss_space":
        return _loss_space(cells, common, bootstrap, seed, level)
    return fit_two_step(inversion, common, method, bootstrap, level)


def _loss_space(cells: Cells, common: dict[str, Any], bootstrap: int, seed: int, level: float) -> Fit:
    joint = fit_joint(cells)
    problem = joint.problem
    m_d, m_n = problem.centre
    rng = np.random.default_rng([seed, 1])
    losses = redraw(joint.fitted, problem.sd, joint.dof, bootstrap, rng)
    drawn = problem.minimise(losses, np.tile(joint.theta, (bootstrap, 1)))
    samples = _samples(drawn.theta[:, :3], m_d, m_n)
    c, alpha, beta = joint.theta[:3]
    law = Hernandez.from_ln_k(c - alpha * m_d - beta * m_n, alpha, beta)
    profiles = {name: profile(joint, name, level) for name in ("ln_k", "alpha", "beta", "beta_over_alpha")}
    intervals = _from_profiles(law, profiles, samples, level)
    box = problem.box()
    scale = np.array([1.0, _spread(cells, "d"), _spread(cells, "n")])
    information = joint.law_information() / np.outer(scale, scale)
    live = box.upper[:3] > box.lower[:3]
    condition = float(np.linalg.cond(information[np.ix_(live, live)]))
    on_bound = live & ((joint.theta[:3] <= box.lower[:3]) | (joint.theta[:3] >= box.upper[:3]))
    status, why = _status(intervals, live, on_bound, condition, joint)
    ossified = int(joint.ossified.sum())
    if ossified:
        why = (
            *why,
            f"{ossified} ossified cells lie above their own from-scratch curve and took no part in the law",
        )
    return Fit(
        law=law,
        k=intervals["k"],
        alpha=intervals["alpha"],
        beta=intervals["beta"],
        beta_over_alpha=intervals["beta_over_alpha"],
        status=status,
        condition_number=condition,
        samples=samples,
        curves=Curves.from_theta(cells.sizes, joint.curves(), reference(cells), scratch_ranges(cells)),
        residuals=_residuals(joint),
        profile=pd.concat(
            [
                pd.DataFrame({"parameter": p.parameter, "value": p.values, "rise": p.rises})
                for p in profiles.values()
            ],
            ignore_index=True,
        ),
        optima=_optima(joint, m_d, m_n),
        noise=float(np.sqrt(np.mean(problem.sd**2 * problem.cells.n_seeds))),
        dof=joint.dof,
        objective=joint.objective,
        **{**common, "notes": (*common["notes"], *why)},
    )


def _samples(laws: Floats, m_d: float, m_n: float) -> pd.DataFrame:
    ln_k = laws[:, 0] - laws[:, 1] * m_d - laws[:, 2] * m_n
    return pd.DataFrame(
        {"k": np.exp(np.clip(ln_k, -600, 600)), "ln_k": ln_k, "alpha": laws[:, 1], "beta": laws[:, 2]}
    )


def _spread(cells: Cells, which: str) -> float:
    values = np.log((cells.d_chars if which == "d" else cells.n_params)[~cells.scratch])
    return max(float(values.std()), 1e-9)


def _from_profiles(
    law: Hernandez, profiles: dict[str, Profile], samples: pd.DataFrame, level: float
) -> dict[str, Interval]:
    """The wider of the likelihood-ratio interval and the redrawn studies' percentiles; open where the first
    is.
    """

    def hull(p: Profile, drawn: Floats, value: float) -> Interval:
        low, high = percentiles(drawn, level)
        return Interval(
            value, None if p.low is None else min(p.low, low), None if p.high is None else max(p.high, high)
        )

    alpha = hull(profiles["alpha"], samples["alpha"].to_numpy(), law.alpha)
    beta = hull(profiles["beta"], samples["beta"].to_numpy(), law.beta)
    ln_k = hull(profiles["ln_k"], samples["ln_k"].to_numpy(), float(np.log(law.k)))
    if not (alpha.closed and beta.closed):
        ln_k = Interval(ln_k.value, None, None)
    k = Interval(law.k, exp_end(ln_k.low), exp_end(ln_k.high))
    return {
        "k": k,
        "alpha": alpha,
        "beta": beta,
        "beta_over_alpha": _ratio(law, alpha, beta, profiles, samples, level),
    }


def _ratio(
    law: Hernandez,
    alpha: Interval,
    beta: Interval,
    profiles: dict[str, Profile],
    samples: pd.DataFrame,
    level: float,
) -> Interval:
    value = law.beta / law.alpha if law.alpha else float("inf")
    if not (alpha.closed and beta.closed) or alpha.covers(0.0):
        return Interval(value, None, None)
    p = profiles["beta_over_alpha"]
    low, high = percentiles((samples["beta"] / samples["alpha"]).to_numpy(), level)
    return Interval(
        value, None if p.low is None else min(p.low, low), None if p.high is None else max(p.high, high)
    )


def _status(
    intervals: dict[str, Interval],
    live: NDArray[np.bool_],
    on_bound: NDArray[np.bool_],
    condition: float,
    joint: JointFit,
) -> tuple[str, tuple[str, ...]]:
    why = []
    for name, column, index in (("alpha", "d_chars", 1), ("beta", "n_params", 2)):
        if not live[index]:
            why.append(
                f"{name} is not identified: the fine-tuned runs have one {column} only ({name} is set to 0)"
            )
        elif not intervals[name].closed:
            why.append(f"{name} is not identified: the data do not bound it on {_side(intervals[name])}")
    if not why and not intervals["k"].closed:
        why.append(f"k is not identified: the data do not bound it on {_side(intervals['k'])}")
    if why:
        return "not_identified", tuple(why)
    if on_bound.any():
        return "at_bound", ("the best law lies on the edge of what is searched",)
    if condition > ILL_CONDITIONED or not joint.converged:
        return "ill_conditioned", ("the runs hardly tell the law's parameters apart",)
    return "converged", ()


def _side(interval: Interval) -> str:
    return "either side" if interval.low is None and interval.high is None else "one side"


def _residuals(joint: JointFit) -> pd.DataFrame:
    cells = joint.problem.cells
    arms = np.array([*cells.sources, "scratch"])
    fitted = joint.fitted
    return pd.DataFrame(
        {
            "arm": arms[cells.source],
            "n_params": cells.n_params,
            "d_chars": cells.d_chars,
            "loss": cells.loss,
            "fitted": fitted,
            "residual": cells.loss - fitted,
            "sd": joint.problem.sd,
        }
    )


def _optima(joint: JointFit, m_d: float, m_n: float) -> pd.DataFrame:
    frame = _samples(joint.optima[:, 1:4], m_d, m_n)
    frame.insert(0, "objective", joint.optima[:, 0])
    return frame


def leave_outs(
    table: pd.DataFrame, source: str, method: str = "loss_space", bootstrap: int = 200, seed: int = 0
) -> dict[str, Fit]:
    """The fit of all runs, and without the largest size, the smallest data size, and all but the low-data
    regime.
    """
    table = check_table(table)
    whole = fit_transfer(table, source, method, bootstrap, seed)
    tuned = table["arm"] == source
    d_n = {n: whole.curves[n].d_n() for n in whole.curves}
    low = table["d_chars"] <= 0.1 * table["n_params"].map(d_n).fillna(0.0)
    parts = {
        "largest size left out": table[table["n_params"] < table.loc[tuned, "n_params"].max()],
        "smallest data size left out": table[
            ~(tuned & (table["d_chars"] == table.loc[tuned, "d_chars"].min()))
        ],
        "low-data regime only": table[~tuned | low],
    }
    fits = {"all runs": whole}
    for name, part in parts.items():
        if (part["arm"] == source).any():
            fits[name] = fit_transfer(part, source, method, bootstrap, seed)
    return fits
