"""A decision in words, and its evidence: cells measured and predicted, and what else would help."""

from collections.abc import Iterator, Mapping
from typing import Any

from transferlaws.escape import markdown
from transferlaws.laws import SCRATCH, Interval
from transferlaws.planner import Answer, Decision, measured_cells, predict
from transferlaws.prose.numbers import Prose, grid, interval

VERDICTS = {True: "Yes.", False: "No.", None: "These runs cannot say."}
MORE_DATA, LARGER = 2, 3


def verdict(decision: Decision) -> Prose:
    """Yes, no or neither, and why; harm is called harm."""
    lead = "No: pre-training costs data here." if decision.hurts else VERDICTS[decision.pretrain]
    reason = markdown(decision.reason)
    return Prose(f"**{lead}** {reason[:1].upper()}{reason[1:]}.")


def cells(laws: Mapping[str, Any], source: str) -> Prose:
    """Every measured cell of a source: both losses, the gain measured and the gain by the law, in nats."""

    def rows() -> Iterator[tuple[object, ...]]:
        for cell in measured_cells(laws, source):
            measured = interval(Interval(cell.gain, cell.low, cell.high))
            law = predict(laws, source, cell.n_params, cell.d_chars, "gain")
            predicted = "none: it cannot say harm" if cell.hurts else _value(law)
            numbers = f"{cell.n_params:,.0f}", f"{cell.d_chars:,.0f}"
            both = f"{cell.loss_scratch:.3f}", f"{cell.loss:.3f}"
            yield *numbers, *both, measured, cell.n_pairs, predicted

    columns = ("N", "characters", "from scratch", "pre-trained", "gain measured", "pairs", "gain by the law")
    return grid(columns, rows())


def instead(laws: Mapping[str, Any], n_params: float, d_chars: float, gains: Mapping[str, Decision]) -> Prose:
    """What lowers the from-scratch loss of a size and data size: more data, a larger model, each source."""
    here = predict(laws, SCRATCH, n_params, d_chars, "loss")
    data = predict(laws, SCRATCH, n_params, MORE_DATA * d_chars, "loss")
    size = predict(laws, SCRATCH, LARGER * n_params, d_chars, "loss")
    rows = [
        (f"{MORE_DATA} times the data", _lowered(here, data)),
        (f"a model {LARGER} times as large", _lowered(here, size)),
    ]
    for title, decision in gains.items():
        measured = decision.gain.measured
        if measured is None or measured["value"] is None:
            said = f"{_value(decision.gain)} by the law"
        else:
            said = f"{interval(Interval(measured['value'], measured['low'], measured['high']))} measured"
        rows.append((f"pre-training on {markdown(title)}", said))
    return grid(("from scratch, instead", "lowers the loss by, nats/token"), rows)


def _lowered(here: Answer, there: Answer) -> str:
    if here.value is None or there.value is None:
        return f"not known: {markdown(there.reason or here.reason)}"
    return f"{here.value - there.value:.2g} by the from-scratch curves"


def _value(answer: Answer) -> str:
    if answer.value is None:
        return f"none: {markdown(answer.reason)}"
    return interval(Interval(answer.value, answer.low, answer.high))
