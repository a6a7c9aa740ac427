"""Files that are either whole or absent.

Every file this library writes appears under its final name only when it is complete and on the
disk, so that a crash, a full disk or a second process never leaves half a file to be believed.
"""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transferlaws.errors import TransferLawsError

REFUSES_OPEN_FILES = os.name == "nt"
"""Whether the system refuses to replace a file while somebody reads it, as Windows does."""


@contextmanager
def replace_atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it to `path`.

    Raises TransferLawsError, with the file's name and the system's reason, if it cannot be written;
    what was at `path` before is then untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        _rename(temporary, path)
    except OSError as error:
        raise TransferLawsError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
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


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all."""
    with replace_atomic(path) as temporary:
        temporary.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
