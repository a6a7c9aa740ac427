"""The gradients of `lm.mean_loss` written out, for a CPU.

The functions of `lm.hidden_states` and their derivatives, in the order in which autograd calls them and so
with the same numbers to the last bit, but without its graph and into memory that is there already. A tiny
model's step waits for Python as long as for its products: this takes a tenth to a quarter off it.

The derivatives are torch's own, which it promises to nobody. A torch that lacks one of them, or wants other
arguments, trains by autograd.
"""

import logging
from typing import Any

import torch
from torch import Tensor

from transferlaws.models.lm import fused_cross_entropy

logger = logging.getLogger(__name__)


def _operator(name: str, arguments: str, returns: int) -> Any:
    """Torch's own operator, or None if it does not take these arguments in this order.

    Further arguments may follow if they have defaults.
    """
    operator: Any = torch.ops.aten
    try:
        for part in name.split("."):
            operator = getattr(operator, part)
        takes, gives = operator._schema.arguments, operator._schema.returns
    except (AttributeError, RuntimeError):
        return None
    wanted = arguments.split()
    fits = (
        [argument.name for argument in takes[: len(wanted)]] == wanted
        and all(argument.has_default_value() for argument in takes[len(wanted) :])
        and len(gives) == returns
    )
    return operator if fits else None


_attention = _operator(
    "_scaled_dot_product_flash_attention_for_cpu.default", "query key value dropout_p is_causal", 2
)
_attention_backward = _operator(
    "_scaled_dot_product_flash_attention_for_cpu_backward.default",
    "grad_out query key value out logsumexp dropout_p is_causal", 3,
)  # fmt: skip
_embedding_backward = _operator(
    "embedding_dense_backward.default", "grad_output indices num_weights padding_idx scale_grad_by_freq", 1
)
_gelu = _operator("gelu.default", "self", 1)
_gelu_backward = _operator("gelu_backward.grad_input", "grad_output self approximate grad_input", 1)
_layer_norm = _operator("native_layer_norm.default", "input normalized_shape weight bias eps", 3)
_layer_norm_backward = _operator(
    "native_layer_norm_backward.out",
    "grad_out input normalized_shape mean rstd weight bias output_mask out0 out1 out2", 3,
)  # fmt: skip


def loss_by_hand(model: Any, gradients: list[Tensor]) -> "LossByHand | None":
    """The loss of `model` with its gradients by hand, or None where this torch has other operators."""
    operators = (
        _attention, _attention_backward, _embedding_backward,
        _gelu, _gelu_backward, _layer_norm, _layer_norm_backward,
    )  # fmt: skip
    if None in operators:
        logger.info("torch %s has other operators: gradients by autograd, more slowly", torch.__version__)
        return None
    return LossByHand(model, gradients)


class LossByHand:
    """The loss of `model` on the CPU, which fills `gradients` as autograd would.

    `gradients` are tensors like the model's parameters, in their order. Both may change in place and must
    not move.
    """

    def __init__(self, model: Any, gradients: list[Tensor]) -> None:
        of = {p: (p.detach(), gradient) for p, gradient in zip(model.parameters(), gradients, strict=True)}
        body, eps = model.transformer, model.config.layer_norm_epsilon
        self._wte, self._grad_wte = of[body.wte.weight]
        self._wpe, self._grad_wpe = of[body.wpe.weight]
        self._blocks = [_Block(block, of, model.config.n_head, eps) for block in body.h]
        self._ln_f = _LayerNorm(body.ln_f, of, eps)

    @torch.no_grad()
    def __call__(self, x_BT: Tensor, y_BT: Tensor) -> Tensor:
        """Mean cross-entropy in nats/token of next tokens `y_BT` given `x_BT`."""
        (B, T), d = x_BT.shape, self._wte.shape[1]
        h = torch.embedding(self._wte, x_BT).add_(self._wpe[:T]).view(B * T, d)
        for block in self._blocks:
            h = block.forward(h, B)
        total, g, grad_wT = fused_cross_entropy(self._ln_f.forward(h), self._wte, y_BT.reshape(-1))
        torch.div(grad_wT.T, B * T, out=self._grad_wte)
        g = self._ln_f.backward(g.div_(B * T), torch.empty_like(h))
        spare = torch.empty_like(h), torch.empty_like(h), h.new_empty(B * T, 4 * d)
        for block in reversed(self._blocks):
            block.backward(g, *spare)
        g = g.view(B, T, d)
        self._grad_wte.add_(_embedding_backward(g, x_BT, len(self._wte), -1, False))
        torch.sum(g, 0, out=self._grad_wpe[:T])
        return total / (B * T)


# From here on `forward` keeps what its `backward` needs, and `backward` frees it. h (n, d) is the residual
# stream at n tokens, g the gradient of what `forward` returned.


class _Linear:
    def __init__(self, module: Any, of: dict[Tensor, tuple[Tensor, Tensor]]) -> None:
        self._weight, self._grad_weight = of[module.weight]
        self._bias, self._grad_bias = of[module.bias]
        self._weight_T = self._weight.T

    def forward(self, a: Tensor) -> Tensor:
        self._a = a
        return torch.addmm(self._bias, a, self._weight)

    def backward(self, g: Tensor, out: Tensor) -> Tensor:
        torch.sum(g, 0, out=self._grad_bias)
        torch.mm(self._a.T, g, out=self._grad_weight)
        del self._a
        return torch.mm(g, self._weight_T, out=out)


class _LayerNorm:
    def __init__(self, module: Any, of: dict[Tensor, tuple[Tensor, Tensor]], eps: float) -> None:
        self._weight, self._grad_weight = of[module.weight]
        self._bias, self._grad_bias = of[module.bias]
        self._eps = eps

    def forward(self, h: Tensor) -> Tensor:
        shape = h.shape[1:]
        a, *moments = torch.native_layer_norm(h, shape, self._weight, self._bias, self._eps)
        self._kept = h, shape, *moments
        return a

    def backward(self, g: Tensor, out: Tensor) -> Tensor:
        _layer_norm_backward(
            g, *self._kept, self._weight, self._bias, (True, True, True),
            out0=out, out1=self._grad_weight, out2=self._grad_bias,
        )  # fmt: skip
        del self._kept
        return out


class _Block:
    def __init__(self, block: Any, of: dict[Tensor, tuple[Tensor, Tensor]], n_head: int, eps: float) -> None:
        self._n_head = n_head
        self._ln_1, self._ln_2 = _LayerNorm(block.ln_1, of, eps), _LayerNorm(block.ln_2, of, eps)
        self._c_attn, self._attn_c_proj = _Linear(block.attn.c_attn, of), _Linear(block.attn.c_proj, of)
        self._c_fc, self._mlp_c_proj = _Linear(block.mlp.c_fc, of), _Linear(block.mlp.c_proj, of)

    def forward(self, h: Tensor, sequences: int) -> Tensor:
        n, d = h.shape
        qkv = self._c_attn.forward(self._ln_1.forward(h))
        # (sequences, heads, T, d / heads) each
        qkv = qkv.view(sequences, n // sequences, 3, self._n_head, d // self._n_head).transpose(1, 3)
        q, k, v = qkv.unbind(2)
        a, logsumexp = _attention(q, k, v, 0.0, True)
        self._attended = q, k, v, a, logsumexp
        h = self._attn_c_proj.forward(a.transpose(1, 2).reshape(n, d)).add_(h)
        self._before_gelu = self._c_fc.forward(self._ln_2.forward(h))
        return self._mlp_c_proj.forward(_gelu(self._before_gelu)).add_(h)

    def backward(self, g: Tensor, narrow: Tensor, other: Tensor, wide: Tensor) -> None:
        """Makes `g` the gradient of what went in; overwrites `narrow` and `other` (n, d), `wide` (n, 4 d)."""
        self._mlp_c_proj.backward(g, wide)
        _gelu_backward(wide, self._before_gelu, grad_input=wide)
        g.add_(self._ln_2.backward(self._c_fc.backward(wide, narrow), other))
        q, k, v, a, logsumexp = self._attended
        del self._before_gelu, self._attended
        grad_a = self._attn_c_proj.backward(g, narrow).view(a.transpose(1, 2).shape).transpose(1, 2)
        grads = _attention_backward(grad_a, q, k, v, a, logsumexp, 0.0, True)
        grad_qkv = torch.stack(grads, 2).transpose(1, 3).reshape(len(g), 3 * g.shape[1])
        g.add_(self._ln_1.backward(self._c_attn.backward(grad_qkv, narrow), other))
