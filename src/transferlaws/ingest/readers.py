"""Any file or folder to the tables in it, by its content first and its name second."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferlaws.errors import TransferLawsError
from transferlaws.ingest.delimited import read_delimited
from transferlaws.ingest.events import is_event_file, read_events
from transferlaws.ingest.history import History, as_frame
from transferlaws.ingest.nested import flat, read_json, read_json_lines, unfold
from transferlaws.ingest.sheet import Sheet, plain
from transferlaws.ingest.spreadsheet import read_workbook
from transferlaws.ingest.trackers import read_folder, trainer_history

MOST_BYTES = 2**31
"""The largest file that is read, bytes."""

# What a file begins with that is no table here, and what to do about it.
_OTHERS = {
    b"\x1f\x8b": "is compressed by gzip; unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed by zstd; unpack it first",
    b"BZh": "is compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "is compressed by xz; unpack it first",
    b"\xd0\xcf\x11\xe0": "is an Excel file of before 2007 (.xls); save it as .xlsx or CSV",
    b"%PDF": "is a PDF; its numbers have to be typed or extracted first",
    b"SQLite format 3": "is an SQLite database; export its table as CSV",
    b"\x89HDF": "is an HDF5 file; export its table as CSV or Parquet",
    b"\x80\x04": "is a pickle, which is never opened because it can run code; save it as CSV or Parquet",
    b"\x80\x05": "is a pickle, which is never opened because it can run code; save it as CSV or Parquet",
}


def read_file(path: Path) -> list[Sheet]:
    """The tables in a file or in a folder of runs, with W&B's objects in cells opened.

    Raises TransferLawsError, in one line that names the file and what to do, for all that is no table.
    """
    try:
        if path.is_dir():
            return [read_folder(path)]
        if not path.exists():
            raise TransferLawsError(f"cannot read {path}: no such file or folder")
        if not path.is_file():
            raise TransferLawsError(f"{path} is neither a file nor a folder (a pipe, a socket or a device)")
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise TransferLawsError(f"{path} has {size:,} bytes; the most that is read is {MOST_BYTES:,}")
        with path.open("rb") as file:
            start = file.read(4096)
        sheets = _by_content(path, start)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else plain(error)
        raise TransferLawsError(f"cannot read {plain(path, 200)}: {reason or error}") from error
    opened = []
    for sheet in sheets:
        frame, said = unfold(sheet.frame)
        opened.append(sheet.with_frame(frame, said) if said else sheet)
    return opened


def _by_content(path: Path, start: bytes) -> list[Sheet]:
    where = str(path)
    if not start:
        raise TransferLawsError(f"{where} is empty; a table needs a header line and one line a run")
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise TransferLawsError(f"{where} {what}")
    if start.startswith(b"PK"):
        return read_workbook(path)
    if start.startswith(b"PAR1") or path.suffix.lower() in (".parquet", ".pq"):
        return [_parquet(path)]
    if is_event_file(path):
        scalars = read_events([path])
        frame = as_frame([History(path.parent.resolve().name, scalars.settings, scalars.curves)])
        return [
            Sheet(
                frame.rename_axis("row"), where, "TensorBoard events", tuple(scalars.broken), files=(where,)
            )
        ]
    text = _decode(path.read_bytes(), where)
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return [read_json_lines(text, where)]
    if text.lstrip()[:1] in ("{", "["):
        state = _trainer_state(text)
        if state is not None:
            history = trainer_history(state, _run_name(path))
            if not history.curves:
                raise TransferLawsError(f"{where} is a Trainer's state without a log")
            return [Sheet(as_frame([history]).rename_axis("row"), where, "a Trainer's state", files=(where,))]
        return [read_json(text, where)]
    if path.suffix.lower() == ".json":
        return [read_json(text, where)]
    return [read_delimited(text, where)]


def _decode(data: bytes, where: str) -> str:
    # UTF-16 is what Excel calls Unicode text.
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise TransferLawsError(
            f"{where} is no UTF-8 text (byte {error.start}); save it as CSV, UTF-8, if it is a table"
        ) from error
    if "\0" in text:
        raise TransferLawsError(f"{where} is no text table (it holds zero bytes)")
    if not text.strip():
        raise TransferLawsError(f"{where} is empty; a table needs a header line and one line a run")
    return text


def _trainer_state(text: str) -> dict[str, object] | None:
    if '"log_history"' not in text:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "log_history" in document else None


def _run_name(path: Path) -> str:
    folder = path.resolve().parent
    return plain(folder.parent.name if folder.name.startswith("checkpoint-") else folder.name)


def _parquet(path: Path) -> Sheet:
    try:
        table = pq.read_table(path)
        nested = any(pa.types.is_struct(kind) for kind in table.schema.types)
        rows = [flat(row) for row in table.to_pylist()] if nested else None
        frame = pd.DataFrame(rows) if nested else table.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise TransferLawsError(f"{path} is no whole Parquet file ({plain(str(error))})") from error
    if frame.empty:
        raise TransferLawsError(f"{path} has no rows")
    frame.columns = frame.columns.map(str)
    return Sheet(frame.rename_axis("row"), str(path), "Parquet")
