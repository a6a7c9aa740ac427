"""The lean forward pass against `transformers`' own, and parameter counts against torch's."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from transferlaws.models import lm
from transferlaws.models.by_hand import LossByHand
from transferlaws.models.ladder import LADDER, Size


@pytest.mark.parametrize("size", LADDER[:4], ids=str)
def test_counts_agree_with_the_model_built(size: Size):
    model = lm.build(size, vocabulary_size=300, context=48, seed=0)
    total = sum(p.numel() for p in model.parameters())
    embeddings = model.transformer.wte.weight.numel() + model.transformer.wpe.weight.numel()
    assert (size.n_params_total(300, 48), size.n_params) == (total, total - embeddings)


def test_loss_and_gradients_agree_with_transformers():
    size, tokens = LADDER[3], torch.randint(0, 700, (9, 65), generator=torch.Generator().manual_seed(1))
    x, y = tokens[:, :-1], tokens[:, 1:]  # 576 tokens: more than one chunk of the fused loss
    model = lm.build(size, vocabulary_size=700, context=64, seed=3)
    expected = F.cross_entropy(model(x).logits.reshape(-1, 700), y.reshape(-1))
    expected.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    loss = lm.mean_loss(model, x, y)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=2e-6)
    assert lm.total_loss(model, x, y) / y.numel() == pytest.approx(expected.item(), abs=2e-6)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.grad, gradients[name], atol=1e-7, rtol=1e-4)

    filled = [torch.full_like(p, torch.nan) for p in model.parameters()]
    by_hand = LossByHand(model, filled)
    for _ in range(2):
        assert by_hand(x, y).item() == loss.item()
        assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), filled, strict=True))


def test_gradients_by_hand_leave_positions_beyond_a_short_text_alone():
    tokens = torch.randint(0, 50, (2, 9), generator=torch.Generator().manual_seed(1))
    model = lm.build(LADDER[1], vocabulary_size=50, context=32, seed=3)
    gradients = [torch.zeros_like(p) for p in model.parameters()]
    LossByHand(model, gradients)(tokens[:, :-1], tokens[:, 1:])
    lm.mean_loss(model, tokens[:, :-1], tokens[:, 1:]).backward()
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))


def test_a_saved_model_comes_back_and_is_an_ordinary_gpt2(tmp_path: Path):
    from transformers import GPT2LMHeadModel

    model = lm.build(LADDER[0], vocabulary_size=300, context=32, seed=5)
    lm.save(model, tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors"]
    x = torch.arange(20)[None] % 300
    for again in (lm.load(tmp_path), GPT2LMHeadModel.from_pretrained(tmp_path)):
        torch.testing.assert_close(again.eval()(x).logits, model.eval()(x).logits, atol=1e-6, rtol=0)
