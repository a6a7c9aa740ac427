"""What docutils and the theme say wrongly to those who listen to a page, or move in it by keyboard.

A list may not hold references in the role that docutils gives them: they become its items, and are counted.
The label of a folded cell hides the words that stand on it. `scrolls.js` makes what scrolls a stop of
the Tab key.
"""

from typing import Any

from sphinx.application import Sphinx

INSTEAD = {
    'role="doc-biblioentry"': 'role="listitem"',
    '<summary aria-label="Toggle hidden content">': "<summary>",
}


def mend(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Replace what is wrong."""
    for wrong, right in INSTEAD.items() if "body" in context else ():
        context["body"] = context["body"].replace(wrong, right)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
