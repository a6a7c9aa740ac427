"""The verbs that answer from laws.json: predict, size-for, data-for, should-pretrain.

Every answer carries its interval and regime, or is a refusal with its reason and exit code 1.
"""

import json as json_module
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def predict(
    n_params: float,
    d_chars: float,
    laws: Path | None = None,
    source: str | None = None,
    method: str = "",
    json: bool = False,
) -> int:
    """What pre-training is worth for one size and data size: effective data, multiplier, loss.

    Example: transferlaws predict --laws laws.json --source text --n-params 4e7 --d-chars 3e5

    Args:
        n_params: size, parameters without embeddings.
        d_chars: target data, characters.
        laws: a laws.json; default Table 1 of the paper.
        source: what the model was pre-trained on; default the sole source of the laws.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    document = _laws(laws)
    answers = [
        planner.predict(document, source, n_params, d_chars, quantity, method)
        for quantity in planner.QUANTITIES
        if quantity != "loss" or document["scratch"]
    ]
    return _show(answers[:1] if answers[0].refused else answers, json)


def size_for(
    target_loss: float,
    d_chars: float,
    laws: Path,
    source: str | None = None,
    method: str = "",
    json: bool = False,
) -> int:
    """The smallest size that reaches a loss with the data one has.

    Example: transferlaws size-for --laws laws.json --source text --target-loss 3.2 --d-chars 1e5

    Args:
        target_loss: loss to reach, nats/token.
        d_chars: target data, characters.
        laws: a laws.json.
        source: what the model was pre-trained on, or scratch; default the sole source of the laws.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    return _show([planner.size_for(_laws(laws), source, target_loss, d_chars, method)], json)


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
    pretrain_chars: float,
    laws: Path,
    source: str | None = None,
    uses: int = 1,
    method: str = "",
    json: bool = False,
) -> int:
    """Whether pre-training pays for one size and data size, and its bill.

    Example: transferlaws should-pretrain --laws laws.json --n-params 5e4 --d-chars 1e4 --pretrain-chars 4e6

    Args:
        n_params: size, parameters without embeddings.
        d_chars: target data, characters.
        pretrain_chars: data to pre-train on, characters.
        laws: a laws.json.
        source: what the model would be pre-trained on; default the sole source of the laws.
        uses: fine-tunings that share the bill of pre-training.
        method: the fit to use; default loss_space.
        json: print one JSON document.
    """
    from transferlaws import planner

    decision = planner.should_pretrain(
        _laws(laws), source, n_params, d_chars, pretrain_chars, uses=uses, method=method
    )
    if json:
        print(json_module.dumps(decision.to_json(), indent=1, allow_nan=False))
    elif decision.pretrain is not None:
        print(f"{'pre-train' if decision.pretrain else 'do not pre-train'}: {decision.reason}")
        print(
            f"pre-training {decision.pretrain_flops:.2g} FLOPs a use, "
            f"fine-tuning {decision.finetune_flops:.2g} FLOPs"
        )
        _show([decision.loss_pretrained, decision.loss_scratch, decision.d_transferred], json)
    if decision.pretrain is None:
        print(f"transferlaws: error: no answer: {decision.reason}", file=sys.stderr)
        return 1
    return 0


def _laws(path: Path | None) -> dict[str, Any]:
    from transferlaws.laws import read_laws
    from transferlaws.planner import paper_laws

    return read_laws(path) if path else paper_laws()


def _show(answers: list[Any], json: bool) -> int:
    """Print answers; 1 if every one of them is a refusal."""
    if json:
        documents = [answer.to_json() for answer in answers]
        print(
            json_module.dumps(documents[0] if len(documents) == 1 else documents, indent=1, allow_nan=False)
        )
    for answer in answers:
        if answer.refused:
            print(f"transferlaws: error: {answer.quantity}: no answer: {answer.reason}", file=sys.stderr)
        elif not json:
            low, high = ("unknown" if end is None else f"{end:.4g}" for end in (answer.low, answer.high))
            away = answer.decades_outside
            where = (
                "runs unknown"
                if away is None
                else f"{away:.1f} decades outside the runs"
                if away
                else "inside the runs"
            )
            tail = f"; {answer.reason}" if answer.reason else ""
            print(
                f"{answer.quantity:14} {answer.value:.4g}  [{low}, {high}]  {answer.regime} data, "
                f"{where}{tail}"
            )
    return int(all(answer.refused for answer in answers))


VERBS: dict[str, Callable[..., Any]] = {
    "predict": predict,
    "size-for": size_for,
    "data-for": data_for,
    "should-pretrain": should_pretrain,
}
