"""Publish what a study measured to `results/<scale>/` (`runs.published` says which files that are)."""

import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from transferlaws import recall
from transferlaws.errors import TransferLawsError
from transferlaws.files import (
    recovered,
    remove_left_behind,
    replace_atomic,
    replace_folder,
    sha256_file,
    write_atomic,
)
from transferlaws.laws import Fit, laws_document, read_table, sources, write_laws
from transferlaws.reports.account import write_account
from transferlaws.runs.published import AUDIT, write_manifest
from transferlaws.study import Study

_PACKAGES = ("numpy", "scipy", "pandas", "tokenizers", "torch", "transformers", "distributed")
# What a record holds beyond the run table's columns; kept with the spec.
_UNTABLED = ("checkpoint_sha256", "corpora_sha256", "reason", "tokenizer_sha256")


def freeze(study: Study, *, bootstrap: int = 1000, seed: int = 0) -> Path:
    """Write the study's results folder, whole or not at all; returns the folder.

    What others have put beside the results stays. Raises TransferLawsError if there is nothing to publish or
    the disk does not take it; what was published before is then as it was.
    """
    table = study.table(everything=True)
    if table.empty:
        raise TransferLawsError(
            f"nothing to publish: study {study.scale.name} has no finished runs "
            f"(transferlaws run --scale {study.scale.name})"
        )
    with _new_folder(study.results) as folder:
        with replace_atomic(folder / "runs.csv") as path:
            table.to_csv(path, index=False, lineterminator="\n")
        curves = study.curves()
        curves = curves[curves["key"].isin(table["key"])]  # a sweep may have finished more meanwhile
        with replace_atomic(folder / "curves.parquet") as path:
            curves.to_parquet(path, index=False)
        records = [study.store.read(key) for key in table["key"]]
        lines = [
            json.dumps(
                {
                    "key": record.key,
                    "spec": record.spec,
                    **{name: record.outcome[name] for name in _UNTABLED if name in record.outcome},
                },
                sort_keys=True,
            )
            for record in records
            if record is not None
        ]
        write_atomic(folder / "specs.jsonl", "\n".join(lines) + "\n")
        fits: Sequence[Fit] = []
        failed: Mapping[tuple[str, str], str] = {}
        proper = (table["role"] == "run") & (table["status"] == "ok")
        if proper.any():  # else the study is under way: searches and pre-training, no law to be had
            runs = read_table(folder / "runs.csv")  # as anyone will read it
            # Controls are compared cell by cell; they have too few for a law.
            wanted = [arm for arm in sources(runs) if arm not in study.question.controls]
            fits, failed = recall.fit_all(runs, sources=wanted, bootstrap=bootstrap, seed=seed)
        document = laws_document(
            fits,
            table=runs if fits else None,
            table_sha256=sha256_file(folder / "runs.csv"),
            seed=seed,
            bootstrap=bootstrap,
        )
        write_laws(folder / "laws.json", document)
        # Too few usable cells: said, not hidden.
        unfitted = {f"{source}/{method}": reason for (source, method), reason in failed.items()}
        audit = study.audit()
        audit = audit[audit["cell"].isin(table["key"])]  # not one of runs that others have replaced
        if len(audit):
            with replace_atomic(folder / AUDIT) as path:
                audit.to_csv(path, index=False, lineterminator="\n")
        origin = provenance(study) | {"unfitted": unfitted}
        write_atomic(folder / "provenance.json", json.dumps(origin, indent=1) + "\n")
        write_account(study, fits, folder)
        write_manifest(folder)
    return study.results


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A folder to be filled, that takes the place of `target` and takes over what else lies there.

    Raises TransferLawsError if the disk does not take it.
    """
    home = Path(os.path.realpath(recovered(target)))
    made = home.with_name(f".{home.name}.{uuid.uuid4().hex}.tmp")
    try:
        made.mkdir(parents=True)
        remove_left_behind(home.parent, f".{home.name}.*.tmp")
        yield made
        for path in home.iterdir() if home.is_dir() else ():
            if (made / path.name).exists() or path.name.endswith(".tmp") or path.name == AUDIT:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, made / path.name, symlinks=True)
            else:
                shutil.copy2(path, made / path.name, follow_symlinks=False)
        replace_folder(made, home)
    except OSError as error:
        raise TransferLawsError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def provenance(study: Study) -> dict[str, Any]:
    """Where a study's numbers come from, as JSON: core-hours are summed by role and arm."""
    table = study.table(everything=True)
    seconds: dict[str, float] = {}
    for role, arm, spent in table[["role", "arm", "seconds"]].itertuples(index=False):
        seconds[f"{role}/{arm}"] = seconds.get(f"{role}/{arm}", 0.0) + spent
    return {
        "schema": 1,
        "scale": study.scale.name,
        "code_version": version("transferlaws"),
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "corpora": dict(sorted(study.plan.fingerprints.items())),
        "hardware": sorted(set(table["device"].dropna())),
        "core_hours": {name: round(spent / 3600, 4) for name, spent in seconds.items()},
        "runs": {str(status): int(count) for status, count in table["status"].value_counts().items()},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
