"""Near-duplicates: documents that are mostly copies, and sentences that were said before.

Documents are compared by MinHash over windows (three lines of code, five words of text; Broder 1997), with
`datasketch`. Text that has few spaces (Chinese, Thai, sequences, minified code) has windows of characters,
and a document no longer than one window is a copy only of its equal. Sentences of text are compared exactly,
so that boilerplate inside unlike documents goes too. Both keep what comes first, so held-out projects are
passed through before training ones.
"""

import re
from functools import cache
from hashlib import blake2b, shake_128
from typing import Any
from zlib import crc32

import numpy as np

PERMUTATIONS = 64
BANDS = (16, 4)  # 16 bands of 4 rows: finds 99 % of the pairs at Jaccard 0.7, 64 % at 0.5
SIMILAR = 0.6  # estimated Jaccard similarity from which a document counts as a copy
SENTENCE_CHARS = 40  # shorter sentences ("Yes, sir.") may repeat
SENTENCE_SIGNS = 16  # as many words in Chinese or Japanese
REMEMBERED = 4_000_000  # sentences held in memory (about 300 MB); past that, only those are remembered

WORD_CHARS = 15  # characters to a word from which text is taken to have no words
SAMPLED = 4_096  # windows of characters from which a quarter of them, by hash, stands for all

_WINDOW = {"code": 3, "text": 5}
_SENTENCE_END = {
    1: re.compile(r"((?<=[.!?])\s+|\n\s*\n)"),
    2: re.compile(r"((?<=[.!?])\s+|(?<=[。！？])\s*|\n\s*\n)"),
}
_FULL_STOPS = ("。", "！", "？")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


class Units:
    """A document as a row of units: lines of code, words of text, or the characters of text without words.

    `chars_per_word` is how many characters make a window as telling as one word does: 1.6 where there are
    thousands of signs or hundreds of syllables, 4 in ASCII (twenty bases of DNA for five words).
    """

    def __init__(self, text: str, kind: str, cleaning: int) -> None:
        data = text.lower().encode() if kind == "text" else text.encode()
        if kind == "text":
            parts = data.split()
        elif cleaning == 1:
            parts = [line.strip() for line in data.split(b"\n") if line.strip()]
        else:
            parts = [b" ".join(words) for line in data.split(b"\n") if (words := line.split())]
        self.cleaning, self.chars_per_word = cleaning, 0.0
        if kind == "text" and cleaning > 1 and len(text) > WORD_CHARS * len(parts):
            joined = b"".join(parts).decode()
            self.chars_per_word = 4.0 if 2 * len(joined.encode()) < 3 * len(joined) else 1.6
            self.hashes = np.frombuffer(joined.encode("utf-32-le"), "<u4").astype(np.uint64)
        else:
            self.hashes = np.fromiter(map(crc32, parts), np.uint64, len(parts))
        self._parts = parts

    def __len__(self) -> int:
        return len(self.hashes)

    def width(self, width: int) -> int:
        """The width of a window in units, for one of `width` words or lines."""
        return round(width * self.chars_per_word) if self.chars_per_word else width

    def windows(self, width: int) -> np.ndarray:
        """Distinct 64-bit hashes of all windows of `width` units; of a shorter document, that of it all."""
        size = max(len(self) - width + 1, 1)
        mixed = np.zeros(size, np.uint64)
        for offset in range(min(width, len(self))):
            mixed = mixed * _MULTIPLIER + self.hashes[offset : offset + size]
            mixed ^= mixed >> np.uint64(29)
        if self.cleaning > 1:  # without this, one unit fills the lower half of a hash only
            mixed *= _MULTIPLIER
            mixed ^= mixed >> np.uint64(32)
        return distinct(mixed)

    def digest(self) -> np.ndarray:
        """A signature that only an equal document has."""
        whole = shake_128((b"" if self.chars_per_word else b" ").join(self._parts))
        return np.frombuffer(whole.digest(4 * PERMUTATIONS), "<u4").astype(np.uint32)


def distinct(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers, sorted: as `np.unique`, which takes eight times as long where most are."""
    numbers.sort()
    first = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return numbers[first]


def window_hashes(text: str, kind: str, width: int | None = None, cleaning: int = 1) -> np.ndarray:
    """Distinct 64-bit hashes of all windows of a document: `width` lines of code or words of text."""
    units = Units(text, kind, cleaning)
    return units.windows(units.width(width or _WINDOW[kind]))


def signature(text: str, kind: str, cleaning: int = 1) -> np.ndarray:
    """The document's MinHash signature, PERMUTATIONS unsigned 32-bit numbers."""
    units = Units(text, kind, cleaning)
    width = units.width(_WINDOW[kind])
    if cleaning > 1 and len(units) <= width:
        return units.digest()
    hashes = units.windows(width)
    if units.chars_per_word and len(hashes) > SAMPLED:
        hashes = hashes[hashes & np.uint64(3) == 0]
    sketch = _minhash()
    sketch.update_batch((hashes >> np.uint64(32)).tolist())
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

    def __init__(self, cleaning: int = 1) -> None:
        self._seen: set[bytes] = set()
        self._end = _SENTENCE_END[cleaning]

    def without_repeats(self, text: str) -> str:
        """The text without sentences of SENTENCE_CHARS and more that were seen here or in an earlier one."""
        end = self._end if any(stop in text for stop in _FULL_STOPS) else _SENTENCE_END[1]
        units = end.split(text)
        kept: list[str] = []
        for sentence, gap in zip(units[::2], [*units[1::2], ""], strict=True):
            if len(sentence) >= (SENTENCE_SIGNS if sentence.endswith(_FULL_STOPS) else SENTENCE_CHARS):
                key = blake2b(" ".join(sentence.lower().split()).encode(), digest_size=8).digest()
                if key in self._seen:
                    continue
                if len(self._seen) < REMEMBERED:
                    self._seen.add(key)
            kept += sentence, gap
        return "".join(kept).strip()
