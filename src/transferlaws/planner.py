"""Answers from a law: what is pre-training worth, which size, how much data, and should one pre-train at all.

Every answer carries an interval and a regime, or a refusal with its reason. Nothing is answered more than
half a decade outside the runs. Laws come from a laws.json, a fit, or the paper's Table 1 (which has no
intervals).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.curves import Curve
from transferlaws.laws.forms import Hernandez
from transferlaws.laws.paper import CITATION, TABLE_1
from transferlaws.laws.table import SCRATCH

Floats = NDArray[np.float64]

REACH = 0.5
"""Decades beyond the runs, in size or data, after which the planner does not answer."""
DRAWS = 400
QUANTITIES = ("d_transferred", "d_effective", "fraction", "multiplier", "loss")


@dataclass(frozen=True)
class Answer:
    """A value with its interval (None: open or unknown), or a refusal: then `value` is None and `reason`
    says why.

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
    """Whether to pre-train: None if the runs cannot say. Losses in nats/token, bills in FLOPs, data in
    characters.
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
            name: part.to_json() if isinstance(part, Answer) else part for name, part in vars(self).items()
        }


@dataclass(frozen=True)
class Plan:
    """One source's law with what is known about it: draws of the law, ranges of the runs, scratch curves."""

    source: str
    law: Hernandez | None
    level: float | None
    draws: Floats
    status: str
    n_range: tuple[float, float] | None
    d_range: tuple[float, float] | None
    curves: tuple[Curve, ...]
    d_n: tuple[float, ...]
    noise: float

    def outside(self, n_params: float, d_chars: float) -> float | None:
        """Decades by which the question lies beyond the runs, the larger of size and data; None if
        unknown.
        """
        if self.n_range is None or self.d_range is None:
            return None
        return max(
            max(np.log10(low / value), np.log10(value / high), 0.0)
            for value, (low, high) in ((n_params, self.n_range), (d_chars, self.d_range))
        )

    def regime(self, n_params: float, d_chars: float) -> str:
        """low: D_F <= 0.1 D(N); medium: up to D(N); high beyond; unknown without from-scratch curves."""
        if not self.curves:
            return "unknown"
        sizes = np.log([curve.n_params for curve in self.curves])
        d_n = float(np.exp(np.interp(np.log(n_params), sizes, np.log(np.maximum(self.d_n, 1e-9)))))
        return "low" if d_chars <= 0.1 * d_n else "medium" if d_chars <= d_n else "high"

    def loss(self, n_params: float, d_effective: Floats) -> Floats:
        """From-scratch loss at any size: between curves linear in ln N, beyond them along the last two."""
        if not self.curves:
            return np.full(np.shape(d_effective), np.nan)
        sizes = np.log([curve.n_params for curve in self.curves])
        values = np.array([curve.loss(d_effective) for curve in self.curves])
        if len(sizes) == 1:
            return values[0] if abs(sizes[0] - np.log(n_params)) < 1e-9 else np.full_like(values[0], np.nan)
        right = int(np.clip(np.searchsorted(sizes, np.log(n_params)), 1, len(sizes) - 1))
        share = (np.log(n_params) - sizes[right - 1]) / (sizes[right] - sizes[right - 1])
        return (1 - share) * values[right - 1] + share * values[right]


def paper_laws() -> dict[str, Any]:
    """Table 1 as a laws document: no intervals, no ranges and no curves, since the paper prints none."""
    none = {"low": None, "high": None}
    return {
        "schema": 1,
        "rows": [
            {
                "source": source,
                "method": "paper",
                "law": "hernandez",
                "k": {"value": law.k, **none},
                "alpha": {"value": law.alpha, **none},
                "beta": {"value": law.beta, **none},
                "beta_over_alpha": {"value": law.beta / law.alpha, **none},
                "level": None,
                "status": "published without intervals",
                "range": None,
            }
            for source, law in TABLE_1.items()
        ],
        "scratch": [],
        "provenance": {"citation": CITATION},
    }


def read_plan(laws: Mapping[str, Any], source: str, method: str = "") -> Plan:
    """The plan of `source` from a laws document; `method` picks a row (default loss_space, else the first).

    `source` "scratch" takes the curves alone. Raises TransferLawsError for a source or method it does not
    hold.
    """
    rows = [row for row in laws["rows"] if row.get("law") == "hernandez"]
    try:
        curves = tuple(
            Curve(row["n_params"], row["E"], row["B"], row["b"], row["D0"], 0.0, np.inf)
            for row in laws["scratch"]
        )
        d_n = tuple(float("inf") if row["d_n_chars"] is None else row["d_n_chars"] for row in laws["scratch"])
        d_n = tuple(min(value, 1e300) for value in d_n)
        if source == SCRATCH:
            if not curves:
                raise TransferLawsError("these laws hold no from-scratch curves")
            own = rows[0]["range"] if rows else None
            n_range = (curves[0].n_params, curves[-1].n_params)
            d_range = tuple(own["d_chars"]) if own else None
            return Plan(source, None, None, np.zeros((0, 3)), "converged", n_range, d_range, curves, d_n, 0.0)
        mine = [row for row in rows if row["source"] == source]
        if not mine:
            held = ", ".join(sorted({row["source"] for row in rows})) or "none"
            raise TransferLawsError(f"these laws hold no source {source!r}; they hold {held}")
        wanted = [row for row in mine if row["method"] == (method or "loss_space")]
        if method and not wanted:
            raise TransferLawsError(
                f"these laws hold no method {method!r} for {source}; they hold "
                f"{', '.join(row['method'] for row in mine)}"
            )
        row = (wanted or mine)[0]
        law = Hernandez(row["k"]["value"], row["alpha"]["value"], row["beta"]["value"])
        own = row["range"] or {"n_params": None, "d_chars": None}
        ranges = [tuple(own[name]) if own[name] else None for name in ("n_params", "d_chars")]
        return Plan(
            source, law, row["level"], _draws(row, law), row["status"], ranges[0], ranges[1], curves, d_n,
            row.get("noise_nats") or 0.0,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise TransferLawsError(f"the laws are not in the frame of laws.json: {error!r}") from error


def _draws(row: Mapping[str, Any], law: Hernandez) -> Floats:
    """Draws (DRAWS, 3) of (ln k, alpha, beta), fixed seed; none where an end is open or no covariance is
    given.

    Without a covariance (a laws.json of another program) k carries nothing and the exponents are taken as
    independent about the middle of the runs, which is what a fit makes them.
    """
    centre = np.array([np.log(law.k), law.alpha, law.beta])
    rng = np.random.default_rng(0)
    covariance = row.get("covariance_ln_k_alpha_beta")
    if covariance is not None:
        return rng.multivariate_normal(centre, np.array(covariance), DRAWS)
    ends = [row[name] for name in ("alpha", "beta")]
    if row.get("range") is None or any(end["low"] is None or end["high"] is None for end in ends):
        return np.zeros((0, 3))
    # A central interval of a normal law at 95 % is 3.92 standard deviations wide.
    sd = [(end["high"] - end["low"]) / 3.92 for end in ends]
    alpha, beta = (rng.normal(value, width, DRAWS) for value, width in zip(centre[1:], sd, strict=True))
    m_d, m_n = (np.mean(np.log(row["range"][name])) for name in ("d_chars", "n_params"))
    return np.column_stack([centre[0] - (alpha - centre[1]) * m_d - (beta - centre[2]) * m_n, alpha, beta])


def predict(
    laws: Mapping[str, Any],
    source: str,
    n_params: float,
    d_chars: float,
    quantity: str = "multiplier",
    method: str = "",
) -> Answer:
    """`quantity` (d_transferred, d_effective: characters; fraction, multiplier; loss: nats/token) at one
    cell.

    Raises TransferLawsError for an unknown quantity or source, or a size or data size that is not positive.
    """
    if quantity not in QUANTITIES:
        raise TransferLawsError(f"quantity is {quantity!r}; it takes {', '.join(QUANTITIES)}")
    _positive(n_params=n_params, d_chars=d_chars)
    plan = read_plan(laws, source, method)
    refusal = _refuse(plan, quantity, n_params, d_chars)
    if refusal:
        return refusal
    value = _quantity(plan, quantity, n_params, d_chars, plan.law)
    if not np.isfinite(value):
        return _no(
            plan, quantity, n_params, d_chars, "these laws hold no from-scratch curve to read a loss from"
        )
    samples = np.array([_quantity(plan, quantity, n_params, d_chars, _law(draw)) for draw in plan.draws])
    low, high = _ends(samples, plan)
    regime, away = plan.regime(n_params, d_chars), plan.outside(n_params, d_chars)
    return Answer(quantity, float(value), low, high, regime, away, False, _caveat(plan))


def size_for(
    laws: Mapping[str, Any], source: str, target_loss: float, d_chars: float, method: str = ""
) -> Answer:
    """The smallest size (parameters) that reaches `target_loss` nats/token after `d_chars` characters."""
    _positive(target_loss=target_loss, d_chars=d_chars)
    plan = read_plan(laws, source, method)
    if plan.n_range is None:
        return _no(plan, "n_params", 1.0, d_chars, "these laws hold no runs to read a loss from")
    reach = (plan.n_range[0] * 10**-REACH, plan.n_range[1] * 10**REACH)
    return _search(plan, "n_params", reach, target_loss, lambda n: (n, d_chars))


def data_for(
    laws: Mapping[str, Any], source: str, target_loss: float, n_params: float, method: str = ""
) -> Answer:
    """The fewest characters of target data with which size `n_params` reaches `target_loss` nats/token."""
    _positive(target_loss=target_loss, n_params=n_params)
    plan = read_plan(laws, source, method)
    if plan.d_range is None:
        return _no(plan, "d_chars", n_params, 1.0, "these laws hold no runs to read a loss from")
    reach = (plan.d_range[0] * 10**-REACH, plan.d_range[1] * 10**REACH)
    return _search(plan, "d_chars", reach, target_loss, lambda d: (n_params, d))


def should_pretrain(
    laws: Mapping[str, Any],
    source: str,
    n_params: float,
    d_chars: float,
    pretrain_chars: float,
    *,
    uses: int = 1,
    passes: float = 5.0,
    chars_per_token: float = 2.5,
    method: str = "",
) -> Decision:
    """Whether pre-training on `pretrain_chars` pays for size `n_params` and `d_chars` of target data, and
    its bill.

    Bills are 6 N FLOPs a token (Kaplan et al. 2020); the pre-training bill is shared over `uses`
    fine-tunings, and both arms read the target data `passes` times. Pre-training pays if its loss is lower
    beyond the interval.
    """
    _positive(pretrain_chars=pretrain_chars, uses=uses, passes=passes, chars_per_token=chars_per_token)
    tuned = predict(laws, source, n_params, d_chars, "loss", method)
    worth = predict(laws, source, n_params, d_chars, "d_transferred", method)
    plan = read_plan(laws, source, method)
    alone_loss = float(plan.loss(n_params, np.array([d_chars]))[0])
    alone = Answer(
        "loss", alone_loss, None, None, tuned.regime, tuned.decades_outside, False, "curve without interval"
    )
    if tuned.refused or not np.isfinite(alone_loss):
        alone = _no(plan, "loss", n_params, d_chars, tuned.reason)
    flops = 6 * n_params / chars_per_token
    bill, finetune = flops * pretrain_chars / uses, flops * d_chars * passes
    if tuned.refused or tuned.value is None:
        return Decision(None, tuned, alone, worth, bill, finetune, tuned.reason)
    pays: bool | None = tuned.value < alone_loss - 2 * plan.noise
    lowers = alone_loss - tuned.value
    reason = (
        f"pre-training is worth {worth.value:.3g} characters here and lowers the loss by {lowers:.3g} nats"
    )
    if plan.regime(n_params, d_chars) == "high":
        pays, reason = (
            None,
            "beyond D(N) small pre-trained models ossify, which this law cannot express; measure it",
        )
    elif tuned.high is None:
        pays, reason = None, f"{reason}, but the law has no closed interval there"
    elif tuned.high >= alone_loss:
        pays, reason = None, f"{reason}, but the interval reaches the from-scratch loss"
    return Decision(pays, tuned, alone, worth, bill, finetune, reason)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise TransferLawsError(f"{name} is {value!r}; it takes a positive finite number")


def _law(draw: Floats) -> Hernandez:
    return Hernandez(float(np.exp(np.clip(draw[0], -600, 600))), float(draw[1]), float(draw[2]))


def _quantity(plan: Plan, quantity: str, n: float, d: float, law: Hernandez | None) -> float:
    if quantity == "loss":
        effective = d if law is None else law.d_effective(n_params=n, d_chars=d)
        return float(plan.loss(n, np.array([effective]))[0])
    if law is None:
        return {"d_transferred": 0.0, "d_effective": d, "fraction": 0.0, "multiplier": 1.0}[quantity]
    if quantity == "multiplier":
        return float(law.data_multiplier(n_params=n, d_chars=d))
    return float(getattr(law, quantity)(n_params=n, d_chars=d))


def _ends(samples: Floats, plan: Plan) -> tuple[float | None, float | None]:
    if not samples.size or plan.level is None:
        return None, None
    tail = (1 - plan.level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail], method="nearest")
    return (float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None)


def _refuse(plan: Plan, quantity: str, n: float, d: float) -> Answer | None:
    away = plan.outside(n, d)
    if away is not None and away > REACH + 1e-9:
        assert plan.n_range and plan.d_range
        return _no(
            plan,
            quantity,
            n,
            d,
            f"the question lies {away:.1f} decades outside the runs (n_params {plan.n_range[0]:.3g} to "
            f"{plan.n_range[1]:.3g}, d_chars {plan.d_range[0]:.3g} to {plan.d_range[1]:.3g}); half a decade "
            "is allowed",
        )
    if away and plan.status == "not_identified":
        return _no(
            plan, quantity, n, d, "the runs do not identify the law's exponents, so it cannot leave them"
        )
    return None


def _no(plan: Plan, quantity: str, n: float, d: float, why: str) -> Answer:
    return Answer(quantity, None, None, None, plan.regime(n, d), plan.outside(n, d), True, why)


def _caveat(plan: Plan) -> str:
    if plan.n_range is None:
        return "published without intervals and without the grid of its runs, so neither is known here"
    if plan.status == "not_identified":
        return "the runs do not identify the law's exponents; the interval is open"
    if plan.law is None:
        return "a from-scratch curve, without interval"
    return "" if len(plan.draws) else "these laws carry no interval"


def _search(
    plan: Plan,
    quantity: str,
    reach: tuple[float, float],
    target: float,
    cell: Callable[[float], tuple[float, float]],
) -> Answer:
    """The smallest value within reach whose loss is at most `target`, for the law and for each of its
    draws.
    """
    grid = np.geomspace(*reach, 241)
    laws = plan.draws[:200]
    if plan.law is not None:
        laws = np.vstack([[np.log(plan.law.k), plan.law.alpha, plan.law.beta], laws])
    losses = np.empty((len(grid), max(len(laws), 1)))
    for i, candidate in enumerate(grid):
        n, d = cell(float(candidate))
        transferred = np.exp(np.clip(laws @ np.array([1.0, np.log(d), np.log(n)]), -600, 600))
        losses[i] = plan.loss(n, d + transferred if len(laws) else np.array([d]))

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
    refusal = _refuse(plan, quantity, *middle)
    if refusal:
        return refusal
    value, *drawn = (smallest(column) for column in losses.T)
    if not np.isfinite(value):
        return _no(
            plan, quantity, *middle,
            f"no {quantity} up to {reach[1]:.3g} (half a decade beyond the runs) reaches a loss of "
            f"{target:g}",
        )  # fmt: skip
    if value <= grid[0]:
        return _no(
            plan, quantity, *middle,
            f"even {quantity} = {reach[0]:.3g} (half a decade below the runs) reaches a loss of {target:g}",
        )  # fmt: skip
    low, high = _ends(np.array(drawn), plan)
    at = cell(value)
    return Answer(quantity, value, low, high, plan.regime(*at), plan.outside(*at), False, _caveat(plan))
