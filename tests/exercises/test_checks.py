"""Checks of chapters 0 to 10: a right answer passes, every plausible wrong one is told what is missing."""

# ruff: noqa: ARG005 - a wrong answer is often one that does not use what it is given

from collections.abc import Callable
from math import exp, inf, log, nan
from typing import Any

import numpy as np
import pytest

from transferlaws import TransferLawsError, exercises


def best(curve: Any) -> Any:
    return curve["epochs"].iloc[curve["loss_validation"].to_numpy().argmin()]


def first_dip(curve: Any) -> float:
    losses, epochs = list(curve["loss_validation"]), list(curve["epochs"])
    for i in range(1, len(losses)):
        if losses[i] > losses[i - 1]:
            return float(epochs[i - 1])
    return float(epochs[-1])


def inverted(curve: Any, loss: float) -> float:
    return inf if loss <= curve.E else (curve.B / (loss - curve.E)) ** (1 / curve.b) - curve.D0


def local_alpha(d1: float, first: dict[float, float], d2: float, second: dict[float, float]) -> float:
    both = [n for n in first if n in second and 0 < first[n] < inf and 0 < second[n] < inf]
    return sum(log(second[n] / first[n]) for n in both) / len(both) / log(d2 / d1) if both else nan


def pooled_alpha(d1: float, first: dict[float, float], d2: float, second: dict[float, float]) -> float:
    """Forgets that the mean is over sizes that both have."""
    mean = [np.mean([log(v) for v in each.values() if 0 < v < inf] or [nan]) for each in (first, second)]
    return float(mean[1] - mean[0]) / log(d2 / d1)


def held(low: float | None, high: float | None, truth: float) -> bool:
    return (low is None or low <= truth) and (high is None or truth <= high)


def unified(law: Any, n: float, d: float, *, power: bool = True, transferred: bool = True) -> float:
    size = (law.N_C / n) ** (law.alpha_N / law.alpha_D)
    data = law.D_C / (law.k * d**law.alpha * n**law.beta if transferred else d)
    return float((size + data) ** (law.alpha_D if power else 1))


RIGHT: dict[str, Callable[..., Any]] = {
    "multiplier": lambda k, a, b, n, d: 1 + k * d ** (a - 1) * n**b,
    "code_share": lambda p, c, f: (p - f) / (c - f),
    "bits_per_char": lambda nats, tokens, chars: nats * tokens / chars / log(2),
    "n_params": lambda layers, d: layers * (12 * d * d + 13 * d) + 2 * d,
    "enough_data": lambda E, B, b, D0, level: (B / (E / level - E)) ** (1 / b) - D0,
    "best_epoch": best,
    "effective": inverted,
    "amplification": lambda c, d: (d + c.D0) / (d * c.b * c.B * (d + c.D0) ** -c.b),
    "n_star": lambda k, a, b, d: (d ** (1 - a) / k) ** (1 / b),
    "local_alpha": local_alpha,
    "coverage": lambda pairs, truth: np.mean([held(low, high, truth) for low, high in pairs]),
    "nearest": lambda cells, n, d: min(cells, key=lambda c: log(c[0] / n) ** 2 + log(c[1] / d) ** 2)[2],
    "unified": unified,
}
WRONG: dict[str, tuple[Callable[..., Any], ...]] = {
    "multiplier": (
        lambda k, a, b, n, d: k * d ** (a - 1) * n**b,  # D_T / D_F
        lambda k, a, b, n, d: 1 + k * d**a * n**b,  # forgot to divide
        lambda k, a, b, n, d: 1 + k * d ** (b - 1) * n**a,  # exponents swapped
        lambda k, a, b, n, d: k * d**a * n**b,
    ),
    "code_share": (
        lambda p, c, f: p / c,  # no false alarms
        lambda p, c, f: max((p - f) / (c - f), 0.0),  # hides its sign
        lambda p, c, f: min((p - f) / (c - f), 0.99),
        lambda p, c, f: (p - f) / c,
    ),
    "bits_per_char": (
        lambda nats, tokens, chars: nats / log(2),  # bits per token
        lambda nats, tokens, chars: nats * tokens / chars,  # nats
        lambda nats, tokens, chars: nats * chars / tokens / log(2),  # upside down
        lambda nats, tokens, chars: nats * tokens / chars * log(2),
    ),
    "n_params": (
        lambda layers, d: 12 * layers * d * d,  # the approximation
        lambda layers, d: layers * (12 * d * d + 13 * d),  # no last norm
        lambda layers, d: layers * (12 * d * d + 9 * d) + 2 * d,  # no norms in a layer
        lambda layers, d: layers * (12 * d * d + 4 * d) + 2 * d,  # no biases
    ),
    "enough_data": (
        lambda E, B, b, D0, level: (B / (E / level - E)) ** (1 / b),  # forgets D0
        lambda E, B, b, D0, level: (B / (E * (1 - level))) ** (1 / b) - D0,  # 1 - l for 1/l - 1
        lambda E, B, b, D0, level: (B / (E / level - E)) ** b - D0,  # exponent upside down
        lambda E, B, b, D0, level: (B / (E / 0.99 - E)) ** (1 / b) - D0,  # level held
    ),
    "best_epoch": (
        first_dip,
        lambda c: c["loss_validation"].idxmin(),  # a label of the index
        lambda c: c["epochs"].iloc[-1],
        lambda c: best(c[c["epochs"] > 0]),  # never the start
        lambda c: c["epochs"][c["loss_validation"].argmin()],  # by label: raises
        lambda c: c["loss_validation"].min(),
    ),
    "effective": (
        lambda c, loss: (c.B / (loss - c.E)) ** (1 / c.b) - c.D0,  # raises at the floor
        lambda c, loss: inf if loss <= c.E else (c.B / (loss - c.E)) ** (1 / c.b),  # forgets D0
        lambda c, loss: 1e12 if loss <= c.E else inverted(c, loss),  # "very large"
        lambda c, loss: nan if loss <= c.E else inverted(c, loss),
        lambda c, loss: inf if loss < c.E else inverted(c, loss + 1e-12),
    ),
    "amplification": (
        lambda c, d: 1 / (c.b * c.B * (d + c.D0) ** -c.b),  # forgets the offset
        lambda c, d: c.b * c.B * (d + c.D0) ** -c.b * d / (d + c.D0),  # upside down
        lambda c, d: -(d + c.D0) / (d * c.b * c.B * (d + c.D0) ** -c.b),  # sign
        lambda c, d: (d + c.D0) / (c.b * c.B * (d + c.D0) ** -c.b),  # per character
    ),
    "n_star": (
        lambda k, a, b, d: (d ** (1 - a) / k) ** b,
        lambda k, a, b, d: (d**a / k) ** (1 / b),
        lambda k, a, b, d: (k * d ** (1 - a)) ** (1 / b),
        lambda k, a, b, d: d ** (1 - a) / k / b,
    ),
    "local_alpha": (
        pooled_alpha,
        lambda d1, a, d2, b: np.mean([log(b[n] / a[n]) for n in a if n in b]) / log(d2 / d1),  # raises at -3
        lambda d1, a, d2, b: local_alpha(d1, a, d2, b) * log(d2 / d1),
        lambda d1, a, d2, b: log(sum(b.values()) / sum(a.values())) / log(d2 / d1),  # of the mean
        lambda d1, a, d2, b: 0.0 if np.isnan(local_alpha(d1, a, d2, b)) else local_alpha(d1, a, d2, b),
    ),
    "coverage": (
        lambda pairs, truth: np.mean([bool(a and b and a < truth < b) for a, b in pairs]),  # open is a miss
        lambda pairs, truth: np.mean([a < truth < b for a, b in pairs]),  # raises at None
        lambda pairs, truth: np.mean(
            [a <= truth <= b for a, b in pairs if None not in (a, b)]
        ),  # closed only
        lambda pairs, truth: sum(held(a, b, truth) for a, b in pairs),  # a count
    ),
    "nearest": (
        lambda cells, n, d: min(cells, key=lambda c: abs(c[0] - n) + abs(c[1] - d))[2],
        lambda cells, n, d: min(cells, key=lambda c: abs(log(c[0] / n)))[2],  # size alone
        lambda cells, n, d: min(cells, key=lambda c: abs(log(c[1] / d)))[2],  # data alone
        lambda cells, n, d: np.mean([c[2] for c in cells]),
        lambda cells, n, d: min(cells, key=lambda c: log(c[0] / n) + log(c[1] / d))[2],  # signed
    ),
    "unified": (
        lambda law, n, d: law.loss(n_params=n, d_chars=d, source=False),  # from scratch
        lambda law, n, d: unified(law, n, d, power=False),
        lambda law, n, d: unified(law, n, d, transferred=False),
        lambda law, n, d: exp(log(unified(law, n, d)) * 1.01),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_answer_passes(name: str) -> None:
    assert getattr(exercises, f"check_{name}")(RIGHT[name]).startswith("Right")


@pytest.mark.parametrize(
    ("name", "number"), [(n, i) for n, wrong in WRONG.items() for i in range(len(wrong))]
)
def test_a_wrong_answer_is_told_what_is_missing(name: str, number: int) -> None:
    assert len(WRONG[name]) >= 3
    with pytest.raises(TransferLawsError, match=r"^not yet: for "):
        getattr(exercises, f"check_{name}")(WRONG[name][number])


@pytest.mark.parametrize("name", RIGHT)
def test_an_answer_that_is_none_or_raises_is_told_so_in_one_line(name: str) -> None:
    check = getattr(exercises, f"check_{name}")
    for answer, said in ((lambda *_: None, "not a number"), (lambda: 1.0, "raised TypeError")):
        with pytest.raises(TransferLawsError, match=said):
            check(answer)


def test_every_check_is_tried_here_or_with_its_part() -> None:
    from transferlaws.exercises import law, measuring, question

    rooms = (question, measuring, law)
    mine = {name for room in rooms for name in vars(room) if name.startswith("check_")}
    assert mine == {f"check_{name}" for name in RIGHT} and set(WRONG) == set(RIGHT)
