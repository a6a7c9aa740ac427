"""What a fit returns: a law, an interval for each of its parameters, and whether the data could tell.

An end that the data do not bound is None, and the status says why; no number is made up for it. `Fit` holds a
law of transfer, `FormFit` a law of loss.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from transferlaws.errors import UsageError
from transferlaws.laws.curves.curve import Curves
from transferlaws.laws.curves.predictive import Predictive
from transferlaws.laws.estimators.adequacy import Adequacy
from transferlaws.laws.forms import Hernandez, LossForm
from transferlaws.laws.status import Adequate, Identification, Search, Status

LEAST_DRAWS = 50
KEPT_DRAWS = 200
"""Redrawn laws of loss that a row of laws.json keeps, parameters in their order: what its answers vary by."""


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

    def exp(self, value: float) -> "Interval":
        """The interval of the exponential, about `value`; an end that overflows is open."""
        ends = [None if end is None or end > 700 else float(np.exp(end)) for end in (self.low, self.high)]
        return Interval(value, *ends)

    def to_json(self) -> dict[str, float | None]:
        """`{"value", "low", "high"}` with null for an open end."""
        return {"value": _number(self.value), "low": _number(self.low), "high": _number(self.high)}

    def __str__(self) -> str:
        ends = ["open" if end is None else f"{end:.3g}" for end in (self.low, self.high)]
        return f"{self.value:.3g} [{ends[0]}, {ends[1]}]"


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def require_options(bootstrap: int, level: float) -> None:
    """Raise UsageError unless `bootstrap` draws can carry intervals and `level` is a level."""
    if bootstrap < LEAST_DRAWS:
        raise UsageError(f"bootstrap is {bootstrap}; an interval takes {LEAST_DRAWS} redrawn studies or more")
    if not 0.5 <= level < 1:
        raise UsageError(f"level is {level}; it takes a share from 0.5 to below 1, such as 0.95")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What one method makes of the cells of a source: fields as in `Fit`; `why` are notes on the status."""

    law: Hernandez
    ln_k: Interval
    alpha: Interval
    beta: Interval
    beta_over_alpha: Interval
    status: Status
    search: Search
    adequacy: Adequacy
    why: tuple[str, ...]
    condition_number: float
    samples: pd.DataFrame
    curves: Curves
    residuals: pd.DataFrame
    optima: pd.DataFrame
    noise_parts: Mapping[str, float]
    dof: float
    predictive: Predictive | None = None
    objective: float = 0.0
    profile: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["parameter", "value", "rise"])
    )


@dataclass(frozen=True, kw_only=True)
class Result(ABC):
    """What every fit knows: the runs it is of, its intervals, and how far to believe them.

    `source` is the arm, `range` the ends of its sizes and data sizes, `samples` has one law a redrawn study,
    `residuals` one row a cell or run (loss, fitted, residual; nats/token), `optima` one row for each distinct
    minimum (its objective and law). Printing a result prints its `summary`.
    """

    source: str
    method: str
    law: Hernandez | LossForm
    level: float
    status: Status
    condition_number: float
    n_runs: int
    n_cells: Mapping[str, int] = field(default_factory=dict)
    range: Mapping[str, tuple[float, float]]
    samples: pd.DataFrame = field(repr=False)
    residuals: pd.DataFrame = field(repr=False)
    optima: pd.DataFrame = field(repr=False)
    objective: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        """The law's name in laws.json."""
        return type(self.law).__name__.lower()

    @property
    @abstractmethod
    def intervals(self) -> Mapping[str, Interval]:
        """The interval of each of the law's parameters, by name."""

    @abstractmethod
    def predict_loss(self, n_params: ArrayLike, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token of the source's arm at sizes and characters that broadcast."""

    def to_row(self) -> dict[str, Any]:
        """The row of laws.json: JSON numbers only, null for an open end."""
        return {
            "source": self.source,
            "method": self.method,
            "law": self.form,
            **{name: interval.to_json() for name, interval in self.intervals.items()},
            "level": self.level,
            "n_runs": self.n_runs,
            **({"n_cells": dict(self.n_cells)} if self.n_cells else {}),
            "condition_number": _number(self.condition_number),
            "status": self.status.value,
            "range": {name: [float(end) for end in ends] for name, ends in self.range.items()},
            "notes": list(self.notes),
        }

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What may be said of the law, a sentence each."""
        return (self.status.sentence,)

    def summary(self, said: Sequence[str] = ()) -> str:
        """The result in a few lines of plain text; notes that were `said` elsewhere are left out."""
        lines = [f"{self.source}, {self.form} by {self.method}: {self.status}, {self.n_runs} runs"]
        for name, interval in self.intervals.items():
            low, high = ("open" if end is None else f"{end:.4g}" for end in (interval.low, interval.high))
            lines.append(f"  {name:16} {interval.value:>10.4g}  [{low}, {high}]  at {100 * self.level:g} %")
        if self.n_cells:
            counts = ", ".join(f"{count} {name}" for name, count in self.n_cells.items())
            lines.append(f"  {'cells':16} {counts}")
        lines.extend(f"  {sentence}" for sentence in self.verdicts)
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes if note not in said)])

    def __str__(self) -> str:
        return self.summary()


@dataclass(frozen=True, kw_only=True)
class Fit(Result):
    """A transfer law fitted to a table, with all that is needed to believe or doubt it.

    `cells` is the frame of `effective_data`, `profile` how the misfit rises as one parameter is moved
    (parameter, value, rise), `noise_parts` the standard deviations in nats/token of what sets a run apart:
    its sample, its own part, and the cells' misfit; known to `dof` degrees of freedom. `samples` has the
    columns k, ln_k, alpha, beta; `residuals` also arm, n_params, d_chars, sd. `predictive` is what it
    predicts of a cell or a run with all that is uncertain (None by the two-step methods).
    """

    law: Hernandez
    k: Interval
    alpha: Interval
    beta: Interval
    beta_over_alpha: Interval
    curves: Curves = field(repr=False)
    search: Search
    adequacy: Adequacy
    cells: pd.DataFrame = field(repr=False)
    profile: pd.DataFrame = field(repr=False)
    noise_parts: Mapping[str, float]
    dof: float
    predictive: Predictive | None = field(default=None, repr=False)

    @property
    def identification(self) -> Identification:
        """Whether the runs pin each parameter down."""
        if not (self.k.closed and self.alpha.closed and self.beta.closed):
            return Identification.NOT_IDENTIFIED
        loose = self.status is Status.ILL_CONDITIONED
        return Identification.ILL_CONDITIONED if loose else Identification.IDENTIFIED

    @property
    def quotable(self) -> bool:
        """Whether the exponents may be quoted as measured: search, identification and adequacy all hold."""
        return (
            self.search is Search.FINISHED
            and self.identification is Identification.IDENTIFIED
            and self.adequacy.verdict is Adequate.ADEQUATE
        )

    @property
    def noise(self) -> float:
        """Standard deviation of one run about the law, nats/token: all parts of the noise together."""
        return float(np.sqrt(sum(sd**2 for sd in self.noise_parts.values())))

    @property
    def intervals(self) -> Mapping[str, Interval]:
        return {name: getattr(self, name) for name in ("k", "alpha", "beta", "beta_over_alpha")}

    @property
    def verdicts(self) -> tuple[str, ...]:
        may = ("All three judgements hold, so the law may be quoted with its intervals.",) * self.quotable
        return (self.status.sentence, self.adequacy.sentence, *may)

    def predict_loss(self, n_params: ArrayLike, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token after fine-tuning sizes that have a curve on `d_chars` characters; broadcasts.

        Raises TransferLawsError for a size without a curve.
        """
        d_effective = self.law.d_effective(n_params=n_params, d_chars=d_chars)
        n, d = np.broadcast_arrays(np.asarray(n_params, float), d_effective)
        loss = [float(self.curves[size].loss(data)) for size, data in zip(n.ravel(), d.ravel(), strict=True)]
        return np.array(loss).reshape(n.shape)[()]

    def covariance(self) -> NDArray[np.float64] | None:
        """Covariance (3, 3) of (ln k, alpha, beta) over the samples; None if an end of any is open.

        Runs of one size leave k and beta open, and beta is 0: then it is that of the law at this size.
        """
        at_one_size = self.alpha.closed and not self.samples["beta"].any()
        closed = self.k.closed and self.alpha.closed and self.beta.closed
        if not (closed or at_one_size) or len(self.samples) < 10:
            return None
        return np.cov(self.samples[["ln_k", "alpha", "beta"]].to_numpy().T)

    def to_row(self) -> dict[str, Any]:
        row, covariance = super().to_row(), self.covariance()
        notes = row.pop("notes")
        return row | {
            "search": self.search.value,
            "identification": self.identification.value,
            "adequacy": self.adequacy.to_json(),
            "quotable": self.quotable,
            "noise_nats": _number(self.noise),
            "noise_parts_nats": dict(self.noise_parts),
            "covariance_ln_k_alpha_beta": None if covariance is None else covariance.tolist(),
            **({} if self.predictive is None else {"predictive": self.predictive.to_json()}),
            "notes": notes,
            "scratch": self.curves.to_rows(),
        }


@dataclass(frozen=True, kw_only=True)
class FormFit(Result):
    """A form of loss fitted to a table; `parameters` holds an interval for each of the law's fields."""

    law: LossForm
    parameters: Mapping[str, Interval]

    @property
    def intervals(self) -> Mapping[str, Interval]:
        return self.parameters

    def to_row(self) -> dict[str, Any]:
        row = super().to_row()
        drawn = self.samples.head(KEPT_DRAWS).to_numpy(float)
        return row | {"draws": [[_number(value) for value in law] for law in drawn]}

    def predict_loss(self, n_params: ArrayLike, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token of the arm it was fitted to; tokens for characters if the table had tokens."""
        return np.asarray(self.law.loss(n_params=n_params, d_chars=d_chars))


def law_samples(
    ln_k: NDArray[np.float64], alpha: NDArray[np.float64], beta: NDArray[np.float64]
) -> pd.DataFrame:
    """Drawn laws (B,) as the frame `samples` of a `Fit`: k (held within a float), ln_k, alpha, beta."""
    return pd.DataFrame({"k": np.exp(np.clip(ln_k, -600, 600)), "ln_k": ln_k, "alpha": alpha, "beta": beta})


def predict_loss(fitted: Result, n_params: ArrayLike, d_chars: ArrayLike) -> NDArray[np.float64]:
    """Loss in nats/token that a fit of any law predicts at sizes and characters that broadcast.

    Raises TransferLawsError where a law of transfer has no from-scratch curve for a size.
    """
    return fitted.predict_loss(n_params, d_chars)
