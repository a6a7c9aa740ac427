"""Answers from a law: what pre-training is worth, which size, how much data, whether at all."""

from transferlaws.planner.answer import Answer
from transferlaws.planner.answers import FROM_CURVES, QUANTITIES, data_for, predict, size_for
from transferlaws.planner.cheapest import Bill, Cheapest, Prices, Way, cheapest
from transferlaws.planner.decision import Decision, decide_without_law, should_pretrain
from transferlaws.planner.following import regret_at
from transferlaws.planner.law import measured_cells, paper_laws
from transferlaws.planner.loss_law import LossLaw, loss_law
from transferlaws.planner.measured import MeasuredCell

__all__ = [
    "FROM_CURVES", "QUANTITIES", "Answer", "Bill", "Cheapest", "Decision", "LossLaw", "MeasuredCell",
    "Prices", "Way", "cheapest", "data_for", "decide_without_law", "loss_law", "measured_cells",
    "paper_laws", "predict", "regret_at", "should_pretrain", "size_for",
]  # fmt: skip
