"""Exercises that check themselves: give `check_...` your function, and it says what is missing.

One file a part of the book. Each check compares the reader's function with the library's law, or with
arithmetic the paper prints, on cases a wrong formula gets wrong. A wrong answer, one that raises included,
is a TransferLawsError with the case; a right one says so.
"""

from transferlaws.exercises.following import (
    check_crossing,
    check_data_factor,
    check_difference,
    check_flops,
    check_local_exponent,
    check_payback,
    check_repeated,
    check_same_text,
)
from transferlaws.exercises.law import (
    check_coverage,
    check_local_alpha,
    check_n_star,
    check_nearest,
    check_unified,
)
from transferlaws.exercises.measuring import (
    check_amplification,
    check_best_epoch,
    check_effective,
    check_enough_data,
)
from transferlaws.exercises.question import (
    check_bits_per_char,
    check_code_share,
    check_multiplier,
    check_n_params,
)

__all__ = [
    "check_amplification",
    "check_best_epoch",
    "check_bits_per_char",
    "check_code_share",
    "check_coverage",
    "check_crossing",
    "check_data_factor",
    "check_difference",
    "check_effective",
    "check_enough_data",
    "check_flops",
    "check_local_alpha",
    "check_local_exponent",
    "check_multiplier",
    "check_n_params",
    "check_n_star",
    "check_nearest",
    "check_payback",
    "check_repeated",
    "check_same_text",
    "check_unified",
]
