"""Folders that trackers leave: MLflow's mlruns, TensorBoard logs, and the Trainer's checkpoints.

Each run is a folder; its name, relative to the folder asked for, is the run's.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from transferlaws.errors import TransferLawsError
from transferlaws.ingest.events import is_event_file, read_events
from transferlaws.ingest.history import History, as_frame, settings_in
from transferlaws.ingest.sheet import Sheet, plain

MOST_FILES = 500_000
# mlflow.entities.RunStatus, as meta.yaml stores it
_MLFLOW_STATUS = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
TRAINER_STATE = "trainer_state.json"


def read_folder(folder: Path) -> Sheet:
    """The runs in a folder of one of these trackers.

    Raises TransferLawsError if it holds none of theirs, or runs of two of them.
    """
    files = _files(folder)
    found: dict[str, tuple[list[History], list[Path], list[str]]] = {}
    for kind, read in (
        ("MLflow runs", _mlflow),
        ("TensorBoard events", _tensorboard),
        ("Trainer states", _trainer),
    ):
        histories, used, notes = read(folder, files)
        if histories:
            found[kind] = histories, used, notes
    if "Trainer states" in found:  # a Trainer logs to TensorBoard too; its own file says the same, and more
        found.pop("TensorBoard events", None)
    if not found:
        tables = sum(
            path.suffix.lower() in (".csv", ".tsv", ".xlsx", ".parquet", ".json", ".jsonl") for path in files
        )
        hint = f"; name its {tables} tables one by one" if tables else ""
        raise TransferLawsError(
            f"{folder} holds no MLflow runs, TensorBoard event files or {TRAINER_STATE}{hint}"
        )
    if len(found) > 1:
        raise TransferLawsError(f"{folder} holds {' and '.join(found)}; name the folder of one of them")
    kind, (histories, used, notes) = next(iter(found.items()))
    return Sheet(
        as_frame(histories).rename_axis("row"), str(folder), f"{len(histories)} {kind}", tuple(notes),
        files=tuple(map(str, used)),
    )  # fmt: skip


def trainer_history(document: object, run: str) -> History:
    """A `trainer_state.json` of the Hugging Face Trainer as a run's curves; `run` names it."""
    state = document if isinstance(document, dict) else {}
    curves: dict[str, list[tuple[int, float]]] = {}
    for entry in state.get("log_history") or ():
        if isinstance(entry, dict) and isinstance(entry.get("step"), int | float):
            for name, value in entry.items():
                if isinstance(value, int | float) and not isinstance(value, bool) and name != "step":
                    called = "train_loss" if name == "loss" else name
                    curves.setdefault(called, []).append((int(entry["step"]), float(value)))
    kept = ("max_steps", "num_train_epochs", "train_batch_size", "trial_params")
    settings = {name: state[name] for name in kept if isinstance(state.get(name), int | float | str)}
    return History(run, settings, curves)


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for base, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(base, name) for name in sorted(names)]
        if len(found) > MOST_FILES:
            raise TransferLawsError(f"{folder} holds more than {MOST_FILES:,} files; name a folder of runs")
    return [path for path in found if path.is_file()]


def _name(folder: Path, root: Path) -> str:
    relative = folder.relative_to(root).as_posix()
    return plain(root.resolve().name if relative == "." else relative, 200)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise TransferLawsError(f"cannot read {path}: {error.strerror or error}") from error


def _mlflow(root: Path, files: Iterable[Path]) -> tuple[list[History], list[Path], list[str]]:
    histories, used, deleted = [], [], 0
    by_run: dict[Path, list[Path]] = {}
    for path in files:
        for parent in path.parents:
            if parent == root.parent:
                break
            if (parent / "meta.yaml").is_file() and (parent / "metrics").is_dir():
                by_run.setdefault(parent, []).append(path)
                break
    for run, paths in by_run.items():
        meta = dict(
            line.partition(": ")[::2] for line in _text(run / "meta.yaml").splitlines() if ": " in line
        )
        meta = {key: value.strip("'\" ") for key, value in meta.items()}
        if meta.get("lifecycle_stage") == "deleted":
            deleted += 1
            continue
        name = meta.get("run_name") or run.name
        settings: dict[str, object] = {**settings_in(name), "run_id": meta.get("run_id") or run.name}
        status = meta.get("status", "")
        settings["status"] = _MLFLOW_STATUS.get(status, status)
        curves: dict[str, list[tuple[int, float]]] = {}
        for path in paths:
            kind, _, key = path.relative_to(run).as_posix().partition("/")
            if kind == "params":
                settings[key] = _text(path).strip()
            elif kind == "tags" and not key.startswith("mlflow."):
                settings.setdefault(key, _text(path).strip())
            elif kind == "metrics":
                curves[key] = _points(_text(path))
        histories.append(History(f"{name} {run.name[:8]}" if name != run.name else name, settings, curves))
        used += paths
    return histories, used, [f"passed over {deleted} deleted runs"] if deleted else []


def _points(text: str) -> list[tuple[int, float]]:
    """MLflow's lines "timestamp value step"."""
    points: list[tuple[int, float]] = []
    for line in text.splitlines():
        parts = line.split()
        try:
            points.append((int(parts[2]) if len(parts) > 2 else len(points), float(parts[1])))
        except (ValueError, IndexError):
            continue
    return points


def _tensorboard(root: Path, files: Iterable[Path]) -> tuple[list[History], list[Path], list[str]]:
    by_run: dict[Path, list[Path]] = {}
    for path in files:
        if is_event_file(path):
            by_run.setdefault(path.parent, []).append(path)
    histories, notes = [], []
    read = {run: read_events(paths) for run, paths in by_run.items()}
    for run, scalars in read.items():
        notes += scalars.broken[:3]
        if scalars.settings and run.parent in read:  # add_hparams leaves them in a folder within the run's
            read[run.parent].settings.update(scalars.settings)
            scalars.curves.clear()
            scalars.settings.clear()
    for run, scalars in read.items():
        if scalars.curves or scalars.settings:
            name = _name(run, root)
            histories.append(History(name, {**settings_in(name), **scalars.settings}, scalars.curves))
    return histories, [path for paths in by_run.values() for path in paths], notes


def _trainer(root: Path, files: Iterable[Path]) -> tuple[list[History], list[Path], list[str]]:
    latest: dict[Path, tuple[int, object, Path]] = {}
    notes = []
    for path in files:
        if path.name != TRAINER_STATE:
            continue
        try:
            document = json.loads(_text(path))
        except (ValueError, RecursionError):
            notes.append(f"{path.relative_to(root)} is no whole JSON document; not read")
            continue
        run = path.parent.parent if path.parent.name.startswith("checkpoint-") else path.parent
        run = run if run.is_relative_to(root) else path.parent
        step = document.get("global_step") if isinstance(document, dict) else None
        step = step if isinstance(step, int) else 0
        if run not in latest or step >= latest[run][0]:
            latest[run] = step, document, path
    histories = [trainer_history(document, _name(run, root)) for run, (_, document, _) in latest.items()]
    return [h for h in histories if h.curves], [path for _, _, path in latest.values()], notes
