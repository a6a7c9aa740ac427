"""How much of what is held out was seen in training: measured, not assumed.

The share of a held-out split's windows (six lines of code, eight words of text) that also occur in training.
The windows are other than those duplicates were removed by, so that this checks the removal too. A document
shorter than a window is looked for as a whole, wherever it may stand.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from transferlaws.corpora.corpus import Corpus
from transferlaws.corpora.documents import SPLITS, Document
from transferlaws.corpora.duplicates import Units, distinct
from transferlaws.corpora.splits import lot
from transferlaws.files import write_atomic

WINDOW = {"code": 6, "text": 8}
MOST_CHARS = 20_000_000  # of a larger held-out split, a sample of documents of this size is compared
SHARED_CHARS = 4_000_000  # likewise between two corpora, where the share of all splits is wanted


class HeldOut:
    """The windows of a split, and which of them were met elsewhere."""

    def __init__(self, corpus: Corpus, split: str, most_chars: int = MOST_CHARS) -> None:
        self._kind, self._cleaning = corpus.kind, int(corpus.meta.get("cleaning", 1))
        share = min(1.0, most_chars / corpus.characters(split))
        windows: dict[tuple[int, str], list[np.ndarray]] = defaultdict(list)
        for document in corpus.documents(split):
            drawn = int.from_bytes(lot(f"{document.project}/{document.path}")) < share * 2**64
            if drawn or not windows:
                units = self.units(document)
                width = units.width(WINDOW[self._kind])
                if self._cleaning > 1:
                    width = max(min(width, len(units)), 1)
                windows[width, document.project].append(units.windows(width))
        self._projects = {key: np.concatenate(parts) for key, parts in windows.items()}
        self._known = {
            width: distinct(np.concatenate([v for (w, _), v in self._projects.items() if w == width]))
            for width in {width for width, _ in self._projects}
        }
        self._met = {width: np.zeros(len(known), bool) for width, known in self._known.items()}

    def units(self, document: Document) -> Units:
        """A document in the units in which this split is compared, which are those of its corpus."""
        return Units(document.text, self._kind, self._cleaning)

    def meet(self, windows: Callable[[int], np.ndarray], length: int) -> None:
        """Mark the windows that occur in a document of `length` units, given its `windows` of a width."""
        for width, known in self._known.items():
            if width <= length or self._cleaning == 1:
                hashes = windows(width)
                places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
                self._met[width][places[known[places] == hashes]] = True

    def result(self) -> dict[str, Any]:
        """Windows compared, the share of them met, in all and by held-out project."""
        windows, met = Counter[str](), Counter[str]()
        for (width, project), hashes in self._projects.items():
            windows[project] += len(hashes)
            met[project] += int(self._met[width][np.searchsorted(self._known[width], hashes)].sum())
        return {
            "windows": windows.total(),
            "share": met.total() / windows.total(),
            "projects": {project: met[project] / count for project, count in sorted(windows.items())},
        }


def meet(document: Document, compared: Sequence[HeldOut]) -> None:
    """Mark, in splits of one corpus, the windows that occur in `document`, which is hashed once for all."""
    units = compared[0].units(document)
    windows = cache(units.windows)
    for split in compared:
        split.meet(windows, len(units))


def overlap(corpus: Corpus, held_out: str, documents: Iterable[Document]) -> dict[str, Any]:
    """How much of split `held_out` occurs in `documents`."""
    compared = HeldOut(corpus, held_out)
    for document in documents:
        meet(document, [compared])
    return compared.result()


def shared_text(target: Corpus, source: Corpus) -> dict[str, float]:
    """The share of each split of `target` that occurs in what models are pre-trained on, `source`'s training.

    Measured once, in the target's windows, and kept beside it.
    """
    path = target.path / f"shared-{source.fingerprint[:16]}.json"
    if path.is_file():
        known: dict[str, float] = json.loads(path.read_text("utf-8"))
        return known
    compared = {split: HeldOut(target, split, SHARED_CHARS) for split in SPLITS}
    for document in source.documents("train"):
        meet(document, list(compared.values()))
    made = {split: float(found.result()["share"]) for split, found in compared.items()}
    write_atomic(path, json.dumps(made))
    return made
