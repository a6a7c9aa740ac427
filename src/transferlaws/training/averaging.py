"""A running mean of the weights, which gives at a held rate what a decay of the rate would, and often more.

The mean is over about the last share c of the steps, however many there are, and so needs no horizon:
m_t = m_{t-1} + (w_t - m_{t-1}) / max(1, c t), the polynomial-decay average of Shamir and Zhang (2013,
arXiv 1212.1824).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """The mean of `weights` over the last `share` of the steps; they are one tensor that changes in place."""

    def __init__(self, weights: Tensor, share: float) -> None:
        self._weights, self._share = weights, share
        self._mean = weights.clone()
        self._aside = torch.empty_like(weights)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step `step` (from 1)."""
        self._mean.lerp_(self._weights, min(1.0, 1 / (self._share * step)))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it, the weights are their mean."""
        self._aside.copy_(self._weights)
        self._weights.copy_(self._mean)
        try:
            yield
        finally:
            self._weights.copy_(self._aside)
