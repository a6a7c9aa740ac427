"""Which tuning runs a line needs, and the learning rate and weight decay they give its runs.

A line is one arm at one size. The first edition searched rates at a few data sizes and went straight between
them; `smooth` tuning searches rates, then weight decays at the best rate, and reads both from one surface
over all lines of the arm.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from transferlaws.runs.store import Store
from transferlaws.training.spec import RunSpec
from transferlaws.training.surface import Trial, fit_surface
from transferlaws.training.tuning import (
    FACTOR,
    FEWEST_RATES,
    HALF_DECADE,
    Tuning,
    best_rate,
    best_tried,
    doubtful,
    interpolated_rate,
    next_decays,
    next_rates,
    rung,
)

BASE_WIDTH = 16  # of a smooth search's first guess
GENTLER = 4  # fine-tuning's first guess of a rate is from scratch's, divided by this
MOST_DECAYS = 6
LARGEST_DECAY = 10.0  # three times as much cost half a nat wherever it was tried
# Where a search begins, from the best of the data size before: what trials found, to the nearest rung. Far
# from the optimum a run takes ten times as long.
RATE_RISES, DECAY_FALLS = 0.4, 0.5  # exponents of D

Tried = list[tuple[int, RunSpec | None]]  # tuning runs by data size; None is one whose settings are not known
Settings = Callable[[int], tuple[float, float]]  # learning rate and weight decay at a data size


@dataclass(frozen=True)
class Line:
    """What a search needs to know of a line: its data sizes, whether it is fine-tuned, and how to make a run.

    `run(d_chars, rate, weight_decay)` is the tuning run of seed 0; `weight_decay` is the recipe's own.
    """

    n_params: int
    width: int
    data_sizes: tuple[int, ...]
    pretrained: bool
    weight_decay: float
    run: Callable[[int, float, float], RunSpec]

    @property
    def guess(self) -> float:
        """The factor on the first guess of a rate."""
        return 1 / GENTLER if self.pretrained else 1.0


def interpolated(line: Line, tuning: Tuning, store: Store) -> tuple[Tried, Settings | None]:
    """The line's tuning runs as far as they are known, and what they give its runs once all are measured."""
    tried: Tried = []
    tuned: list[tuple[int, float]] | None = []
    best: dict[int, float] = {}
    guess = tuning.first_guess * line.guess
    for d_chars in _tuned_sizes(line, tuning):
        if tuned is None:  # searched from the best rate of the data size before, which is not known yet
            tried += [(d_chars, None)] * FEWEST_RATES
            continue
        specs, losses = _rates(line, tuning, store, d_chars, guess)
        tried += [(d_chars, spec) for spec in specs]
        if losses is None:
            tuned = None
            continue
        guess = best[d_chars] = best_tried(losses, tuning)
        tuned.append((d_chars, best_rate(losses, tuning)))
    for d_chars in doubtful(tuned or [], line.data_sizes):
        near = best[max(d for d in best if d < d_chars)]
        specs, losses = _rates(line, tuning, store, d_chars, near)
        tried += [(d_chars, spec) for spec in specs]
        tuned = None if losses is None or tuned is None else [*tuned, (d_chars, best_rate(losses, tuning))]
    if tuned is None:
        return tried, None
    found = tuned
    return tried, lambda d_chars: (interpolated_rate(found, d_chars), line.weight_decay)


def smooth(lines: Sequence[Line], mine: int, tuning: Tuning, store: Store) -> tuple[Tried, Settings | None]:
    """The tuning runs of line number `mine`, and settings once those of all lines of the arm are measured.

    The surface is over rate times width: that is what Adam's best rate keeps when models grow wider (Yang et
    al. 2022, "Tensor Programs V").
    """
    searches = [_valleys(line, tuning, store) for line in lines]
    tried = searches[mine][0]
    found = [trials for _, trials in searches]
    if any(trials is None for trials in found):
        return tried, None
    line, every = lines[mine], list(chain.from_iterable(trials for trials in found if trials is not None))
    learned = [trial for trial in every if math.isfinite(trial.loss)]
    if not learned:
        least = float(f"{min(trial.rate for trial in every) / line.width:.3g}")
        return tried, lambda _: (least, line.weight_decay)
    surface = fit_surface(learned)

    def settings(d_chars: int) -> tuple[float, float]:
        rate = surface.rate(line.n_params, d_chars) / line.width
        return float(f"{rate:.3g}"), surface.weight_decay(line.n_params, d_chars)

    return tried, settings


def _valleys(line: Line, tuning: Tuning, store: Store) -> tuple[Tried, list[Trial] | None]:
    """Rates at each tuned data size, weight decays at the best of them, rates again where that moved.

    Each data size is searched from the best of the one before, moved as optima usually move. Trials once all
    are measured.
    """
    tried: Tried = []
    trials: list[Trial] | None = []
    rate, decay = tuning.first_guess * line.guess * BASE_WIDTH / line.width, line.weight_decay
    before = tuning.d_chars[0]
    for d_chars in _tuned_sizes(line, tuning):
        more, before = d_chars / before, d_chars
        rate = rung(rate, round(RATE_RISES * math.log(more, FACTOR)))
        decay = float(f"{decay * HALF_DECADE ** -round(DECAY_FALLS * math.log(more, HALF_DECADE)):.3g}")
        if trials is None:
            tried += [(d_chars, None)] * (FEWEST_RATES + 2)
            continue
        search = _Search(line, tuning, store, d_chars)
        rate, decay = search.down(rate, decay)
        tried += [(d_chars, spec) for spec in search.specs]
        if search.waits:
            tried += [(d_chars, None)] * max(0, FEWEST_RATES + 2 - len(search.specs))
            trials = None
        else:
            trials += [
                Trial(line.n_params, d_chars, r * line.width, w, loss)
                for (r, w), loss in search.losses.items()
            ]
    return tried, trials


class _Search:
    """A cell's search for its best rate and weight decay, one after the other, as far as it is measured."""

    def __init__(self, line: Line, tuning: Tuning, store: Store, d_chars: int) -> None:
        self._line, self._tuning, self._store, self._d_chars = line, tuning, store, d_chars
        self.specs: list[RunSpec] = []
        self.losses: dict[tuple[float, float], float] = {}
        self.waits = False

    def down(self, rate: float, decay: float) -> tuple[float, float]:
        """The best rate and weight decay found from these; where it waits for runs, those so far."""
        started = decay
        rate = self._rates(rate, decay)
        decay = self._decays(rate, decay)
        if decay != started:
            rate = self._rates(rate, decay)
        return rate, decay

    def _rates(self, rate: float, decay: float) -> float:
        while not self.waits:
            losses = {r: loss for (r, w), loss in self.losses.items() if w == decay}
            wanted = next_rates(losses, self._tuning, rate)
            if not wanted:
                return best_tried(losses, self._tuning)
            self._try([(r, decay) for r in wanted])
        return rate

    def _decays(self, rate: float, decay: float) -> float:
        while not self.waits:
            losses = {w: loss for (r, w), loss in self.losses.items() if r == rate}
            wanted = [w for w in next_decays(losses, decay, MOST_DECAYS) if w <= LARGEST_DECAY]
            if not wanted:
                return min(losses, key=lambda w: losses[w])
            self._try([(rate, w) for w in wanted])
        return decay

    def _try(self, settings: Sequence[tuple[float, float]]) -> None:
        batch = [self._line.run(self._d_chars, *setting) for setting in settings]
        self.specs += batch
        measured = _losses(self._tuning, self._store, batch)
        if measured is None:
            self.waits = True
        else:
            self.losses |= dict(zip(settings, measured, strict=True))


def _tuned_sizes(line: Line, tuning: Tuning) -> Iterator[int]:
    most = min(tuning.reach / line.n_params, tuning.chars_per_param * line.n_params, line.data_sizes[-1])
    return (d for d in tuning.d_chars if d <= most or d == tuning.d_chars[0] <= line.data_sizes[-1])


def _rates(
    line: Line, tuning: Tuning, store: Store, d_chars: int, guess: float
) -> tuple[list[RunSpec], dict[float, float] | None]:
    """The runs of a search for the rate, and their losses by rate (None: not all of them are measured)."""
    specs, losses = [], dict[float, float]()
    while rates := next_rates(losses, tuning, guess):
        batch = [line.run(d_chars, rate, line.weight_decay) for rate in rates]
        specs += batch
        measured = _losses(tuning, store, batch)
        if measured is None:
            return specs, None
        losses |= dict(zip(rates, measured, strict=True))
    return specs, losses


def _losses(tuning: Tuning, store: Store, specs: Sequence[RunSpec]) -> list[float] | None:
    """Validation losses of runs, infinite where one diverged; None if one of them is not measured."""
    losses = []
    for spec in specs:
        record = store.read(spec.key)
        if record is None or not record.finished:
            return None
        stood = tuning.must_learn and record.outcome.get("epochs_best") == 0
        losses.append(math.inf if stood else float(record.outcome.get("loss_validation", math.inf)))
    return losses
