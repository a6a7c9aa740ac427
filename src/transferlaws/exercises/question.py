"""Checks of part I: what a pre-trained model is worth, corpora, units, and the size of a transformer."""

from collections.abc import Callable

import numpy as np

from transferlaws.exercises.checking import compare
from transferlaws.laws.paper import TABLE_1
from transferlaws.models.ladder import LADDER


def check_multiplier(answer: Callable[[float, float, float, float, float], float]) -> str:
    """Check `answer(k, alpha, beta, n_params, d_chars)`: (D_F + D_T) / D_F by eq. 1.1."""
    for law in TABLE_1.values():
        for n_params, d_chars in ((4e7, 3e5), (1e5, 1e4), (1.75e11, 300.0), (10.0, 1e9)):
            compare(
                answer,
                (law.k, law.alpha, law.beta, n_params, d_chars),
                float(law.data_multiplier(n_params=n_params, d_chars=d_chars)),
                f"N = {n_params:g}, D_F = {d_chars:g}, k = {law.k:g}, alpha = {law.alpha:g}",
                tolerance=1e-6,
            )
    return "Right, for both sources of the paper's Table 1, and where pre-training is worth next to nothing."


def check_code_share(answer: Callable[[float, float, float], float]) -> str:
    """Check `answer(flagged, caught, false_alarms)`: the share of code behind a share caught.

    Where less is caught than false alarms alone would make, the estimate is negative, and is to be shown.
    """
    for share, caught, false_alarms in (
        (0.02, 0.6, 0.0),
        (0.3, 0.8, 0.01),
        (1.0, 0.6, 0.05),
        (-0.01, 0.8, 0.02),
    ):
        flagged = share * caught + (1 - share) * false_alarms
        case = f"a share of {flagged:g} caught, {caught:g} in code, {false_alarms:g} in plain prose"
        compare(answer, (flagged, caught, false_alarms), share, case)
    return "Right, with and without false alarms, and below them, where an estimate must not hide its sign."


def check_bits_per_char(answer: Callable[[float, int, int], float]) -> str:
    """Check `answer(nats_per_token, n_tokens, n_chars)` against texts whose information is known."""
    cases = (
        (np.log(256), 1_000, 1_000, 8.0, "1,000 random bytes as 1,000 tokens"),
        (np.log(2**16), 500, 1_000, 8.0, "the same bytes as 500 tokens of two"),
        (np.log(2), 1_000, 250, 4.0, "1,000 coin tosses that spell 250 characters"),
    )
    for nats, n_tokens, n_chars, bits, case in cases:
        compare(answer, (float(nats), n_tokens, n_chars), bits, case)
    return "Right: the text decides, not how it was cut."


def check_n_params(answer: Callable[[int, int], float]) -> str:
    """Check `answer(n_layer, d_model)`: parameters without embeddings, biases and gains included."""
    for size in LADDER:
        case = f"{size.n_layer} layers, width {size.d_model}"
        compare(answer, (size.n_layer, size.d_model), size.n_params, case, tolerance=1e-9)
    return "Right, to the last parameter, for every size of the ladder."
