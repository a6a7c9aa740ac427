"""No page of the site asks another host for anything, nor this one for more than it shows.

The scripts of sphinx-thebe, which point at a CDN and which no page uses, are dropped. So is the theme's icon
script, half of what a page would weigh: `transferlaws.css` draws the ten icons there are.
"""

from pathlib import Path

from sphinx.application import Sphinx

ICONS = "scripts/fontawesome.js"


def empty_icons(app: Sphinx, error: Exception | None) -> None:
    """Leave nothing in the theme's icon script, which its template loads on every page."""
    script = Path(app.outdir, "_static", ICONS)
    if error is None and app.builder.format == "html" and script.exists():
        script.write_text("", encoding="utf-8")


def drop_thebe(_app: Sphinx, _page: str, _template: str, context: dict, _doctree: object) -> None:
    """Take sphinx-thebe's scripts and style off the page."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if "thebe" not in str(getattr(file, "filename", file)).lower()
        ]
    context["script_files"] = [
        file for file in context["script_files"] if "THEBE" not in str(getattr(file, "attributes", ""))
    ]


def let_the_text_come_first(
    _app: Sphinx, _page: str, _template: str, context: dict, _doctree: object
) -> None:
    """Let scripts wait for the page, but for the two whose names inline scripts and the search use."""
    for file in context.get("script_files", []):
        name = str(getattr(file, "filename", "") or "")
        if name.endswith(".js") and not name.endswith(("documentation_options.js", "doctools.js")):
            file.attributes.setdefault("defer", "defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", empty_icons, priority=900)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("html-page-context", let_the_text_come_first, priority=901)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
