"""The verb that takes runs from elsewhere: ingest."""

import json as json_module
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from transferlaws.cli.output import say
from transferlaws.errors import TransferLawsError, UsageError


def ingest(
    files: Annotated[tuple[Path, ...], tyro.conf.Positional],
    /,
    map: str = "",
    out: Path | None = None,
    like: str = "",
    chars_per_token: float | None = None,
    scratch: str = "",
    checkpoint: Literal["", "best", "last"] = "",
    tune: str = "",
    sheet: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> int:
    """Turn other people's runs into the table that `fit` takes, and say what was understood.

    Takes CSV, TSV and other text tables, Excel, Parquet, JSON and JSON lines, exports of W&B and MLflow, and
    folders of mlruns, TensorBoard events or trainer_state.json. Columns are found by their names and contents
    unless --map says otherwise.

    Example: transferlaws ingest sweep.csv --map "n_params=params,d_chars='tokens*4.1'" --out table.csv

    Args:
        files: tables of runs, or folders that a tracker left.
        map: TARGET=EXPRESSION with commas between; expressions are columns, numbers, + - * / **, log, exp and
            size(name). Targets are n_params, arm, d_chars, d_tokens, seed, loss, loss_sd, loss_validation,
            run, step, status, or any name; "none" leaves one out.
        out: write the table here (CSV).
        like: a ready mapping: chinchilla, gemstones, step-law, rectified, data-constrained, olmo-ladder,
            loss-to-loss, pfnet-transfer.
        chars_per_token: characters a token, to give tokens as characters too.
        scratch: the label of the arm that was trained from scratch.
        checkpoint: which checkpoint of a run counts at one data size, best (the default) or last.
        tune: further columns, with commas, that were tuned and of which the best value counts.
        sheet: the sheet of an Excel workbook.
        dry_run: show what was understood and write nothing.
        json: print one JSON document.
    """
    from transferlaws.ingest.arithmetic import read_map
    from transferlaws.ingest.ingestion import look
    from transferlaws.ingest.output import refuse_output

    if out is None and not dry_run:
        raise UsageError("ingest takes --out TABLE.csv, or --dry-run to see only what was understood")
    if out is not None:
        refuse_output(out, files)
    looked = look(
        files, read_map(map), like, chars_per_token, scratch, checkpoint,
        [name.strip() for name in tune.split(",") if name.strip()], sheet,
    )  # fmt: skip
    if not json:
        say(looked.summary(), flush=True)
    document = looked.document()
    if out is not None and not dry_run:
        try:
            written = looked.write(out)
        except TransferLawsError:
            if json:
                say(json_module.dumps(document, indent=1, allow_nan=False), file=sys.stderr)
            raise
        document["written"] = str(out)
        if not json:
            say(f"{written.summary()}\nnext: {looked.next_command(out)}")
    if json:
        say(json_module.dumps(document, indent=1, allow_nan=False))
    return 0


VERBS: dict[str, Callable[..., Any]] = {"ingest": ingest}
