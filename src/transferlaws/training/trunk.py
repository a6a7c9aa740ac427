"""The trunk of pre-training, shared by runs of every budget.

A run of a larger budget holds the same rate over the same batches as one of a smaller budget until that
one begins to decay. States on the way are kept, and a run of another budget goes on from the furthest that
is its own too: to the last bit where it would have been. So several pre-training sizes cost little more
than the largest alone. States are files that may be deleted at any time.
"""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from transferlaws.errors import TransferLawsError
from transferlaws.files import replace_atomic, sha256_file


@dataclass(frozen=True)
class State:
    """Where a run stood after `step` held steps.

    `moments` are Adam's, `losses` the training losses since the last evaluation, `curve` the rows of
    numbers and words so far.
    """

    step: int
    weights: dict[str, Tensor]
    moments: dict[int, dict[str, Tensor]]
    losses: list[Tensor]
    curve: list[list[Any]]


@dataclass(frozen=True)
class Trunk:
    """The states of one trunk, in one folder: `<step>-<beginning of its SHA-256>.safetensors`."""

    folder: Path

    def keep(self, state: State) -> None:
        """Write a state; raises TransferLawsError if the disk does not take it."""
        from safetensors.torch import save_file

        tensors = {f"weights/{name}": tensor for name, tensor in state.weights.items()}
        for index, moments in state.moments.items():
            tensors |= {f"moments/{index}/{name}": tensor for name, tensor in moments.items()}
        if state.losses:
            tensors["losses"] = torch.stack(state.losses)
        # Tied weights share memory, which the format does not take.
        tensors = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        written = self.folder / f".{state.step}.{uuid.uuid4().hex}.new"
        try:
            with replace_atomic(written) as temporary:
                save_file(tensors, temporary, metadata={"curve": json.dumps(state.curve)})
            written.replace(self.folder / f"{state.step}-{sha256_file(written)[:16]}.safetensors")
        except Exception as error:
            # safetensors reports a full disk as an error of its own, with the system's reason as text.
            if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
                raise
            raise TransferLawsError(f"cannot write {self.folder}: {error}") from error
        finally:
            written.unlink(missing_ok=True)

    def furthest(self, most: int) -> State | None:
        """The state after the most steps, `most` at most; None if there is none that is intact."""
        from safetensors import safe_open

        found = [(int(path.name.split("-")[0]), path) for path in self.folder.glob("[0-9]*-*.safetensors")]
        for step, path in sorted(found, reverse=True):
            try:
                if step > most or sha256_file(path)[:16] != path.stem.split("-")[1]:
                    continue
                with safe_open(path, framework="pt") as file:
                    tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                    curve = json.loads(file.metadata()["curve"])
            except OSError:  # deleted since, or not to be read
                continue
            weights, moments = {}, dict[int, dict[str, Tensor]]()
            for name, tensor in tensors.items():
                kind, _, rest = name.partition("/")
                if kind == "weights":
                    weights[rest] = tensor
                elif kind == "moments":
                    index, moment = rest.split("/")
                    moments.setdefault(int(index), {})[moment] = tensor
            losses = list(tensors["losses"]) if "losses" in tensors else []
            return State(step, weights, moments, losses, curve)
        return None
