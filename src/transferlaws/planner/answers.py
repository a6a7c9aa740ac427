"""Answers from a law: what is pre-training worth, which size, how much data, and should one pre-train at all.

Every answer carries an interval and a regime, or a refusal with its reason. Nothing is answered more than
half a decade outside the runs. Laws come from a laws.json, a fit, or the paper's Table 1 (without intervals).
Where `source` is None, the sole source of the laws is meant.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws import Hernandez, Status
from transferlaws.planner.law import SourceLaw, source_law

Floats = NDArray[np.float64]

REACH = 0.5
"""Decades beyond the runs, in size or data, after which the planner does not answer."""
QUANTITIES = ("d_transferred", "d_effective", "fraction", "multiplier", "loss")


@dataclass(frozen=True)
class Answer:
    """A value with its interval (None: open or unknown), or a refusal: no value, and `reason` says why.

    `regime` is low, medium, high or unknown; `decades_outside` how far beyond the runs the question lies.
    """

    quantity: str
    value: float | None
    low: float | None
    high: float | None
    regime: str
    decades_outside: float | None
    refused: bool
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The answer as a JSON object."""
        return dict(vars(self))


@dataclass(frozen=True)
class Decision:
    """Whether to pre-train, None if the runs cannot say, and what each way costs and reaches.

    Losses are in nats/token, bills in FLOPs a use, data in characters.
    """

    pretrain: bool | None
    loss_pretrained: Answer
    loss_scratch: Answer
    d_transferred: Answer
    pretrain_flops: float
    finetune_flops: float
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The decision as a JSON object."""
        return {
            name: dict(vars(part)) if isinstance(part, Answer) else part for name, part in vars(self).items()
        }


def predict(
    laws: Mapping[str, Any],
    source: str | None,
    n_params: float,
    d_chars: float,
    quantity: str = "multiplier",
    method: str = "",
) -> Answer:
    """One of QUANTITIES at one cell: data in characters, a share or multiple of it, or loss in nats/token.

    Raises TransferLawsError for an unknown quantity or source, or a size or data size that is not positive.
    """
    if quantity not in QUANTITIES:
        raise TransferLawsError(f"quantity is {quantity!r}; it takes {', '.join(QUANTITIES)}")
    _positive(n_params=n_params, d_chars=d_chars)
    known = source_law(laws, source, method)
    value, why = _quantity(known, quantity, n_params, d_chars, known.law), _beyond(known, n_params, d_chars)
    if why or not np.isfinite(value):
        why = why or "these laws hold no from-scratch curve to read a loss from"
        return _no(known, quantity, n_params, d_chars, why)
    laws_drawn = (Hernandez.from_ln_k(*draw) for draw in known.draws)
    samples = [_quantity(known, quantity, n_params, d_chars, law) for law in laws_drawn]
    return _yes(known, quantity, n_params, d_chars, value, samples)


def size_for(
    laws: Mapping[str, Any], source: str | None, target_loss: float, d_chars: float, method: str = ""
) -> Answer:
    """The smallest size (parameters) that reaches `target_loss` nats/token after `d_chars` characters."""
    _positive(target_loss=target_loss, d_chars=d_chars)
    known = source_law(laws, source, method)
    if known.n_range is None:
        return _no(known, "n_params", 1.0, d_chars, "these laws hold no runs to read a loss from")
    reach = (known.n_range[0] * 10**-REACH, known.n_range[1] * 10**REACH)
    return _search(known, "n_params", reach, target_loss, lambda n: (n, d_chars))


def data_for(
    laws: Mapping[str, Any], source: str | None, target_loss: float, n_params: float, method: str = ""
) -> Answer:
    """The fewest characters of target data with which size `n_params` reaches `target_loss` nats/token."""
    _positive(target_loss=target_loss, n_params=n_params)
    known = source_law(laws, source, method)
    if known.d_range is None:
        return _no(known, "d_chars", n_params, 1.0, "these laws hold no runs to read a loss from")
    reach = (known.d_range[0] * 10**-REACH, known.d_range[1] * 10**REACH)
    return _search(known, "d_chars", reach, target_loss, lambda d: (n_params, d))


def should_pretrain(
    laws: Mapping[str, Any],
    source: str | None,
    n_params: float,
    d_chars: float,
    pretrain_chars: float,
    *,
    uses: int = 1,
    passes: float = 5.0,
    chars_per_token: float = 2.5,
    method: str = "",
) -> Decision:
    """Whether pre-training on `pretrain_chars` characters pays for one size and data size, and its bill.

    Bills are 6 N FLOPs a token (Kaplan et al. 2020); the pre-training bill is shared over `uses`
    fine-tunings, and both arms read the target data `passes` times. Pre-training pays if its loss is lower
    beyond the interval.
    """
    _positive(pretrain_chars=pretrain_chars, uses=uses, passes=passes, chars_per_token=chars_per_token)
    tuned = predict(laws, source, n_params, d_chars, "loss", method)
    worth = predict(laws, source, n_params, d_chars, "d_transferred", method)
    known = source_law(laws, source, method)
    alone = _no(known, "loss", n_params, d_chars, tuned.reason)
    alone_loss = float(known.loss(n_params, np.array([d_chars]))[0])
    if not tuned.refused and np.isfinite(alone_loss):
        alone = replace(alone, value=alone_loss, refused=False, reason="curve without interval")
    flops = 6 * n_params / chars_per_token
    bill, finetune = flops * pretrain_chars / uses, flops * d_chars * passes
    if tuned.refused or tuned.value is None:
        return Decision(None, tuned, alone, worth, bill, finetune, tuned.reason)
    pays: bool | None = tuned.value < alone_loss - 2 * known.noise
    reason = (
        f"pre-training is worth {worth.value:.3g} characters here and lowers the loss by "
        f"{alone_loss - tuned.value:.3g} nats"
    )
    if tuned.regime == "high":
        pays = None
        reason = "beyond D(N) small pre-trained models ossify, which this law cannot express; measure it"
    elif tuned.high is None:
        pays, reason = None, f"{reason}, but the law has no closed interval there"
    elif tuned.high >= alone_loss:
        pays, reason = None, f"{reason}, but the interval reaches the from-scratch loss"
    return Decision(pays, tuned, alone, worth, bill, finetune, reason)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise TransferLawsError(f"{name} is {value!r}; it takes a positive finite number")


def _quantity(known: SourceLaw, quantity: str, n: float, d: float, law: Hernandez | None) -> float:
    if quantity == "loss":
        effective = d if law is None else law.d_effective(n_params=n, d_chars=d)
        return float(known.loss(n, np.array([effective]))[0])
    if law is None:
        return {"d_transferred": 0.0, "d_effective": d, "fraction": 0.0, "multiplier": 1.0}[quantity]
    if quantity == "multiplier":
        return float(law.data_multiplier(n_params=n, d_chars=d))
    return float(getattr(law, quantity)(n_params=n, d_chars=d))


def _beyond(known: SourceLaw, n: float, d: float) -> str:
    """Why the law does not reach a cell; empty if it does."""
    away = known.outside(n, d)
    if known.n_range and known.d_range and away is not None and away > REACH + 1e-9:
        sizes, data = ("{:.3g} to {:.3g}".format(*ends) for ends in (known.n_range, known.d_range))
        return (
            f"the question lies {away:.1f} decades outside the runs (n_params {sizes}, d_chars {data}); half "
            "a decade is allowed"
        )
    if away and known.status == Status.NOT_IDENTIFIED:
        return "the runs do not identify the law's exponents, so it cannot leave them"
    return ""


def _yes(
    known: SourceLaw, quantity: str, n: float, d: float, value: float, samples: Sequence[float]
) -> Answer:
    """An answer whose interval is the central `level` of `samples`, unbounded ends open."""
    low = high = None
    if samples and known.level is not None:
        ends = np.quantile(samples, [(1 - known.level) / 2, (1 + known.level) / 2], method="nearest")
        low, high = (float(end) if np.isfinite(end) else None for end in ends)
    return Answer(quantity, value, low, high, known.regime(n, d), known.outside(n, d), False, _caveat(known))


def _no(known: SourceLaw, quantity: str, n: float, d: float, why: str) -> Answer:
    return Answer(quantity, None, None, None, known.regime(n, d), known.outside(n, d), True, why)


def _caveat(known: SourceLaw) -> str:
    if known.n_range is None:
        return Status.PUBLISHED.sentence
    if known.status == Status.NOT_IDENTIFIED:
        return "the runs do not identify the law's exponents; the interval is open"
    if known.law is None:
        return "a from-scratch curve, without interval"
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
    losses = np.empty((len(grid), max(len(laws), 1)))
    for i, candidate in enumerate(grid):
        n, d = cell(float(candidate))
        transferred = np.exp(np.clip(laws @ np.array([1.0, np.log(d), np.log(n)]), -600, 600))
        losses[i] = known.loss(n, d + transferred if len(laws) else np.array([d]))

    def smallest(column: Floats) -> float:
        under = np.flatnonzero(column <= target)
        if not under.size:
            return float("inf")
        i = int(under[0])
        if i == 0:
            return float(grid[0])
        share = (column[i - 1] - target) / (column[i - 1] - column[i])
        return float(np.exp((1 - share) * np.log(grid[i - 1]) + share * np.log(grid[i])))

    middle = cell(float(np.sqrt(reach[0] * reach[1])))
    why = _beyond(known, *middle)
    value, *drawn = (smallest(column) for column in losses.T)
    ends = "(half a decade {} the runs) reaches a loss of {:g}"
    if not why and not np.isfinite(value):
        why = f"no {quantity} up to {reach[1]:.3g} {ends.format('beyond', target)}"
    elif not why and value <= grid[0]:
        why = f"even {quantity} = {reach[0]:.3g} {ends.format('below', target)}"
    return _no(known, quantity, *middle, why) if why else _yes(known, quantity, *cell(value), value, drawn)
