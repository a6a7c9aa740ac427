"""What a fit returns: a law, an interval for each of its parameters, and whether the data could tell.

An end that the data do not bound is None, and the status says why; no number is made up for it. `Fit` is what
`transfer.fit_transfer` returns, `FormFit` what `fit.fit_loss_form` does.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from transferlaws.laws.curves import Curves
from transferlaws.laws.forms import Hernandez, LossForm

STATUSES = ("converged", "at_bound", "ill_conditioned", "not_identified")
ILL_CONDITIONED = 1e5
"""Condition number of the law's scaled information beyond which its parameters cannot be told apart."""


@dataclass(frozen=True)
class Interval:
    """A value and the ends of its interval; None is an end the data leave open."""

    value: float
    low: float | None
    high: float | None

    @property
    def closed(self) -> bool:
        """Whether both ends are bounded."""
        return self.low is not None and self.high is not None

    @property
    def width(self) -> float:
        """High less low; inf if an end is open."""
        return self.high - self.low if self.low is not None and self.high is not None else float("inf")

    def covers(self, truth: float) -> bool:
        """Whether `truth` lies between the ends, an open end being no bound."""
        return (self.low is None or self.low <= truth) and (self.high is None or truth <= self.high)

    def to_json(self) -> dict[str, float | None]:
        """`{"value", "low", "high"}` with null for an open end."""
        return {"value": _number(self.value), "low": _number(self.low), "high": _number(self.high)}

    def __str__(self) -> str:
        ends = ["open" if end is None else f"{end:.3g}" for end in (self.low, self.high)]
        return f"{self.value:.3g} [{ends[0]}, {ends[1]}]"


def exp_end(value: float | None) -> float | None:
    """exp of an interval's end, open where it is open or overflows."""
    return None if value is None or value > 700 else float(np.exp(value))


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


@dataclass(frozen=True)
class Fit:
    """A transfer law fitted to a table, with all that is needed to believe or doubt it.

    `samples` (k, ln_k, alpha, beta; one row a redrawn study), `cells` (frame of `effective_data`),
    `residuals` (one row a cell: arm, n_params, d_chars, loss, fitted, residual, sd; nats/token), `profile`
    (how the misfit rises as one parameter is moved: parameter, value, rise), `optima` (each distinct
    minimum: objective and law).
    """

    source: str
    method: str
    law: Hernandez
    k: Interval
    alpha: Interval
    beta: Interval
    beta_over_alpha: Interval
    level: float
    status: str
    condition_number: float
    n_runs: int
    n_cells: dict[str, int]
    range: dict[str, tuple[float, float]]
    samples: pd.DataFrame = field(repr=False)
    curves: Curves = field(repr=False)
    cells: pd.DataFrame = field(repr=False)
    residuals: pd.DataFrame = field(repr=False)
    profile: pd.DataFrame = field(repr=False)
    optima: pd.DataFrame = field(repr=False)
    noise: float = 0.0
    dof: float = 0.0
    objective: float = 0.0
    notes: tuple[str, ...] = ()

    def predict_loss(self, n_params: float, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token after fine-tuning on `d_chars`, for a size that has a curve.

        Raises TransferLawsError for a size without one.
        """
        return self.curves[n_params].loss(self.law.d_effective(n_params=n_params, d_chars=d_chars))

    def covariance(self) -> NDArray[np.float64] | None:
        """Covariance (3, 3) of (ln k, alpha, beta) over the samples; None if an end of any of them is
        open.
        """
        if not (self.k.closed and self.alpha.closed and self.beta.closed) or len(self.samples) < 10:
            return None
        return np.cov(self.samples[["ln_k", "alpha", "beta"]].to_numpy().T)

    def to_row(self) -> dict[str, Any]:
        """The row of laws.json: JSON numbers only, null for an open end."""
        covariance = self.covariance()
        return {
            "source": self.source,
            "method": self.method,
            "law": "hernandez",
            "k": self.k.to_json(),
            "alpha": self.alpha.to_json(),
            "beta": self.beta.to_json(),
            "beta_over_alpha": self.beta_over_alpha.to_json(),
            "level": self.level,
            "n_runs": self.n_runs,
            "n_cells": dict(self.n_cells),
            "condition_number": _number(self.condition_number),
            "status": self.status,
            "range": {name: [float(end) for end in ends] for name, ends in self.range.items()},
            "noise_nats": _number(self.noise),
            "covariance_ln_k_alpha_beta": None if covariance is None else covariance.tolist(),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class FormFit:
    """A form of loss fitted to a table; `parameters` holds an interval for each of the law's fields."""

    source: str
    law: LossForm
    parameters: dict[str, Interval]
    level: float
    status: str
    condition_number: float
    n_runs: int
    range: dict[str, tuple[float, float]]
    samples: pd.DataFrame = field(repr=False)
    residuals: pd.DataFrame = field(repr=False)
    optima: pd.DataFrame = field(repr=False)
    objective: float = 0.0
    notes: tuple[str, ...] = ()

    def to_row(self) -> dict[str, Any]:
        """The row of laws.json, with the form's own parameters in place of k, alpha and beta."""
        return {
            "source": self.source,
            "method": "least_squares",
            "law": type(self.law).__name__.lower(),
            **{name: interval.to_json() for name, interval in self.parameters.items()},
            "level": self.level,
            "n_runs": self.n_runs,
            "condition_number": _number(self.condition_number),
            "status": self.status,
            "range": {name: [float(end) for end in ends] for name, ends in self.range.items()},
            "notes": list(self.notes),
        }
