"""The runs of a study lie beside their page, in a file of their own, so that the text comes first.

`transferlaws.figures.browser` writes them into the page as JSON. Here they become a script that only names
them, since a page that is opened from a folder may load a script but no JSON.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

DATA = re.compile(r'<script type="application/json" class="runs-data">(.*?)</script>', re.DOTALL)


def beside(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Move the runs of a page into a file that it loads, with the script that shows them."""
    found = DATA.search(context.get("body", ""))
    if found is None:
        return
    name = f"runs-{hashlib.sha256(found[1].encode()).hexdigest()[:12]}.js"
    target = Path(app.outdir, "_static", name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"window.transferlawsRuns = {found[1]};\n", encoding="utf-8")
    context["body"] = context["body"].replace(found[0], "")
    app.add_js_file(name, loading_method="defer")
    app.add_js_file("runs.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("html-page-context", beside)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
