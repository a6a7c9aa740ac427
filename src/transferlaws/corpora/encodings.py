"""Which bytes are text, and in which encoding: told from the file itself, and said where it is not UTF-8.

A mark at the beginning decides, then whether all of a file is UTF-8. What is not may be the Windows-1252 of
Western Europe (Latin-1 lies within it), if its letters are those of one Western language. For the rest
`charset-normalizer` is asked, which tells Cyrillic, Greek, Chinese, Japanese and Korean encodings apart from
a few hundred characters, but takes short German or French for Polish or Baltic. What cannot be told is not
taken for text.
"""

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

HEAD_BYTES = 65_536
SAMPLE_BYTES = 65_536  # lines with bytes beyond ASCII, from which an encoding is told
BLOCK_BYTES = 1 << 20
STRAY = 10  # characters beyond ASCII for every byte that is not UTF-8, from which the file still is UTF-8
FEW = 0.005  # share of characters beyond ASCII below which Windows-1252 needs no language

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", ""),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_WESTERN = tuple(
    frozenset(letters)
    for letters in (
        "äöüßéàè",  # German
        "àâæçéèêëîïôœùûüÿ",  # French
        "áéíñóúüçàèòï",  # Spanish and Catalan
        "àèéìíîòóùú",  # Italian
        "áâãàçéêíóôõúü",  # Portuguese
        "æøåäöéèêóòâôàü",  # Danish, Norwegian, Swedish and Finnish
        "éèëêïóöüáíú",  # Dutch, Irish
        "áéíóúýþæöð",  # Icelandic
    )
)
_SIGNS = frozenset("€‚„…‹›‘’“”•–—™«»°§©®·¿¡ºª²³½¼¾±×÷£µ\xa0\xad")
_ASKED = (
    *("cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("gb18030", "big5", "cp932", "euc_jp", "cp949"),
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_NOT_TEXT = (b"%PDF-", b"%!PS", b"{\\rtf", b"PK\x03\x04", b"\x1f\x8b", b"\x89PNG", b"GIF8", b"\xff\xd8\xff")
_BEYOND = re.compile("[^\x00-\x7f]")


@dataclass(frozen=True)
class Encoding:
    """A codec, what it does with bytes it does not know, and what to say of it ("" for UTF-8)."""

    codec: str
    said: str = ""
    errors: str = "ignore"


def encoding_of(stream: BinaryIO) -> Encoding | None:
    """The encoding of a file, or None if it is not text; reads all of it and goes back to its beginning."""
    head = stream.read(HEAD_BYTES)
    try:
        return _of(head, stream)
    finally:
        stream.seek(0)


def _of(head: bytes, stream: BinaryIO) -> Encoding | None:
    if head.startswith(_NOT_TEXT):
        return None
    for mark, codec, said in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, said)
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 6 and min(even, odd) <= max(even, odd) // 20:
        return Encoding("utf-16-be" if even > odd else "utf-16-le", "UTF-16 without its mark")
    if even + odd > 4 or len(head) - len(head.translate(None, _CONTROL)) > len(head) // 100:
        return None
    chars = beyond = stray = 0
    sample = b""
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    block = head
    while block:
        text = decode(block)
        chars += len(text)
        if not text.isascii():
            found = _BEYOND.findall(text)
            wrong = sum("\udc80" <= character <= "\udcff" for character in found)
            beyond, stray = beyond + len(found) - wrong, stray + wrong
            if wrong and len(sample) < SAMPLE_BYTES:
                sample += b"".join(line for line in block.splitlines(True) if not line.isascii())
        block = stream.read(BLOCK_BYTES)
    if not stray:
        return Encoding("utf-8-sig")
    if beyond >= STRAY * stray:
        return Encoding("utf-8-sig", "UTF-8 without its stray bytes")
    return _legacy(sample[:SAMPLE_BYTES], stray < FEW * chars)


def _legacy(sample: bytes, few: bool) -> Encoding | None:
    """The encoding of lines that are not UTF-8; `few`: such bytes are rare in the file."""
    sample = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        letters = [c for c in _BEYOND.findall(sample.decode("cp1252").lower()) if c not in _SIGNS]
    except UnicodeDecodeError:
        letters = None
    if letters is not None:
        known = max(sum(letter in language for letter in letters) for language in _WESTERN)
        if few or known >= 0.98 * len(letters):
            # A third of all letters beyond ASCII is no Western text: Greek and Cyrillic look like that.
            ordinary = len(letters) <= sum(byte < 128 for byte in sample) / 3
            if ordinary:
                return Encoding("cp1252", "Windows-1252")
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=list(_ASKED)).best()
    return None if best is None else Encoding(best.encoding, best.encoding.replace("cp125", "Windows-125"))
