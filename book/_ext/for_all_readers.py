"""What docutils and the theme say wrongly to those who listen to a page, or move in it by keyboard.

A list may not hold references in the role that docutils gives them: they become its items, and are counted.
The label of a folded cell hides the words that stand on it, which are no paragraph either. Exercises of a
page share one id, and so do solutions. `scrolls.js` makes what scrolls a stop of the Tab key.
"""

import re
from typing import Any

from sphinx.application import Sphinx

INSTEAD = {
    'role="doc-biblioentry"': 'role="listitem"',
    '<summary aria-label="Toggle hidden content">': "<summary>",
    ' id="exercise-content"': "",
    ' id="solution-content"': "",
}
FOLDED = re.compile(r'<p class="((?:collapsed|expanded)[^"]*)">([^<]*)</p>')


def mend(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Replace what is wrong."""
    if "body" in context:
        for wrong, right in INSTEAD.items():
            context["body"] = context["body"].replace(wrong, right)
        context["body"] = FOLDED.sub(r'<span class="\1">\2</span>', context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
