"""Files in other encodings come out as the text that went in, or are said to be no text."""

import io
import os

import pytest

from transferlaws.corpora.encodings import encoding_of

GERMAN = "Über die Straße läuft ein Bär, und niemand hört die Glocke von gestern läuten. "
FRENCH = "L’été dernier, la forêt brûlait déjà ; où étiez-vous, hélas, à cette heure-là ? "
DANISH = "Blåbærgrøden står på bordet, og får æder løg ved åen hele dagen. "
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy na řece, která teče městem. "
POLISH = "Zażółć gęślą jaźń, a potem wróć do łąki, gdzie świerszcze grają wieczorem. "
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей же чаю на террасе. "
GREEK = "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία κάθε πρωί πριν ανατείλει ο ήλιος. "
CHINESE = "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。寒来暑往，秋收冬藏。"
JAPANESE = "色は匂へど散りぬるを、我が世誰ぞ常ならむ。有為の奥山今日越えて。"
KOREAN = "모든 사람은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. "


def read(data: bytes) -> str | None:
    found = encoding_of(io.BytesIO(data))
    return None if found is None else data.decode(found.codec, found.errors)


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        *(
            (GERMAN, codec)
            for codec in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1")
        ),
        *((FRENCH, codec) for codec in ("utf-8", "utf-16-be", "cp1252")),
        *((DANISH, codec) for codec in ("latin-1", "utf-16")),
        *((CZECH, "cp1250"), (POLISH, "cp1250"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (GREEK, "cp1253")),
        *(
            (CHINESE, "gb18030"),
            (CHINESE, "big5"),
            (JAPANESE, "cp932"),
            (JAPANESE, "euc_jp"),
            (KOREAN, "cp949"),
        ),
    ],
)
def test_text_comes_back_from_its_encoding(text: str, codec: str) -> None:
    text *= 6
    data = text.encode(codec, "ignore")
    assert read(data) == data.decode(codec).removeprefix("\ufeff")


@pytest.mark.parametrize("text", [GERMAN, FRENCH, DANISH])
def test_a_short_note_is_western(text: str) -> None:
    assert read(text.replace("’", "'").encode("latin-1")) == text.replace("’", "'")


def test_rare_and_stray_bytes() -> None:
    english = "Plain words, a great many of them. " * 200
    assert read(f"{english} déjà vu {english}".encode("cp1252")) == f"{english} déjà vu {english}"
    assert read((RUSSIAN * 5).encode() + b"\xff\xfe" + RUSSIAN.encode()) == RUSSIAN * 6
    assert (
        read((english * 20).encode() + "naïve".encode("cp1252")) == english * 20 + "naïve"
    )  # far from its head


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + os.urandom(500),
        b"%PDF-1.7\n%words\n" * 40,
        bytes(range(256)) * 20,
        b"\0" * 9_000,
    ],
)
def test_what_is_no_text(data: bytes) -> None:
    assert read(data) is None


def test_an_empty_file_is_text() -> None:
    assert read(b"") == ""
    assert read(b"a") == "a"
