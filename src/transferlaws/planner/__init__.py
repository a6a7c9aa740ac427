"""Answers from a law: what pre-training is worth, which size, how much data, whether at all."""

from transferlaws.planner.answers import FROM_CURVES, QUANTITIES, Answer, data_for, predict, size_for
from transferlaws.planner.decision import Decision, should_pretrain
from transferlaws.planner.law import measured_cells, paper_laws

__all__ = [
    "FROM_CURVES", "QUANTITIES", "Answer", "Decision", "data_for", "measured_cells", "paper_laws", "predict",
    "should_pretrain", "size_for",
]  # fmt: skip
