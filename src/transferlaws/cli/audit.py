"""`audit`: what random cells of a study would still gain by a wider search."""

import json as json_module
import math
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transferlaws.cli.output import say
from transferlaws.errors import UsageError


def audit(
    scale: str = "smoke",
    cells: int = 30,
    seed: int = 0,
    arms: tuple[str, ...] = (),
    sizes: tuple[int, ...] = (),
    most_chars: int | None = None,
    plan: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
    figure: Path | None = None,
    progress: bool = True,
    json: bool = False,
) -> int:
    """Search cells drawn at random wider than the study did, and say what they would still gain.

    Each is trained at other rates, weight decays, dropout and a longer patience, some 13 runs; pre-trained
    weights that are gone are trained again first. Ctrl-C keeps what is finished, the same command continues.

    Example: transferlaws audit --scale smoke --cells 6 --plan

    Args:
        scale: smoke, laptop, workstation or paper.
        cells: How many cells to draw; more later keep those of before.
        seed: Seed of the draw.
        arms: Only cells of these arms: scratch, and the names of sources.
        sizes: Only cells of these sizes, by their place in the scale's ladder (1 is the smallest).
        most_chars: Only cells of at most so many characters.
        plan: Print the bill instead: runs, FLOPs and core-hours, and what is already done.
        jobs: Worker processes, as for `transferlaws run`.
        scheduler: Address of a dask cluster to use instead, as for `transferlaws run`.
        figure: An SVG file for the gains against size, data and arm.
        progress: Show a progress bar.
        json: Print one JSON document.
    """
    from transferlaws.cli.runs import _sizes, _study
    from transferlaws.runs import audit as audits
    from transferlaws.runs.bill import print_bill

    opened = _study(scale)
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {jobs}")
    if unknown := set(arms) - set(opened.plan.arms):
        raise UsageError(f"--arms {', '.join(unknown)}: scale {scale} has {', '.join(opened.plan.arms)}")
    chosen = _sizes(opened, sizes)
    most = math.inf if most_chars is None else most_chars
    drawn = audits.AuditPlan.draw(
        opened.plan, opened.store, cells, seed, arms=arms or None, sizes=chosen, most_chars=most
    )
    if plan:
        document = audits.audit_bill(drawn, opened.store)
        say(json_module.dumps(document, indent=1) if json else print_bill(document))
        return 0
    swept = audits.audit(
        drawn,
        opened.store,
        lambda: opened.workspace(progress=progress),
        jobs=jobs,
        scheduler=scheduler,
        progress=progress,
    )
    for failed, reason in swept.failed.items():
        say(f"transferlaws: run {failed} failed: {reason}", file=sys.stderr)
    complete = drawn.is_complete(opened.store)
    _show(opened, drawn.table(opened.store), figure, {"complete": complete} if json else None)
    if not complete:
        say("transferlaws: the audit is not complete; the same command tries again", file=sys.stderr)
    return 0 if complete else 1


def _show(opened: Any, table: Any, figure: Path | None, document: dict[str, Any] | None) -> None:
    """Print what an audit found, in words or, with a document to put it in, as JSON."""
    from transferlaws.figures import audit as figures
    from transferlaws.files import write_atomic
    from transferlaws.laws.questions.remaining import gains, remaining, trends
    from transferlaws.prose import audit as prose

    found = gains(table)
    if figure is not None:
        write_atomic(figure, figures.still_to_gain(found, opened.question.titles).svg("white"))
    if document is None:
        say("\n\n".join(prose.all_of(found)))
        return
    left = remaining(found)
    document |= {
        "scale": opened.scale.name,
        "cells": json_module.loads(found.to_json(orient="records")),
        "remaining": None if left is None else asdict(left),
        "trends": [asdict(trend) for trend in trends(found)],
    }
    say(json_module.dumps(document, indent=1))


VERBS: dict[str, Callable[..., Any]] = {"audit": audit}
