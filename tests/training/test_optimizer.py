"""Our optimiser step is torch's own, and goes back to an earlier state exactly."""

import torch

from transferlaws.training.optimizer import AdamW
from transferlaws.training.snapshot import Snapshot
from transferlaws.training.spec import TrainingRecipe


def test_steps_are_those_of_torch() -> None:
    recipe, random = TrainingRecipe(), torch.Generator().manual_seed(0)
    shapes = [(33, 16), (16,), (16, 48), (48,), (5,)]
    ours = [torch.randn(shape, generator=random).requires_grad_() for shape in shapes]
    theirs = [p.detach().clone().requires_grad_() for p in ours]
    optimizer = AdamW(ours, recipe)
    reference = torch.optim.AdamW(
        [
            {"params": [p for p in theirs if p.dim() >= 2], "weight_decay": recipe.weight_decay},
            {"params": [p for p in theirs if p.dim() < 2], "weight_decay": 0.0},
        ],
        betas=(recipe.beta1, recipe.beta2),
        fused=True,
    )
    in_order = [p for group in reference.param_groups for p in group["params"]]
    history = []
    for step in range(6):
        rate = 1e-2 / (1 + step)
        size = 10.0 ** (step - 3)  # below the clipping norm at first, above it later
        for p, q in zip(ours, theirs, strict=True):
            p.grad = size * torch.randn(p.shape, generator=random)
            q.grad = p.grad.clone()
        history.append((rate, [q.grad.clone() for q in theirs if q.grad is not None]))
        if step == 3:
            before = Snapshot([*ours, *optimizer.tensors()])
            before.keep()
        optimizer.step(rate)
        torch.nn.utils.clip_grad_norm_(in_order, recipe.clip_norm, foreach=True)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            # To the last bit, until the clipping norm is the sum of squares in another order.
            torch.testing.assert_close(p, q, rtol=0 if step < 3 else 1e-6, atol=0 if step < 3 else 1e-7)
        assert all(p.grad is None for p in ours)

    after = [p.detach().clone() for p in ours]
    before.restore()
    for rate, gradients in history[3:]:
        for p, gradient in zip(ours, gradients, strict=True):
            p.grad = gradient.clone()
        optimizer.step(rate)
    assert all(torch.equal(p, q) for p, q in zip(ours, after, strict=True))
