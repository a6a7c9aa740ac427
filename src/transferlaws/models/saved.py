"""A folder that `save_pretrained` wrote: whether its weights can be trusted and read, and what names it.

Weights are read from safetensors alone: files of numbers. A pickle can run anything as it is opened, and so
can code that lies beside a model; neither is ever touched. Torch-free.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from transferlaws.errors import TransferLawsError

PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
"""What older and other libraries save weights as."""
DECIDES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json")
"""The files beside the weights that decide what a model computes of a text."""


def is_saved_model(folder: Path) -> bool:
    """Whether a folder holds a model, in a form that can be read or not, rather than text."""
    weights = (next(folder.glob(name), None) for name in ("*.safetensors", *PICKLES))
    whole = (folder / "config.json").is_file() and any(weights)
    return whole or (folder / "adapter_config.json").is_file()


def check_saved_model(folder: Path) -> None:
    """Raise TransferLawsError, with the way out, for a saved model that is not read."""
    if (folder / "adapter_config.json").is_file():
        raise TransferLawsError(
            f"{folder} holds an adapter, not a model: merge it into its model (merge_and_unload), save that"
        )
    if next(folder.glob("model*.safetensors"), None) is None:
        pickles = sorted(path.name for name in PICKLES for path in folder.glob(name))
        held = f"{pickles[0]}, a pickle, which can run code when it is opened" if pickles else "other files"
        raise TransferLawsError(
            f"{folder} has no model.safetensors, but {held}; if you trust it, have transformers save it "
            "again: AutoModelForCausalLM.from_pretrained(OLD).save_pretrained(NEW)"
        )
    if not (folder / "tokenizer.json").is_file():
        raise TransferLawsError(
            f"{folder} has no tokenizer.json: save the model's tokenizer beside it, "
            "AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER)"
        )
    if "quantization_config" in read_json(folder / "config.json"):
        raise TransferLawsError(
            f"{folder} holds quantized weights, which cannot be trained further; it takes the model in full"
        )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; raises TransferLawsError if there is none."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TransferLawsError(f"cannot read {path}: {error}") from error
    if not isinstance(document, dict):
        raise TransferLawsError(f"{path} holds no JSON object")
    return document


def digest_of(folder: Path) -> str:
    """The first 32 hexadecimal digits of a SHA-256 of weights, configuration and tokenizer.

    Raises TransferLawsError if they cannot be read.
    """
    whole = hashlib.sha256()
    beside = (folder / name for name in DECIDES)
    try:
        for path in sorted(
            [*folder.glob("model*.safetensors"), *(path for path in beside if path.is_file())]
        ):
            with path.open("rb") as file:
                whole.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n".encode())
    except OSError as error:
        raise TransferLawsError(f"cannot read {folder}: {error.strerror or error}") from error
    return whole.hexdigest()[:32]
