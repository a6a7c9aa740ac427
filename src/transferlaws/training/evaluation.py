"""The loss of a model on a fixed set of text."""

from typing import Any

import torch
from torch import Tensor

from transferlaws.models.given import Given
from transferlaws.models.lm import total_loss
from transferlaws.training.device import moved, precision
from transferlaws.training.parallel import ALONE, Ranks
from transferlaws.training.recorded import recorded

EvaluationSet = list[tuple[Tensor, Tensor]]


class Evaluation:
    """Scores `model`, as it is at each call, on inputs and targets kept on its device.

    With `ranks`, each of them scores a part.
    """

    def __init__(self, model: Any, batches: EvaluationSet, ranks: Ranks = ALONE) -> None:
        device = model.device
        mine = [moved(batch, device) for batch in ranks.share(batches)]

        def total() -> Tensor:
            nats = torch.zeros((), dtype=torch.float64, device=device)
            with precision(device):
                for x_BT, y_BT in mine:
                    nats += total_loss(model, x_BT, y_BT)
            return nats

        self.tokens = sum(y.numel() for _, y in batches)
        self._ranks = ranks
        self._total = total if isinstance(model, Given) else recorded(total, device)

    def __call__(self) -> float:
        """Mean loss in nats per token."""
        return self._ranks.sum(self._total()) / self.tokens
