"""Formulas are set as MathML when the book is built: a reader's browser loads nothing to draw them.

latex2mathml sets the book's LaTeX, and passes over in silence what it does not know. So what it made is
looked through, and a formula that it could not set stops the build, with its page.
"""

from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator


def mathml(formula: str, display: str, page: str) -> str:
    """The formula as MathML, `display` being "inline" or "block".

    Raises ExtensionError, with the page and the formula, if it cannot be set.
    """
    try:
        text = convert(formula, display=display)
        left = "".join(ElementTree.fromstring(text).itertext())
    except Exception as error:  # the library raises many kinds, and each means the same
        raise ExtensionError(f"{page}: the formula {formula!r} cannot be set: {error!r}") from error
    if "\\" in left or not left.strip():
        raise ExtensionError(f"{page}: the formula {formula!r} cannot be set: it would read {left!r}")
    return text


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula in a line."""
    text = mathml(node.astext(), "inline", translator.builder.current_docname)
    translator.body.append(translator.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    translator.body.append(f"{text}</span>")
    raise nodes.SkipNode


def visit_display(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula that stands alone, with its number if it has one."""
    text = mathml(node.astext(), "block", translator.builder.current_docname)
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(f"{text}</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
