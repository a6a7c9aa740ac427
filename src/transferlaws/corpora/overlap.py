"""How much of what is held out was seen in training: measured, not assumed.

The share of a held-out split's windows (six lines of code, eight words of text) that also occur in training.
The windows are other than those duplicates were removed by, so that this checks the removal too. A document
shorter than a window is looked for as a whole, wherever it may stand.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from transferlaws.corpora.corpus import Corpus
from transferlaws.corpora.documents import SPLITS, Document
from transferlaws.corpora.duplicates import Units
from transferlaws.corpora.splits import lot
from transferlaws.files import write_atomic

WINDOW = {"code": 6, "text": 8}
MOST_CHARS = 20_000_000  # of a larger held-out split, a sample of documents of this size is compared


class HeldOut:
    """The windows of a split, and which of them were met elsewhere."""

    def __init__(self, corpus: Corpus, split: str) -> None:
        self._kind, self._cleaning = corpus.kind, int(corpus.meta.get("cleaning", 1))
        share = min(1.0, MOST_CHARS / corpus.characters(split))
        windows: dict[tuple[int, str], list[np.ndarray]] = defaultdict(list)
        for document in corpus.documents(split):
            drawn = int.from_bytes(lot(f"{document.project}/{document.path}")) < share * 2**64
            if drawn or not windows:
                units, width = self._units(document)
                if self._cleaning > 1:
                    width = max(min(width, len(units)), 1)
                windows[width, document.project].append(units.windows(width))
        self._projects = {key: np.concatenate(parts) for key, parts in windows.items()}
        self._known = {
            width: np.unique(np.concatenate([v for (w, _), v in self._projects.items() if w == width]))
            for width in {width for width, _ in self._projects}
        }
        self._met = {width: np.zeros(len(known), bool) for width, known in self._known.items()}

    def _units(self, document: Document) -> tuple[Units, int]:
        units = Units(document.text, self._kind, self._cleaning)
        return units, units.width(WINDOW[self._kind])

    def meet(self, document: Document) -> None:
        """Mark the windows that occur in `document`."""
        units, _ = self._units(document)
        for width, known in self._known.items():
            if width <= len(units) or self._cleaning == 1:
                hashes = units.windows(width)
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


def overlap(corpus: Corpus, held_out: str, documents: Iterable[Document]) -> dict[str, Any]:
    """How much of split `held_out` occurs in `documents`."""
    compared = HeldOut(corpus, held_out)
    for document in documents:
        compared.meet(document)
    return compared.result()


def shared_text(target: Corpus, source: Corpus) -> dict[str, float]:
    """The share of each split of `target` that occurs in what models are pre-trained on, `source`'s training.

    Measured once, in the target's windows, and kept beside it.
    """
    path = target.path / f"shared-{source.fingerprint[:16]}.json"
    if path.is_file():
        known: dict[str, float] = json.loads(path.read_text("utf-8"))
        return known
    compared = {split: HeldOut(target, split) for split in SPLITS}
    for document in source.documents("train"):
        for split in compared.values():
            split.meet(document)
    made = {split: float(found.result()["share"]) for split, found in compared.items()}
    write_atomic(path, json.dumps(made))
    return made
