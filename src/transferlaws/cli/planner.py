"""The verbs that answer from laws.json: predict, size-for, data-for, should-pretrain, cheapest.

Every answer carries its interval and regime, or is a refusal with its reason and exit code 1.
"""

import json as json_module
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tyro

from transferlaws.cli.output import complain, say
from transferlaws.cli.prices import NO_PRICES, PriceOptions
from transferlaws.errors import UsageError

UNITS = {
    "n_params": " parameters", "d_chars": " characters", "d_tokens": " tokens", "loss": " nats/token",
    "gain": " nats/token", "d_transferred": " characters", "d_effective": " characters",
}  # fmt: skip
"""What a number is of, by quantity; a share and a multiple are of nothing."""


def predict(
    n_params: float,
    d_chars: float | None = None,
    d_tokens: float | None = None,
    laws: Path | None = None,
    source: str | None = None,
    method: str = "",
    json: bool = False,
) -> int:
    """What pre-training is worth for one size and data size: effective data, multiplier, loss.

    From a law of loss (fit --law chinchilla) it is the loss alone.

    Example: transferlaws predict --laws laws.json --source text --n-params 4e7 --d-chars 3e5

    Args:
        n_params: size, parameters without embeddings.
        d_chars: target data, characters.
        d_tokens: target data, tokens, for a law of loss that counts these.
        laws: a laws.json; default Table 1 of the paper.
        source: what the model was pre-trained on; default the sole source of the laws.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    document = _laws(laws)
    data, note = _data(document, source, d_chars, d_tokens)
    if planner.loss_law(document, source):
        return _show([planner.predict(document, source, n_params, data, "loss")], json, note)
    answers = [
        planner.predict(document, source, n_params, data, quantity, method)
        for quantity in planner.QUANTITIES
        if quantity not in planner.FROM_CURVES or document["scratch"]
    ]
    return _show(answers if any(map(_known, answers)) else answers[:1], json)


def size_for(
    target_loss: float,
    laws: Path,
    d_chars: float | None = None,
    d_tokens: float | None = None,
    source: str | None = None,
    method: str = "",
    json: bool = False,
) -> int:
    """The smallest size that reaches a loss with the data one has.

    Example: transferlaws size-for --laws laws.json --source text --target-loss 3.2 --d-chars 1e5

    Args:
        target_loss: loss to reach, nats/token.
        laws: a laws.json.
        d_chars: target data, characters.
        d_tokens: target data, tokens, for a law of loss that counts these.
        source: what the model was pre-trained on, or scratch; default the sole source of the laws.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    document = _laws(laws)
    data, note = _data(document, source, d_chars, d_tokens)
    return _show([planner.size_for(document, source, target_loss, data, method)], json, note)


def data_for(
    target_loss: float,
    n_params: float,
    laws: Path,
    source: str | None = None,
    method: str = "",
    json: bool = False,
) -> int:
    """The least target data with which a size reaches a loss.

    Example: transferlaws data-for --laws laws.json --source text --target-loss 3.2 --n-params 2e5

    Args:
        target_loss: loss to reach, nats/token.
        n_params: size, parameters without embeddings.
        laws: a laws.json.
        source: what the model was pre-trained on, or scratch; default the sole source of the laws.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    return _show([planner.data_for(_laws(laws), source, target_loss, n_params, method)], json)


def should_pretrain(
    n_params: float,
    d_chars: float,
    laws: Path,
    pretrain_chars: float | None = None,
    source: str | None = None,
    uses: int = 1,
    worth: float = 0.0,
    method: str = "",
    json: bool = False,
) -> int:
    """Whether pre-training pays for one size and data size, and its bill.

    Where the very cell was run, what was measured decides; elsewhere the law.

    Example: transferlaws should-pretrain --laws laws.json --n-params 5e4 --d-chars 1e4 --pretrain-chars 4e6

    Args:
        n_params: size, parameters without embeddings.
        d_chars: target data, characters.
        laws: a laws.json.
        pretrain_chars: data to pre-train on, characters; default what the laws were measured with.
        source: what the model would be pre-trained on; default the sole source of the laws.
        uses: fine-tunings that share the bill of pre-training.
        worth: smallest gain worth having, nats/token.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    decision = planner.should_pretrain(
        _laws(laws), source, n_params, d_chars, pretrain_chars, uses=uses, worth=worth, method=method
    )
    if json:
        say(json_module.dumps(decision.to_json(), indent=1, allow_nan=False))
    else:
        if decision.pretrain is not None:
            say(f"{'pre-train' if decision.pretrain else 'do not pre-train'}: {decision.reason}")
            say(
                f"pre-training {decision.pretrain_flops:.2g} FLOPs a use, "
                f"fine-tuning {decision.finetune_flops:.2g} FLOPs"
            )
        shown = {
            "gain": decision.gain,
            "loss, tuned": decision.loss_pretrained,
            "loss, scratch": decision.loss_scratch,
            "d_transferred": decision.d_transferred,
        }
        _lines({title: answer for title, answer in shown.items() if _known(answer)}, decision.hurts)
    if decision.pretrain is None:
        say(f"transferlaws: error: no answer: {decision.reason}", file=sys.stderr)
        return 1
    return 0


def cheapest(
    target_loss: float,
    laws: Path,
    prices: tyro.conf.OmitArgPrefixes[PriceOptions] = NO_PRICES,
    source: str | None = None,
    method: str = "",
    json: bool = False,
) -> int:
    """The cheapest way to a loss: which size, how much data, pre-trained on what, at your prices.

    One line a way, cheapest first: each arm's best by its law, and the cheapest cell that was run and got
    there. Prices are in any one currency.

    Example: transferlaws cheapest --laws laws.json --target-loss 3.2 --per-char 1e-5 --per-flop 1e-15

    Args:
        target_loss: loss to reach, nats/token.
        laws: a laws.json.
        prices: what data and computing cost.
        source: only this source, beside scratch; default all of the laws.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    found = planner.cheapest(_laws(laws), target_loss, prices.checked(), source, method)
    if json:
        say(json_module.dumps(found.to_json(), indent=1, allow_nan=False))
    elif found.ways:
        say(f"{'arm':12}{'n_params':>10}  {'data':34}{'cost':30}how it is known")
        for way in found.ways:
            bare = way.basis == "measured"
            cost = {"value": way.bill.total, "low": way.low, "high": way.high}
            data, costs = (_value(part, bare) for part in (vars(way.d_chars), cost))
            away = way.d_chars.decades_outside
            known = f"by the law, {f'{away:.1f} decades outside' if away else 'inside'} the runs"
            known = f"measured: {way.loss:.4g} nats/token" if bare else known
            reason = f"; {way.d_chars.reason}" if way.d_chars.reason else ""
            say(f"{way.arm:12}{way.n_params:>10.4g}  {data:34}{costs:30}{known}{reason}")
        best = found.ways[0].bill
        parts = {"data": best.data, "training": best.training, "pre-training": best.pretraining}
        say(f"the cheapest of it: {', '.join(f'{name} {price:.4g}' for name, price in parts.items())}")
        for note in found.notes:
            say(f"note: {note}")
    for arm, why in found.refused.items():
        complain(f"error: {arm}: no answer: {why}")
    return int(not found.ways)


def _laws(path: Path | None) -> dict[str, Any]:
    from transferlaws.laws import read_laws
    from transferlaws.planner import paper_laws

    return read_laws(path) if path else paper_laws()


def _data(
    document: dict[str, Any], source: str | None, d_chars: float | None, d_tokens: float | None
) -> tuple[float, str]:
    """The amount of data asked about in the unit of the laws, and a note if it was given in another."""
    from transferlaws import planner

    if (d_chars is None) == (d_tokens is None):
        raise UsageError("give --d-chars, or --d-tokens for a law of loss that counts tokens")
    law = planner.loss_law(document, source)
    in_tokens = law is not None and law.unit == "tokens"
    if d_chars is None:
        if not in_tokens or d_tokens is None:
            raise UsageError("these laws count data in characters; give --d-chars")
        return d_tokens, ""
    return d_chars, f"these laws count data in tokens: {d_chars:g} is read as tokens" if in_tokens else ""


def _show(answers: list[Any], json: bool, note: str = "") -> int:
    """Print answers; 1 if every one of them is a refusal."""
    if note:
        say(f"transferlaws: note: {note}", file=sys.stderr)
    if json:
        documents = [answer.to_json() for answer in answers]
        say(json_module.dumps(documents[0] if len(documents) == 1 else documents, indent=1, allow_nan=False))
    for answer in answers:
        if not _known(answer):
            say(f"transferlaws: error: {answer.quantity}: no answer: {answer.reason}", file=sys.stderr)
    if not json:
        _lines({answer.quantity: answer for answer in answers if _known(answer)})
    return int(not any(map(_known, answers)))


def _known(answer: Any) -> bool:
    """Whether there is anything to say: by the law, or because it was measured."""
    return not answer.refused or bool(answer.measured and answer.measured["value"] is not None)


def _lines(shown: Mapping[str, Any], said: bool = False) -> None:
    """Print answers, one a line: what was measured first, then the law; a reason they share comes last.

    `said` leaves that reason out.
    """
    reasons = [answer.reason for answer in shown.values() if answer.reason]
    shared = reasons[0] if len(reasons) > 1 and len(set(reasons)) == 1 else ""
    for title, answer in shown.items():
        away = answer.decades_outside
        where = (
            "runs unknown"
            if away is None
            else f"{away:.1f} decades outside the runs"
            if away
            else "inside the runs"
        )
        regime = "" if answer.regime == "unknown" else f"{answer.regime} data, "
        unit = UNITS.get(answer.quantity, "")
        by_law = "none by the law" if answer.refused else _value(vars(answer)) + unit
        measured = answer.measured if answer.measured and answer.measured["value"] is not None else None
        if measured is None:
            line = f"{by_law}  {regime}{where}"
        elif measured["value"] == answer.value:
            line = f"{_value(measured, bare=True)}{unit} measured here  {regime}{where}"
        else:
            law = by_law if answer.refused else f"by the law {by_law}"
            line = f"{_value(measured, bare=True)}{unit} measured here; {law}  {regime}{where}"
        line = f"{title:14} {line}"
        say(line if shared or not answer.reason else f"{line}; {answer.reason}")
    if shared and not said:
        say(f"note: {shared}")


def _value(found: Mapping[str, Any], bare: bool = False) -> str:
    """A value with its interval; `bare` leaves an interval out that is not known or has no width."""
    low, high = ("unknown" if found[end] is None else f"{found[end]:.4g}" for end in ("low", "high"))
    return f"{found['value']:.4g}" + ("" if bare and low == high else f"  [{low}, {high}]")


VERBS: dict[str, Callable[..., Any]] = {
    "predict": predict,
    "size-for": size_for,
    "data-for": data_for,
    "should-pretrain": should_pretrain,
    "cheapest": cheapest,
}
