"""Every check of parts IV and V takes the right answer, and none of the wrong ones that come to mind."""

import math
from collections.abc import Callable
from statistics import mean, pstdev, stdev

import pytest

from transferlaws import exercises
from transferlaws.errors import TransferLawsError


def upper(scratch: list[float], tuned: list[float], t: float) -> float:
    gains = [a - b for a, b in zip(scratch, tuned, strict=True)]
    return mean(gains) + t * stdev(gains) / math.sqrt(len(gains))


CASES: dict[Callable[..., str], tuple[Callable[..., float], list[Callable[..., float]]]] = {
    exercises.check_crossing: (
        lambda k, a, kf, af: (k / kf) ** (1 / (af - a)),
        [
            lambda k, a, kf, af: (kf / k) ** (1 / (af - a)),  # the wrong way up
            lambda k, a, kf, af: (k / kf) ** (af - a),  # the exponent not inverted
            lambda k, _a, kf, _af: k / kf,
            lambda k, a, kf, af: k * kf ** (a - af),
        ],
    ),
    exercises.check_local_exponent: (
        lambda t, w, t2, w2: math.log(w2 / w) / math.log(t2 / t),
        [
            lambda t, w, t2, w2: (w2 - w) / (t2 - t),  # a slope, not an exponent
            lambda t, w, t2, w2: math.log(t2 / t) / math.log(w2 / w),
            lambda t, w, t2, w2: (w2 / w) / (t2 / t),
            lambda t, w, t2, w2: math.log(w2 / w, 10) / math.log(t2 / t),  # two bases
        ],
    ),
    exercises.check_same_text: (
        lambda tokens, chars, other: tokens * chars / other,
        [
            lambda tokens, chars, other: tokens * other / chars,
            lambda tokens, chars, _other: tokens * chars,  # characters, not tokens
            lambda tokens, _chars, _other: tokens,  # the same budget is not the same text
        ],
    ),
    exercises.check_difference: (
        upper,
        [
            lambda scratch, tuned, t: upper(tuned, scratch, t),  # the sign
            lambda scratch, tuned, t: mean(scratch) - mean(tuned)
            + t * math.sqrt((stdev(scratch) ** 2 + stdev(tuned) ** 2) / len(tuned)),  # unpaired
            lambda scratch, tuned, t: mean(scratch) - mean(tuned)
            + t * stdev([a - b for a, b in zip(scratch, tuned, strict=True)]),  # of one pair, not of the mean
            lambda scratch, tuned, t: mean(scratch) - mean(tuned)
            + t * pstdev([a - b for a, b in zip(scratch, tuned, strict=True)]) / math.sqrt(len(tuned)),
            lambda scratch, tuned, _t: mean(scratch) - mean(tuned),
        ],
    ),
    exercises.check_payback: (
        lambda bill, tuning, alone: bill / (alone - tuning) if alone > tuning else math.inf,
        [
            lambda bill, tuning, alone: bill / (alone - tuning) if alone != tuning else 0.0,  # negative uses
            lambda bill, _tuning, alone: bill / alone,  # fine-tuning for nothing
            lambda bill, tuning, alone: (bill + tuning) / alone,
            lambda bill, tuning, alone: bill / (alone - tuning),  # divides by zero
        ],
    ),
    exercises.check_data_factor: (
        lambda alpha, beta, times: times ** (beta / alpha),
        [
            lambda alpha, beta, times: times ** (alpha / beta),
            lambda _alpha, beta, times: times**beta,  # the factor of D_T
            lambda alpha, beta, times: times * beta / alpha,
            lambda _alpha, _beta, times: times**2,  # what the paper says of text, for everything
        ],
    ),
    exercises.check_repeated: (
        lambda unique, epochs: unique * (1 + 15.39 * (1 - math.exp(-(epochs - 1) / 15.39))),
        [
            lambda unique, epochs: unique * epochs,  # repeated data as good as new
            lambda unique, epochs: unique * (1 + 15.39 * (1 - math.exp(-epochs / 15.39))),  # one too many
            lambda unique, epochs: unique * 15.39 * (1 - math.exp(-(epochs - 1) / 15.39)),  # no first
            lambda unique, _epochs: unique,
        ],
    ),
    exercises.check_flops: (
        lambda layers, d, vocabulary, context, tokens: tokens
        * (6 * (12 * layers * d**2 + vocabulary * d) + 12 * layers * context * d),
        [
            lambda layers, d, _vocabulary, context, tokens: tokens
            * (6 * 12 * layers * d**2 + 12 * layers * context * d),  # no output head
            lambda layers, d, vocabulary, _t, tokens: 6 * tokens * (12 * layers * d**2 + vocabulary * d),
            lambda layers, d, vocabulary, context, tokens: tokens
            * (2 * (12 * layers * d**2 + vocabulary * d) + 4 * layers * context * d),  # the forward pass only
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("check", CASES, ids=lambda check: check.__name__)
def test_a_check_takes_the_right_answer(check: Callable[..., str]) -> None:
    assert check(CASES[check][0]).startswith("Right")


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (check, wrong)
        for check, (_, wrongs) in CASES.items()
        for wrong in [*wrongs, lambda *_: None, lambda *_: "?"]
    ],
)
def test_a_check_finds_the_likely_mistakes(check: Callable[..., str], wrong: Callable[..., float]) -> None:
    with pytest.raises(TransferLawsError, match="not yet"):
        check(wrong)
