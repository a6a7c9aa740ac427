import io
import json
import tracemalloc

import pytest

from transferlaws.corpora.readers import PACK_CHARS, PIECE_CHARS, pieces, read, without_html
from transferlaws.errors import TransferLawsError


def texts(reader: str, data: bytes | str, *fields: str) -> list[str]:
    return list(read(reader, io.BytesIO(data.encode() if isinstance(data, str) else data), fields, "here"))


def test_running_text_comes_in_pieces_that_join_to_the_whole() -> None:
    text = "".join(f"Line {number} tells of é and 漢 and 🙂.\n" for number in range(20_000))
    parts = list(pieces(io.BytesIO(text.encode())))
    assert "".join(parts) == text
    assert max(map(len, parts)) <= 2 * PIECE_CHARS
    assert all(part.endswith("\n") for part in parts)


class Endless(io.RawIOBase):
    """A file of `size` bytes without a single line end."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, count: int = -1) -> bytes:
        count = min(count, self.left)
        self.left -= count
        return b"x" * count


def test_a_huge_file_is_never_in_memory() -> None:
    tracemalloc.start()
    chars = sum(map(len, pieces(Endless(50_000_000))))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert chars == 50_000_000
    assert peak < 5_000_000


def test_bytes_that_are_not_utf8_survive_until_the_cleaning_finds_them() -> None:
    (text,) = texts("text", b"caf\xe9")
    with pytest.raises(UnicodeEncodeError):
        text.encode()


def test_json_fields_at_any_depth_without_markup() -> None:
    long = "A <b>bold</b> claim &amp; its reason. " * 8
    data = {"a": [{"text": f"<p>{long}</p>"}, {"text": "short"}], "b": {"other": long}}
    (text,) = texts("json", json.dumps(data), "text")
    assert text == ("A bold claim & its reason. " * 8).strip()


def test_html_keeps_what_only_looks_like_a_tag() -> None:
    assert without_html("if a < b and c > d:<br/>next") == "if a < b and c > d:\nnext"


def test_csv_columns_in_order() -> None:
    assert texts("csv", 'id,text,title\n1,"a, b",T\n2,c,\n', "title", "text") == ["T\na, b", "c"]


def test_tables_skip_their_header() -> None:
    assert texts("table", 'id\ttext\r\n1\tone "quoted\r\n2\ttwo\r\n', "text") == ['one "quoted\ntwo']
    assert texts("orange-table", "A\tB\nd\ts\n\tx\n\n1\tone\n2\ttwo\n", "B") == ["one\ntwo"]


def test_short_entries_are_packed() -> None:
    packed = texts("csv-packed", "t\n" + "\n".join(["word " * 20] * 200), "t")
    assert sum(pack.count("word") for pack in packed) == 4_000
    assert all(PACK_CHARS - 1 <= len(pack) <= PACK_CHARS + 200 for pack in packed[:-1])


def test_dictionaries() -> None:
    entry = {
        "pos": [
            {"etymology": "[L. avis]", "definitions": [{"text": "A small bird that sings. [1913 Webster]"}]}
        ]
    }
    assert texts("gcide", json.dumps({"bird": entry}), "text", "examples") == ["A small bird that sings."]
    assert texts("wordnet", '  1 licence\n00 03 n 01 x 0 | a thing; "a thing"  \n') == ['a thing; "a thing"']


def test_licence_without_its_front_matter() -> None:
    assert texts("front-matter", "---\nkey: x\n---\nYou may.\n--- not\n") == ["You may.\n--- not\n"]


def test_a_module_is_parsed_and_not_run() -> None:
    module = 'raise SystemExit(1)\nx = "short"\ny = """In the beginning, God`s word."""\n'
    assert texts("longest-string", module) == ["In the beginning, God's word."]


@pytest.mark.parametrize(
    ("reader", "data"), [("json", "{"), ("longest-string", "x = ("), ("gcide", "[1]"), ("table", "a\tb\n")]
)
def test_a_broken_format_is_named(reader: str, data: str) -> None:
    with pytest.raises(TransferLawsError, match="cannot read here"):
        texts(reader, data, "text")
