"""Files that are either whole or absent.

Every file this library writes appears under its final name only when it is complete and on the
disk, so that a crash, a full disk or a second process never leaves half a file to be believed. What a
later step depends on is read together with the SHA-256 of its content.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from transferlaws.errors import TransferLawsError, UsageError

STALE_SECONDS = 86_400
REFUSES_OPEN_FILES = os.name == "nt"
"""Whether the system refuses to replace a file while somebody reads it, as Windows does."""


@contextmanager
def replace_atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    A link is followed, and a file keeps its permissions. A device or a pipe is written to, not replaced.
    Raises TransferLawsError, with the file's name and the system's reason, if it cannot be written;
    what was at `path` before is then untouched.
    """
    path = Path(path)
    temporary = None
    try:
        mode = _mode(path)
        regular = mode is None or stat.S_ISREG(mode)
        target = Path(os.path.realpath(path)) if regular and path.is_symlink() else path
        if mode is not None and stat.S_ISDIR(mode):
            raise TransferLawsError(f"cannot write {path}: it is a folder")
        if mode is not None and regular and not os.access(path, os.W_OK):
            raise TransferLawsError(f"cannot write {path}: it is protected against writing")
        if regular:
            target.parent.mkdir(parents=True, exist_ok=True)
            _tidy(target.parent)
            name = target.name.encode()[:180].decode(errors="ignore")  # a name has 255 bytes at most
            temporary = target.with_name(f".{name}.{uuid.uuid4().hex}.tmp")
        else:
            temporary = Path(tempfile.gettempdir(), f"{uuid.uuid4().hex}.tmp")
        yield temporary
        if regular:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            if mode is not None:
                temporary.chmod(stat.S_IMODE(mode))
            _rename(temporary, target)
        else:
            open_as = _descriptor(path)
            with (
                temporary.open("rb") as source,
                path.open("wb") if open_as is None else os.fdopen(os.dup(open_as), "wb") as device,
            ):
                shutil.copyfileobj(source, device)
    except OSError as error:
        raise TransferLawsError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def _rename(temporary: Path, path: Path) -> None:
    """Put `temporary` in the place of `path`; where readers are in the way, for up to two seconds."""
    for seconds in (0.01, 0.05, 0.2, 0.5, 1.2) if REFUSES_OPEN_FILES else ():
        try:
            temporary.replace(path)
        except PermissionError:
            time.sleep(seconds)
        else:
            return
    temporary.replace(path)


def _mode(path: Path) -> int | None:
    """What is at `path`, and its permissions, as `stat` says; None if there is nothing."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    except ValueError as error:  # a zero byte
        raise TransferLawsError(f"cannot write {str(path)!r}: {error}") from error
    # To replace the file that a shell has put behind /dev/stdout would be to write somewhere else.
    return mode if _descriptor(path) is None else stat.S_IFCHR


def _descriptor(path: Path) -> int | None:
    """The number of the open file that a path like /dev/stdout stands for; None for all others."""
    named = {"/dev/stdout": 1, "/dev/stderr": 2}
    number = re.fullmatch(r"/(?:dev|proc/self)/fd/(\d{1,9})", str(path))
    return named.get(str(path)) if number is None else int(number[1])


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all."""
    with replace_atomic(path) as temporary:
        temporary.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def replace_folder(made: Path, target: Path) -> None:
    """Rename a folder that is whole to `target`, in place of the folder there.

    A process that is killed between two renames leaves the old one under another name, from which `recovered`
    brings it back. Raises OSError where the system does.
    """
    old = _aside(target)
    for tries in range(10):
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
        try:
            made.rename(target)
            break
        except OSError:  # a reader has just brought the old one back
            if tries == 9 or not target.exists():
                with suppress(OSError):
                    old.rename(target)
                raise
    shutil.rmtree(old, ignore_errors=True)


def recovered(target: Path) -> Path:
    """Where a folder that `replace_folder` writes is: brought back if a process was killed in between.

    A link is followed: the folder was replaced where it lies.
    """
    place = Path(os.path.realpath(target))
    old = _aside(place)
    if place.exists() or not old.is_dir():
        return target
    try:
        old.rename(place)
    except OSError:  # not ours to write, or another process was first
        return target if target.exists() else old
    return target


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Yield whether no other process is within this lock; the system takes it back, however a process ends.

    Everybody is let in where a file system has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        alone = True
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:
            pass
        except OSError as error:
            alone = error.errno not in (errno.EACCES, errno.EAGAIN)
        yield alone


def remove_left_behind(folder: Path, pattern: str) -> None:
    """Remove what processes that were killed more than a day ago left unfinished in a folder."""
    for path in folder.glob(pattern):
        with suppress(OSError):  # another process was first, or it is not ours to remove
            if time.time() - path.lstat().st_mtime > STALE_SECONDS and os.access(path, os.W_OK):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


@cache
def _tidy(folder: Path) -> None:
    """Once a process, remove from a folder that is written to what `replace_atomic` left there."""
    remove_left_behind(folder, f".*.{'[0-9a-f]' * 32}.tmp")


def refuse_input_as_output(out: Path, *inputs: Path) -> None:
    """Raise UsageError if `out` is one of the files that are read, by whatever name."""
    for path in inputs:
        with suppress(OSError, ValueError):
            if stat.S_ISREG(Path(out).stat().st_mode) and Path(out).samefile(path):
                raise UsageError(f"{out} is read and cannot be written to as well; give --out another name")


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_digests: dict[Path, tuple[tuple[int, ...], str]] = {}


def sha256_once(path: Path) -> str:
    """The SHA-256 of a file's bytes, read once a process, and again once its size or a time has changed."""
    found = Path(path).stat()
    stamp = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    if path not in _digests or _digests[path][0] != stamp:
        _digests[path] = stamp, sha256_file(path)
    return _digests[path][1]


def write_sealed(path: Path, document: Any) -> None:
    """Write a JSON document together with the SHA-256 of its canonical form."""
    body = json.dumps(document, sort_keys=True, allow_nan=False)
    digest = hashlib.sha256(body.encode()).hexdigest()
    write_atomic(path, f'{{"sha256": "{digest}", "content": {body}}}\n')


def read_sealed(path: Path) -> Any:
    """The JSON document that `write_sealed` wrote; None if there is none that is intact."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        sealed = json.loads(Path(path).read_bytes())
        body = json.dumps(sealed["content"], sort_keys=True, allow_nan=False)
        if hashlib.sha256(body.encode()).hexdigest() == sealed["sha256"]:
            return sealed["content"]
    return None
