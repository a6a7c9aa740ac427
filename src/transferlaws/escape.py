"""Text from elsewhere as text, wherever it goes: Markdown, HTML, a figure, a terminal.

Names of folders, values in tables and what files say are data. On a page they would be markup, in a figure
mathematics, on a terminal commands. What nobody could see (control characters, line ends, marks that turn the
direction of text) is written as Python writes it, \\x1b.
"""

import html as _html
import re
import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"  # unseen, but part of how Persian or an emoji is written
# What means something anywhere in a line of MyST; "_" and "." only where they could begin or end something.
_MARKUP = re.compile(r"[\\`*{}\[\]|$~^@]|(?<![^\W_])_|_(?![^\W_])|:(?=/)|(?<=[^\W\d_])\.(?=[^\W\d_])")


def visible(text: object, keep: str = "") -> str:
    """`text` on one line, with everything written out that cannot be seen; the characters in `keep` stay."""

    def shown(character: str) -> str:
        if character in keep or character in _JOINERS or unicodedata.category(character) not in _UNSEEN:
            return character
        return character.encode("unicode_escape").decode()

    return "".join(map(shown, str(text)))


def terminal(text: object) -> str:
    """`text` for a terminal or a log: its lines stay, everything else that cannot be seen is written out."""
    return visible(text, keep="\n\t")


def markdown(text: object) -> str:
    """`text` in a sentence, a heading or a cell of Markdown, on GitHub as in MyST: no directive, no HTML."""
    escaped = _MARKUP.sub(_backslash, _html.escape(visible(text).strip(), quote=False))
    return re.sub(r"^(?:[#+=:%(-]|\d+[.)])", lambda found: f"{found[0][:-1]}\\{found[0][-1]}", escaped)


def _backslash(found: re.Match[str]) -> str:
    return "&#124;" if found[0] == "|" else f"\\{found[0]}"  # a cell ends at every other bar


def code(text: object, *, in_cell: bool = False) -> str:
    """`text` as code in a sentence of Markdown, or `in_cell`, where bars would end it."""
    shown = visible(text) or " "
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    said = f"{fence}{space}{shown}{space}{fence}"
    return said.replace("|", "\\|") if in_cell else said


def block(text: object, language: str = "text") -> str:
    """`text` as a block of code in Markdown, line by line."""
    shown = terminal(text)
    fence = "~" * max(6, 1 + max(map(len, re.findall("~+", shown)), default=0))
    return f"{fence}{language}\n{shown}\n{fence}"


def html(text: object) -> str:
    """`text` in HTML, in an attribute too."""
    return _html.escape(visible(text))


def mathtext(text: object) -> str:
    """`text` in a figure by matplotlib, which takes what stands between dollars for mathematics."""
    return visible(text).replace("$", r"\$")
