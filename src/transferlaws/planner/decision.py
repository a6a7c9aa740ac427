"""Should one pre-train? What was measured decides where it was measured, elsewhere the law, or neither.

Yes if the whole interval of the gain lies above the smallest gain worth having, no if it lies below, else the
runs cannot say, and the reason names the runs that would. Lack of evidence is never a no. What was measured
with less pre-training than is asked about says yes for more of the same as well; it says nothing else of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from transferlaws.errors import TransferLawsError
from transferlaws.planner.answer import REACH, Answer, no_data, positive
from transferlaws.planner.answers import answer
from transferlaws.planner.law import Alone, SourceLaw, source_law
from transferlaws.planner.measured import MeasuredCell, between, cell_at, effect

SAME_PRETRAINING = 1.2
"""Ratio of sizes of pre-training up to which laws measured at one speak of the other."""
MORE_PRETRAINING = 10.0
"""Ratio up to which a gain measured with less pre-training is taken to hold with more of the same."""
NOT_TRIED = "runs of both arms at this size and data, two seeds of each or more, would tell"


@dataclass(frozen=True)
class Decision:
    """Whether to pre-train, None if the runs cannot say, and what each way costs and reaches.

    Losses and the gain are in nats/token, bills in FLOPs a use, data in characters. `gain` is the law's, with
    what was measured in the very cell beside it. `basis` says what decided: measured, around (the measured
    cells that enclose the one asked about), law, or pretrain_chars (the laws are of another pre-training).
    `hurts` is whether pre-training costs data here.
    """

    pretrain: bool | None
    loss_pretrained: Answer
    loss_scratch: Answer
    d_transferred: Answer
    pretrain_flops: float
    finetune_flops: float
    reason: str
    gain: Answer
    basis: str
    hurts: bool

    def to_json(self) -> dict[str, Any]:
        """The decision as a JSON object."""
        return {
            name: part.to_json() if isinstance(part, Answer) else part for name, part in vars(self).items()
        }


def should_pretrain(
    laws: Mapping[str, Any],
    source: str | None,
    n_params: float,
    d_chars: float,
    pretrain_chars: float | None = None,
    *,
    uses: int = 1,
    passes: float = 5.0,
    chars_per_token: float = 2.5,
    worth: float = 0.0,
    method: str = "",
) -> Decision:
    """Whether pre-training on `pretrain_chars` characters pays for one size and data size, and its bill.

    `worth` is the smallest gain worth having, in nats/token; 0 for `pretrain_chars` is a model that is there
    already, whose pre-training nobody pays. Laws that know the size of pre-training they
    were measured at, which is the default, say nothing of another, more than 20 % off, but for one thing: a
    measured gain that pays is taken to pay with up to ten times the pre-training too, and the reason says so.
    Bills are 6 N FLOPs a token (Kaplan et al. 2020); the pre-training bill is shared over `uses`
    fine-tunings, and both arms read the target data `passes` times.
    """
    if d_chars == 0:
        raise no_data("d_chars")
    known = source_law(laws, source, method)
    pretrain_chars = _as_measured(known) if pretrain_chars is None else pretrain_chars
    positive(
        n_params=n_params,
        d_chars=d_chars,
        **({"pretrain_chars": pretrain_chars} if pretrain_chars else {}),
        uses=uses,
        passes=passes,
        chars_per_token=chars_per_token,
    )
    if not (np.isfinite(worth) and worth >= 0):
        positive(worth=worth)
    tuned, worth_data, gain = (
        answer(known, quantity, n_params, d_chars) for quantity in ("loss", "d_transferred", "gain")
    )
    asked, cell = (n_params, d_chars), cell_at(known.measured, n_params, d_chars)
    if cell is not None:
        verdict = _by_cell(known, cell, gain, worth)
    else:
        verdict = _by_cells_around(known, asked, gain, worth) or _by_law(
            known, asked, gain, worth_data, worth
        )
    flops = 6 * n_params / chars_per_token
    if NOT_TRIED in verdict.reason:
        bill = flops * (pretrain_chars + 2 * 2 * passes * d_chars)
        before = " with the pre-training" if pretrain_chars else ""
        verdict = replace(verdict, reason=f"{verdict.reason}, for {bill:.2g} FLOPs{before}")
    if ends := _other_pretraining(known, pretrain_chars):
        verdict = _asked_of_another(verdict, ends, pretrain_chars)
    elif known.pretrain_chars is None and verdict.pretrain is not None and pretrain_chars:
        said = "how much these models were pre-trained on, the laws do not say"
        verdict = replace(verdict, reason=f"{verdict.reason}; {said}")
    return Decision(
        verdict.pretrain,
        tuned,
        _alone(known, asked, cell),
        worth_data,
        flops * pretrain_chars / uses,
        flops * d_chars * passes,
        verdict.reason,
        gain,
        verdict.basis,
        verdict.hurts,
    )


def decide_without_law(
    cells: Sequence[MeasuredCell], n_params: float, d_chars: float, why: str, *, worth: float = 0.0
) -> Decision:
    """The decision of measured cells alone, where no law could be fitted; `why` is the reason there is none.

    Bills are not known (NaN). Raises TransferLawsError for a size or data size that is not positive.
    """
    positive(n_params=n_params, d_chars=d_chars)
    nothing = np.zeros((0, 3))
    known = SourceLaw(None, None, nothing, "", None, None, (), Alone(), 0.0, tuple(cells))
    cell = cell_at(cells, n_params, d_chars)
    none = Answer("gain", None, None, None, "unknown", None, True, f"no law could be fitted: {why}")
    gain = none
    if cell is None:
        found = _by_cells_around(known, (n_params, d_chars), none, worth)
        verdict = found or _Verdict(None, "law", f"{none.reason}, and nothing was measured here; {NOT_TRIED}")
    else:
        gain = replace(none, measured={"value": cell.gain, "low": cell.low, "high": cell.high})
        verdict = _by_cell(known, cell, gain, worth)
    return Decision(
        verdict.pretrain,
        replace(none, quantity="loss"),
        replace(none, quantity="loss"),
        replace(none, quantity="d_transferred"),
        float("nan"),
        float("nan"),
        verdict.reason,
        gain,
        verdict.basis,
        verdict.hurts,
    )


@dataclass(frozen=True)
class _Verdict:
    pretrain: bool | None
    basis: str
    reason: str
    hurts: bool = False


def _pays(low: float | None, high: float | None, worth: float) -> bool | None:
    """Whether a gain with this interval is worth having: None where the interval holds `worth`."""
    if low is not None and low > worth:
        return True
    return False if high is not None and high < worth else None


def _by_cell(known: SourceLaw, cell: MeasuredCell, gain: Answer, worth: float) -> _Verdict:
    pays = _pays(cell.low, cell.high, worth)
    said = f"measured here, {cell.said_how()}, pre-training {effect(cell.gain, cell.low, cell.high)}"
    if cell.hurts:
        return _Verdict(False, "measured", f"{said}: it costs data here{_so_many(known)}", hurts=True)
    if pays is None:
        said += f", which these runs cannot tell from {_least(worth)}; {cell.would_tell(worth)}"
    elif not pays:
        said += f", less than the {worth:g} nats that would be worth having"
    if gain.value is not None and (gain.low, gain.high) != (None, None):
        said += f"; the law says that it {effect(gain.value, gain.low, gain.high)}"
    return _Verdict(pays, "measured", said)


def _by_cells_around(
    known: SourceLaw, asked: tuple[float, float], gain: Answer, worth: float
) -> _Verdict | None:
    """The verdict of the measured cells that enclose the question, where the law has none: else None."""
    if not gain.refused and gain.low is not None and gain.high is not None:
        return None
    found = between(known.measured, *asked)
    if found is None:
        return None
    pays, hurts = _pays(found.low, found.high, worth), found.high is not None and found.high < 0
    said = (
        f"not measured here; between the {len(found.cells)} measured cells around it pre-training "
        f"{effect(found.gain, found.low, found.high)}"
    )
    if hurts:
        said += f": it costs data here{_so_many(known)}"
    elif pays is None:
        said += f", which cannot be told from {_least(worth)}; {NOT_TRIED}"
    elif not pays:
        said += f", less than the {worth:g} nats that would be worth having"
    return _Verdict(pays, "around", said, hurts)


def _by_law(
    known: SourceLaw, asked: tuple[float, float], gain: Answer, data: Answer, worth: float
) -> _Verdict:
    if gain.refused or gain.value is None:
        reach = known.outside(*asked)
        more = f"; {NOT_TRIED}" if reach is not None and reach <= REACH and known.measured else ""
        return _Verdict(None, "law", f"{gain.reason}{more}")
    if gain.regime == "high":
        why = "beyond D(N) small pre-trained models ossify, which this law cannot express; measure it"
        return _Verdict(None, "law", why)
    pays = _pays(gain.low, gain.high, worth)
    in_data = "" if data.value is None else f"is worth {data.value:.3g} characters and "
    said = f"by the law, pre-training {in_data}{effect(gain.value, gain.low, gain.high)} here"
    if gain.low is None and gain.high is None:
        said += f", but the law has no closed interval there; {NOT_TRIED}"
    elif pays is None:
        said += f", which cannot be told from {_least(worth)}; {NOT_TRIED}"
    elif not pays:
        said += f", less than {_least(worth)}"
    return _Verdict(pays, "law", said)


def _least(worth: float) -> str:
    return f"the {worth:g} nats that would be worth having" if worth else "none at all"


def _so_many(known: SourceLaw) -> str:
    """In how many measured cells pre-training hurts, if in more than the one spoken of."""
    hurt = sum(cell.hurts for cell in known.measured)
    if hurt < 2:
        return ""
    of = len(known.measured)
    return f"; in {hurt} of {of} measured cells the pre-trained model is worse than from scratch"


def _as_measured(known: SourceLaw) -> float:
    """The size of pre-training the laws were measured at; raises TransferLawsError if it is not known."""
    if known.pretrain_chars is None:
        raise TransferLawsError("these laws do not say how much was pre-trained on; give pretrain_chars")
    return float(np.sqrt(known.pretrain_chars[0] * known.pretrain_chars[1]))


def _other_pretraining(known: SourceLaw, asked: float) -> tuple[float, float] | None:
    """The ends of the pre-training the laws were measured at, if `asked` is another; else None."""
    if known.pretrain_chars is None:
        return None
    low, high = known.pretrain_chars
    return None if low / SAME_PRETRAINING <= asked <= high * SAME_PRETRAINING else (low, high)


def _asked_of_another(verdict: _Verdict, ends: tuple[float, float], asked: float) -> _Verdict:
    """What a verdict at one size of pre-training says of another, `asked`, in characters."""
    low, high = ends
    at = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    if verdict.pretrain and verdict.basis != "law" and high < asked <= high * MORE_PRETRAINING:
        said = (
            f"asked about {asked:.3g} characters of pre-training, measured with {at}; more of the same is "
            "taken to help no less, and how much more it helps these runs do not say"
        )
        return replace(verdict, reason=f"{verdict.reason}; {said}")
    said = (
        f"these laws were measured at {at} characters of pre-training and cannot say what {asked:.3g} give; "
        "of their own size they say"
    )
    return replace(verdict, pretrain=None, basis="pretrain_chars", reason=f"{said}: {verdict.reason}")


def _alone(known: SourceLaw, asked: tuple[float, float], cell: MeasuredCell | None) -> Answer:
    """The from-scratch loss, by the curves of the from-scratch runs alone."""
    found = answer(known.from_scratch(), "loss", *asked)
    if cell is None:
        return found
    return replace(found, measured={"value": cell.loss_scratch, "low": None, "high": None})
