"""A plain `jupyter-book build .` never serves the output of yesterday's code or yesterday's results.

jupyter-cache looks at the code cells alone. Here its folder is named by a hash of the library and of
the results, so that a change of either starts a fresh cache.
"""

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from transferlaws.book import inputs_fingerprint


def name_cache(app: Sphinx, config: Config) -> None:
    """Point myst-nb at the cache that belongs to this library and these results."""
    if config.nb_execution_mode == "cache":
        folder = Path(app.outdir).parent / ".jupyter_cache" / inputs_fingerprint()[:16]
        config.nb_execution_cache_path = str(folder)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("config-inited", name_cache)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
