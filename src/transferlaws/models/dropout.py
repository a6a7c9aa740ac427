"""Dropout (Srivastava et al. 2014) whose draws are a function of seed and step, like the batches.

So a run comes out the same to the last bit whatever ran before, and can go back to an earlier step exactly.
"""

import numpy as np
import torch
from torch import Tensor


class Dropout:
    """Zeroes `share` of the numbers it is given and divides the others by 1 - `share`.

    `seed` are the numbers that name a run, and a process among those that train it together.
    """

    def __init__(self, share: float, seed: tuple[int, ...], device: torch.device) -> None:
        self._share, self._seed = share, seed
        self._generator = torch.Generator(device)

    def begin(self, step: int) -> None:
        """From here on, draw for step `step` (from 0)."""
        (word,) = np.random.SeedSequence((*self._seed, step)).generate_state(1)
        self._generator.manual_seed(int(word))

    def __call__(self, h: Tensor) -> Tensor:
        """What is left of `h`, of any shape; its gradients are dropped and scaled likewise."""
        kept = torch.empty_like(h, requires_grad=False)
        kept.bernoulli_(1 - self._share, generator=self._generator)
        return h * kept.div_(1 - self._share)
