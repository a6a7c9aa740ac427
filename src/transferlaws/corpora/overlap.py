"""How much of what is held out was seen in training: measured, not assumed.

The share of a held-out split's windows (six lines of code, eight words of text) that also occur in training.
The windows are other than those duplicates were removed by, so that this checks the removal too.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from transferlaws.corpora.corpus import Corpus
from transferlaws.corpora.documents import Document
from transferlaws.corpora.duplicates import window_hashes
from transferlaws.corpora.splits import lot

WINDOW = {"code": 6, "text": 8}
MOST_CHARS = 20_000_000  # of a larger held-out split, a sample of documents of this size is compared


class HeldOut:
    """The windows of a held-out split, and which of them were met elsewhere."""

    def __init__(self, corpus: Corpus, split: str) -> None:
        self._kind = corpus.kind
        share = min(1.0, MOST_CHARS / corpus.characters(split))
        windows: dict[str, list[np.ndarray]] = defaultdict(list)
        for document in corpus.documents(split):
            if int.from_bytes(lot(f"{document.project}/{document.path}")) < share * 2**64:
                windows[document.project].append(self._windows(document))
        self._projects = {project: np.concatenate(parts) for project, parts in windows.items()}
        self._known = np.unique(np.concatenate(list(self._projects.values())))
        self._met = np.zeros(len(self._known), bool)

    def _windows(self, document: Document) -> np.ndarray:
        return window_hashes(document.text, self._kind, WINDOW[self._kind])

    def meet(self, document: Document) -> None:
        """Mark the windows that occur in `document`."""
        hashes = self._windows(document)
        places = np.minimum(np.searchsorted(self._known, hashes), len(self._known) - 1)
        self._met[places[self._known[places] == hashes]] = True

    def result(self) -> dict[str, Any]:
        """Windows compared, the share of them met, in all and by held-out project."""
        met = {
            project: self._met[np.searchsorted(self._known, hashes)]
            for project, hashes in self._projects.items()
        }
        return {
            "windows": sum(map(len, met.values())),
            "share": float(np.mean(np.concatenate(list(met.values())))),
            "projects": {project: float(np.mean(found)) for project, found in sorted(met.items())},
        }


def overlap(corpus: Corpus, held_out: str, documents: Iterable[Document]) -> dict[str, Any]:
    """How much of split `held_out` occurs in `documents`."""
    compared = HeldOut(corpus, held_out)
    for document in documents:
        compared.meet(document)
    return compared.result()
