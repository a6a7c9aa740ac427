"""A prepared corpus: cleaned text on disk, split, and ready to be sampled.

A folder with one UTF-8 file a split, an index of its documents, one of its excerpts, and `meta.json`, which
is written last. Nothing is loaded before it is asked for, and text is read through a memory map. A file is
held against its SHA-256 in `meta.json` once a process, before it is first read, and again if it has changed.
"""

import json
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from transferlaws.corpora.documents import PARTS, SPLITS, Document
from transferlaws.corpora.splits import draw, draw_spread
from transferlaws.errors import TransferLawsError
from transferlaws.files import sha256_once

SCHEMA = 1
_FILES = tuple(f"{split}.{kind}" for split in SPLITS for kind in ("txt", "documents.jsonl", "excerpts.npy"))


@dataclass(frozen=True)
class Corpus:
    """A corpus on disk; `meta` is what its preparation measured. Open one with `Corpus.open`."""

    path: Path
    meta: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def open(cls, path: Path) -> "Corpus":
        """The prepared corpus in folder `path`; raises TransferLawsError if it is not whole."""
        path = Path(path)
        try:
            meta = json.loads((path / "meta.json").read_text("utf-8"))
            sizes = {file: (path / file).stat().st_size for file in _FILES}
            whole = meta["schema"] == SCHEMA and meta["parts"] == list(PARTS)
            whole = whole and sizes == {file: meta["files"][file]["bytes"] for file in _FILES}
            whole = whole and all(isinstance(meta[key], str) for key in ("name", "kind", "fingerprint"))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise TransferLawsError(f"no prepared corpus in {path}; prepare it again") from error
        if not whole:
            raise TransferLawsError(
                f"the corpus in {path} is damaged or of another version; prepare it again"
            )
        return cls(path, meta)

    def verify(self, fingerprint: str | None = None) -> None:
        """Raise TransferLawsError unless every file is what was written; and the corpus the one wanted."""
        for file in _FILES:
            self._file(file)
        if fingerprint is not None and fingerprint != self.fingerprint:
            raise TransferLawsError(f"{self.path} holds another corpus; prepare it again")

    @property
    def sha256(self) -> str:
        """The SHA-256 of all text and of how it is divided, as its preparation wrote it down."""
        digests = [f"{self.meta['files'][file]['sha256']}  {file}\n" for file in _FILES]
        return sha256("".join(digests).encode()).hexdigest()

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.meta["name"])

    @property
    def kind(self) -> str:
        """`text` or `code`."""
        return str(self.meta["kind"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that determines the text: equal fingerprints, equal bytes."""
        return str(self.meta["fingerprint"])

    def characters(self, split: str, parts: Sequence[str] | None = None) -> int:
        """How many characters a split holds, or some of its parts."""
        return int(self._excerpts(split, parts)[:, 2].sum())

    def documents(self, split: str) -> Iterator[Document]:
        """All documents of a split, project by project."""
        self._check(split)
        with self._text(split) as text, self._file(f"{split}.documents.jsonl").open("rb") as index:
            for line in index:
                row = json.loads(line)
                start, stop, project = row.pop("start"), row.pop("stop"), row.pop("source")
                del row["chars"]
                yield Document(text[start:stop].decode(), project, split=split, **row)

    def excerpts(
        self,
        split: str,
        d_chars: int | None,
        seed: int,
        parts: Sequence[str] | None = None,
        spread: int | None = None,
    ) -> list[str]:
        """A sample of excerpts of about 1,000 characters, `d_chars` in all (None: the whole split).

        Uniform, or with `spread` of pieces of about that many characters, divided over projects as the split
        is (`splits.draw_spread`). For one seed, smaller samples lie inside larger ones. Raises
        TransferLawsError beyond what exists.
        """
        return list(self.stream_excerpts(split, d_chars, seed, parts, spread))

    def stream_excerpts(
        self,
        split: str,
        d_chars: int | None,
        seed: int,
        parts: Sequence[str] | None = None,
        spread: int | None = None,
    ) -> Iterator[str]:
        """The same sample, one excerpt at a time, for samples larger than memory."""
        table = self._excerpts(split, parts)
        available = int(table[:, 2].sum())
        wanted = available if d_chars is None else d_chars
        where = f"{self.name} {split}" + (f" ({', '.join(parts)})" if parts else "")
        if wanted < 1:
            raise TransferLawsError(f"a sample of {where} needs at least 1 character, not {wanted}")
        if wanted > available:
            raise TransferLawsError(f"{where} holds {available:,} characters; {wanted:,} were asked for")
        if spread is None:
            chosen, last = draw(table[:, 2], wanted, seed)
            pieces, n_pieces = np.zeros(len(chosen), np.int64), np.ones(len(chosen), np.int64)
        else:
            chosen, pieces, n_pieces, last = draw_spread(table[:, 2], wanted, seed, spread)
        with self._text(split) as text:
            for place, (row, j, n) in enumerate(zip(chosen, pieces, n_pieces, strict=True), 1):
                start, stop, chars = table[row, :3]
                piece = text[start:stop].decode()[j * chars // n : (j + 1) * chars // n]
                yield piece[:last] if place == len(chosen) else piece

    def _excerpts(self, split: str, parts: Sequence[str] | None) -> np.ndarray:
        """Rows of first byte, last byte + 1, characters, number of the part."""
        self._check(split)
        table: np.ndarray = np.load(self._file(f"{split}.excerpts.npy"))
        if parts is None:
            return table
        known: list[str] = self.meta["parts"]
        if unknown := set(parts) - set(known):
            raise TransferLawsError(f"{self.name} has parts {', '.join(known)}, not {', '.join(unknown)}")
        return table[np.isin(table[:, 3], [known.index(part) for part in parts])]

    def _file(self, name: str) -> Path:
        """One of its files, held against its digest."""
        path = self.path / name
        try:
            whole = sha256_once(path) == self.meta["files"][name]["sha256"]
        except OSError as error:
            raise TransferLawsError(f"cannot read {path}: {error.strerror or error}") from error
        if not whole:
            raise TransferLawsError(f"{path} is damaged; the same command again prepares the corpus anew")
        return path

    @contextmanager
    def _text(self, split: str) -> Iterator[mmap.mmap]:
        with self._file(f"{split}.txt").open("rb") as file:
            text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            try:
                yield text
            finally:
                text.close()

    def _check(self, split: str) -> None:
        if split not in SPLITS:
            raise TransferLawsError(f"a split is {', '.join(SPLITS)}, not {split!r}")
