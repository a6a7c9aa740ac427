"""A GPU's step as one CUDA graph: recorded once, then replayed.

The step of a small model is some hundred kernels of a few microseconds each, and Python takes longer to
start one than the GPU to run it. Replayed, they start together, and compute the same numbers.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from transferlaws.training.device import copied

Argument = Tensor | float
WARM_UP_CALLS = 3  # before recording: kernels are loaded and workspaces allocated by then


def recorded(function: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
    """`function`, which computes on `device`; on a GPU a `Recording` of it."""
    return Recording(function, device) if device.type == "cuda" else function


class Recording:
    """A function of tensors, whose shapes must not change, and numbers, which it gets as scalar tensors.

    Must do the same at every call and wait for nothing. Runs as it is at first and from the fourth call on
    from the recording, on the stream that `prepare_device` chose.
    """

    def __init__(self, function: Callable[..., Tensor], device: torch.device) -> None:
        self._function, self._device = function, device
        self._calls = 0
        self._inputs: list[Tensor] = []

    def __call__(self, *arguments: Argument) -> Tensor:
        """What the function returns for these arguments, in a tensor of its own."""
        if not self._calls:
            shapes = [a.detach() if isinstance(a, Tensor) else torch.empty(()) for a in arguments]
            self._inputs = [torch.empty_like(shape, device=self._device) for shape in shapes]
        for mine, given in zip(self._inputs, arguments, strict=True):
            if isinstance(given, Tensor):
                copied(given, mine)
            else:
                mine.fill_(given)
        self._calls += 1
        if self._calls <= WARM_UP_CALLS:
            return self._function(*self._inputs)
        if self._calls == WARM_UP_CALLS + 1:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, stream=torch.cuda.current_stream(self._device)):
                self._output = self._function(*self._inputs)
        self._graph.replay()
        return self._output.clone()
