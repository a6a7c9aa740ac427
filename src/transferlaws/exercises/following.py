"""Checks of parts IV and V: what follows from a law, and what a study of one's own costs."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from transferlaws.exercises.checking import compare
from transferlaws.laws.paper import TABLE_1
from transferlaws.models.ladder import LADDER


def check_crossing(answer: Callable[[float, float, float, float], float]) -> str:
    """Check `answer(k_near, alpha_near, k_far, alpha_far)`: the D_F at which both sources transfer alike."""
    far, near = sorted(TABLE_1.values(), key=lambda law: law.k)
    pairs = [(near.k, near.alpha, far.k, far.alpha), (900.0, 0.2, 30.0, 0.5), (50.0, 0.1, 40.0, 0.6)]
    for k_near, a_near, k_far, a_far in pairs:
        wanted = math.exp(math.log(k_near / k_far) / (a_far - a_near))
        case = f"k = {k_near:g}, alpha = {a_near:g} against k = {k_far:g}, alpha = {a_far:g}"
        compare(answer, (k_near, a_near, k_far, a_far), wanted, case)
    return "Right: and with one beta for both, the size of the model does not matter to it."


def check_local_exponent(answer: Callable[[float, float, float, float], float]) -> str:
    """Check `answer(tokens, worth, more_tokens, more_worth)`: d ln D_T / d ln of the pre-training tokens."""
    for exponent in (0.5, 1.0, -0.3):
        for factor in (3.0, 7.0):
            start, more = (2e6, 4e4), 4e4 * factor**exponent
            case = f"{factor:g} times the tokens and D_T from {start[1]:g} to {more:.6g}"
            compare(answer, (*start, start[0] * factor, more), exponent, case)
    return "Right, for transfer that grows and for transfer that shrinks."


def check_same_text(answer: Callable[[float, float, float], float]) -> str:
    """Check `answer(tokens, chars_per_token, other_chars_per_token)`: tokens another tokenizer takes."""
    for tokens, chars, other in ((14e6, 2.4, 1.0), (14e6, 2.0, 2.5), (1e3, 1.0, 4.0)):
        case = f"{tokens:g} tokens of {chars:g} characters, against tokens of {other:g}"
        compare(answer, (tokens, chars, other), tokens * chars / other, case)
    return "Right: the same text, however it is cut."


def check_difference(answer: Callable[[Sequence[float], Sequence[float], float], float]) -> str:
    """Check `answer(scratch, tuned, t)`: the upper end of the interval of the mean paired gain.

    Losses are in the order of their seeds; the gain of a pair is scratch less tuned, its standard error the
    standard deviation of the gains (one degree of freedom taken) over the root of their number.
    """
    for scratch, tuned, t in (
        ([3.02, 2.90, 3.15], [3.00, 2.91, 3.11], 4.303),
        ([2.5, 2.7, 2.6, 2.9], [2.6, 2.85, 2.69, 3.02], 3.182),
    ):
        gains = np.array(scratch) - np.array(tuned)
        wanted = float(gains.mean() + t * gains.std(ddof=1) / math.sqrt(len(gains)))
        compare(
            answer, (scratch, tuned, t), wanted, f"from scratch {scratch}, pre-trained {tuned}, t = {t:g}"
        )
    return "Right: a model is ossified where this end lies below zero, and not before."


def check_payback(answer: Callable[[float, float, float], float]) -> str:
    """Check `answer(pretraining, finetuning, scratch)`: uses after which pre-training has paid, in FLOPs."""
    for bill, tuning, alone in ((1e13, 2e11, 7e11), (3e12, 1e10, 4e10), (8e11, 5e10, 9e12)):
        case = f"a bill of {bill:g}, {tuning:g} FLOPs a fine-tuning, {alone:g} from scratch"
        compare(answer, (bill, tuning, alone), bill / (alone - tuning), case)
    for tuning in (5e10, 6e10):
        case = f"{tuning:g} FLOPs a fine-tuning, no less than the 5e+10 from scratch"
        compare(answer, (1e13, tuning, 5e10), math.inf, case)
    return "Right, also where it never pays."


def check_data_factor(answer: Callable[[float, float, float], float]) -> str:
    """Check `answer(alpha, beta, times)`: what a model so many times larger is worth in fine-tuning data.

    The factor of D_F that raises D_T as much as the factor `times` of N does.
    """
    laws = [(law.alpha, law.beta) for law in TABLE_1.values()]
    for alpha, beta in (*laws, (0.37, 0.34)):
        for times in (10.0, 3.0):
            wanted = times ** (beta / alpha)
            compare(
                answer, (alpha, beta, times), wanted, f"alpha = {alpha:g}, beta = {beta:g}, {times:g} times N"
            )
    return "Right: in data transferred. What it is worth in loss, the next section asks."


def check_repeated(answer: Callable[[float, float], float]) -> str:
    """Check `answer(unique, epochs)`: what repeated data count for, U + U R* (1 - exp(-(epochs - 1) / R*)).

    R* is 15.39 (Muennighoff et al. 2023).
    """
    half_life = 15.39
    for unique, epochs in ((1e6, 1.0), (1e6, 4.0), (3e4, 60.0), (5e5, 2.5)):
        wanted = unique + unique * half_life * (1 - math.exp(-(epochs - 1) / half_life))
        compare(answer, (unique, epochs), wanted, f"{unique:g} characters read {epochs:g} times")
    return "Right: four passes count for almost four, sixty for hardly more than sixteen."


def check_flops(answer: Callable[[int, int, int, int, float], float]) -> str:
    """Check `answer(n_layer, d_model, vocabulary_size, context, tokens)`: training FLOPs, head included."""
    for size in LADDER[:4]:
        compare(
            answer,
            (size.n_layer, size.d_model, 512, 128, 1e6),
            1e6 * size.flops_per_token(512, 128),
            f"{size} with a vocabulary of 512 and a context of 128",
            tolerance=0.05,
        )
    return "Right, within five per cent."
