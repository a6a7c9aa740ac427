"""Answers from a law: what pre-training is worth, which size, how much data, whether at all."""

from transferlaws.planner.answers import (
    QUANTITIES,
    Answer,
    Decision,
    data_for,
    predict,
    should_pretrain,
    size_for,
)
from transferlaws.planner.law import paper_laws

__all__ = [
    "QUANTITIES", "Answer", "Decision", "data_for", "paper_laws", "predict", "should_pretrain", "size_for",
]  # fmt: skip
