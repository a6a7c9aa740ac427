"""Published results, read: a study's runs as small files that are committed and need no torch.

results/<scale>/runs.csv           one row a run, diverged and failed ones too
results/<scale>/curves.parquet     every evaluation of every run
results/<scale>/specs.jsonl        key and spec of each run, so that any of them can be trained again
results/<scale>/laws.json          the laws of transfer, every source and method
results/<scale>/audit.csv          one row a run of the study's audit, where there was one (`training.around`)
results/<scale>/provenance.json    code, packages, corpora, hardware, core-hours
results/<scale>/README.md          an account of all that, in words
results/<scale>/manifest.json      SHA-256 of the files of numbers, and of each run in them

`reports.freeze` writes them, the whole folder at once. Runs are believed only if they are of the promised
form, each under the key of its spec, and as the manifest has them; older folders have no manifest.
"""

import csv
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferlaws.errors import TransferLawsError
from transferlaws.files import read_sealed, recovered, write_sealed
from transferlaws.runs.record import CURVE_COLUMNS, Record
from transferlaws.training.around import COLUMNS, setting_of
from transferlaws.training.spec import RunSpec

if TYPE_CHECKING:
    import pandas as pd

RUNS = ("runs.csv", "curves.parquet", "specs.jsonl")
SEALED = (*RUNS, "laws.json", "provenance.json")
AUDIT = "audit.csv"
MANIFEST = "manifest.json"
_NUMBERS = (
    "n_params", "n_params_total", "d_chars", "d_tokens", "seed", "loss", "bits_per_char", "loss_validation",
    "epochs_best", "tokens_seen", "flops", "pretrain_chars", "learning_rate", "seconds",
)  # fmt: skip


def read_published(folder: Path) -> Mapping[str, Record]:
    """The records in a results folder, by key; empty if nothing was published there.

    Raises TransferLawsError, in one line, for files that are not of the promised form, or not those that the
    manifest names.
    """
    folder = recovered(Path(folder))
    if not (folder / "runs.csv").exists() and not (folder / MANIFEST).exists():
        return {}
    for last in (False, False, True):
        manifest = _manifest(folder)
        data = _read(folder, RUNS)
        if manifest is None:
            break
        changed = [name for name in RUNS if manifest["files"].get(name) != _sha256(data[name])]
        if not changed:
            break
        if last or _manifest(folder) == manifest:  # else a freeze has just come between
            raise TransferLawsError(
                f"{folder / changed[0]} is not what was published: it and {MANIFEST} differ "
                f"(transferlaws verify --scale {folder.name} says where)"
            )
    try:
        return _records(*(data[name] for name in RUNS))
    except _MalformedError as error:
        raise TransferLawsError(f"{folder}: {error}") from error


def read_audit(folder: Path) -> "pd.DataFrame":
    """The audit in a results folder, `training.around.COLUMNS`; empty where none was published.

    Raises TransferLawsError, in one line, for one that is not of the promised form, not what the manifest
    names, or about other runs than those published.
    """
    folder = recovered(Path(folder))
    for last in (False, False, True):
        manifest = _manifest(folder)
        if not (folder / AUDIT).exists() and (manifest is None or AUDIT not in manifest["files"]):
            return _audit(None, {})
        data = _read(folder, (AUDIT, *RUNS))
        if manifest is None or manifest["files"].get(AUDIT) == _sha256(data[AUDIT]):
            break
        if last or _manifest(folder) == manifest:  # else a freeze has just come between
            raise TransferLawsError(f"{folder / AUDIT} is not what was published: it and {MANIFEST} differ")
    try:
        return _audit(data[AUDIT], _specs(data))
    except _MalformedError as error:
        raise TransferLawsError(f"{folder}: {error}") from error


def write_manifest(folder: Path) -> None:
    """Write down the SHA-256 of a results folder's files and runs, to be believed from now on."""
    data = _read(folder, (*SEALED, AUDIT) if (folder / AUDIT).exists() else SEALED)
    files = {name: _sha256(content) for name, content in data.items()}
    write_sealed(folder / MANIFEST, {"schema": 1, "files": files, "runs": _digests(data)})


def differences(folder: Path) -> list[str]:
    """What is wrong with a results folder, a line each; an empty list if nothing is."""
    folder = recovered(Path(folder))
    lines: list[str] = []
    try:
        manifest = _manifest(folder)
    except TransferLawsError as error:
        return [str(error)]
    if manifest is None:
        lines.append(f"{folder / MANIFEST} is missing: only the form of the files can be checked")
    data: dict[str, bytes] = {}
    audited = (folder / AUDIT).exists() or (manifest is not None and AUDIT in manifest["files"])
    for name in (*SEALED, AUDIT) if audited else SEALED:
        try:
            data |= _read(folder, (name,))
        except TransferLawsError as error:
            lines.append(str(error))
            continue
        if manifest is not None and manifest["files"].get(name) != _sha256(data[name]):
            lines.append(f"{folder / name} is not what was published")
    if not data.keys() >= set(RUNS):
        return lines
    if manifest is not None and lines:
        with suppress(_MalformedError):  # said below
            lines += _changed_runs(manifest["runs"], _digests(data))
    try:
        _records(*(data[name] for name in RUNS))
        if AUDIT in data:
            _audit(data[AUDIT], _specs(data))
    except _MalformedError as error:
        lines.append(f"{folder}: {error}")
    return lines


class _MalformedError(Exception):
    """What is wrong with the form of published files, as the end of a sentence about their folder."""


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    data = {}
    for name in names:
        try:
            data[name] = (folder / name).read_bytes()
        except OSError as error:
            raise TransferLawsError(f"cannot read {folder / name}: {error.strerror or error}") from error
    return data


def _manifest(folder: Path) -> dict[str, Any] | None:
    path = folder / MANIFEST
    if not path.exists():
        return None
    manifest = read_sealed(path)
    if not isinstance(manifest, dict) or not all(
        isinstance(manifest.get(name), dict) for name in ("files", "runs")
    ):
        raise TransferLawsError(f"{path} is damaged")
    return manifest


def _changed_runs(published: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Which runs differ from those of the manifest, and in which of their three files."""
    lines = []
    for key in sorted(published.keys() | here.keys()):
        if key not in here:
            lines.append(f"run {key} is gone")
        elif key not in published:
            lines.append(f"run {key} was not published")
        elif here[key] != published[key]:
            parts = zip(RUNS, here[key].split(), published[key].split(), strict=False)
            names = [name for name, one, other in parts if one != other]
            lines.append(f"run {key} is another in {' and '.join(names)}")
    return lines


def _digests(data: Mapping[str, bytes]) -> dict[str, str]:
    """Digests of each run by its key: of its rows in runs.csv, curves.parquet and specs.jsonl."""
    parts: dict[str, dict[str, list[Any]]] = {}

    def add(name: str, key: object, row: object) -> None:
        parts.setdefault(str(key), {}).setdefault(name, []).append(row)

    rows = list(csv.reader(io.StringIO(_text(data, "runs.csv"))))
    at = _column(rows[0] if rows else [], "runs.csv")
    for row in rows[1:]:
        if len(row) > at:
            add("runs.csv", row[at], row)
    for key, points in _points(data).items():
        add("curves.parquet", key, points)
    for line in _text(data, "specs.jsonl").splitlines():
        add("specs.jsonl", _spec_line(line)[0], line)
    return {
        key: " ".join(_sha256(json.dumps(part.get(name)).encode())[:16] for name in RUNS)
        for key, part in parts.items()
    }


def _text(data: Mapping[str, bytes], name: str) -> str:
    try:
        return data[name].decode("utf-8")
    except UnicodeDecodeError as error:
        raise _MalformedError(f"{name} is no UTF-8 text") from error


def _column(header: list[str], name: str) -> int:
    if missing := [column for column in ("key", "status", *_NUMBERS) if column not in header]:
        raise _MalformedError(f"{name} lacks the columns {', '.join(missing)}")
    return header.index("key")


def _spec_line(line: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Key, spec and what else a line of specs.jsonl holds."""
    try:
        kept = json.loads(line)
        key, spec = kept.pop("key"), kept.pop("spec")
        named = RunSpec.from_json(spec).key
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _MalformedError(f"specs.jsonl has a line that is no spec: {line[:40]!r}") from error
    if named != key:
        raise _MalformedError(f"the spec of run {key} in specs.jsonl is that of another run, {named}")
    return key, spec, kept


def _specs(data: Mapping[str, bytes]) -> dict[str, RunSpec]:
    """The published runs' specs, by key."""
    lines = map(_spec_line, _text(data, "specs.jsonl").splitlines())
    return {key: RunSpec.from_json(spec) for key, spec, _ in lines}


def _audit(content: bytes | None, specs: Mapping[str, RunSpec]) -> "pd.DataFrame":
    """audit.csv, of the promised form: every row under the key of its setting."""
    import pandas as pd

    if content is None:
        return pd.DataFrame(columns=list(COLUMNS))
    try:
        named = dict.fromkeys(("cell", "setting", "key", "arm"), str)
        table = pd.read_csv(io.BytesIO(content), dtype=named, float_precision="round_trip")
    except (ValueError, OverflowError) as error:
        raise _MalformedError(f"{AUDIT} cannot be read: {' '.join(str(error).split())}") from error
    if missing := [column for column in COLUMNS if column not in table.columns]:
        raise _MalformedError(f"{AUDIT} lacks the columns {', '.join(missing)}")
    for named_row in table.to_dict("records"):
        row = {str(name): value for name, value in named_row.items()}
        own = specs.get(row["cell"])
        if own is None:
            raise _MalformedError(f"{AUDIT} has run {row['cell']} that runs.csv has not")
        try:
            key = setting_of(own, row).key
        except (ValueError, TypeError, OverflowError) as error:
            raise _MalformedError(f"{AUDIT} has a setting that is none, of run {row['key']}") from error
        finished = (
            row["status"] == "ok" and math.isfinite(row["loss"]) and math.isfinite(row["loss_validation"])
        )
        if key != row["key"] or not (finished or row["status"] == "diverged"):
            raise _MalformedError(f"{AUDIT} has something else under the key of run {row['key']}")
    return table


def _points(data: Mapping[str, bytes]) -> dict[str, list[list[Any]]]:
    """The rows of curves.parquet, by key."""
    import pandas as pd

    try:
        curves = pd.read_parquet(io.BytesIO(data["curves.parquet"]))
    except Exception as error:  # of several libraries
        raise _MalformedError(f"curves.parquet cannot be read ({type(error).__name__})") from error
    if missing := {"key", *CURVE_COLUMNS} - set(curves.columns):
        raise _MalformedError(f"curves.parquet lacks the columns {', '.join(sorted(missing))}")
    rows = curves.drop(columns="key").astype(object)
    points: dict[str, list[list[Any]]] = {}
    for key, row in zip(curves["key"], rows.where(rows.notna(), None).to_numpy().tolist(), strict=True):
        points.setdefault(str(key), []).append(row)
    return points


def _table(data: Mapping[str, bytes]) -> "pd.DataFrame":
    """runs.csv, of the promised form."""
    import pandas as pd

    _text(data, "runs.csv")
    try:
        # Numbers to the last bit, which pandas before its third version does not read by default.
        table = pd.read_csv(io.BytesIO(data["runs.csv"]), dtype={"key": str}, float_precision="round_trip")
    except (ValueError, OverflowError) as error:
        raise _MalformedError(f"runs.csv cannot be read: {' '.join(str(error).split())}") from error
    _column(list(table.columns), "runs.csv")
    if table["key"].isna().any():
        raise _MalformedError("runs.csv has a row without a key")
    if doubled := [key for key, count in Counter(table["key"]).items() if count > 1]:
        raise _MalformedError(f"runs.csv has run {doubled[0]} twice")
    if unknown := set(table["status"]) - {"ok", "diverged", "failed"}:
        raise _MalformedError(f"runs.csv has a status that is none: {str(unknown.pop())[:40]!r}")
    for column in _NUMBERS:
        if not pd.api.types.is_numeric_dtype(table[column].dtype):
            raise _MalformedError(f"runs.csv has something else than numbers in column {column}")
    for column in ("device", "versions"):  # pages show them, and spreadsheets calculate what begins with =
        texts = map(str, table[column].dropna() if column in table else ())
        if odd := [text for text in texts if not text.isprintable() or text.startswith(tuple("=+-@"))]:
            raise _MalformedError(
                f"runs.csv has something else than plain text in column {column}: {odd[0]!r}"
            )
    finished = table[table["status"] == "ok"]
    for column in ("n_params", "d_chars", "loss"):
        if not all(map(math.isfinite, finished[column])):
            raise _MalformedError(f"runs.csv has a finished run without {column}")
    return table


@lru_cache(maxsize=1)
def _records(*contents: bytes) -> dict[str, Record]:
    """The records in the files `RUNS`; parsed once by a command that checks what it has read."""
    data = dict(zip(RUNS, contents, strict=True))
    table, points = _table(data), _points(data)
    rows = {row["key"]: row for row in table.astype(object).where(table.notna(), None).to_dict("records")}
    records: dict[str, Record] = {}
    for line in _text(data, "specs.jsonl").splitlines():
        key, spec, kept = _spec_line(line)
        if key in records or key not in rows:
            times = "twice" if key in records else "that runs.csv has not"
            raise _MalformedError(f"specs.jsonl has run {key} {times}")
        outcome = {str(name): value for name, value in rows[key].items() if value is not None} | kept
        records[key] = Record(key, spec, str(rows[key]["status"]), outcome, points.get(key, []))
    for found, name in ((rows, "runs.csv"), (points, "curves.parquet")):
        if unknown := found.keys() - records.keys():
            raise _MalformedError(f"{name} has run {min(unknown)} that specs.jsonl has not")
    starts = {record.spec["start"] for record in records.values()} - {None}
    if missing := starts - records.keys():
        raise _MalformedError(f"runs start from run {min(missing)}, which is not there")
    return records
