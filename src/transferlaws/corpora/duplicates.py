"""Near-duplicates: documents that are mostly copies, and sentences that were said before.

Documents are compared by MinHash over windows (three lines of code, five words of text; Broder 1997), with
`datasketch`. Sentences of text are compared exactly, so that boilerplate inside unlike documents goes too.
Both keep what comes first, so held-out projects are passed through before training ones.
"""

import re
from functools import cache
from hashlib import blake2b
from typing import Any
from zlib import crc32

import numpy as np

PERMUTATIONS = 64
BANDS = (16, 4)  # 16 bands of 4 rows: finds 99 % of the pairs at Jaccard 0.7, 64 % at 0.5
SIMILAR = 0.6  # estimated Jaccard similarity from which a document counts as a copy
SENTENCE_CHARS = 40  # shorter sentences ("Yes, sir.") may repeat
REMEMBERED = 4_000_000  # sentences held in memory (about 300 MB); past that, only those are remembered

_WINDOW = {"code": 3, "text": 5}
_SENTENCE_END = re.compile(r"((?<=[.!?])\s+|\n\s*\n)")


def window_hashes(text: str, kind: str, width: int | None = None) -> np.ndarray:
    """Distinct 64-bit hashes of all windows of a document: `width` lines of code or words of text."""
    data = text.lower().encode() if kind == "text" else text.encode()
    units = data.split() if kind == "text" else [line.strip() for line in data.split(b"\n") if line.strip()]
    width = width or _WINDOW[kind]
    hashes = np.fromiter(map(crc32, units), np.uint64, len(units))
    size = max(len(hashes) - width + 1, 1)
    mixed = np.zeros(size, np.uint64)
    for offset in range(min(width, len(hashes))):
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashes[offset : offset + size]
        mixed ^= mixed >> np.uint64(29)
    return np.unique(mixed)


def signature(text: str, kind: str) -> np.ndarray:
    """The document's MinHash signature, PERMUTATIONS unsigned 32-bit numbers."""
    sketch = _minhash()
    sketch.update_batch((window_hashes(text, kind) >> np.uint64(32)).tolist())
    return np.asarray(sketch.hashvalues, np.uint32)


def _minhash(hashvalues: np.ndarray | None = None) -> Any:
    from datasketch import MinHash

    return MinHash(
        PERMUTATIONS,
        scheme="affine32",
        hashfunc=_as_is,
        hashvalues=hashvalues,
        permutations=_permutations(),
    )


@cache
def _permutations() -> Any:
    """Drawn once: making them anew costs more than hashing a short document."""
    from datasketch import MinHash

    return MinHash(PERMUTATIONS, scheme="affine32").permutations


def _as_is(value: int) -> int:
    return value


class Copies:
    """Signatures seen so far; tells whether a new document is mostly one of them."""

    def __init__(self) -> None:
        from datasketch import MinHashLSH

        self._index = MinHashLSH(num_perm=PERMUTATIONS, params=BANDS)
        self._signatures: list[np.ndarray] = []

    def is_copy(self, signature: np.ndarray) -> bool:
        """Whether a document like this one was seen; if not, remember it."""
        sketch = _minhash(signature)
        if any(
            np.mean(self._signatures[number] == signature) >= SIMILAR for number in self._index.query(sketch)
        ):
            return True
        self._index.insert(len(self._signatures), sketch, check_duplication=False)
        self._signatures.append(signature)
        return False


class Sentences:
    """Sentences seen so far; takes repeated ones out of a text."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def without_repeats(self, text: str) -> str:
        """The text without sentences of SENTENCE_CHARS and more that were seen here or in an earlier one."""
        units = _SENTENCE_END.split(text)
        kept: list[str] = []
        for sentence, gap in zip(units[::2], [*units[1::2], ""], strict=True):
            if len(sentence) >= SENTENCE_CHARS:
                key = blake2b(" ".join(sentence.lower().split()).encode(), digest_size=8).digest()
                if key in self._seen:
                    continue
                if len(self._seen) < REMEMBERED:
                    self._seen.add(key)
            kept += sentence, gap
        return "".join(kept).strip()
