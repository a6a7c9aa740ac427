"""The facts of the paper that this project checks itself against, each with the place it comes from.

Hernandez, Kaplan, Henighan, McCandlish, "Scaling Laws for Transfer" (2021), arXiv 2102.01293.
Table 1 has no error bars; nothing here carries an interval for that reason.
"""

from dataclasses import dataclass

from transferlaws.laws.forms import Chinchilla, Hernandez, Kaplan

TABLE_1 = {
    "text": Hernandez(k=1.9e4, alpha=0.18, beta=0.38),
    "mix": Hernandez(k=2.1e5, alpha=0.096, beta=0.38),
}
"""Table 1: pre-trained on text, and on half text, half non-Python code; the target is Python."""

CITATION = "Hernandez et al. 2021, arXiv 2102.01293"


@dataclass(frozen=True)
class PrintedNumber:
    """A number the paper prints, where it prints it, and what it stands for."""

    name: str
    printed: float
    place: str


PRINTED = (
    PrintedNumber("factor in D_T from 300 characters instead of 1, text", 2.8, "section 6.2"),
    PrintedNumber("factor in D_T from 300 characters instead of 1, mix", 1.7, "section 6.2"),
    PrintedNumber("D_T at D_F = 1 character and N = 1.75e11, text", 3.7e8, "section 6.2"),
    PrintedNumber("D_T at D_F = 1 character and N = 1.75e11, mix", 4.1e9, "section 6.2"),
    PrintedNumber("D_T / D_F at N = 4e7 and D_F = 3e5, text, as measured", 1000.0, "figure 1"),
    PrintedNumber("factor of D_F that ten times N is worth, text", 100.0, "section 1"),
)

CHARACTERS = {"text": 24e9, "python": 22e9, "other_code": 240e9}
"""Characters of each corpus (section 2): pre-training text, Python, code in other languages."""

KAPLAN_2020 = Kaplan(N_c=6.4e13, D_c=1.8e13, alpha_N=0.076, alpha_D=0.103)
"""Kaplan et al. 2020 (arXiv 2001.08361), the joint fit of its equation 1.5; data in tokens."""

HOFFMANN_2022 = Chinchilla(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
"""Hoffmann et al. 2022 (arXiv 2203.15556), third approach; data in tokens."""

BESIROGLU_2024 = Chinchilla(E=1.817, A=482.01, B=2085.43, alpha=0.348, beta=0.366)
"""Besiroglu et al. 2024 (arXiv 2404.10102), refit of the same form to points read off a figure; tokens."""

BESIROGLU_2024_INTERVALS = {
    "A": (285.0, 744.0),
    "B": (1042.0, 5810.0),
    "E": (1.769, 1.871),
    "alpha": (0.317, 0.373),
    "beta": (0.331, 0.415),
}
"""The 95 % bootstrap intervals of that refit (4,000 resamples of 240 points)."""

REPORTED = {
    "sizes": "more than four orders of magnitude, not listed (section 2)",
    "data": "three orders of magnitude (section 2)",
    "seeds": "not stated",
    "tokens": "50,257 tokens, a context of 2,048 (section 2)",
    "learning_rates": "a handful of scans (section 2)",
    "kaplan_form": "too poor a fit to the from-scratch runs to build on (appendix E)",
    "floor_form": "not tried",
    "inversion": "badly conditioned where the curves nearly coincide; its fit breaks there (appendix D)",
    "plotted_cells": "only cells with $D_T > 0$ are plotted (appendix D)",
    "epochs": "2 to 5 times fewer than from scratch for the smallest set (appendix G)",
    "intervals": "none: Table 1 has no error bars",
    "low_data": "the law is fitted in the low-data regime only (D_F up to 10 % of D(N))",
    "unified": "equation 6.1 is proposed, not fitted (section 6)",
    "common_beta": "the same value for both sources (Table 1)",
}
"""What the paper says without a number of its own, in our words, for the boxes that set it beside ours."""
