"""The files of a folder, and what in it is left out: nothing is opened, followed or waited for.

Folders of people hold more than text: links in circles, pipes that never end, places they may not look into,
names in no encoding, and the results of the last study. Each is counted under its reason.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from transferlaws.corpora.patterns import matches
from transferlaws.places import cache_dir

HIDDEN = "hidden (its name begins with a dot)"
LINK = "a link, which is not followed"
SPECIAL = "a pipe, a socket or a device"
CLOSED = "may not be read"
OWN = "results or cache of this program"

NEVER_TEXT = (HIDDEN, LINK, SPECIAL, OWN)
"""Reasons that cost nobody any text; a folder may be full of them."""


@dataclass(frozen=True)
class Found:
    """Paths of the regular files of a folder, relative and sorted, and what else is there, with reasons."""

    files: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


def walk(root: Path, globs: Iterable[str], without: Iterable[Path] = ()) -> Found:
    """The files below `root` that match `globs`; `without` are folders that are not entered."""
    own = {place.resolve() for place in (*without, cache_dir())}
    globs = tuple(globs)
    files: list[str] = []
    left_out: list[tuple[str, str]] = []
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            left_out.append((folder or ".", CLOSED))
            continue
        for entry in inside:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_symlink():
                left_out.append((path, LINK))
            elif entry.name.startswith("."):
                left_out.append((path, HIDDEN))
            elif entry.is_dir(follow_symlinks=False):
                if Path(entry.path).resolve() in own or _is_study(Path(entry.path)):
                    left_out.append((path, OWN))
                else:
                    waiting.append(path)
            elif not entry.is_file(follow_symlinks=False):
                left_out.append((path, SPECIAL))
            elif matches(path, globs):
                files.append(path)
    return Found(tuple(sorted(files)), tuple(sorted(left_out)))


def _is_study(folder: Path) -> bool:
    """Whether `transferlaws study` writes its runs here."""
    return (folder / "runs").is_dir() and any((folder / "runs").glob("*/records"))


def open_regular(path: Path) -> BinaryIO:
    """A file, opened for reading without waiting; raises OSError if it is no longer a regular one."""
    unwaiting = [getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_BINARY")]
    descriptor = os.open(path, os.O_RDONLY | sum(unwaiting))
    stream = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise OSError(None, "not a regular file", str(path))
    return stream


def printable(path: str) -> str:
    """A path that any file can hold: stray bytes, line ends and control characters become escapes."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda found: ascii(found.group())[1:-1], text)


def summary(left_out: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What was left out, counted by reason: for a message."""
    reasons = [reason for _, reason in left_out]
    for reason in sorted(set(reasons)):
        yield f"{reasons.count(reason)} x {reason}"
