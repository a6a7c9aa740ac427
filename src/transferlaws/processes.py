"""Processes that work for another, and end when it does."""

import os
import threading
from multiprocessing import parent_process


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
