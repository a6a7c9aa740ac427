"""Tensors as they were, to go back to."""

from collections.abc import Iterable

import torch
from torch import Tensor


class Snapshot:
    """A copy of `tensors`, in memory that every `keep` uses again."""

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._tensors = [tensor.detach() for tensor in tensors]  # which share the originals' memory
        self._copies = [torch.empty_like(tensor) for tensor in self._tensors]

    def keep(self) -> None:
        """Copy the tensors as they are now."""
        torch._foreach_copy_(self._copies, self._tensors)

    def restore(self) -> None:
        """Make the tensors what they were at the last `keep`."""
        torch._foreach_copy_(self._tensors, self._copies)
