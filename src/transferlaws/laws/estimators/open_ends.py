"""Intervals of a law of loss, and which of its parameters the runs leave open however they are resampled.

Resamples start from the best law and do not walk a flat valley, so that what is flat is read off the
gradient; few independent units make percentiles too narrow, which Student's t mends.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import norm, spearmanr
from scipy.stats import t as student

from transferlaws.laws.estimators.loss_search import Points, box_of, log_loss
from transferlaws.laws.estimators.result import Interval
from transferlaws.laws.forms import LossForm
from transferlaws.laws.numerics.bootstrap import percentiles

Floats = NDArray[np.float64]
NULL = 0.001
"""p-value above which a law that explains its runs is no better than one loss for all of them."""
FLAT = 1e-6
"""Share of the largest singular value below which a direction of the parameters moves no loss."""
TRADES = 0.05
"""Share of such a direction from which a parameter takes part in it."""
RISES = 0.3
"""Rank correlation of the loss with size and with data from which it rises with them."""
NO_END = 12.0
"""Decades from its value beyond which a coefficient's end is none."""


@dataclass(frozen=True)
class Known:
    """How many independent `units` there are for `parameters`, and the level of intervals."""

    units: int
    parameters: int
    level: float

    @property
    def dof(self) -> int:
        """What the units leave when the parameters are paid for."""
        return self.units - self.parameters

    @property
    def wider(self) -> float:
        """Resamples of few units scatter less than new ones would: by how much, for `dof` of 1 or more."""
        tail = (1 + self.level) / 2
        return float(student.ppf(tail, self.dof) / norm.ppf(tail) * np.sqrt(self.units / self.dof))


def unknown_parameters(
    form: type[LossForm], law: LossForm, points: Points, theta: Floats, left: Floats, known: Known
) -> dict[str, list[str]]:
    """The parameters that the runs do not pin down however they are resampled, by the reason why."""
    names, q = list(vars(law)), len(form.exponents)
    if known.dof < 1:
        return {f"{known.units} independent units cannot measure {known.parameters} parameters": names}
    about_mean = float(np.sum((points.log_loss - points.log_loss.mean()) ** 2))
    by, free = max(known.parameters - 1, 1), len(left) - known.parameters
    explained = max(about_mean - float(left @ left), 0.0) / by
    ratio = explained / max(float(left @ left) / free, 1e-300)
    if f_distribution.sf(ratio, by, free) > NULL:
        return {"the runs do not show that loss depends on size or data at all": names}
    gone = np.array([name for name, term in zip(form.terms, theta[q:], strict=True) if term <= 0])
    gradient = log_loss(form, points, theta[None])[1][0]
    norms = np.linalg.norm(gradient, axis=0)
    # An exponent whose term is 0 moves nothing: its column is 0.
    still = norms <= FLAT * norms.max()
    alone = [name for name, flat in zip((*form.exponents, *form.terms), still, strict=True) if flat]
    live = np.flatnonzero(~still)
    _, values, vectors = np.linalg.svd(gradient[:, live] / norms[live], full_matrices=True)
    small = np.concatenate([values, np.zeros(len(live) - len(values))]) < FLAT * values[0]
    traded = np.abs(vectors[small]).max(0, initial=0.0) > TRADES
    along = [(*form.exponents, *form.terms)[i] for i in live[traded]]
    return {
        "the best law does without its term": _fields(law, [*alone, *gone]),
        "they trade against each other without end, the runs being of too few sizes or data sizes": _fields(
            law, along
        ),
    }


def _fields(law: LossForm, searched: list[str]) -> list[str]:
    """The law's own fields behind exponents and terms; all of them where a form computes its fields."""
    names = list(vars(law))
    return [name for name in names if name in searched] if set(searched) <= set(names) else names


def rising(n: Floats, d: Floats, loss: Floats) -> tuple[str, ...]:
    """A note where what is called loss rises with size and data."""
    varied = [values for values in (n, d) if np.ptp(values) > 0]
    if varied and all(spearmanr(values, loss).statistic > RISES for values in varied):
        return ("the loss rises with size and data: is the column a metric that should rise?",)
    return ()


def intervals_of(
    law: type[LossForm],
    value: LossForm,
    samples: pd.DataFrame,
    theta: Floats,
    known: Known,
    unknown: set[str],
) -> dict[str, Interval]:
    """Percentiles of the resampled laws, widened; an end is open where resamples lean on a bound."""
    if not len(theta):
        return {name: Interval(float(number), None, None) for name, number in vars(value).items()}
    box = box_of(law)
    tail = (1 - known.level) / 2
    stuck = {
        name: (np.mean(theta[:, i] <= box.lower[i]) > tail, np.mean(theta[:, i] >= box.upper[i]) > tail)
        for i, name in enumerate(law.exponents)
    }
    out = {}
    for name, number in vars(value).items():
        if name in unknown:
            out[name] = Interval(float(number), None, None)
            continue
        low, high = percentiles(samples[name].to_numpy(float), known.level)
        ends = zip(
            (min(low, float(number)), max(high, float(number))),
            stuck.get(name, (False, False)),
            law.exponents.get(name, (-np.inf, np.inf)),
            strict=True,
        )
        out[name] = Interval(float(number), *(_end(float(number), *end, known.wider) for end in ends))
    return out


def _end(value: float, end: float, stuck: bool, bound: float, wider: float) -> float | None:
    """One end of an interval, further from the value by `wider`; None on a bound, beyond it, or nowhere."""
    if stuck or not np.isfinite(end):
        return None
    if value > 0 and end > 0:
        decades = wider * np.log10(end / value)
        far = float(value * 10 ** np.clip(decades, -300, 300))
        if abs(decades) > NO_END:
            return None
    else:
        far = value + wider * (end - value)
    past = far <= bound if end <= value else far >= bound
    return None if past and np.isfinite(bound) else far
