"""`transferlaws chapter` and `transferlaws book`: the website, one chapter or all of it."""

from collections.abc import Callable
from typing import Annotated, Any

import tyro

from transferlaws.cli.output import say
from transferlaws.errors import TransferLawsError


def chapter(
    name: Annotated[str, tyro.conf.Positional],
    /,
    scale: str = "smoke",
    parameter: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(aliases=["-p"])] = (),
) -> None:
    """Execute one chapter with its parameters and print the path of the notebook.

    Example: transferlaws chapter 07-straight-lines --scale smoke -p seed=1

    Args:
        name: The chapter's file name without its ending, or its number.
        scale: Which study the chapter reads.
        parameter: KEY=VALUE for one of the chapter's parameters; may be repeated.
    """
    from transferlaws import book as website

    say(website.chapter(name, scale, _parameters(parameter)))


def book(scale: str | None = None, jobs: int | None = None, seed: int = 0, pdf: bool = False) -> None:
    """Train the runs that are missing, execute the chapters that changed, and build the website.

    Prints the path of its first page, or of the PDF.

    Example: transferlaws book --scale smoke

    Args:
        scale: Which study the chapters read; the published laptop study, or smoke while there is none.
        jobs: Runs trained and chapters executed at a time; all cores if not given.
        seed: The seed of everything random in the chapters.
        pdf: Also print all pages into one PDF, which needs Chromium.
    """
    from transferlaws import Study
    from transferlaws import book as website
    from transferlaws import pdf as printed
    from transferlaws.places import results_dir

    if pdf:
        printed.browser()  # before hours of work
    published = (results_dir() / "laptop" / "runs.csv").is_file()
    if scale is None and not published:
        scale = "smoke"
    # A scale that was asked for is trained to its end; chapter 18 lays a live smoke study over any other.
    for name in dict.fromkeys((scale, "smoke")):
        if name is None:
            continue
        study = Study.open(name)
        failed = study.ensure(study.plan.arms, jobs=jobs).failed
        if failed:
            reasons = "; ".join(f"{key}: {reason}" for key, reason in failed.items())
            raise TransferLawsError(f"{len(failed)} runs of study {name} failed ({reasons}); try again")
    index = website.build(scale or "laptop", jobs=jobs, seed=seed)
    say(printed.write() if pdf else index)


def _parameters(pairs: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE texts as Python values: a number where it reads as one, else the text."""
    import json

    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key.isidentifier():
            raise TransferLawsError(f"-p takes KEY=VALUE, for example -p seed=1, not {pair!r}")
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values


VERBS: dict[str, Callable[..., Any]] = {"chapter": chapter, "book": book}
