"""Text from elsewhere stays text: the website's parser reads it back as it was, and all around it."""

import io
import string
from collections.abc import Iterable

import pytest
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from matplotlib.figure import Figure
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from transferlaws import escape

HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;b&gt; &#60;", "<a@b.example>",
    "```{include} /etc/passwd\n```", ":::{include} /etc/passwd\n:::", "{include}`/etc/passwd`",
    "{{ secret }}", "x\n\n<b>y</b>", "a\r\n:field: x", "| a |\n|---|\n| b |", "a|b", r"\|", "\\", "`x`",
    "**b** _i_ __x__ ~~s~~", "$x^2$", "$$x$$", r"\begin{equation}x\end{equation}", "[a](javascript:alert(1))",
    "![a](x)", "[^1]: x", "https://evil.example www.evil.example evil.example a@b.example", "# h", "- x",
    "12. x", "1) x", "+++", "===", "---", "(target)=", "% comment", ":field: x", ": definition", "> quoted",
    "    code", "{.class #id}", "\x1b[31mred\x07", "gnirts\u202e abc", "a\u2028b", "\ufeffx", "a_b_c", "_x_",
    string.punctuation,
)  # fmt: skip
FRAMES = (
    "{}", "Before {} after.", "# {}", "*{}*", "- {}", "> {}", "| a |\n|---|\n| {} |\n",
    "| {} |\n|---|\n| 1 |\n",
)  # fmt: skip
EXTENSIONS = {
    "amsmath", "attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath", "fieldlist",
    "html_image", "linkify", "substitution", "tasklist",
}  # fmt: skip


def parsed(source: str) -> tuple[list[str], str]:
    """What MyST makes of a page: the kinds of its parts, and its text."""
    parser = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
    kinds: list[str] = []
    text = ""

    def walk(tokens: Iterable[Token]) -> None:
        nonlocal text
        for token in tokens:
            if token.type not in ("text", "text_special"):
                kinds.append(token.type)
            text += token.content if not token.children and token.type != "inline" else ""
            walk(token.children or ())

    walk(parser.parse(source))
    return kinds, text


@pytest.mark.parametrize("frame", FRAMES)
def test_no_text_is_markup(frame: str) -> None:
    kinds, around = parsed(frame.format("word"))
    for hostile in HOSTILE:
        found = parsed(frame.format(escape.markdown(hostile)))
        assert found == (kinds, around.replace("word", escape.visible(hostile).strip())), hostile


def test_code_holds_every_text() -> None:
    for hostile in HOSTILE:
        kinds, text = parsed(f"Before {escape.code(hostile)} after.")
        assert "code_inline" in kinds and len(kinds) == len(parsed("Before `x` after.")[0]), hostile
        assert text == f"Before {escape.visible(hostile)} after." or hostile == "    code"
        kinds, text = parsed(escape.block(f"{hostile}\n~~~~~~\n~~~~~~~~{{include}} x"))
        assert kinds == ["fence"]


def test_what_cannot_be_seen_is_written_out() -> None:
    assert escape.visible("\x1b[2J\u202e\n\x00\ud800") == r"\x1b[2J\u202e\n\x00\ud800"
    assert escape.terminal("two\nlines\r\x1b]0;title\x07") == "two\nlines\\r\\x1b]0;title\\x07"
    assert escape.visible("Füße, 文字, می‌خواهم") == "Füße, 文字, می‌خواهم"


def test_no_text_is_mathematics_or_markup_in_a_figure() -> None:
    for hostile in (*HOSTILE, r"$\frac$", "$a$ and $b", r"\$"):
        figure = Figure()
        figure.text(0, 0, escape.mathtext(hostile))
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg")
        assert "<script>" not in buffer.getvalue()
