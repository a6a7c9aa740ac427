"""bfloat16 trains the same run, roughly; what a GPU would do, on a CPU."""

import pytest
import torch

from transferlaws.models import lm
from transferlaws.models.ladder import LADDER


def test_autocast_leaves_the_loss_and_its_gradients_in_float32_and_near() -> None:
    tokens = torch.randint(0, 700, (9, 65), generator=torch.Generator().manual_seed(1))
    x, y = tokens[:, :-1], tokens[:, 1:]
    model = lm.build(LADDER[3], vocabulary_size=700, context=64, seed=3)
    exact = lm.mean_loss(model, x, y)
    exact.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert lm.hidden_states(model, x).dtype == torch.float32
        rough, total = lm.mean_loss(model, x, y), lm.total_loss(model, x, y)
    rough.backward()
    assert rough.dtype == torch.float32 and rough.item() != exact.item()
    assert rough.item() == pytest.approx(exact.item(), abs=2e-3)
    assert total.item() / y.numel() == pytest.approx(exact.item(), abs=2e-3)
    for name, p in model.named_parameters():
        assert p.grad.dtype == torch.float32
        assert (p.grad - gradients[name]).norm() <= 0.03 * gradients[name].norm(), name
