"""What a verb says, and to whom: text from files is data on a terminal, too, and never a command to it."""

import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import TextIO

from transferlaws.escape import terminal


def say(
    *words: object, sep: str = " ", end: str = "\n", file: TextIO | None = None, flush: bool = False
) -> None:
    """Print words; escape sequences, marks of direction and all else that cannot be seen are written out."""
    print(terminal(sep.join(map(str, words))), end=end, file=file, flush=flush)


def complain(sentence: str) -> None:
    """Say on standard error what went wrong; if that takes nothing, the exit code has to do."""
    try:
        say(f"transferlaws: {sentence}", file=sys.stderr, flush=True)
    except OSError:
        give_up(sys.stderr)


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return terminal(super().format(record))


def prepare() -> None:
    """Let standard output and error be closed, or an ASCII terminal; what is logged is text as well.

    Processes that are started from here, workers and pip among them, take no file in the folder one happens
    to stand in for a module of theirs.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # whoever started this process wants no word of it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Lines())


@contextmanager
def escaped_errors() -> Iterator[None]:
    """What is written to standard error in this context is written at its end, as text without colours."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            yield
    finally:
        try:
            say(re.sub("\x1b\\[[0-9;]*m", "", said.getvalue()), end="", file=sys.stderr, flush=True)
        except OSError:
            give_up(sys.stderr)


def takes_no_more(stream: TextIO) -> bool:
    """Whether a stream fails at what it has yet to pass on: its reader has gone, or its disk is full."""
    try:
        stream.flush()
    except OSError:
        return True
    return False


def give_up(stream: TextIO) -> None:
    """Let go of what a stream has yet to pass on, which Python would try again at the end, and complain."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
