"""Interactive charts draw themselves, without a network and only where there are any.

Vega, Vega-Lite and Vega-Embed come bundled from `vl_convert`; the 0.9 MB script is written once, and loaded
when a chart comes near the window (`transferlaws.figures.charts` writes `<div class="chart" data-spec>`).
Until then the chart's description stands in its place.
"""

import json
from importlib.metadata import version
from pathlib import Path

from sphinx.application import Sphinx

BUNDLE = f"charts-{version('vl-convert-python')}.js"
LOAD = """
addEventListener("DOMContentLoaded", () => {
  const near = new IntersectionObserver((boxes) => {
    if (!boxes.some((box) => box.isIntersecting)) return;
    near.disconnect();
    document.head.append(Object.assign(document.createElement("script"), { src: %s }));
  }, { rootMargin: "100%%" });
  for (const box of document.querySelectorAll("div.chart[data-spec]")) near.observe(box);
});
"""
DRAW = """
for (const box of document.querySelectorAll("div.chart[data-spec]")) {
  const options = { actions: false, renderer: "svg", ast: true };
  vegaEmbed(box, JSON.parse(box.dataset.spec), options).then(
    (result) => { box.view = result.view; box.classList.add("drawn"); },
    (error) => { box.textContent = "This chart could not be drawn: " + error.message; },
  );
}
"""


def write_bundle(app: Sphinx) -> None:
    """Write the script once; a later build finds it."""
    target = Path(app.outdir, "_static", BUNDLE)
    if app.builder.format == "html" and not target.exists():
        import vl_convert

        target.parent.mkdir(parents=True, exist_ok=True)
        # In a function: the bundle's own names must not meet those of other scripts.
        target.write_text(f"(() => {{{vl_convert.javascript_bundle(DRAW)}}})();", encoding="utf-8")


def add_to_page(app: Sphinx, _page: str, _template: str, context: dict, _doctree: object) -> None:
    """Load the script on pages with a chart, when a reader gets there."""
    if "data-spec=" in context.get("body", ""):
        app.add_js_file(None, body=LOAD % json.dumps(context["pathto"](f"_static/{BUNDLE}", 1)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_bundle)
    app.connect("html-page-context", add_to_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
