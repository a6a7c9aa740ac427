"""A scale for what somebody has: so many characters of the target, so many core-hours.

`candidates` are the studies that could be made of the data, from small to large; which of them the hours
allow, and which of those tells most, is measured before (`reports.choice`). Runs are trained as those of the
second laptop study (`design.presets`), which is the one place that says how; what differs is what hours that
are few cannot afford.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from transferlaws.design.presets import laptop_2
from transferlaws.design.scale import HALF_DECADE, Scale
from transferlaws.errors import TransferLawsError
from transferlaws.models.ladder import LADDER, SavedSize, Size

NAME = "core-hours"
VOCABULARY, CONTEXT = 512, 128  # tokens
LEAST_CHARS = 1_000  # of the smallest data set: below, a cell says which passages it happened to get
FEWEST_DATA, MOST_DATA = 3, 6  # data sizes, half a decade apart
FEWEST_SIZES = 2
LEAST_SEEDS, MOST_SEEDS = 2, 12
PRETRAIN_TOKENS = (200_000, 20_000_000)  # least and most
MOST_PASSES = 4  # over the source, in pre-training (Muennighoff et al. 2023: beyond it, repeats say little)
LONGEST_SEARCH = 6  # rates
FLAT_NATS = 0.01  # rates this close are equal, and the largest takes the fewest steps
TOLERANCE = 0.01  # nats/token: what as many tokens again must bring; less is better spent on a seed
HELD_OUT = {"stop_chars": 20_000, "test_chars": 100_000}


@dataclass(frozen=True)
class Dials:
    """What tells one candidate from another: model sizes, data sizes (characters), tokens of pre-training.

    `seeds` are those of each data size. Plain values, so that a design can be written down and read again.
    Sizes are of the ladder, or models that are given, whose pre-training takes no tokens.
    """

    sizes: tuple[Size, ...]
    d_chars: tuple[int, ...]
    pretrain_tokens: int
    seeds: tuple[int, ...]

    def scale(self, pretrain_chars: int) -> Scale:
        """The scale with these dials; sources are read up to `pretrain_chars` characters."""
        like = laptop_2()
        assert like.pretraining is not None
        # The surface reaches further: searching the dearest cells would cost most of all. Over a single
        # decade one amount is enough: the best settings move there by less than the loss would notice.
        further = len(self.d_chars) > FEWEST_DATA
        searched = (self.d_chars[0], self.d_chars[-2]) if further else self.d_chars[:1]
        return replace(
            like,
            name=NAME,
            tier=NAME,
            sizes=self.sizes,
            d_chars=self.d_chars,
            seeds=tuple(zip(self.d_chars, self.seeds, strict=True)),
            seeds_by_cost=((math.inf, MOST_SEEDS),),
            beside=None,
            control=None,
            reach=math.inf,
            chars_per_param=math.inf,
            pretrain_chars=pretrain_chars,
            pretrain_tokens=self.pretrain_tokens,
            tuning=replace(
                like.tuning,
                d_chars=searched,
                most_rates=LONGEST_SEARCH,
                flat_nats=FLAT_NATS,
                reach=self.sizes[-1].n_params * self.d_chars[-2] / 2,
            ),
            vocabulary_size=VOCABULARY,
            context=CONTEXT,
            recipe=replace(like.recipe, tolerance=TOLERANCE, **HELD_OUT),
            pretraining=replace(like.pretraining, **HELD_OUT),
        )

    def one_more_seed(self, place: int) -> "Dials":
        """The same with one seed more at data size number `place`."""
        return replace(self, seeds=tuple(n + (at == place) for at, n in enumerate(self.seeds)))


def data_grid(available: int) -> tuple[int, ...]:
    """All data there is, and half a decade less each time, smallest first; two digits each.

    Raises TransferLawsError if that does not give the three amounts of data that a curve takes.
    """
    grid: list[int] = []
    d = float(available)
    while d >= LEAST_CHARS:
        digits = 10 ** max(int(math.log10(d)) - 1, 0)
        grid.append(int(d / digits) * digits)  # down: there is no more
        d /= HALF_DECADE
    if len(grid) < FEWEST_DATA:
        raise TransferLawsError(
            f"the target holds {available:,} characters to train on after cleaning and holding out; a curve "
            f"needs at least {round(LEAST_CHARS * HALF_DECADE ** (FEWEST_DATA - 1)):,}"
        )
    return tuple(grid[::-1])


def families(given: Sequence[SavedSize] = ()) -> list[tuple[Size, ...]]:
    """The model sizes that a study may have, smallest first: of the ladder, or all that are given."""
    return [tuple(given)] if given else [LADDER[:n] for n in range(FEWEST_SIZES, len(LADDER) + 1)]


def candidates(available: int, pretrain_tokens: Mapping[tuple[Size, ...], int]) -> Iterator[Dials]:
    """Every study of `available` characters, by sizes and reach in data, cheap ones first.

    `pretrain_tokens` is what the hours allow, by the sizes of the study.
    """
    grid = data_grid(available)
    for top in range(FEWEST_DATA, len(grid) + 1):
        data = grid[max(0, top - MOST_DATA) : top]
        for sizes, tokens in pretrain_tokens.items():
            yield Dials(sizes, data, tokens, (LEAST_SEEDS,) * len(data))
