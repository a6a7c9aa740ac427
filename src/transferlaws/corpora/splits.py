"""Who is held out, and how a data set of D characters is drawn.

Whole projects are held out for validation and test. A data set is a sample of excerpts over all of a split:
a seeded order of all excerpts, of which D takes the beginning, so that the smaller of two data sets lies
inside the larger. The order is uniform, of excerpts of about 1,000 characters; or spread, of shorter pieces
of them: then every beginning of it is divided over projects nearly as the split is, and seeds differ less.
"""

from collections.abc import Iterator, Mapping
from hashlib import blake2b

import numpy as np

EXCERPT_CHARS = 1_000
HELD_OUT_SHARE = 0.1
GOLDEN = (5**0.5 - 1) / 2


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


def draw_spread(
    chars: np.ndarray, d_chars: int, seed: int, length: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Which pieces of excerpts make a data set of `d_chars`, in order, and how much of the last one.

    `chars` are the sizes of all excerpts, in the order of the split; their sum must be at least `d_chars`. An
    excerpt of c characters has n pieces of about `length`; piece j are its characters from jc // n to
    (j + 1)c // n. A piece's turn comes when the golden-ratio sequence, u + i (sqrt(5) - 1) / 2 modulo 1 with
    u from the seed, first falls on it: it covers the split evenly wherever it is cut off (Kuipers and
    Niederreiter 1974, chapter 2), and over seeds it is uniform. Returns rows, js and ns, each (m,), and a
    number of characters.
    """
    n_pieces = np.maximum(1, np.round(chars / length)).astype(np.int64)
    ends, total = np.cumsum(chars), int(chars.sum())
    first = np.cumsum(n_pieces) - n_pieces
    start, reached, n_points = np.random.default_rng(seed).random(), np.zeros(1), 1024
    while reached[-1] < d_chars:
        n_points *= 2
        places = ((start + np.arange(n_points) * GOLDEN) % 1 * total).astype(np.int64)
        rows = np.searchsorted(ends, places, "right")
        # The last piece that begins at or before the place.
        js = ((places - ends[rows] + chars[rows] + 1) * n_pieces[rows] - 1) // chars[rows]
        _, turns = np.unique(first[rows] + js, return_index=True)
        turns.sort()
        rows, js, ns = rows[turns], js[turns], n_pieces[rows[turns]]
        reached = np.cumsum((js + 1) * chars[rows] // ns - js * chars[rows] // ns)
    count = int(np.searchsorted(reached, d_chars)) + 1
    before = int(reached[count - 2]) if count > 1 else 0
    return rows[:count], js[:count], ns[:count], d_chars - before
