"""Answers from a law: what is pre-training worth, which size reaches a loss, how much data does.

Every answer carries an interval and a regime, or a refusal with its reason. Nothing is answered more than
half a decade outside the runs. What was measured stands beside what the law says, and in its place where
pre-training hurts, which no law of transfer can say. Laws come from a laws.json, a fit, or the paper's
Table 1 (without intervals). Where `source` is None, the sole source of the laws is meant. A law of loss
(`loss_law`) answers what it can: the loss, a size, an amount of data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws import Hernandez, Status
from transferlaws.planner.answer import REACH, Answer, central, no_data, no_end, positive, smallest, too_far
from transferlaws.planner.law import DRAWS, SAME, SourceLaw, source_law
from transferlaws.planner.loss_law import loss_law
from transferlaws.planner.measured import MeasuredCell, cell_at, cells_around

Floats = NDArray[np.float64]

QUANTITIES = ("d_transferred", "d_effective", "fraction", "multiplier", "loss", "gain")
FROM_CURVES = frozenset({"loss", "gain"})
"""Quantities in nats/token, which take a from-scratch curve."""


def predict(
    laws: Mapping[str, Any],
    source: str | None,
    n_params: float,
    d_chars: float,
    quantity: str = "multiplier",
    method: str = "",
) -> Answer:
    """One of QUANTITIES at one cell: characters, a share or multiple of the data, or nats/token.

    A law of loss answers the loss only, data being in the unit of its table. The gain is the loss from
    scratch less that after pre-training; its interval holds what the law leaves open and how far its gains
    lay from those measured. That of a loss holds law, curves and misfit (`laws.Predictive`). Raises
    TransferLawsError for an unknown quantity or source, or a size or data size that is not positive.
    """
    if quantity not in QUANTITIES:
        raise TransferLawsError(f"quantity is {quantity!r}; it takes {', '.join(QUANTITIES)}")
    if (found := loss_law(laws, source)) is not None:
        return found.predict(n_params, d_chars, quantity)
    if d_chars == 0:
        raise no_data("d_chars")
    positive(n_params=n_params, d_chars=d_chars)
    return answer(source_law(laws, source, method), quantity, n_params, d_chars)


def answer(known: SourceLaw, quantity: str, n_params: float, d_chars: float) -> Answer:
    """`predict` from laws already read."""
    cell = cell_at(known.measured, n_params, d_chars)
    measured = None if cell is None else _measured(known, cell, quantity)
    if cell is not None and cell.hurts:
        why = (
            f"measured here: pre-training {cell.said()}; it costs data here, which no law of transfer can say"
        )
        if measured is None:
            return _no(known, quantity, n_params, d_chars, why)
        where = known.regime(n_params, d_chars), known.outside(n_params, d_chars)
        return Answer(quantity, **measured, regime=where[0], decades_outside=where[1], refused=False,
                      reason=why, measured=measured)  # fmt: skip
    value = _quantity(known, quantity, n_params, d_chars, known.law)
    why = _beyond(known, n_params, d_chars) or (harm_around(known, n_params, d_chars) if cell is None else "")
    if why or not np.isfinite(value):
        why = why or "these laws hold no from-scratch curve to read a loss from"
        return replace(_no(known, quantity, n_params, d_chars, why), measured=measured)
    samples = _samples(known, quantity, n_params, d_chars, value)
    found = replace(_yes(known, quantity, n_params, d_chars, value, samples), measured=measured)
    if quantity == "loss" and known.predictive is not None and known.level is not None and len(known.draws):
        _, low, high = known.predictive.interval(n_params, d_chars, level=known.level)
        return replace(found, low=low, high=high)
    return found


def size_for(
    laws: Mapping[str, Any], source: str | None, target_loss: float, d_chars: float, method: str = ""
) -> Answer:
    """The smallest size (parameters) that reaches `target_loss` nats/token after `d_chars` characters.

    A law of loss takes the data in the unit of its table.
    """
    if (found := loss_law(laws, source)) is not None:
        return found.size_for(target_loss, d_chars)
    positive(target_loss=target_loss, d_chars=d_chars)
    known = source_law(laws, source, method)
    if known.n_range is None:
        return _no(known, "n_params", 1.0, d_chars, "these laws hold no runs to read a loss from")
    if known.sole_size is not None:
        return _no(known, "n_params", known.sole_size, d_chars, _one_size(known.sole_size))
    reach = (known.n_range[0] * 10**-REACH, known.n_range[1] * 10**REACH)
    return _search(known, "n_params", reach, target_loss, lambda n: (n, d_chars))


def data_for(
    laws: Mapping[str, Any], source: str | None, target_loss: float, n_params: float, method: str = ""
) -> Answer:
    """The fewest characters of target data with which size `n_params` reaches `target_loss` nats/token.

    A law of loss answers in the unit of its table.
    """
    if (found := loss_law(laws, source)) is not None:
        return found.data_for(target_loss, n_params)
    positive(target_loss=target_loss, n_params=n_params)
    known = source_law(laws, source, method)
    if known.d_range is None:
        return _no(known, "d_chars", n_params, 1.0, "these laws hold no runs to read a loss from")
    reach = (known.d_range[0] * 10**-REACH, known.d_range[1] * 10**REACH)
    return _search(known, "d_chars", reach, target_loss, lambda d: (n_params, d))


def harm_around(known: SourceLaw, n: float, d: float) -> str:
    """Where pre-training hurts in a measured cell next to the one asked about; empty if it does not."""
    hurt = [cell for cell in cells_around(known.measured, n, d) if cell.hurts]
    if not hurt:
        return ""
    worst = min(hurt, key=lambda cell: cell.gain)
    return (
        f"pre-training costs data next to this cell: measured at n_params {worst.n_params:g} and d_chars "
        f"{worst.d_chars:g} it {worst.said()}, which no law of transfer can say"
    )


def _measured(known: SourceLaw, cell: MeasuredCell, quantity: str) -> dict[str, float | None] | None:
    """A quantity as measured in a cell, data by the from-scratch runs' curve; None if it cannot be read."""
    if quantity == "loss":
        return {"value": cell.loss, "low": None, "high": None}
    gains = {"value": cell.gain, "low": cell.low, "high": cell.high}
    if quantity == "gain":
        return gains
    curve = next((curve for curve in known.alone.curves if curve.n_params == cell.n_params), None)
    if curve is None:
        return None
    at, d = float(curve.loss(cell.d_chars)), cell.d_chars
    found: dict[str, float | None] = {}
    for name, gain in gains.items():
        effective = np.inf if gain is None else max(curve.invert(at - gain)[0], 0.0)
        share = 1 - d / effective if effective > 0 else -np.inf
        value = {"d_effective": effective, "d_transferred": effective - d, "multiplier": effective / d}
        number = value.get(quantity, share)
        found[name] = float(number) if np.isfinite(number) else None
    return found if found["value"] is not None else None


def _samples(known: SourceLaw, quantity: str, n: float, d: float, value: float) -> list[float]:
    """The quantity under each law of the draws; a gain also misses as those measured were missed."""
    rng = np.random.default_rng(1)
    if known.law is None:
        return list(value + _curve_errors(known, DRAWS)) if quantity == "loss" else []
    laws = (Hernandez.from_ln_k(*draw) for draw in known.draws)
    samples = [_quantity(known, quantity, n, d, law) for law in laws]
    if quantity == "gain":
        sd, dof = known.misfit()
        errors = rng.standard_t(dof, len(samples)) if np.isfinite(dof) else rng.normal(size=len(samples))
        return list(np.array(samples) + sd * errors)
    return samples


def _curve_errors(known: SourceLaw, count: int) -> Floats:
    """Errors (count,) of the from-scratch curves in nats/token; none where their misfit is not known."""
    if known.alone.sd is None or not known.alone.dof:
        return np.zeros(0)
    return known.alone.sd * np.random.default_rng(2).standard_t(known.alone.dof, count)


def _quantity(known: SourceLaw, quantity: str, n: float, d: float, law: Hernandez | None) -> float:
    if quantity == "gain":
        return known.gain(law, n, d)
    if quantity == "loss":
        if law is None:
            return float(known.alone.loss(n, np.array([d]))[0])
        return float(known.loss(n, np.array([law.d_effective(n_params=n, d_chars=d)]))[0])
    if law is None:
        return {"d_transferred": 0.0, "d_effective": d, "fraction": 0.0, "multiplier": 1.0}[quantity]
    if quantity == "multiplier":
        return float(law.data_multiplier(n_params=n, d_chars=d))
    return float(getattr(law, quantity)(n_params=n, d_chars=d))


def _beyond(known: SourceLaw, n: float, d: float) -> str:
    """Why the law does not reach a cell; empty if it does."""
    away = known.outside(n, d)
    sole = known.sole_size
    if sole is not None and abs(np.log(n / sole)) >= SAME:
        return _one_size(sole)
    if known.n_range and known.d_range and away is not None and away > REACH + 1e-9:
        return too_far(away, n_params=known.n_range, d_chars=known.d_range)
    if away and known.status == Status.NOT_IDENTIFIED and not (sole and len(known.draws)):
        return "the runs do not identify the law's exponents, so it cannot leave them"
    return ""


def _one_size(n_params: float) -> str:
    return f"the runs have one size (n_params {n_params:g}) and say nothing of another"


def _yes(
    known: SourceLaw, quantity: str, n: float, d: float, value: float, samples: Sequence[float]
) -> Answer:
    """An answer whose interval is the central `level` of `samples`, unbounded ends open."""
    return Answer(
        quantity,
        value,
        *central(samples, known.level),
        known.regime(n, d),
        known.outside(n, d),
        False,
        _caveat(known),
    )


def _no(known: SourceLaw, quantity: str, n: float, d: float, why: str) -> Answer:
    return Answer(quantity, None, None, None, known.regime(n, d), known.outside(n, d), True, why)


def _caveat(known: SourceLaw) -> str:
    if known.n_range is None:
        return Status.PUBLISHED.sentence
    if known.status == Status.NOT_IDENTIFIED and len(known.draws):
        return "the runs have one size, and this holds for it alone"
    if known.status == Status.NOT_IDENTIFIED:
        return "the runs do not identify the law's exponents; the interval is open"
    if known.law is None:
        return "" if known.alone.dof else "a from-scratch curve, without interval"
    return "" if len(known.draws) else "these laws carry no interval"


def _search(
    known: SourceLaw,
    quantity: str,
    reach: tuple[float, float],
    target: float,
    cell: Callable[[float], tuple[float, float]],
) -> Answer:
    """The smallest value within reach whose loss is at most `target`, for the law and each of its draws."""
    grid = np.geomspace(*reach, 241)
    laws = known.draws[:200]
    if known.law is not None:
        laws = np.vstack([[np.log(known.law.k), known.law.alpha, known.law.beta], laws])
    errors = _curve_errors(known, DRAWS // 2) if known.law is None else np.zeros(0)
    losses = np.empty((len(grid), max(len(laws), 1 + len(errors))))
    for i, candidate in enumerate(grid):
        n, d = cell(float(candidate))
        transferred = np.exp(np.clip(laws @ np.array([1.0, np.log(d), np.log(n)]), -600, 600))
        if known.law is None:
            losses[i] = known.alone.loss(n, np.array([d])) + np.concatenate([[0.0], errors])
        else:
            losses[i] = known.loss(n, d + transferred)
    middle = cell(float(np.sqrt(reach[0] * reach[1])))
    why = _beyond(known, *middle)
    value, *drawn = (smallest(grid, column, target) for column in losses.T)
    why = why or no_end(quantity, value, reach, target) or harm_around(known, *cell(value))
    return _no(known, quantity, *middle, why) if why else _yes(known, quantity, *cell(value), value, drawn)
