"""The `transferlaws` command: thin verbs over the library.

Each file of this room lists its verbs; here they are put together, and every error a user can
cause becomes one line and an exit code: 0 done, 1 failed, 2 wrong usage.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import tyro

from transferlaws.errors import TransferLawsError, UsageError

ROOMS = ("corpora", "runs", "ingest", "laws", "planner", "book")


def verbs() -> dict[str, Callable[..., Any]]:
    """Every verb of the command line, by name ("corpora fetch" is nested)."""
    return {name: verb for room in ROOMS for name, verb in import_module(f"{__name__}.{room}").VERBS.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code is 0, 1 (failed) or 2 (wrong usage)."""
    try:
        known = verbs()
        code = tyro.extras.subcommand_cli_from_dict(
            known,
            prog="transferlaws",
            description="Scaling laws for transfer, from raw text to law.",
            args=_joined(sys.argv[1:] if arguments is None else arguments, known),
        )
        sys.stdout.flush()
    except TransferLawsError as error:
        print(f"transferlaws: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        print("transferlaws: stopped; finished runs are kept, the same command continues", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code or 0)


def _joined(arguments: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """The arguments with a verb of two words ("corpora fetch") as one, which is how tyro knows it."""
    verb = " ".join(arguments[:2])
    return [verb, *arguments[2:]] if verb in known else list(arguments)
