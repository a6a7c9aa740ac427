"""The lean forward pass against `transformers`' own, and parameter counts against torch's."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from transferlaws.models import by_hand, lm
from transferlaws.models.by_hand import loss_by_hand
from transferlaws.models.dropout import Dropout
from transferlaws.models.ladder import LADDER, Size


def gradients_of(model: torch.nn.Module) -> list[torch.Tensor]:
    gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    assert len(gradients) == len(list(model.parameters()))
    return gradients


@pytest.mark.parametrize("size", LADDER[:4], ids=str)
def test_counts_agree_with_the_model_built(size: Size) -> None:
    model = lm.build(size, vocabulary_size=300, context=48, seed=0)
    total = sum(p.numel() for p in model.parameters())
    embeddings = model.transformer.wte.weight.numel() + model.transformer.wpe.weight.numel()
    assert (size.n_params_total(300, 48), size.n_params) == (total, total - embeddings)


def test_loss_and_gradients_agree_with_transformers() -> None:
    size, tokens = LADDER[3], torch.randint(0, 700, (9, 65), generator=torch.Generator().manual_seed(1))
    x, y = tokens[:, :-1], tokens[:, 1:]  # 576 tokens: more than one chunk of the fused loss
    model = lm.build(size, vocabulary_size=700, context=64, seed=3)
    expected = F.cross_entropy(model(x).logits.reshape(-1, 700), y.reshape(-1))
    expected.backward()
    gradients = gradients_of(model)
    model.zero_grad()
    loss = lm.mean_loss(model, x, y)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=2e-6)
    assert lm.total_loss(model, x, y) / y.numel() == pytest.approx(expected.item(), abs=2e-6)
    for gradient, wanted in zip(gradients_of(model), gradients, strict=True):
        torch.testing.assert_close(gradient, wanted, atol=1e-7, rtol=1e-4)

    filled = [torch.full_like(p, torch.nan) for p in model.parameters()]
    loss_and_gradients = loss_by_hand(model, filled)
    assert loss_and_gradients is not None
    for _ in range(2):
        assert loss_and_gradients(x, y).item() == loss.item()
        assert all(map(torch.equal, gradients_of(model), filled))


def test_dropout_is_that_of_transformers_at_the_same_draws() -> None:
    tokens = torch.randint(0, 50, (3, 33), generator=torch.Generator().manual_seed(1))
    x, y = tokens[:, :-1], tokens[:, 1:]
    model = lm.build(LADDER[3], vocabulary_size=50, context=32, seed=3)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Dropout) and "attn_dropout" not in name:
            module.p = 0.1
    drop, losses = Dropout(0.1, (0,), torch.device("cpu")), list[float]()
    for step in (7, 8, 7):
        drop.begin(step)
        torch.manual_seed(drop._generator.initial_seed())
        expected = F.cross_entropy(model.train()(x).logits.reshape(-1, 50), y.reshape(-1))
        expected.backward()
        gradients = gradients_of(model)
        model.zero_grad()
        loss = lm.mean_loss(model, x, y, drop)
        loss.backward()
        assert loss.item() == pytest.approx(expected.item(), abs=2e-6)
        for gradient, wanted in zip(gradients_of(model), gradients, strict=True):
            torch.testing.assert_close(gradient, wanted, atol=1e-7, rtol=1e-4)
        model.zero_grad()
        losses.append(loss.item())
    assert losses[0] == losses[2] != losses[1]


def test_gradients_by_hand_leave_positions_beyond_a_short_text_alone() -> None:
    tokens = torch.randint(0, 50, (2, 9), generator=torch.Generator().manual_seed(1))
    model = lm.build(LADDER[1], vocabulary_size=50, context=32, seed=3)
    filled = [torch.zeros_like(p) for p in model.parameters()]
    loss_and_gradients = loss_by_hand(model, filled)
    assert loss_and_gradients is not None
    loss_and_gradients(tokens[:, :-1], tokens[:, 1:])
    lm.mean_loss(model, tokens[:, :-1], tokens[:, 1:]).backward()
    assert all(map(torch.equal, gradients_of(model), filled))


def test_an_operator_that_is_missing_or_takes_other_arguments_is_not_called(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert by_hand._operator("gelu.default", "self", 1) is not None
    assert by_hand._operator("gelu.removed", "self", 1) is None
    assert by_hand._operator("renamed.default", "self", 1) is None
    assert by_hand._operator("gelu.default", "input", 1) is None
    assert by_hand._operator("gelu.default", "self", 2) is None
    # These need more than the arguments named.
    assert by_hand._operator("gelu_backward.grad_input", "grad_output self", 1) is None

    model = lm.build(LADDER[0], vocabulary_size=50, context=32, seed=3)
    monkeypatch.setattr(by_hand, "_attention_backward", None)
    with caplog.at_level("INFO"):
        assert loss_by_hand(model, [torch.zeros_like(p) for p in model.parameters()]) is None
    assert "gradients by autograd" in caplog.text


def test_a_saved_model_comes_back_and_is_an_ordinary_gpt2(tmp_path: Path) -> None:
    from transformers import GPT2LMHeadModel

    model = lm.build(LADDER[0], vocabulary_size=300, context=32, seed=5)
    lm.save(model, tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors"]
    x = torch.arange(20)[None] % 300
    for again in (lm.load(tmp_path), GPT2LMHeadModel.from_pretrained(tmp_path)):
        torch.testing.assert_close(again.eval()(x).logits, model.eval()(x).logits, atol=1e-6, rtol=0)
