"""A causal language model that somebody saved, in whatever architecture `transformers` has for it.

It is trained and scored by its own forward pass, in float32 and without dropout. Its code is transformers'
own; a folder that brings code of its own is refused (`models.saved` says what else is).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transferlaws.errors import TransferLawsError
from transferlaws.models.ladder import SavedSize
from transferlaws.models.saved import check_saved_model, digest_of

T = TypeVar("T")
PROBE = 8  # tokens on which a model is seen to be causal


class Given(nn.Module):
    """A model of `transformers`; its size is `size`."""

    def __init__(self, model: Any, size: SavedSize) -> None:
        super().__init__()
        self.model, self.size = model, size
        self.eval()

    def train(self, mode: bool = True) -> "Given":  # noqa: ARG002
        """Stay as it is: dropout would be noise that the two arms of a study do not share."""
        return super().train(False)

    def save_pretrained(self, folder: Path) -> None:
        """Write the model into a folder, as `load` reads it."""
        self.model.save_pretrained(folder)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def mean_loss(self, x_BT: Tensor, y_BT: Tensor) -> Tensor:
        """Mean cross-entropy in nats/token of next tokens `y_BT` given `x_BT`, ready for `backward`."""
        return F.cross_entropy(self._logits(x_BT), y_BT.reshape(-1))

    @torch.no_grad()
    def total_loss(self, x_BT: Tensor, y_BT: Tensor) -> Tensor:
        """Summed cross-entropy in nats, a float64 scalar; in parts that memory is meant for."""
        at_once = self.size.sequences_at_once(x_BT.shape[1], x_BT.device.type)
        total = torch.zeros((), dtype=torch.float64, device=x_BT.device)
        for x, y in zip(x_BT.split(at_once), y_BT.split(at_once), strict=True):
            total += F.cross_entropy(self._logits(x), y.reshape(-1), reduction="sum")
        return total

    def _logits(self, x_BT: Tensor) -> Tensor:
        logits: Tensor = self.model(input_ids=x_BT, use_cache=False).logits
        return logits.flatten(0, 1).float()


def size_of(folder: Path) -> SavedSize:
    """What a saved model is, counted on a fresh one of its kind.

    Raises TransferLawsError for a folder that is not read, for an architecture that transformers does not
    have, and for a model that sees the tokens it is to predict.
    """
    check_saved_model(folder)
    config = _config(folder)
    model = _fresh(folder, config, seed=0)
    _require_causal(model, folder)
    text = config.get_text_config()
    tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    embedded = {p for table in tables for p in table.parameters()}
    head = model.get_output_embeddings()
    embedded |= set(head.parameters())
    in_all = sum(p.numel() for p in model.parameters())
    longest = getattr(text, "max_position_embeddings", None)
    return SavedSize(
        n_layer=int(text.num_hidden_layers),
        d_model=int(text.hidden_size),
        n_head=1,
        checkpoint=digest_of(folder),
        without_embeddings=in_all - sum(p.numel() for p in embedded),
        in_all=in_all,
        vocabulary=len(head.weight),
        longest=int(longest) if longest and longest > 0 else None,
    )


def load(folder: Path, size: SavedSize) -> Given:
    """The model saved in `folder`, which is of `size`.

    Raises TransferLawsError if its weights are not all there: a model is never filled up with random ones.
    """
    from transformers import AutoModelForCausalLM

    def read() -> tuple[Any, dict[str, Any]]:
        model, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
        )
        return model, found

    model, found = _quietly(folder, read)
    if missing := sorted(found["missing_keys"]):
        raise TransferLawsError(f"{folder} lacks weights of its model: {', '.join(missing[:3])}")
    return Given(model, size)


def fresh(folder: Path, size: SavedSize, seed: int) -> Given:
    """A freshly initialised model of the same architecture; the same seed gives the same weights."""
    return Given(_fresh(folder, _config(folder), seed), size)


def _config(folder: Path) -> Any:
    from transformers import AutoConfig

    return _quietly(
        folder,
        lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True),
    )


def _fresh(folder: Path, config: Any, seed: int) -> Any:
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    make = AutoModelForCausalLM.from_config
    return _quietly(folder, lambda: make(config, dtype=torch.float32, trust_remote_code=False))


@torch.no_grad()
def _require_causal(model: Any, folder: Path) -> None:
    """Raise TransferLawsError if what stands later changes what is said of an earlier token."""
    model.eval()
    x = torch.arange(PROBE)[None] + 1
    other = x.clone()
    other[0, -1] = 0

    def logits() -> list[Tensor]:
        return [model(input_ids=tokens, use_cache=False).logits[0, :-1] for tokens in (x, other)]

    one, two = _quietly(folder, logits)
    if not torch.allclose(one, two, atol=1e-5):
        raise TransferLawsError(
            f"{folder} holds a {type(model).__name__} that sees the tokens it is to predict: it is no causal "
            "language model"
        )


def _quietly(folder: Path, action: Callable[[], T]) -> T:
    """What `action` returns, without transformers' own words; raises TransferLawsError for what it raises."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        return action()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, AttributeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TransferLawsError(
            f"{folder} holds no causal language model that can be read: {reason}"
        ) from error
