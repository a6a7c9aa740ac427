"""Every page says what it is about, to those who list it: its first paragraph, in the words of the text."""

from html import escape

from docutils import nodes
from sphinx.application import Sphinx

MOST = 300


def describe(_app: Sphinx, _page: str, _template: str, context: dict, doctree: nodes.document | None) -> None:
    """Put the first paragraph of a page, cut at a word, into its head."""
    paragraph = doctree and doctree.next_node(nodes.paragraph)
    if paragraph:
        words = " ".join(paragraph.astext().split())
        if len(words) > MOST:
            words = words[:MOST].rpartition(" ")[0] + " ..."
        context["metatags"] = (
            f'{context.get("metatags", "")}<meta name="description" content="{escape(words)}"/>'
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
