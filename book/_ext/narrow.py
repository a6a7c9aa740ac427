"""Figures as they are drawn for a phone, where a page is read on one.

A figure brings its narrow drawing along in the metadata of its output (`transferlaws.figures.canvas`). It is
written beside the wide one, and the browser takes the one that its window has room for.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from transferlaws.figures.canvas import FOR_A_PHONE

SVG = re.compile(r'<img [^>]*?src="([^"]*/)([0-9a-f]{64})\.svg"[^>]*?>')
WIDEST = "(max-width: 600px)"


def narrow_drawings(notebook: Path) -> dict[str, str]:
    """The narrow drawings of a notebook, by the SHA-256 of the wide ones: myst-nb's names for their files."""
    found = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            wide, narrow = (
                output.get("data", {}).get("image/svg+xml"),
                output.get("metadata", {}).get(FOR_A_PHONE),
            )
            if wide and narrow:
                wide, narrow = ("".join(text) if isinstance(text, list) else text for text in (wide, narrow))
                found[hashlib.sha256("\n".join(wide.splitlines()).encode()).hexdigest()] = narrow
    return found


def offer(app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: object) -> None:
    """Put each figure that has a narrow drawing beside it."""
    source = Path(app.env.doc2path(page)) if doctree is not None else None
    if source is None or source.suffix != ".ipynb" or "body" not in context:
        return
    drawings = narrow_drawings(source)

    def both(found: re.Match[str]) -> str:
        folder, name = found.groups()
        if name not in drawings:
            return found[0]
        images = Path(app.outdir) / app.builder.imagedir
        images.mkdir(exist_ok=True)
        (images / f"{name}.narrow.svg").write_text(drawings[name], encoding="utf-8")
        source = f'<source media="{WIDEST}" srcset="{folder}{name}.narrow.svg" />'
        return f'<picture class="drawn-twice">{source}{found[0]}</picture>'

    context["body"] = SVG.sub(both, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
