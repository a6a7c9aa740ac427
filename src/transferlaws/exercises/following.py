"""Checks of parts IV and V: what follows from a law, and what a study of one's own costs."""

from collections.abc import Callable

from transferlaws.exercises.checking import compare
from transferlaws.models.ladder import LADDER


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
