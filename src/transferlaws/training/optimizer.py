"""AdamW with gradient clipping (Loshchilov and Hutter, arXiv:1711.05101), as torch computes it.

`torch.optim.AdamW` and `clip_grad_norm_` spend a third of their time in Python, which a tiny model's step
of two milliseconds feels. This calls the functions beneath them: the same numbers to the last bit.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from transferlaws.training.spec import Recipe

Moments = dict[str, Tensor]  # "step", "exp_avg" and "exp_avg_sq", as torch.optim names them


class _Group(NamedTuple):
    parameters: list[Tensor]
    moments: list[Moments]
    weight_decay: float


class AdamW:
    """Updates `parameters` in place from their gradients; matrices decay, vectors do not."""

    def __init__(self, parameters: list[Tensor], recipe: Recipe) -> None:
        self.recipe = recipe
        matrices = [p for p in parameters if p.dim() >= 2]
        vectors = [p for p in parameters if p.dim() < 2]
        self.parameters = matrices + vectors
        self._groups = [
            _Group(group, [_no_moments(p) for p in group], decay)
            for group, decay in ((matrices, recipe.weight_decay), (vectors, 0.0))
        ]

    @torch.no_grad()
    def step(self, rate: float | Tensor) -> None:
        """Clip the gradients' joint norm, update at learning rate `rate`, and drop the gradients."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        share = (self.recipe.clip_norm / (norm + 1e-6)).clamp(max=1.0)
        if share.is_cuda or share < 1:  # a GPU is not waited for
            torch._foreach_mul_(gradients, share)
        for parameters, moments, weight_decay in self._groups:
            adamw(
                parameters,
                [p.grad for p in parameters if p.grad is not None],
                [m["exp_avg"] for m in moments],
                [m["exp_avg_sq"] for m in moments],
                [],
                [m["step"] for m in moments],
                fused=True,
                amsgrad=False,
                beta1=self.recipe.beta1,
                beta2=self.recipe.beta2,
                lr=rate,
                weight_decay=weight_decay,
                eps=1e-8,
                maximize=False,
            )
        for p in self.parameters:
            p.grad = None

    def state(self) -> dict[int, Moments]:
        """The moments by the parameter's number; they change with the next step."""
        return dict(enumerate(moments for group in self._groups for moments in group.moments))

    def load(self, state: dict[int, Moments]) -> None:
        """Go on from a copy of `state`."""
        for index, moments in self.state().items():
            for name, tensor in moments.items():
                tensor.copy_(state[index][name])

    def tensors(self) -> list[Tensor]:
        """All there is to a state, as it is now."""
        return [tensor for moments in self.state().values() for tensor in moments.values()]


def _no_moments(p: Tensor) -> Moments:
    return {
        "step": torch.zeros((), device=p.device),
        "exp_avg": torch.zeros_like(p, requires_grad=False),
        "exp_avg_sq": torch.zeros_like(p, requires_grad=False),
    }
