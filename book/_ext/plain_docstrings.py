"""Docstrings of this library are plain sentences, not reStructuredText: show their signs as they stand.

Text in single backticks becomes code; |d ln D_E / d L| stays a formula instead of asking for a substitution.
"""

import re

from sphinx.application import Sphinx


def as_written(
    _app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Escape the markup characters outside backticks, and make single backticks double."""
    for number, line in enumerate(lines):
        pieces = re.split(r"(`[^`]+`)", line)
        lines[number] = "".join(
            f"`{piece}`" if piece.startswith("`") else re.sub(r"([|*\\])|(_)(?=\W|$)", r"\\\1\2", piece)
            for piece in pieces
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
