"""Checks of part II: the from-scratch curve, training curves, and effective data."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from transferlaws.exercises.checking import compare
from transferlaws.laws import Curve


def check_enough_data(answer: Callable[[float, float, float, float, float], float]) -> str:
    """Check `answer(E, B, b, D0, level)`: characters at which E + B (D + D0)^-b is E / level."""
    cases = ((3.0, 60.0, 0.4, 0.0, 0.99), (2.0, 9.0, 0.25, 500.0, 0.95), (3.0, 400.0, 0.7, 2e4, 0.98))
    for e, b_big, b, d0, level in cases:
        wanted = Curve(1.0, e, b_big, b, d0, 1e3, 1e6).d_n(level)
        case = f"E = {e:g}, B = {b_big:g}, b = {b:g}, D0 = {d0:g}, level = {level:g}"
        compare(answer, (e, b_big, b, d0, level), wanted, case, tolerance=1e-6)
    return "Right: and E cannot be seen from runs that are far from it, so neither can D(N)."


def check_best_epoch(answer: Callable[[pd.DataFrame], float]) -> str:
    """Check `answer(curve)`: the epochs at which `loss_validation` of a training curve is least."""
    epochs = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    cases = (
        ([6.2, 5.0, 4.4, 4.6, 5.5], 2.0, "with one dip"),
        ([6.2, 5.1, 4.9, 4.7, 4.6], 8.0, "that fall to the end"),
        ([6.2, 4.9, 5.0, 4.4, 4.8], 4.0, "with two dips, the second one deeper"),
        ([4.1, 4.3, 4.5, 5.0, 6.0], 0.0, "that only rise: training makes it worse"),
    )
    for losses, best, title in cases:
        curve = pd.DataFrame(
            {"epochs": epochs, "loss_train": 6.0 - 0.5 * np.arange(5), "loss_validation": losses},
            index=range(10, 15),
        )
        compare(answer, (curve,), best, f"validation losses {losses} at epochs {list(epochs)}, {title}")
    return "Right: wherever the least loss lies, and whatever the index of the frame is."


def check_effective(answer: Callable[[Curve, float], float]) -> str:
    """Check `answer(curve, loss)`: D_E in characters, infinite at or below the curve's floor."""
    curve = Curve(5e4, 2.5, 40.0, 0.35, 200.0, 1e3, 1e6)
    for d_chars in (2e3, 5e4, 4e6):
        loss = float(curve.loss(d_chars))
        compare(answer, (curve, loss), d_chars, f"the loss this curve has at {d_chars:g}")
    for loss in (2.5, 2.4):
        case = f"a loss of {loss:g} and a floor of 2.5, which no amount of data passes (answer inf there)"
        compare(answer, (curve, loss), np.inf, case)
    return "Right, also at the floor and below it."


def check_amplification(answer: Callable[[Curve, float], float]) -> str:
    """Check `answer(curve, d_effective)`: |d ln D_E / d L| in 1/nats, at characters of a curve."""
    for curve in (Curve(5e4, 2.5, 40.0, 0.35, 200.0, 1e3, 1e6), Curve(1e5, 3.0, 400.0, 0.7, 2e4, 1e3, 1e6)):
        for d_chars in (2e3, 5e4, 4e6):
            wanted = 1 / abs(float(curve.slope(d_chars)))
            case = f"D_E = {d_chars:g}, E = {curve.E:g}, B = {curve.B:g}, b = {curve.b:g}, D0 = {curve.D0:g}"
            compare(answer, (curve, d_chars), wanted, case, tolerance=1e-6)
    return "Right: one over the slope, offset included."
