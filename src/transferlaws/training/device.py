"""Where a run computes: on a GPU if this process sees one, else on one thread of the CPU.

A CPU computes in float32, and the same spec gives the same loss to the last bit. A GPU computes the
blocks in bfloat16 (float32 where it has none) with deterministic kernels: the same again on the same kind
of GPU with the same versions, near the CPU's loss and not equal to it.

A process trains one run at a time, on the first GPU it sees: CUDA_VISIBLE_DEVICES says which that is.
"""

import ctypes
import os
import platform
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

# Of <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def make_deterministic() -> None:
    """One thread and deterministic kernels: a spec then gives the same loss to the last bit on a CPU."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    # A debugging aid that costs a pass over every new tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def keep_freed_memory() -> None:
    """Have glibc keep what a step frees for the next one.

    Given back to the system, it is zeroed again page by page. Keeping it takes a twentieth off a large
    model's step, and a fifth to a third under the trimming that dask sets for its workers. Does nothing
    where the C library is another.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1)):
            mallopt(parameter, value)


def prepare_device(index: int | None = None) -> torch.device:
    """The device to train on, with this process made deterministic for it.

    `index` is the GPU's number among those the process sees; if not given, the one it is using already.
    """
    make_deterministic()
    if not torch.cuda.is_available():
        keep_freed_memory()
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
    torch.set_float32_matmul_precision("high")  # TF32, for the products that stay out of autocast
    device = torch.device("cuda", torch.cuda.current_device() if index is None else index)
    torch.cuda.set_device(device)
    if torch.cuda.current_stream() == torch.cuda.default_stream():
        torch.cuda.set_stream(torch.cuda.Stream())  # nothing can be recorded on the default one
    return device


def precision(device: torch.device) -> AbstractContextManager[None]:
    """What the forward pass computes in: bfloat16 autocast on a GPU that has it, else no change."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def moved(batch: tuple[Tensor, Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """Inputs and targets on the device."""
    x, y = (t if t.device == device else copied(t, torch.empty_like(t, device=device)) for t in batch)
    return x, y


def copied(source: Tensor, target: Tensor) -> Tensor:
    """`target`, a GPU's, with the numbers of `source` in it.

    Those of a CPU go through pinned memory, so that the GPU goes on computing meanwhile.
    """
    return target.copy_(source if source.is_cuda else source.pin_memory(), non_blocking=True)


def scored_together(device: torch.device, context: int) -> int:
    """How many windows of `context` tokens to score at a time: few stay in a CPU's cache, many fill a GPU."""
    return max(16, (1 << 15) // context) if device.type == "cuda" else 16


def wait_for(device: torch.device) -> None:
    """Return when the device has done all it was given: before a clock is read."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def device_in_words(count: int = 1) -> str:
    """The device this process trains on: kind, model, and how many of how many (`count`) the run uses."""
    if torch.cuda.is_available():
        return f"cuda {torch.cuda.get_device_name()} x{count} of {torch.cuda.device_count()}"
    return f"cpu {platform.machine()} x{count} of {os.cpu_count()}"
