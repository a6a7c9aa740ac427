"""Batches of windows from a token sequence, the same for the same seed whatever ran before.

Each epoch cuts the sequence at a fresh random phase into windows of `context` + 1 tokens and
shuffles them, so every token is seen about once an epoch. A batch is a function of its number
alone, so training can go back to an earlier step exactly.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transferlaws.errors import TransferLawsError

Tokens = NDArray[np.unsignedinteger[Any]]
"""Token ids: uint16, or uint32 where a given model's vocabulary asks for it."""


class Batches:
    """Training batches of `sequences` windows; `tokens` is a sequence of token ids."""

    def __init__(
        self, tokens: Tokens, *, context: int, batch_tokens: int, batch_share: float, seed: int
    ) -> None:
        if len(tokens) < 3:
            raise TransferLawsError(f"a training set needs at least 3 tokens, got {len(tokens)}")
        self.tokens = tokens
        self.length = min(context, (len(tokens) - 1) // 2)
        wanted = min(batch_tokens, int(len(tokens) * batch_share)) // self.length
        self.sequences = max(1, min(wanted, (len(tokens) - 1) // self.length))
        self.steps_per_epoch = max(1, (len(tokens) - 1) // (self.length * self.sequences))
        self._seed = seed
        self._epoch = -1
        self._starts: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    @property
    def tokens_per_step(self) -> int:
        """Tokens predicted in one step."""
        return self.sequences * self.length

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of step `step` (from 0): two int64 tensors (sequences, length)."""
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            random = np.random.default_rng((self._seed, epoch))
            spare = (len(self.tokens) - 1) % self.length
            starts = int(random.integers(spare + 1)) + self.length * np.arange(
                (len(self.tokens) - 1) // self.length
            )
            self._starts, self._epoch = random.permutation(starts), epoch
        starts = self._starts[index * self.sequences : (index + 1) * self.sequences]
        return _windows(self.tokens, starts, self.length)


def evaluation_batches(tokens: Tokens, context: int, together: int = 16) -> list[tuple[Tensor, Tensor]]:
    """The sequence in order, as inputs and targets of `together` windows.

    Every token but the first is predicted once.
    """
    n_full, rest = divmod(len(tokens) - 1, context)
    parts = np.split(context * np.arange(n_full), range(together, n_full, together))
    batches = [_windows(tokens, starts, context) for starts in parts if len(starts)]
    if rest:
        batches.append(_windows(tokens, np.array([context * n_full]), rest))
    return batches


def _windows(tokens: Tokens, starts: NDArray[np.int64], length: int) -> tuple[Tensor, Tensor]:
    window = tokens[starts[:, None] + np.arange(length + 1)].astype(np.int64)
    both = torch.from_numpy(window)
    return both[:, :-1].contiguous(), both[:, 1:].contiguous()
