"""laws.json: the laws of a table, their intervals and where they come from, in a frame other programs read.

An open end is null and the status says why. Written whole or not at all, and checked when read back.
"""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.files import write_atomic
from transferlaws.laws.curves.curve import Curve
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.estimators.result import Fit, Result
from transferlaws.laws.frame import check_frame

SCHEMA = 1
MOST = 1e300
"""Characters from which on D(N) has no end."""
CURVE_PARAMETERS = 3
"""What a curve takes of the data's degrees of freedom: its offset D0 is held by its prior rather."""


def laws_document(
    fits: Sequence[Result],
    *,
    table: pd.DataFrame | None = None,
    table_sha256: str = "",
    seed: int = 0,
    bootstrap: int = 0,
) -> dict[str, Any]:
    """The document of laws.json for fits of one table; `table_sha256` is of the file they came from.

    Every row of a law of transfer holds its own from-scratch curves, since each fit has its own. With
    `table`, such a row also holds what was measured: the gain of every cell (`gain`) and the ends of
    `pretrain_chars`, characters of pre-training, where the table has them; and the list at the top are the
    curves of the from-scratch runs alone, with the ends of their D(N) where a fit knows them (`d_n_range`,
    null: open), their range of data and their misfit (`sd_nats`, one for all
    sizes, by `dof` degrees of freedom). Without it, the list at the top is that of the first fit.
    """
    transfer = [fit for fit in fits if isinstance(fit, Fit)]
    rows = [fit.to_row() for fit in fits]
    scratch: list[dict[str, Any]] = transfer[0].curves.to_rows() if transfer else []
    if table is not None and transfer:
        scratch = _with_d_n(_from_scratch(table), transfer)
        measured = {fit.source: _measured(table, fit.source, fit.level) for fit in transfer}
        rows = [
            row | measured[fit.source] if isinstance(fit, Fit) else row
            for fit, row in zip(fits, rows, strict=True)
        ]
    return {
        "schema": SCHEMA,
        "rows": rows,
        "scratch": scratch,
        "provenance": {
            "table_sha256": table_sha256,
            "code_version": version("transferlaws"),
            "seed": seed,
            "bootstrap": bootstrap,
        },
    }


def _measured(table: pd.DataFrame, source: str, level: float) -> dict[str, Any]:
    """What was measured of a source: its cells and how much it was pre-trained on."""
    # Imported here: reading a laws.json need not wait for what writing one takes.
    from transferlaws.laws.questions.gain import gain

    held: dict[str, Any] = {"measured": [cell.to_json() for cell in gain(table, source, level=level)]}
    if "pretrain_chars" in table.columns:
        sizes = pd.to_numeric(table.loc[table["arm"] == source, "pretrain_chars"], errors="coerce")
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        if len(sizes):
            held["pretrain_chars"] = [float(sizes.min()), float(sizes.max())]
    return held


def _with_d_n(scratch: list[dict[str, Any]], fits: Sequence[Fit]) -> list[dict[str, Any]]:
    """The rows of curves with the ends of D(N) of the sizes that a fit has cells of."""
    columns = ["n_params", "d_n_chars_low", "d_n_chars_high"]
    cells = pd.concat([fit.cells[columns] for fit in fits]).drop_duplicates("n_params")
    ends = {n: (low, high) for n, low, high in cells.itertuples(index=False) if low == low}
    return [
        row | ({"d_n_range": [end if end < MOST else None for end in ends[n]]} if n in ends else {})
        for row, n in ((row, row["n_params"]) for row in scratch)
    ]


def _from_scratch(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The curves of the from-scratch runs alone, with the range of their data and their misfit in nats."""
    from transferlaws.laws.curves.scratch import fit_curves

    curves = fit_curves(table)
    runs = table[table["arm"] == SCRATCH]
    cells = runs.groupby(["n_params", "d_chars"], as_index=False)["loss"].mean()
    cells = cells[cells["n_params"].isin(list(curves))]
    missed = [
        loss - float(curves[n].loss(d))
        for n, d, loss in cells[["n_params", "d_chars", "loss"]].itertuples(index=False)
    ]
    dof = len(missed) - CURVE_PARAMETERS * len(curves)
    sd = float(np.sqrt(np.sum(np.square(missed)) / dof)) if dof > 0 else None
    fitted = (curve for curve in curves.values() if isinstance(curve, Curve))
    return [
        {**row, "d_chars": [float(curve.d_min), float(curve.d_max)], "sd_nats": sd, "dof": max(dof, 0)}
        for row, curve in zip(curves.to_rows(), fitted, strict=True)
    ]


def write_laws(path: Path | str, document: dict[str, Any]) -> None:
    """Write a document of `laws_document` to `path`, whole or not at all."""
    write_atomic(Path(path), json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_laws(path: Path | str) -> dict[str, Any]:
    """Read a laws.json and check it field by field.

    Raises TransferLawsError, naming the field, if it is not one.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_bytes(), parse_constant=_no_number)
    except OSError as error:
        raise TransferLawsError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise TransferLawsError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise TransferLawsError(f"{path} is no laws.json of schema {SCHEMA}; `transferlaws fit` writes one")
    try:
        check_frame(document)
    except TransferLawsError as error:
        raise TransferLawsError(f"{path}: {error}") from error
    return document


def _no_number(constant: str) -> float:
    raise ValueError(f"it holds {constant}, which JSON has not")
