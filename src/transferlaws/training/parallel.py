"""One run on several devices: each process (rank) takes its share of every batch's sequences.

Every rank holds the whole model and the same optimiser state; gradients are averaged over tokens before
clipping and step (`torch.distributed`: gloo on CPUs, nccl on GPUs), evaluations are shared out and
summed. So the ranks take the same decisions, and the run is the one a single process would have trained,
but for the order of float32 additions. For models that train too slowly on one device: small ones are
faster side by side, one process each.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from transferlaws.models.dropout import Dropout
from transferlaws.models.lm import mean_loss

PATIENCE = timedelta(hours=2)  # the first rank may have corpora to prepare before the others can go on
T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes that train a run together, seen from one of them; by default it is alone."""

    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls, device: torch.device) -> "Ranks":
        """The ranks among which `torchrun` started this process; `leave` when done."""
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        return cls(dist.get_rank(), dist.get_world_size())

    def leave(self) -> None:
        """End what `join` began."""
        dist.destroy_process_group()

    @property
    def leads(self) -> bool:
        """True for the one rank that writes and decides."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This rank's part of what is divided among all."""
        return items[self.rank :: self.count]

    def from_first(self, value: Callable[[], T]) -> T:
        """What the first rank finds `value` to be, on every rank."""
        box: list[Any] = [value() if self.leads else None]
        dist.broadcast_object_list(box)
        return cast(T, box[0])

    def sum(self, value: Tensor) -> float:
        """A scalar tensor, summed over the ranks."""
        if self.count > 1:
            dist.all_reduce(value)
        return float(value)

    def loss_function(self, model: Any, drop: Dropout | None = None) -> Callable[[Tensor, Tensor], Tensor]:
        """The loss in nats/token of inputs and targets (B, T), the same batch given to every rank.

        Its mean over the ranks is the batch's mean loss, and so are the gradients after `backward`.
        """
        if self.count == 1:
            return partial(mean_loss, model, drop=drop)
        share = _ShareOfLoss(model, self, drop)
        return nn.parallel.DistributedDataParallel(share, gradient_as_bucket_view=True)

    def apart(self, loss_function: Any) -> AbstractContextManager[None]:
        """While ranks add to their gradients without averaging them: in all parts of a batch but the last."""
        return loss_function.no_sync() if self.count > 1 else nullcontext()


ALONE = Ranks()


class _ShareOfLoss(nn.Module):
    """The loss of one rank's sequences, weighted by its share of the tokens."""

    def __init__(self, model: Any, ranks: Ranks, drop: Dropout | None) -> None:
        super().__init__()
        self.model, self.ranks, self.drop = model, ranks, drop

    def forward(self, x_BT: Tensor, y_BT: Tensor) -> Tensor:
        mine = slice(self.ranks.rank, None, self.ranks.count)
        weight = len(x_BT[mine]) * self.ranks.count / len(x_BT)
        if not weight:  # fewer sequences than ranks: take part with a loss that counts for nothing
            mine = slice(1)
        return mean_loss(self.model, x_BT[mine], y_BT[mine], self.drop) * weight
