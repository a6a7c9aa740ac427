"""On every page, the first use of a word of the glossary leads to its entry, and shows its first sentence.

No page has to mark anything: words are found in paragraphs of the text, in their singular or plural, but not
in headings, code, captions, links or what cells have printed.
"""

import re
from collections.abc import Iterable, Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

GLOSSARY = "book/glossary"
NOT_PROSE = (GLOSSARY, "book/code", "book/clusters", "book/references")
ELSEWHERE = (nodes.title, nodes.literal, nodes.reference, nodes.caption, nodes.raw, nodes.math, nodes.rubric)


def entries(env: BuildEnvironment) -> dict[str, tuple[str, str]]:
    """Words of the glossary: the anchor of each, and the first sentence of its entry."""
    found = {}
    for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        text = " ".join(item.next_node(nodes.definition).astext().split())
        for term in item.findall(nodes.term):
            found[term.astext()] = (term["ids"][0], re.split(r"(?<=\.)\s", text)[0])
    return found


def in_prose(doctree: nodes.document) -> Iterator[nodes.Text]:
    """The text of paragraphs, as it stands between links, code and formulas."""
    for paragraph in list(doctree.findall(nodes.paragraph)):
        within: nodes.Node | None = paragraph
        classes: set[str] = set()
        while isinstance(within, nodes.Element):
            classes |= set(within.get("classes", ()))
            within = within.parent
        if not classes & {"cell", "cell_output", "origin"}:
            for text in list(paragraph.findall(nodes.Text)):
                if text.parent is not None and not any(
                    isinstance(above, ELSEWHERE) for above in above_of(text, paragraph)
                ):
                    yield text


def above_of(text: nodes.Text, paragraph: nodes.paragraph) -> Iterator[nodes.Node]:
    """What encloses a text within its paragraph."""
    node = text.parent
    while node is not None and node is not paragraph:
        yield node
        node = node.parent


def link(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Make the first use of each word on a page a link."""
    if page in NOT_PROSE or GLOSSARY not in app.env.all_docs:
        return
    words = entries(app.env)
    for text in in_prose(doctree):
        pieces: list[nodes.Node] = [text]
        for word in list(words):
            found = next(((i, m) for i, piece in enumerate(pieces) if (m := used(word, piece))), None)
            if found is not None:
                place, match = found
                anchor, first = words.pop(word)
                whole = str(pieces[place])
                shown = nodes.inline(match[0], match[0])
                reference = make_refnode(app.builder, page, GLOSSARY, anchor, shown, first)
                reference["classes"].append("term")
                around = [nodes.Text(whole[: match.start()]), reference, nodes.Text(whole[match.end() :])]
                pieces[place : place + 1] = [each for each in around if each.astext()]
        if pieces[0] is not text:
            text.parent.replace(text, pieces)


def used(word: str, piece: nodes.Node) -> "re.Match[str] | None":
    """Where a piece of text uses a word; None where it does not, or is no plain text."""
    if not isinstance(piece, nodes.Text):
        return None
    return re.search(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])", str(piece), re.IGNORECASE)


def all_again(
    _app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], _removed: set[str]
) -> Iterable[str]:
    """A changed glossary changes every page."""
    return env.found_docs if GLOSSARY in added | changed else ()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("doctree-resolved", link)
    app.connect("env-get-outdated", all_again)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
