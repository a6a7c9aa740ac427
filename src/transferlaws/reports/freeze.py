"""Publish what a study measured to `results/<scale>/` (`runs.published` says which files that are)."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from transferlaws.errors import TransferLawsError
from transferlaws.files import replace_atomic, sha256_file, write_atomic
from transferlaws.laws import fit_all, laws_document, read_table, sources, write_laws
from transferlaws.reports.account import write_account
from transferlaws.study import Study

_PACKAGES = ("numpy", "scipy", "pandas", "tokenizers", "torch", "transformers", "distributed")
# What a record holds beyond the run table's columns; kept with the spec.
_UNTABLED = ("checkpoint_sha256", "reason")


def freeze(study: Study, *, bootstrap: int = 1000, seed: int = 0) -> Path:
    """Write the study's results folder, file by file, each whole or not at all; returns the folder.

    Raises TransferLawsError if there is nothing to publish or the disk does not take it.
    """
    table = study.table(everything=True)
    if table.empty:
        raise TransferLawsError(
            f"nothing to publish: study {study.scale.name} has no finished runs "
            f"(transferlaws run --scale {study.scale.name})"
        )
    folder = study.results
    with replace_atomic(folder / "runs.csv") as path:
        table.to_csv(path, index=False, lineterminator="\n")
    with replace_atomic(folder / "curves.parquet") as path:
        study.curves().to_parquet(path, index=False)
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
    runs = read_table(folder / "runs.csv")  # as anyone will read it
    # Controls are compared cell by cell; they have too few for a law.
    wanted = [arm for arm in sources(runs) if arm not in study.question.controls]
    fits, failed = fit_all(runs, sources=wanted, bootstrap=bootstrap, seed=seed)
    document = laws_document(
        fits, table_sha256=sha256_file(folder / "runs.csv"), seed=seed, bootstrap=bootstrap
    )
    write_laws(folder / "laws.json", document)
    # Too few usable cells: said, not hidden.
    unfitted = {f"{source}/{method}": reason for (source, method), reason in failed.items()}
    origin = provenance(study) | {"unfitted": unfitted}
    write_atomic(folder / "provenance.json", json.dumps(origin, indent=1) + "\n")
    write_account(study, fits)
    return folder


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
        "corpora": study.plan.fingerprints,
        "hardware": sorted(set(table["device"].dropna())),
        "core_hours": {name: round(spent / 3600, 4) for name, spent in seconds.items()},
        "runs": {str(status): int(count) for status, count in table["status"].value_counts().items()},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
