"""The method loss_space: the joint fit of all cells in nats, with the intervals and the status it supports.

An interval is the wider of the profile's (likelihood ratio) and the redrawn studies' percentiles, and open
where the profile is.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferlaws.laws.curves.scratch import curves_of
from transferlaws.laws.data.cells import Cells
from transferlaws.laws.estimators.adequacy import adequacy
from transferlaws.laws.estimators.joint import JointFit, fit_joint, hurt_cells
from transferlaws.laws.estimators.profile import COORDINATES, Profile, profile
from transferlaws.laws.estimators.result import Estimate, Interval, law_samples
from transferlaws.laws.forms import Hernandez
from transferlaws.laws.numerics.bootstrap import percentiles, redraw
from transferlaws.laws.status import Search, Status

Floats = NDArray[np.float64]

ILL_CONDITIONED = 1e5
"""Condition number of the law's scaled information beyond which its parameters cannot be told apart."""


def loss_space(cells: Cells, bootstrap: int, seed: int, level: float) -> Estimate:
    """The law of one source from all its cells and those from scratch, with `bootstrap` redrawn studies."""
    joint = fit_joint(cells)
    problem = joint.problem
    m_d, m_n = problem.centre
    losses = redraw(joint.centre, problem.covariance, joint.dof, bootstrap, np.random.default_rng([seed, 1]))
    drawn = problem.minimise(losses, np.tile(joint.theta, (bootstrap, 1)))
    wider = joint.wider(seed)
    c, alpha, beta = joint.theta[:3]
    samples = _laws(joint.theta[:3] + wider * (drawn.theta[:, :3] - joint.theta[:3]), m_d, m_n)
    law = Hernandez.from_ln_k(c - alpha * m_d - beta * m_n, alpha, beta)
    widths = {"alpha": wider[1], "beta": wider[2]}
    profiles = {name: profile(joint, name, level, widths.get(name, wider.max())) for name in COORDINATES}
    intervals = _intervals(law, profiles, samples, level)
    box = problem.box()
    scale = np.array([1.0, _spread(cells.d_chars, cells), _spread(cells.n_params, cells)])
    information = joint.law_information() / np.outer(scale, scale)
    live = box.upper[:3] > box.lower[:3]
    condition = float(np.linalg.cond(information[np.ix_(live, live)]))
    on_bound = live & ((joint.theta[:3] <= box.lower[:3]) | (joint.theta[:3] >= box.upper[:3]))
    status, why = _status(intervals, live, on_bound, condition, joint)
    gradient = problem.predict(joint.theta[None])[1][0]
    points = ~problem.cells.upper
    residual = (problem.cells.loss - joint.fitted)[points]
    ossified = int(joint.ossified.sum())
    if ossified:
        one = ossified == 1
        why.append(
            f"{ossified} {'cell lies above its' if one else 'cells lie above their'} own from-scratch curve, "
            f"where pre-training costs data, and took no part in the law"
        )
    if cells.noise.dof and (hurt_cells(cells) | cells.scratch).all():
        why.append(
            "every cell lies above the from-scratch runs beside it: pre-training costs data there, which no "
            "law of transfer can say, this one neither"
        )
    if problem.cells.upper.any():
        why.append(
            f"{int(problem.cells.upper.sum())} cells have runs that ended at a limit: their losses are upper "
            "ends, and take part as such"
        )
    optima = _laws(joint.optima[:, 1:4], m_d, m_n)
    optima.insert(0, "objective", joint.optima[:, 0])
    return Estimate(
        law=law,
        ln_k=intervals["ln_k"],
        alpha=intervals["alpha"],
        beta=intervals["beta"],
        beta_over_alpha=intervals["beta_over_alpha"],
        status=status,
        search=Search.AT_BOUND
        if on_bound.any()
        else Search.FINISHED
        if joint.converged
        else Search.UNFINISHED,
        adequacy=adequacy(problem.cells.only(points), residual, gradient[points], joint.misfit, seed),
        why=tuple(why),
        condition_number=condition,
        samples=samples,
        curves=curves_of(cells, joint.curves()),
        residuals=problem.cells.frame(joint.fitted, problem.sd),
        optima=optima,
        noise_parts=joint.parts,
        dof=joint.dof,
        predictive=joint.predictive(wider),
        objective=joint.objective,
        profile=pd.concat(
            [
                pd.DataFrame({"parameter": p.parameter, "value": p.values, "rise": p.rises})
                for p in profiles.values()
            ],
            ignore_index=True,
        ),
    )


def _laws(theta: Floats, m_d: float, m_n: float) -> pd.DataFrame:
    """Laws in the problem's centred coordinates (B, 3) as a frame."""
    c, alpha, beta = theta.T
    return law_samples(c - alpha * m_d - beta * m_n, alpha, beta)


def _spread(values: Floats, cells: Cells) -> float:
    return max(float(np.log(values[~cells.scratch]).std()), 1e-9)


def _intervals(
    law: Hernandez, profiles: Mapping[str, Profile], samples: pd.DataFrame, level: float
) -> dict[str, Interval]:
    def hull(name: str, drawn: pd.Series, value: float) -> Interval:
        p, (low, high) = profiles[name], percentiles(drawn.to_numpy(), level)
        return Interval(
            value, None if p.low is None else min(p.low, low), None if p.high is None else max(p.high, high)
        )

    ln_k = hull("ln_k", samples["ln_k"], float(np.log(law.k)))
    alpha, beta = hull("alpha", samples["alpha"], law.alpha), hull("beta", samples["beta"], law.beta)
    ratio = Interval(law.beta / law.alpha if law.alpha else float("inf"), None, None)
    if not (alpha.closed and beta.closed):
        ln_k = Interval(ln_k.value, None, None)
    elif not alpha.covers(0.0):
        ratio = hull("beta_over_alpha", samples["beta"] / samples["alpha"], ratio.value)
    return {"ln_k": ln_k, "alpha": alpha, "beta": beta, "beta_over_alpha": ratio}


def _status(
    intervals: Mapping[str, Interval],
    live: NDArray[np.bool_],
    on_bound: NDArray[np.bool_],
    condition: float,
    joint: JointFit,
) -> tuple[Status, list[str]]:
    why = []
    for name, column, index in (("alpha", "d_chars", 1), ("beta", "n_params", 2)):
        if not live[index]:
            why.append(
                f"{name} is not identified: the fine-tuned runs have one {column} only ({name} is set to 0)"
            )
        elif not intervals[name].closed:
            why.append(f"{name} is not identified: the data do not bound it on {_side(intervals[name])}")
    k = intervals["ln_k"].exp(1.0)
    if not why and not k.closed:
        why.append(f"k is not identified: the data do not bound it on {_side(k)}")
    if why:
        return Status.NOT_IDENTIFIED, why
    if on_bound.any():
        return Status.AT_BOUND, ["the best law lies on the edge of what is searched"]
    if condition > ILL_CONDITIONED or not joint.converged:
        return Status.ILL_CONDITIONED, ["the runs hardly tell the law's parameters apart"]
    return Status.CONVERGED, []


def _side(interval: Interval) -> str:
    return "either side" if interval.low is None and interval.high is None else "one side"
