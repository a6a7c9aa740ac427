"""Arguments that no verb can mean, refused before it starts: nothing behind an option, a seed of -1."""

import math
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from transferlaws.errors import UsageError

ENDS: Mapping[str, tuple[float, float]] = {
    "seed": (0, 2**32 - 1),
    "jobs": (1, 4096),
    "bootstrap": (0, 100_000),
    "retrain": (0, 1_000_000),
    "drop_highest": (0, 2**53),
    "seeds": (1, 1000),
    "studies": (1, 10_000),
    "uses": (1, 2**53),
}
"""Least and most of what whole numbers may be, by the names they have in every verb."""
SIZE = 1e-60, 1e60
"""Least and most in size of any other number that is not 0: products of a few of them are still numbers."""


def refuse_nothing(arguments: Sequence[str], verb: Callable[..., Any]) -> None:
    """Raise UsageError where an option has nothing behind it.

    A list without an entry would mean what its default means, `run --arms` every arm; a path without a name
    is the folder one stands in.
    """
    for name, kind in get_type_hints(verb).items():
        option = f"--{name.replace('_', '-')}"
        is_list, is_path = get_origin(kind) is tuple, Path in (kind, *get_args(kind))
        for at, argument in enumerate(arguments):
            given, equals, value = argument.partition("=")
            if given.replace("_", "-") != option:
                continue
            following = value if equals else next(iter(arguments[at + 1 :]), None)
            nothing = following is None or (not equals and following.startswith("--"))
            if (is_list and nothing) or (is_path and following is not None and not following.strip()):
                raise UsageError(f"{option} has nothing behind it")


def within_ends(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, refusing numbers that are none or beyond `ENDS`; raises UsageError."""

    @wraps(verb)
    def checked(*given: Any, **named: Any) -> Any:
        arguments = signature(verb).bind(*given, **named).arguments
        groups = [vars(value) for value in arguments.values() if is_dataclass(value)]
        for name, value in ChainMap(arguments, *groups).items():
            option = f"--{name.replace('_', '-')}"
            numbers = value if isinstance(value, tuple) else (value,)
            for number in numbers:
                if isinstance(number, float) and number and not SIZE[0] <= abs(number) <= SIZE[1]:
                    raise UsageError(f"{option} takes 0 or a number of {SIZE[0]} to {SIZE[1]}, not {number}")
            least, most = ENDS.get(name, (-math.inf, math.inf))
            if isinstance(value, int) and not least <= value <= most:
                raise UsageError(f"{option} takes a whole number from {least} to {most}, not {value}")
        return verb(*given, **named)

    return checked
