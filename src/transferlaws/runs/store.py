"""The run store: one JSON file a run, written whole or not at all, and believed only if intact.

    <store>/records/<key>.json         what a run was and what came out
    <store>/checkpoints/<key>/         weights of pre-trained runs (config.json, model.safetensors)

Runs that were published count as present (`runs.publish`).

Safe on a shared file system without a server: names are keys, files appear by rename, and each
record carries the SHA-256 of its content.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from transferlaws.errors import TransferLawsError
from transferlaws.files import sha256_file, write_atomic

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """One run: its spec, its status (`ok`, `diverged`, `failed`), its outcome and its curve.

    `curve` rows: tokens_seen, epochs, loss_train, loss_validation (nats/token), learning_rate, phase.
    """

    key: str
    spec: dict[str, Any]
    status: str
    outcome: dict[str, Any]
    curve: list[list[Any]]

    @property
    def finished(self) -> bool:
        """True unless the run has to be tried again."""
        return self.status in ("ok", "diverged")


class Store:
    """The records and checkpoints under one folder."""

    def __init__(self, path: Path, published: Path | None = None) -> None:
        self.path = Path(path)
        self._published_at = published
        self.records = self.path / "records"
        self.checkpoints = self.path / "checkpoints"
        self._seen: dict[str, tuple[tuple[int, int], Record]] = {}
        self._hashes: dict[str, tuple[tuple[int, int], str]] = {}

    def write(self, record: Record) -> None:
        """Write a record atomically; raises TransferLawsError if the disk does not take it."""
        body = json.dumps(asdict(record), sort_keys=True, allow_nan=False)
        digest = hashlib.sha256(body.encode()).hexdigest()
        write_atomic(self.records / f"{record.key}.json", f'{{"sha256":"{digest}","record":{body}}}\n')

    def read(self, key: str) -> Record | None:
        """The record of a run, or None if there is none worth believing.

        A damaged file is reported, set aside as `<key>.json.broken` and counts as missing.
        """
        path = self.records / f"{key}.json"
        try:
            stat = path.stat()
        except FileNotFoundError:
            return self.published.get(key)
        stamp = (stat.st_mtime_ns, stat.st_size)
        if key in self._seen and self._seen[key][0] == stamp:
            return self._seen[key][1]
        try:
            record = _parse(path.read_text(encoding="utf-8"))
            if record.key != key:
                raise ValueError("it is the record of another run")
        except (ValueError, KeyError, TypeError) as error:
            path.replace(path.with_suffix(".json.broken"))
            logger.warning("record %s is damaged (%s); set aside, the run will be repeated", path, error)
            return None
        self._seen[key] = (stamp, record)
        return record

    def __iter__(self) -> Iterator[Record]:
        """All intact records, by key."""
        for key in sorted({path.stem for path in self.records.glob("*.json")} | self.published.keys()):
            record = self.read(key)
            if record is not None:
                yield record

    @cached_property
    def published(self) -> Mapping[str, Record]:
        """The records of the published results, by key; what this store holds itself goes before them."""
        from transferlaws.runs.publish import read_published

        return {} if self._published_at is None else read_published(self._published_at)

    def write_checkpoint(self, key: str, save: Callable[[Path], None]) -> str:
        """Let `save` fill a folder, move it into place, and return the SHA-256 of its weights."""
        target = self.checkpoints / key
        temporary = self.checkpoints / f".{key}.{uuid.uuid4().hex}.tmp"
        try:
            temporary.mkdir(parents=True)
            save(temporary)
            digest = sha256_file(temporary / "model.safetensors")
            for path in temporary.iterdir():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            if target.exists():
                shutil.rmtree(target)
            temporary.rename(target)
        except OSError as error:
            raise TransferLawsError(f"cannot write {target}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return digest

    def has_checkpoint(self, key: str) -> bool:
        """True if the weights of a finished pre-training run are there, byte for byte."""
        record = self.read(key)
        weights = self.checkpoints / key / "model.safetensors"
        if record is None or not weights.is_file():
            return False
        stat = weights.stat()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if self._hashes.get(key, (None,))[0] != stamp:
            self._hashes[key] = (stamp, sha256_file(weights))
        return self._hashes[key][1] == record.outcome.get("checkpoint_sha256")

    def checkpoint(self, key: str) -> Path:
        """The folder with a pre-trained run's weights; raises TransferLawsError if not intact."""
        if not self.has_checkpoint(key):
            raise TransferLawsError(
                f"the weights of pre-trained run {key} are missing or damaged; "
                "`transferlaws run` trains them again"
            )
        return self.checkpoints / key


def _parse(text: str) -> Record:
    document = json.loads(text)
    body = json.dumps(document["record"], sort_keys=True, allow_nan=False)
    if hashlib.sha256(body.encode()).hexdigest() != document["sha256"]:
        raise ValueError("its checksum does not match")
    return Record(**document["record"])
