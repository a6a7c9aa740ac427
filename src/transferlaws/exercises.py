"""Exercises that check themselves: give `check_...` your function, and it says what is missing.

Each compares the reader's function with the library's law, or with arithmetic the paper prints, on cases a
wrong formula gets wrong. A wrong answer raises TransferLawsError with the case; a right one says so.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.laws import Curve, Unified
from transferlaws.laws.paper import TABLE_1
from transferlaws.models.ladder import LADDER


def check_multiplier(answer: Callable[[float, float, float, float, float], float]) -> str:
    """Check `answer(k, alpha, beta, n_params, d_chars)`: (D_F + D_T) / D_F by eq. 1.1."""
    for law in TABLE_1.values():
        for n_params, d_chars in ((4e7, 3e5), (1e5, 1e4), (1.75e11, 300.0)):
            wanted = float(law.data_multiplier(n_params=n_params, d_chars=d_chars))
            got = answer(law.k, law.alpha, law.beta, n_params, d_chars)
            _compare(
                got, wanted, f"N = {n_params:g}, D_F = {d_chars:g}, k = {law.k:g}, alpha = {law.alpha:g}"
            )
    return "Right, for both sources of the paper's Table 1."


def check_n_params(answer: Callable[[int, int], float]) -> str:
    """Check `answer(n_layer, d_model)`: parameters without embeddings, biases and gains included."""
    for size in LADDER:
        _compare(
            answer(size.n_layer, size.d_model), size.n_params, f"{size.n_layer} layers, width {size.d_model}"
        )
    return "Right, to the last parameter, for every size of the ladder."


def check_enough_data(answer: Callable[[float, float, float, float, float], float]) -> str:
    """Check `answer(E, B, b, D0, level)`: characters at which E + B (D + D0)^-b is E / level."""
    for e, b_big, b, d0, level in ((3.0, 60.0, 0.4, 0.0, 0.99), (2.0, 9.0, 0.25, 500.0, 0.95)):
        curve = Curve(1.0, e, b_big, b, d0, 1e3, 1e6)
        _compare(
            answer(e, b_big, b, d0, level),
            curve.d_n(level),
            f"E = {e:g}, B = {b_big:g}, b = {b:g}, D0 = {d0:g}",
        )
    return "Right: and E cannot be seen from runs that are far from it, so neither can D(N)."


def check_best_epoch(answer: Callable[[pd.DataFrame], float]) -> str:
    """Check `answer(curve)`: the epochs at which `loss_validation` of a training curve is least."""
    epochs = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    for losses, best in (([6.2, 5.0, 4.4, 4.6, 5.5], 2.0), ([6.2, 5.1, 4.9, 4.7, 4.6], 8.0)):
        curve = pd.DataFrame({"epochs": epochs, "loss_validation": losses}, index=range(10, 15))
        _compare(answer(curve), best, f"validation losses {losses} at epochs {list(epochs)}")
    return "Right, also when the best point is the last one and the index does not start at zero."


def check_effective(answer: Callable[[Curve, float], float]) -> str:
    """Check `answer(curve, loss)`: D_E in characters, infinite at or below the curve's floor."""
    curve = Curve(5e4, 2.5, 40.0, 0.35, 200.0, 1e3, 1e6)
    for d_chars in (2e3, 5e4, 4e6):
        _compare(
            answer(curve, float(curve.loss(d_chars))), d_chars, f"the loss this curve has at {d_chars:g}"
        )
    if not np.isposinf(answer(curve, 2.5)) or not np.isposinf(answer(curve, 2.4)):
        raise TransferLawsError(
            "not yet: at the floor and below it no amount of data is enough; answer inf there"
        )
    return "Right, also below the floor."


def check_n_star(answer: Callable[[float, float, float, float], float]) -> str:
    """Check `answer(k, alpha, beta, d_chars)`: the size at which half the effective data is transferred."""
    for law in TABLE_1.values():
        for d_chars in (1e6, 1e8):
            got = answer(law.k, law.alpha, law.beta, d_chars)
            _compare(got, float(law.n_star(d_chars)), f"D_F = {d_chars:g}, k = {law.k:g}")
    return "Right: at N* the fraction is one half, wherever D_F is."


def check_coverage(answer: Callable[[list[tuple[float | None, float | None]], float], float]) -> str:
    """Check `answer(intervals, truth)`: the share of (low, high) that hold the truth; None is no bound."""
    closed: list[tuple[float | None, float | None]] = [(0.1, 0.3), (0.2, 0.4), (0.35, 0.5), (0.0, 0.2)]
    for intervals, truth, share in (
        (closed, 0.25, 0.5),
        ([*closed, (None, 0.3), (0.4, None), (None, None)], 0.25, 4 / 7),
    ):
        _compare(answer(intervals, truth), share, f"the intervals {intervals} and the truth {truth}")
    return "Right: an open interval is never wrong on its open side, and never says much either."


def check_nearest(answer: Callable[[list[tuple[float, float, float]], float, float], float]) -> str:
    """Check `answer(cells, n_params, d_chars)`: the loss of the nearest (n, d, loss) in logarithms."""
    cells = [(1e3, 1e4, 5.0), (1e3, 1e6, 4.0), (1e5, 1e4, 4.5), (1e5, 1e6, 3.0)]
    for n, d, loss in ((1e6, 1e7, 3.0), (2e3, 8e4, 5.0), (2e4, 5e5, 3.0), (5e3, 3e5, 4.0)):
        _compare(answer(cells, n, d), loss, f"N = {n:g}, D = {d:g} and the cells {cells}")
    return "Right: with no parameter at all, and a law has to beat it."


def check_unified(answer: Callable[[Unified, float, float], float]) -> str:
    """Check `answer(law, n_params, d_chars)`: equation 6.1's loss after pre-training, from its fields."""
    for law in (
        Unified(N_C=2e7, D_C=2e8, alpha_N=0.16, alpha_D=0.17, k=40.0, alpha=0.4, beta=0.5),
        Unified(N_C=6.4e13, D_C=1.8e13, alpha_N=0.076, alpha_D=0.103, k=1.9e4, alpha=0.18, beta=0.38),
    ):
        for n, d in ((3e3, 1e4), (4e7, 3e5)):
            wanted = float(law.loss(n_params=n, d_chars=d))
            _compare(answer(law, n, d), wanted, f"N = {n:g}, D_F = {d:g} and {law}")
    return "Right: one expression for every cell of both sizes and data."


def check_flops(answer: Callable[[int, int, int, int, float], float]) -> str:
    """Check `answer(n_layer, d_model, vocabulary_size, context, tokens)`: training FLOPs, head included."""
    for size in LADDER[:4]:
        wanted = 1e6 * size.flops_per_token(512, 128)
        got = answer(size.n_layer, size.d_model, 512, 128, 1e6)
        _compare(got, wanted, f"{size} with a vocabulary of 512 and a context of 128", tolerance=0.05)
    return "Right, within five per cent."


def check_code_share(answer: Callable[[float, float, float], float]) -> str:
    """Check `answer(flagged, caught, false_alarms)`: the share of code behind a share caught."""
    for share, caught, false_alarms in ((0.02, 0.6, 0.0), (0.3, 0.8, 0.01), (1.0, 0.6, 0.05)):
        flagged = share * caught + (1 - share) * false_alarms
        case = f"a share of {flagged:g} caught, {caught:g} in code, {false_alarms:g} in plain prose"
        _compare(answer(flagged, caught, false_alarms), share, case)
    return "Right, with and without false alarms."


def check_bits_per_char(answer: Callable[[float, int, int], float]) -> str:
    """Check `answer(nats_per_token, n_tokens, n_chars)` against texts whose information is known."""
    cases = (
        (np.log(256), 1_000, 1_000, 8.0, "1,000 random bytes as 1,000 tokens"),
        (np.log(2**16), 500, 1_000, 8.0, "the same bytes as 500 tokens of two"),
        (np.log(2), 1_000, 250, 4.0, "1,000 coin tosses that spell 250 characters"),
    )
    for nats, n_tokens, n_chars, bits, case in cases:
        _compare(answer(float(nats), n_tokens, n_chars), bits, case)
    return "Right: the text decides, not how it was cut."


def _compare(got: float, wanted: float, case: str, tolerance: float = 1e-3) -> None:
    """Raise with the case unless the answer is within `tolerance` of what is wanted."""
    if got is None or not np.isfinite(got) or abs(got - wanted) > tolerance * abs(wanted):
        raise TransferLawsError(f"not yet: for {case} it takes {wanted:.6g}, and the answer is {got}")
