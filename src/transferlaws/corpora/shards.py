"""One origin, read and cleaned into a shard: its text, an index of its documents, their signatures.

A shard is written by one process and read by the assembling one; nothing in it depends on other origins.
Documents that cleaning did not keep stay in the index with their reason, for the data card.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from transferlaws.corpora.cleaning import clean
from transferlaws.corpora.documents import Origin
from transferlaws.corpora.duplicates import PERMUTATIONS, signature


@dataclass(slots=True)
class Row:
    """One document of a shard: where it is from, where its bytes lie, and why it was dropped ("" = kept)."""

    project: str
    path: str
    part: str
    licence: str
    genre: str
    split: str
    start: int
    stop: int
    chars: int
    reason: str
    number: int  # of its signature
    shard: int


def write_shard(origin: Origin, cache: Path, kind: str, path: Path) -> None:
    """Read and clean all documents of `origin` into the files `path`.txt, .jsonl and .signatures."""
    number = start = 0
    with (
        path.with_suffix(".txt").open("wb") as text,
        path.with_suffix(".jsonl").open("w", encoding="utf-8", newline="\n") as index,
        path.with_suffix(".signatures").open("wb") as signatures,
    ):
        for document in origin.documents(cache, kind):
            cleaned, reason = clean(document.text, kind)
            data = b"" if reason else cleaned.encode()
            row = [document.project, document.path, document.part, document.licence, document.genre]
            place = [document.split, start, start + len(data), len(cleaned), reason, number]
            index.write(json.dumps([*row, *place]) + "\n")
            if not reason:
                text.write(data)
                signatures.write(signature(cleaned, kind).tobytes())
                number += 1
                start += len(data)


def rows(path: Path, shard: int) -> Iterator[Row]:
    """The index of a shard."""
    with path.with_suffix(".jsonl").open(encoding="utf-8") as index:
        for line in index:
            yield Row(*[*json.loads(line), shard])


def signatures(path: Path) -> np.ndarray:
    """The signatures of a shard's kept documents, one a row."""
    return np.fromfile(path.with_suffix(".signatures"), np.uint32).reshape(-1, PERMUTATIONS)
