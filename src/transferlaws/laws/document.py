"""laws.json: the laws of a table, their intervals and where they come from, in a frame other programs read.

An open end is null and the status says why. Written whole or not at all, and checked when read back.
"""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transferlaws.errors import TransferLawsError
from transferlaws.files import write_atomic
from transferlaws.laws.estimators.result import Fit, Result

SCHEMA = 1


def laws_document(
    fits: Sequence[Result], *, table_sha256: str = "", seed: int = 0, bootstrap: int = 0
) -> dict[str, Any]:
    """The document of laws.json for fits of one table; `table_sha256` is of the file they came from.

    Every row of a law of transfer holds its own from-scratch curves, since each fit has its own; the list at
    the top, for readers that know no other, is that of the first.
    """
    return {
        "schema": SCHEMA,
        "rows": [fit.to_row() for fit in fits],
        "scratch": next((fit.curves.to_rows() for fit in fits if isinstance(fit, Fit)), []),
        "provenance": {
            "table_sha256": table_sha256,
            "code_version": version("transferlaws"),
            "seed": seed,
            "bootstrap": bootstrap,
        },
    }


def write_laws(path: Path | str, document: dict[str, Any]) -> None:
    """Write a document of `laws_document` to `path`, whole or not at all."""
    write_atomic(Path(path), json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_laws(path: Path | str) -> dict[str, Any]:
    """Read a laws.json; raises TransferLawsError if it is not one, naming what is missing."""
    path = Path(path)
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise TransferLawsError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise TransferLawsError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise TransferLawsError(f"{path} is no laws.json of schema {SCHEMA}; `transferlaws fit` writes one")
    for name in ("rows", "scratch"):
        if not isinstance(document.get(name), list):
            raise TransferLawsError(f"{path} lacks the list {name!r}; `transferlaws fit` writes one")
    return document
