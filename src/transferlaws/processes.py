"""Processes that work for another, and end when it does."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, parent_process

STOPS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has one


def end_with_parent() -> None:
    """In a worker process: end at once when the process that started it is gone, however that ended.

    A pool's workers wait for work on a pipe that they themselves keep open, and would wait for ever.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def stop_when_told() -> None:
    """In a main thread: let SIGTERM, and a terminal that is closed, be what Ctrl-C is, a KeyboardInterrupt.

    Its argument is the signal. Processes that work for this one are ended first: a terminal's Ctrl-C reaches
    them as well. A signal that is ignored (nohup) or has its handler already stays as it is.
    """
    if threading.current_thread() is threading.main_thread():
        for number in STOPS:
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, _stop)


def _stop(number: int, _: object) -> None:
    for child in active_children():
        child.kill()
    raise KeyboardInterrupt(number)


@contextmanager
def stops_waiting() -> Iterator[None]:
    """What `stop_when_told` listens to waits until the end of the context."""
    waiting: list[int] = []
    ours = [number for number in STOPS if signal.getsignal(number) is _stop]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, lambda number, _: waiting.append(number))
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, _stop)
        for number in waiting:
            signal.raise_signal(number)
