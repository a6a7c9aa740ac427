"""The bill before it is spent: tokens, FLOPs, seconds and memory of every cell of a plan.

Tokens to the early stop are what `runs.lengths` expects; seconds come from measured throughput.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from transferlaws.design.question import BASELINE
from transferlaws.design.scale import Scale
from transferlaws.models.ladder import SavedSize, Size
from transferlaws.runs.lengths import Lengths
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.store import Store

# Characters of Python a token of an English BPE, by its vocabulary; 257 are bytes. Measured.
VOCABULARIES = (257, 512, 1_024, 4_096, 50_257)
CHARS_PER_TOKEN = (1.0, 1.4, 1.54, 1.7, 2.0)


EVALUATION_FACTOR = 1.5  # measured: evaluating on the stop set, and keeping the best weights
# Weights, gradient, two Adam moments; the best weights, held ones with their moments, a mean; in float32.
BYTES_PER_PARAMETER = 40
LOGIT_BYTES = 12  # of a saved model, whose logits are stored: they, their logarithms, their gradients
WORKER_BYTES = 600_000_000  # a process with torch and transformers loaded


class Overhead(NamedTuple):
    """What is left when a run's arithmetic is taken away.

    In seconds: of the run, of each of its steps, and of each layer in them. And the bytes that a pass keeps
    for each token, layer and unit of width.
    """

    run: float
    step: float
    layer: float
    state_bytes: int


# Measured: one CPU core; one H100, whose small kernels start one after another.
OVERHEADS = {"cpu": Overhead(0.2, 1.5e-3, 0.0, 120), "cuda": Overhead(0.05, 1e-4, 2.2e-4, 44)}


@dataclass(frozen=True)
class Estimate:
    """What one cell is expected to take."""

    cell: Cell
    tokens: float
    flops: float
    seconds: float | None
    done: bool


@dataclass
class CostModel:
    """Expected cost of cells; `flops_per_second` maps a size to what was measured of it (`throughput`).

    `device` is the kind that trains (`cpu`, `cuda`), if no finished run says otherwise.
    """

    plan: Plan
    store: Store
    flops_per_second: Mapping[Size, float] = field(default_factory=dict)
    device: str = "cpu"

    def __post_init__(self) -> None:
        records = list(self.store)
        kinds = Counter(str(record.outcome.get("device", "")).split(" ")[0] for record in records)
        if known := [kind for kind, _ in kinds.most_common() if kind in OVERHEADS]:
            self.device = known[0]
        log_vocabulary = math.log(self.plan.vocabulary_size)
        self._chars_per_token = float(np.interp(log_vocabulary, np.log(VOCABULARIES), CHARS_PER_TOKEN))
        seen = []
        self._speed: dict[tuple[int, int], list[float]] = {}
        for record in records:
            outcome, shape = record.outcome, record.spec["size"]
            if record.status != "ok" or not outcome["d_chars"] or not outcome["tokens_seen"]:
                continue
            if record.spec["budget_tokens"] is not None:  # full batches, few evaluations: the plain rate
                shape_key = (shape["n_layer"], shape["d_model"])
                steps = outcome["tokens_seen"] / self.plan.scale.recipe.batch_tokens
                seconds = record.core_seconds - self._overhead(steps, shape["n_layer"])
                self._speed.setdefault(shape_key, []).append(outcome["flops"] / max(seconds, 1e-3))
            else:
                place = outcome["n_params"], outcome["d_chars"]
                seen.append((record.spec["start"] is None, *place, outcome["tokens_seen"]))
        self._lengths = Lengths(self.plan.scale.tier, self._chars_per_token, seen)

    def tokens(self, cell: Cell) -> float:
        """Expected training tokens of a cell."""
        if cell.role == "pretrain":
            return self.plan.pretrain_tokens(cell.arm)
        if cell.d_chars == 0:
            return 0.0
        length = self._lengths(cell.arm == BASELINE, cell.size, cell.d_chars)
        return min(length, self.plan.scale.recipe.max_tokens)

    def speed(self, size: Size) -> float | None:
        """Training FLOPs per second of one worker within a step.

        Of finished pre-training runs, else measured, else of the nearest size that was.
        """
        if known := self._speed.get((size.n_layer, size.d_model)):
            return float(np.median(known))
        if size in self.flops_per_second:
            return self.flops_per_second[size]
        nearest = min(
            self.flops_per_second,
            key=lambda other: abs(math.log(other.n_params / size.n_params)),
            default=None,
        )
        return None if nearest is None else self.flops_per_second[nearest]

    def estimate(self, cell: Cell) -> Estimate:
        """The expected cost of a cell, and whether it is done."""
        scale = self.plan.scale
        tokens = self.tokens(cell)
        per_token = cell.size.flops_per_token(self.plan.vocabulary_size, scale.context)
        scoring = (scale.recipe.stop_chars + scale.recipe.test_chars) / self._chars_per_token / 3
        speed = self.speed(cell.size)
        seconds = None
        if speed is not None:
            work = tokens * (1 if cell.role == "pretrain" else EVALUATION_FACTOR) + scoring
            steps = tokens / self._batch_tokens(cell)
            seconds = work * per_token / speed + self._overhead(steps, cell.size.n_layer)
        return Estimate(cell, tokens, tokens * per_token, seconds, self.done(cell))

    def done(self, cell: Cell) -> bool:
        """True if the cell's run has left a record that counts."""
        record = None if cell.spec is None else self.store.read(cell.spec.key)
        return record is not None and record.finished

    def _overhead(self, steps: float, n_layer: int) -> float:
        """Seconds of a run of so many steps that are not arithmetic."""
        overhead = OVERHEADS[self.device]
        return overhead.run + steps * (overhead.step + n_layer * overhead.layer)

    def _batch_tokens(self, cell: Cell) -> float:
        """Tokens a step: the recipe's, or fewer where the data set is small."""
        recipe, context = self.plan.scale.recipe, self.plan.scale.context
        if cell.role == "pretrain":
            return recipe.batch_tokens
        share = cell.d_chars / self._chars_per_token * recipe.batch_share
        return min(recipe.batch_tokens, max(context, share))

    def worker_bytes(self) -> float:
        """Memory of one worker at the largest size: parameters and the activations of one pass."""
        scale, size = self.plan.scale, max(self.plan.scale.sizes, key=lambda size: size.n_params)
        parameters = size.n_params_total(self.plan.vocabulary_size, scale.context)
        tokens = min(
            scale.recipe.batch_tokens, scale.context * size.sequences_at_once(scale.context, self.device)
        )
        activations = tokens * size.d_model * (OVERHEADS[self.device].state_bytes * size.n_layer + 40)
        if isinstance(size, SavedSize):
            activations += LOGIT_BYTES * tokens * size.vocabulary
        return WORKER_BYTES + BYTES_PER_PARAMETER * parameters + activations


def expected_runs(cells: Sequence[Cell], scale: Scale, done: Callable[[Cell], bool]) -> list[Cell]:
    """The runs that the cells come to, each once: a tuning run at the chosen rate is also a run proper.

    Searches that go on are filled up to what they usually take, four rates and three weight decays where
    these are searched: before any run, a plan knows only three rates.
    """
    usual = 7 if scale.tuning.smooth else 4
    searches: dict[tuple[str, Size, int], list[Cell]] = {}
    for cell in cells:
        if cell.role == "tune":
            searches.setdefault((cell.arm, cell.size, cell.d_chars), []).append(cell)
    missing = [
        Cell("tune", arm, size, d_chars, 0, None)
        for (arm, size, d_chars), tried in searches.items()
        if not all(map(done, tried))
        for _ in range(min(usual, scale.tuning.most_rates) - len(tried))
    ]
    once = {cell.spec.key if cell.spec else str(place): cell for place, cell in enumerate([*cells, *missing])}
    return list(once.values())
