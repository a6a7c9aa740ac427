"""Who is held out, and how a data set of D characters is drawn.

Whole projects are held out for validation and test. A data set is a uniform sample of excerpts of about
1,000 characters over all of a split: a seeded order of all excerpts, of which D takes the beginning, so
that the smaller of two data sets lies inside the larger.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b

import numpy as np

EXCERPT_CHARS = 1_000
HELD_OUT_SHARE = 0.1


def lot(name: str) -> bytes:
    """A name's place in a drawing of lots that is the same on every machine."""
    return blake2b(name.encode(errors="replace"), digest_size=8).digest()


def hold_out(sizes: Mapping[str, int], share: float = HELD_OUT_SHARE) -> dict[str, str]:
    """The split of each project, given the projects' sizes in characters.

    By lot, about `share` of the characters each for test and validation; projects far larger than that stay
    in training unless there are no others. Needs at least three projects.
    """
    goal = share * sum(sizes.values())
    waiting = sorted(sizes, key=lambda name: (sizes[name] > 2 * goal, lot(name)))
    splits = dict.fromkeys(sizes, "train")
    drawn = 0
    for split, needed_later in (("test", 2), ("validation", 1)):
        held = 0
        while len(waiting) - drawn > needed_later and held < goal:
            if held and sizes[waiting[drawn]] > 2 * goal:
                break
            held += sizes[waiting[drawn]]
            splits[waiting[drawn]] = split
            drawn += 1
    return splits


def within(sizes: Mapping[str, int], most: int) -> set[str]:
    """The names, drawn by lot, whose sizes together reach `most` and no further than the last one drawn."""
    kept: set[str] = set()
    total = 0
    for name in sorted(sizes, key=lot):
        if total >= most:
            break
        kept.add(name)
        total += sizes[name]
    return kept


def cut(text: str) -> Iterator[str]:
    """A document cut into excerpts of about EXCERPT_CHARS, at line ends where one is near."""
    number = max(1, round(len(text) / EXCERPT_CHARS))
    start = 0
    for index in range(1, number):
        target = index * len(text) // number
        stop = text.rfind("\n", max(start, target - EXCERPT_CHARS // 4), target + EXCERPT_CHARS // 4) + 1
        stop = stop or target
        yield text[start:stop]
        start = stop
    yield text[start:]


def draw(chars: np.ndarray, d_chars: int, seed: int) -> tuple[np.ndarray, int]:
    """Which excerpts make a data set of `d_chars`, in order, and how much of the last one.

    `chars` are the sizes of all excerpts; their sum must be at least `d_chars`.
    """
    order = np.random.default_rng(seed).permutation(len(chars))
    reached = np.cumsum(chars[order])
    count = int(np.searchsorted(reached, d_chars)) + 1
    before = int(reached[count - 2]) if count > 1 else 0
    return order[:count], d_chars - before
