"""The run store: one JSON file a run, written whole or not at all, and believed only if intact.

    <store>/records/<key>.json         what a run was and what came out
    <store>/checkpoints/<key>/         weights of pre-trained runs (config.json, model.safetensors)
    <store>/claims                     an empty file whose bytes are locked: one for each run in progress
    <store>/audit.json                 which cells the last audit drew (`runs.audit`)

Runs that were published count as present (`runs.published`).

Safe on a shared file system without a server: names are keys, files appear by rename, and each
record carries the SHA-256 of its content.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from transferlaws.errors import TransferLawsError
from transferlaws.files import sha256_file, write_atomic
from transferlaws.runs.published import read_published
from transferlaws.runs.record import Record

logger = logging.getLogger(__name__)

_Stamp = tuple[tuple[str, int, int], ...]


class Store:
    """The records and checkpoints under one folder."""

    def __init__(self, path: Path, published: Path | None = None) -> None:
        self.path = Path(path)
        self._published_at = published
        self.records = self.path / "records"
        self.checkpoints = self.path / "checkpoints"
        self._seen: dict[str, tuple[tuple[int, int], Record]] = {}
        self._hashes: dict[str, tuple[_Stamp, set[str]]] = {}
        self._unreadable: set[str] = set()  # said once

    def write(self, record: Record) -> None:
        """Write a record atomically; raises TransferLawsError if the disk does not take it."""
        body = json.dumps(asdict(record), sort_keys=True, allow_nan=False)
        digest = hashlib.sha256(body.encode()).hexdigest()
        write_atomic(self.records / f"{record.key}.json", f'{{"sha256":"{digest}","record":{body}}}\n')

    def read(self, key: str) -> Record | None:
        """The record of a run, or None if there is none worth believing.

        A damaged file is reported, set aside as `<key>.json.broken` and counts as missing; so does one that
        cannot be read, which stays where it is. A key that leads out of the store is none.
        """
        path = self.records / f"{key}.json"
        if os.path.basename(key) != key:  # noqa: PTH119 - a name and not the path to somebody's file
            return None
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if key in self._seen and self._seen[key][0] == stamp:
                return self._seen[key][1]
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):  # never there, or just set aside by another process
            return self.published.get(key)
        except (OSError, ValueError) as error:  # a folder, somebody else's file, a key that is no name
            if key not in self._unreadable:
                self._unreadable.add(key)
                reason = getattr(error, "strerror", None) or error
                logger.warning("record %s cannot be read (%s); it counts as missing", path, reason)
            return self.published.get(key)
        try:
            record = _parse(text.decode("utf-8"))
            if record.key != key:
                raise ValueError("it is the record of another run")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            with suppress(OSError):
                # Unless another process has put a good one there since: that one is read next time.
                if path.stat().st_mtime_ns == stat.st_mtime_ns:
                    path.replace(path.with_suffix(".json.broken"))
            logger.warning("record %s is damaged (%s); set aside, the run will be repeated", path, error)
            return None
        published = self.published.get(key)
        if published is not None and same_result(record, published):
            record = published  # trained again for its weights: the run is the one that was published
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
        return {} if self._published_at is None else read_published(self._published_at)

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Within it, no other process that asks is at work on this run; yields False if one already is.

        The claim is a lock on one byte, which the system takes back when its process ends, however it
        ends. It saves work and nothing hangs on it: where a file system has no locks, everybody may.
        A process has one claim at a time: the first to end takes the others along (POSIX locks do).
        What an earlier process left unfinished of the run is removed. Raises TransferLawsError if the
        store cannot be written.
        """
        place = int(hashlib.sha256(key.encode()).hexdigest()[:15], 16)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / "claims").open("ab")
        except OSError as error:
            raise TransferLawsError(f"cannot write {self.path}: {error.strerror or error}") from error
        with file:
            locked = _lock_byte(file.fileno(), place)
            if locked:
                for left in self.records.glob(f".{key}.json.*.tmp"):
                    left.unlink(missing_ok=True)
                for left in self.checkpoints.glob(f".{key}.*.tmp"):
                    shutil.rmtree(left, ignore_errors=True)
            yield locked is not False

    def write_checkpoint(self, key: str, save: Callable[[Path], None]) -> str:
        """Let `save` fill a folder, move it into place, and return the SHA-256 of all its files.

        Raises TransferLawsError if the disk does not take it; what was there before is then untouched.
        """
        target = self.checkpoints / key
        temporary = self.checkpoints / f".{key}.{uuid.uuid4().hex}.tmp"
        try:
            temporary.mkdir(parents=True)
            save(temporary)
            digest = _sha256_folder(temporary)
            for path in temporary.iterdir():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            _put(temporary, target)
        except Exception as error:
            # safetensors reports a full disk as an error of its own, with the system's reason as text.
            if not isinstance(error, OSError) and type(error).__name__ != "SafetensorError":
                raise
            reason = getattr(error, "strerror", None) or error
            raise TransferLawsError(f"cannot write {target}: {reason}") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return digest

    def has_checkpoint(self, key: str) -> bool:
        """True if the checkpoint of a finished pre-training run is there, byte for byte."""
        record = self.read(key)
        folder = self.checkpoints / key
        if record is None:
            return False
        try:
            stats = [(path.name, path.stat()) for path in _files(folder)]
            stamp = tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
            if key not in self._hashes or self._hashes[key][0] != stamp:
                # Records written before the digest covered all files hold that of the weights.
                weights = sha256_file(folder / "model.safetensors")
                self._hashes[key] = (stamp, {_sha256_folder(folder), weights})
        except OSError:  # not there, or not to be read
            return False
        return record.outcome.get("checkpoint_sha256") in self._hashes[key][1]

    def checkpoint(self, key: str) -> Path:
        """The folder with a pre-trained run's weights; raises TransferLawsError if not intact."""
        if not self.has_checkpoint(key):
            raise TransferLawsError(
                f"the weights of pre-trained run {key} are missing or damaged; "
                "`transferlaws run` trains them again"
            )
        return self.checkpoints / key


def same_result(one: Record, other: Record) -> bool:
    """True for two records of a finished run that differ at most in the time and the machine it took."""
    names = ("loss", "loss_validation", "checkpoint_sha256")
    return one.status == other.status == "ok" and all(
        one.outcome.get(n) == other.outcome.get(n) for n in names
    )


def _parse(text: str) -> Record:
    """The record in a file's text; raises an error of some kind if it is not intact."""
    document = json.loads(text)
    body = json.dumps(document["record"], sort_keys=True, allow_nan=False)
    if hashlib.sha256(body.encode()).hexdigest() != document["sha256"]:
        raise ValueError("its checksum does not match")
    return Record(**document["record"])


def _sha256_folder(folder: Path) -> str:
    """The SHA-256 of the names and digests of a folder's files, as `sha256sum` lists them."""
    lines = [f"{sha256_file(path)}  {path.name}\n" for path in _files(folder)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    """A folder's files, by name, without those that a file manager or a file system hides there."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _put(folder: Path, target: Path) -> None:
    """Rename a folder to `target`, in place of what may be there."""
    old = folder.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with suppress(FileNotFoundError):
            target.rename(old)
        folder.rename(target)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _lock_byte(file: int, place: int) -> bool | None:
    """Lock one byte of an open file: False if another process has it, None if there are no locks here."""
    try:
        import fcntl

        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (ImportError, OSError) as error:
        return False if getattr(error, "errno", None) in (errno.EACCES, errno.EAGAIN) else None
    return True
