"""On a GPU: the same run twice is the same to the bit, recorded or not, and near the CPU's."""

import copy
from typing import Any

import numpy as np
import pytest
import torch

from transferlaws.models import lm
from transferlaws.models.ladder import LADDER
from transferlaws.training import recorded
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.device import prepare_device
from transferlaws.training.loop import Trainer
from transferlaws.training.spec import TrainingRecipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def train(device: torch.device, **budget: Any) -> tuple[str, dict[str, torch.Tensor], float]:
    """The curve, the weights and the loss of a run on a noisy cycle of 50 tokens."""
    random = np.random.default_rng(0)
    noisy = np.where(random.random(30_000) < 0.2, random.integers(1, 51, 30_000), np.arange(30_000) % 50 + 1)
    tokens = noisy.astype(np.uint16)
    model = lm.build(LADDER[3], vocabulary_size=64, context=64, seed=0).to(device)
    batches = Batches(tokens[:20_000], context=64, batch_tokens=1024, batch_share=0.125, seed=0)
    stop_set = evaluation_batches(tokens[20_000:], 64)
    trainer = Trainer(model, batches, stop_set, 3e-3, TrainingRecipe(batch_tokens=1024, max_tokens=60_000))
    training = trainer.to_budget(**budget) if budget else trainer.to_early_stop()
    assert training.best is not None
    weights = {name: tensor.cpu() for name, tensor in copy.deepcopy(model.state_dict()).items()}
    return repr(training.curve), weights, training.best.loss_validation


def test_a_recorded_run_is_the_run_to_the_bit_and_near_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    device = prepare_device()
    assert device.type == "cuda"
    one, again = train(device), train(device)
    monkeypatch.setattr(recorded, "WARM_UP_CALLS", 10**9)
    not_recorded, on_cpu = train(device), train(torch.device("cpu"))
    for other in (again, not_recorded):
        assert other[0] == one[0]
        assert all(torch.equal(tensor, one[1][name]) for name, tensor in other[1].items())
    assert one[2] == pytest.approx(on_cpu[2], abs=0.05)


@pytest.mark.parametrize("vocabulary_size", [512, 1001])  # aligned rows, and rows that are filled up
def test_loss_and_gradients_are_the_cpus(vocabulary_size: int) -> None:
    tokens = torch.randint(0, vocabulary_size, (9, 65), generator=torch.Generator().manual_seed(1))
    model = lm.build(LADDER[3], vocabulary_size=vocabulary_size, context=64, seed=3)
    loss = lm.mean_loss(model, tokens[:, :-1], tokens[:, 1:])
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    model.zero_grad()
    device = prepare_device()
    x, y = tokens[:, :-1].to(device), tokens[:, 1:].to(device)
    model = model.to(device)
    on_gpu = lm.mean_loss(model, x, y)
    on_gpu.backward()
    total = lm.total_loss(model, x, y) / y.numel()
    assert [on_gpu.item(), total.item()] == pytest.approx([loss.item()] * 2, abs=1e-4)
    for name, p in model.named_parameters():  # products in TF32
        assert (p.grad.cpu() - gradients[name]).norm() <= 5e-3 * gradients[name].norm(), name
