"""Where things live: downloads and corpora, runs, published results.

Each place has an environment variable and a default. Downloads are shared between checkouts (they
are verified by hash); runs belong to the checkout that trained them.
"""

import os
from pathlib import Path

from platformdirs import user_cache_path

from transferlaws.errors import TransferLawsError


def project_root() -> Path:
    """The nearest folder at or above the current one that holds `_toc.yml`, else the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "_toc.yml").is_file()), here)


def cache_dir() -> Path:
    """Downloads, cleaned corpora and token files: `$TRANSFERLAWS_CACHE`, else the user's cache folder.

    Raises TransferLawsError for a user without a home, as containers have them.
    """
    try:
        return Path(os.environ.get("TRANSFERLAWS_CACHE") or user_cache_path("transferlaws"))
    except RuntimeError as error:
        raise TransferLawsError("this user has no home; TRANSFERLAWS_CACHE names a folder instead") from error


def runs_dir() -> Path:
    """The run store: `$TRANSFERLAWS_RUNS`, else `runs/` in the project."""
    return Path(os.environ.get("TRANSFERLAWS_RUNS") or project_root() / "runs")


def results_dir() -> Path:
    """Published results: `$TRANSFERLAWS_RESULTS`, else `results/` in the project."""
    return Path(os.environ.get("TRANSFERLAWS_RESULTS") or project_root() / "results")
