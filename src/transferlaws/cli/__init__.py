"""The `transferlaws` command: thin verbs over the library.

Each file of this room lists its verbs; here they are put together, and every error a user can
cause becomes one line and an exit code: 0 done, 1 failed, 2 wrong usage.
"""

import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from importlib import import_module
from typing import Any

import tyro

from transferlaws.cli.arguments import refuse_nothing, within_ends
from transferlaws.cli.output import complain, escaped_errors, give_up, prepare, takes_no_more
from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.processes import stop_when_told

ROOMS = ("corpora", "runs", "audit", "ingest", "laws", "planner", "book")


def verbs() -> dict[str, Callable[..., Any]]:
    """Every verb of the command line, by name ("corpora fetch" is nested)."""
    return {name: verb for room in ROOMS for name, verb in import_module(f"{__name__}.{room}").VERBS.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code is 0, 1 (failed), 2 (wrong usage), 128 + the signal that stopped it."""
    prepare()
    try:
        stop_when_told()
        known = verbs()
        given = _joined(sys.argv[1:] if arguments is None else arguments, known)
        if given and given[0] in known:
            refuse_nothing(given[1:], known[given[0]])
        try:
            with escaped_errors():
                asked: Callable[[], Any] = tyro.extras.subcommand_cli_from_dict(
                    {name: _deferred(verb) for name, verb in known.items()},
                    prog="transferlaws",
                    description="Scaling laws for transfer, from raw text to law.",
                    args=given,
                )
            code = asked()
        finally:  # tyro leaves by SystemExit after --help and wrong usage
            sys.stdout.flush()
    except TransferLawsError as error:
        complain(f"error: {error}")
        return 2 if isinstance(error, UsageError) else 1
    except KeyboardInterrupt as stopped:
        complain("stopped; finished runs are kept, the same command continues")
        return 128 + (stopped.args or (signal.SIGINT,))[0]
    except OSError as error:
        full = takes_no_more(sys.stdout)
        if full:
            give_up(sys.stdout)
        if full and isinstance(error, BrokenPipeError):
            return 0  # who reads our output has seen enough, as `head` does
        where = "standard output" if full else error.filename
        complain(f"error: {f'{where}: ' if where else ''}{error.strerror or error}")
        return 1
    except MemoryError:
        complain("error: this takes more memory than there is")
        return 1
    return int(code or 0)


def _deferred(verb: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """The verb, put off: what it says and does comes after all that tyro has to say of the arguments."""
    return wraps(verb)(lambda *given, **named: partial(within_ends(verb), *given, **named))


def _joined(arguments: Sequence[str], known: Mapping[str, Any]) -> list[str]:
    """The arguments with a verb of two words ("corpora fetch") as one, which is how tyro knows it."""
    verb = " ".join(arguments[:2])
    return [verb, *arguments[2:]] if verb in known else list(arguments)
