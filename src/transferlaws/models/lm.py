"""A GPT-2 language model from `transformers`, with a forward pass made for tiny sizes.

The parameters are a `GPT2LMHeadModel`'s, so checkpoints save, load and generate with the library
everyone has. Training runs the same computation leaner: no masks to build, and a cross-entropy fused
over chunks of tokens that never stores the logits (at N = 3e3 they cost half of a step). Chunks are
sized to stay in a core's cache. The GELU is the exact one: a CPU takes three times as long for the
tanh approximation of GPT-2's first release.

Under autocast the blocks compute in its type; residual stream, logits, loss and their gradients stay
float32: at these widths a device spends its time moving logits, not multiplying them.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from transferlaws.models.dropout import Dropout
from transferlaws.models.given import Given
from transferlaws.models.ladder import Size

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel

# float32 logits held at a time: half a megabyte in a core's cache; enough on a GPU to fill it.
CHUNK_NUMBERS = {"cpu": 1 << 17, "cuda": 1 << 26}

# Parameters of the blocks from which a GPU's are compiled: half a minute, the whole run of a smaller model.
COMPILED_FROM = 10_000_000


def build(size: Size, *, vocabulary_size: int, context: int, seed: int) -> "GPT2LMHeadModel":
    """A freshly initialised GPT-2 of this size; the same seed gives the same weights.

    No dropout of its own. Token 0 begins and ends every text.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocabulary_size,
        n_positions=context,
        n_embd=size.d_model,
        n_layer=size.n_layer,
        n_head=size.n_head,
        activation_function="gelu",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    torch.manual_seed(seed)
    return GPT2LMHeadModel(config)


def load(path: Path) -> "GPT2LMHeadModel":
    """The model saved at `path` by `save`; weights are read from safetensors only."""
    from transformers import GPT2LMHeadModel

    _quiet()
    return GPT2LMHeadModel.from_pretrained(path, local_files_only=True, use_safetensors=True)


def save(model: "GPT2LMHeadModel | Given", path: Path) -> None:
    """Write `config.json` and `model.safetensors` into the folder `path`."""
    _quiet()
    model.save_pretrained(path)


def shape(model: Any) -> Size:
    """The size of a model that is trained: one of these GPT-2s, or one that was given."""
    if isinstance(model, Given):
        return model.size
    return Size(model.config.n_layer, model.config.n_embd, model.config.n_head)


def _quiet() -> None:
    """No progress bars for files of a few kilobytes."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _whole(h: Tensor) -> Tensor:
    """No dropout."""
    return h


def hidden_states(model: Any, x_BT: Tensor, drop: Callable[[Tensor], Tensor] = _whole) -> Tensor:
    """The final hidden states (B, T, d) of token ids (B, T); the same values as the model's own.

    `drop` is applied where GPT-2 has dropout on its residual stream: to the embedding, and to the outputs of
    attention and MLP.
    """
    body = model.transformer
    B, T = x_BT.shape
    d, n_head, eps = model.config.n_embd, model.config.n_head, model.config.layer_norm_epsilon
    h = F.embedding(x_BT, body.wte.weight) + body.wpe.weight[:T]
    h = drop(h.view(B * T, d))
    for block in body.h:
        a = F.layer_norm(h, (d,), block.ln_1.weight, block.ln_1.bias, eps)
        qkv = torch.addmm(block.attn.c_attn.bias, a, block.attn.c_attn.weight)
        # Unbound so that the gradients of q, k and v come together in one copy.
        q, k, v = qkv.view(B, T, 3, n_head, d // n_head).transpose(1, 3).unbind(2)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        a = a.transpose(1, 2).reshape(B * T, d)
        h = h + drop(torch.addmm(block.attn.c_proj.bias, a, block.attn.c_proj.weight))
        a = F.layer_norm(h, (d,), block.ln_2.weight, block.ln_2.bias, eps)
        a = F.gelu(torch.addmm(block.mlp.c_fc.bias, a, block.mlp.c_fc.weight))
        h = h + drop(torch.addmm(block.mlp.c_proj.bias, a, block.mlp.c_proj.weight))
    return F.layer_norm(h, (d,), body.ln_f.weight, body.ln_f.bias, eps).view(B, T, d)


def _hidden_states_of(model: Any, kind: str) -> Callable[[Any, Tensor], Tensor]:
    """`hidden_states`, compiled for a large model on a GPU.

    On a CPU compiling brought 0.96 to 1.2 times the speed and took 20 to 40 seconds, so it is not done.
    """
    config = model.config
    large = 12 * config.n_layer * config.n_embd**2 >= COMPILED_FROM
    return _compiled_hidden_states() if large and kind == "cuda" else hidden_states


@cache
def _compiled_hidden_states() -> Callable[[Any, Tensor], Tensor]:
    """`hidden_states` through torch.compile, or itself where Triton or a C compiler is missing."""
    able = find_spec("triton") and any(shutil.which(name) for name in ("cc", "gcc", "clang"))
    return torch.compile(hidden_states) if able else hidden_states


def _chunk_tokens(w_Vd: Tensor) -> int:
    """Tokens whose logits are held at a time; no fewer than keep a matrix product efficient."""
    return max(128, CHUNK_NUMBERS[w_Vd.device.type] // len(w_Vd))


def _in_float32(h: Tensor) -> AbstractContextManager[None]:
    """No autocast where the loss is computed. (Entering torch's own context costs 10 us a step.)"""
    kind = h.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def fused_cross_entropy(h: Tensor, w: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Summed cross-entropy in nats of `h @ w.T` against targets, and its gradients.

    They are those of h, (n, d), and of w transposed, (d, V).
    """
    vocabulary_size = len(w)
    if w.is_cuda and vocabulary_size % 8:  # rows that are not aligned take a GPU twice as long
        w = F.pad(w, (0, 0, 0, -vocabulary_size % 64))
    total = h.new_zeros(())
    grad_h, grad_wT = torch.empty_like(h), w.new_zeros(w.shape[::-1])
    chunk = min(_chunk_tokens(w), len(h))
    # One buffer for every chunk stays in the cache: a fifth off the loss's time at d = 16.
    buffer, minus_one = h.new_empty(chunk, len(w)), h.new_full((chunk, 1), -1.0)
    parts = (h.split(chunk), targets[:, None].split(chunk), grad_h.split(chunk))
    for h_part, target, grad_part in zip(*parts, strict=True):
        p = buffer[: len(target)]
        torch.mm(h_part, w.T, out=p)
        if len(w) > vocabulary_size:
            p[:, vocabulary_size:] = -torch.inf
        torch.softmax(p, dim=1, out=p)
        # One exponential a logit: log p is as exact as the logits' own float error, and a p that
        # underflows (a loss above 87 nats) is a diverged run, which the infinite loss reports.
        total -= p.gather(1, target).log_().sum()
        if p.is_cuda:  # whose deterministic scatter sorts first
            error = p.add_(target == torch.arange(len(w), device=p.device), alpha=-1)
        else:
            error = p.scatter_add_(1, target, minus_one[: len(target)])
        torch.mm(error, w, out=grad_part)
        grad_wT.addmm_(h_part.T, error)  # wide, not tall: the faster of the two products
    return total, grad_h, grad_wT[:, :vocabulary_size]


class _FusedCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of `h @ w.T` against targets, its gradients found on the way forward."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, w: Tensor, targets: Tensor) -> Tensor:
        total, grad_h, grad_wT = fused_cross_entropy(h, w, targets)
        ctx.save_for_backward(grad_h, grad_wT)
        return total / len(h)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        grad_h, grad_wT = ctx.saved_tensors
        share = len(grad_h) / grad  # exact for a gradient of 1, and one pass for both factors
        return grad_h.div_(share), grad_wT.div_(share).T, None


def mean_loss(model: Any, x_BT: Tensor, y_BT: Tensor, drop: Dropout | None = None) -> Tensor:
    """Mean cross-entropy in nats/token of next tokens `y_BT` given `x_BT`, ready for `backward`."""
    if isinstance(model, Given):
        if drop is not None:
            raise ValueError("a given model is trained without dropout")
        return model.mean_loss(x_BT, y_BT)
    if drop is None:
        h = _hidden_states_of(model, x_BT.device.type)(model, x_BT)
    else:  # never compiled, since its draws are not
        h = hidden_states(model, x_BT, drop)
    with _in_float32(h):
        loss: Tensor = _FusedCrossEntropy.apply(  # type: ignore[no-untyped-call]
            h.view(-1, h.shape[-1]).float(), model.transformer.wte.weight, y_BT.reshape(-1)
        )
    return loss


@torch.no_grad()
def total_loss(model: Any, x_BT: Tensor, y_BT: Tensor) -> Tensor:
    """Summed cross-entropy in nats over all tokens of `y_BT`, a float64 scalar on their device.

    Without gradients, and with logits in chunks.
    """
    if isinstance(model, Given):
        return model.total_loss(x_BT, y_BT)
    h = hidden_states(model, x_BT).view(x_BT.numel(), -1).float()
    w, y = model.transformer.wte.weight, y_BT.reshape(-1)
    chunk = _chunk_tokens(w)
    total = h.new_zeros((), dtype=torch.float64)
    with _in_float32(h):
        for h_part, y_part in zip(h.split(chunk), y.split(chunk), strict=True):
            total += F.cross_entropy(h_part @ w.T, y_part, reduction="sum")
    return total
