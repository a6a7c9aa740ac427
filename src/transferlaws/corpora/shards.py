"""One origin, read and cleaned into a shard: its text, an index of its documents, their signatures.

A shard is written by one process and read by the assembling one; nothing in it depends on other origins.
Documents that cleaning did not keep stay in the index with their reason, for the data card.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from transferlaws.corpora.cleaning import clean
from transferlaws.corpora.documents import Origin
from transferlaws.corpora.duplicates import PERMUTATIONS, signature
from transferlaws.corpora.readers import CUT, in_pieces

_CHARS, _REASON = 8, 9  # places in a line of the index


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
    note: str
    number: int  # of its signature
    shard: int

    @property
    def file(self) -> str:
        """The path without the number of a piece or record."""
        return re.sub(r"(?:[#:]\d+)+\Z", "", self.path)


def write_shard(origin: Origin, cache: Path, kind: str, path: Path, cleaning: int) -> None:
    """Read and clean all documents of `origin` into the files `path`.txt, .jsonl and .signatures."""
    number = start = 0
    generated = False
    dropped: list[Any] = []
    with (
        path.with_suffix(".txt").open("wb") as text,
        path.with_suffix(".jsonl").open("w", encoding="utf-8", newline="\n") as index,
        path.with_suffix(".signatures").open("wb") as signatures,
    ):
        for document in origin.documents(cache, kind):
            cleaned, reason = document.text, document.reason
            if not reason:
                cleaned, reason = clean(cleaned, kind, cleaning, head=not document.piece)
            if not document.piece:
                generated = reason == "generated"
            elif generated:
                reason = "generated"  # what its head says holds for the whole file
            data = b"" if reason else cleaned.encode()
            row = [document.project, document.path, document.part, document.licence, document.genre]
            place = [document.split, start, start + len(data), len(cleaned), reason, document.note, number]
            if dropped and not (document.piece and reason == dropped[_REASON]):
                index.write(json.dumps(dropped) + "\n")
                dropped = []
            if dropped:  # one more piece of a file: a file that is left out counts once
                dropped[_CHARS] += len(cleaned)
            elif reason:
                dropped = [*row, *place]
            else:
                index.write(json.dumps([*row, *place]) + "\n")
                text.write(data)
                signatures.write(signature(cleaned, kind, cleaning).tobytes())
                number += 1
                start += len(data)
        if dropped:
            index.write(json.dumps(dropped) + "\n")


def recut(path: Path, cut_rows: list[Row], kind: str, cleaning: int, chars: int) -> list[Row]:
    """Kept rows of the shard `path`, cut into pieces of about `chars` characters, each a row of its own."""
    made: list[Row] = []
    number = len(signatures(path))
    with path.with_suffix(".txt").open("rb") as text, path.with_suffix(".signatures").open("ab") as sketches:
        for row in cut_rows:
            text.seek(row.start)
            start = row.start
            whole = text.read(row.stop - row.start).decode()
            for piece, part in enumerate(in_pieces([whole], chars)):
                stop = start + len(part.encode())
                label = f"{row.path}#{piece}"  # the first one too: file#1 may be a piece already
                note = row.note if CUT in row.note else "; ".join(filter(None, (row.note, CUT)))
                made.append(replace(row, path=label, start=start, stop=stop, chars=len(part), note=note))
                made[-1].number = number
                sketches.write(signature(part, kind, cleaning).tobytes())
                number, start = number + 1, stop
    return made


def rows(path: Path, shard: int) -> Iterator[Row]:
    """The index of a shard."""
    with path.with_suffix(".jsonl").open(encoding="utf-8") as index:
        for line in index:
            yield Row(*[*json.loads(line), shard])


def signatures(path: Path) -> np.ndarray:
    """The signatures of a shard's kept documents, one a row."""
    return np.fromfile(path.with_suffix(".signatures"), np.uint32).reshape(-1, PERMUTATIONS)
