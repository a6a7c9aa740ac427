"""`plan`, `run`, `status`, `table`, `freeze`, `verify`, `study`: a study's runs, from bill to results."""

import json as json_module
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from transferlaws.cli.output import say
from transferlaws.errors import TransferLawsError, UsageError

if TYPE_CHECKING:
    from transferlaws.design.question import Question
    from transferlaws.models.ladder import Size
    from transferlaws.reports.own import Folders
    from transferlaws.study import Study


def plan(scale: str = "smoke", flops_per_second: float | None = None, json: bool = False) -> None:
    """Print the bill before spending it: runs, FLOPs, memory and core-hours, and what is already done.

    Example: transferlaws plan --scale laptop

    Args:
        scale: smoke, laptop, workstation or paper.
        flops_per_second: Training FLOP/s of one worker on the hardware you mean; measured here if not given.
        json: Print one JSON document.
    """
    from transferlaws.runs.bill import bill, print_bill

    opened = _study(scale)
    document = bill(opened.plan, opened.store, flops_per_second)
    say(json_module.dumps(document, indent=1) if json else print_bill(document))


def run(
    scale: str = "smoke",
    jobs: int | None = None,
    scheduler: str | None = None,
    arms: tuple[str, ...] = (),
    sizes: tuple[int, ...] = (),
    key: str | None = None,
    progress: bool = True,
    json: bool = False,
) -> int:
    """Train the runs that are missing; Ctrl-C keeps what is finished, the same command continues.

    Example: transferlaws run --scale smoke --jobs 2 --arms scratch text

    Args:
        scale: smoke, laptop, workstation or paper.
        jobs: Worker processes, one run and one thread each; a worker for each GPU, else for each core, if not
            given. More of them than GPUs share these.
        scheduler: Address of a dask cluster to use instead, for example tls://10.0.0.1:8786; its certificates
            are those of dask's configuration.
        arms: Only these arms: scratch, and the names of sources.
        sizes: Only these sizes, by their place in the scale's ladder (1 is the smallest).
        key: Train this one run again and report how far its loss is from the recorded one.
        progress: Show a progress bar.
        json: Print one JSON document at the end.
    """
    opened = _study(scale)
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs must be at least 1, got {jobs}")
    if key is not None:
        from transferlaws.runs.reproduce import reproduce

        report: dict[str, Any] = reproduce(opened.store, opened.workspace, key)
        text = (
            f"run {key}: loss {report['loss']!r}, recorded {report['recorded']!r}, "
            f"difference {report['difference']:.3g} nats/token"
        )
        say(json_module.dumps(report) if json else text)
        return 0
    unknown = set(arms) - set(opened.plan.arms)
    if unknown:
        raise UsageError(f"--arms {', '.join(unknown)}: scale {scale} has {', '.join(opened.plan.arms)}")
    chosen = _sizes(opened, sizes)
    wanted = arms or opened.plan.arms
    swept = opened.ensure(wanted, chosen, jobs=jobs, scheduler=scheduler, progress=progress)
    for failed, reason in swept.failed.items():
        say(f"transferlaws: run {failed} failed: {reason}", file=sys.stderr)
    if json:
        say(json_module.dumps({"trained": swept.trained, "failed": swept.failed}))
    else:
        say(f"study {scale}: {swept.trained} runs trained, {len(swept.failed)} failed")
    if swept.failed or not opened.is_complete(wanted, chosen):
        say("transferlaws: the study is not complete; the same command tries again", file=sys.stderr)
        return 1
    return 0


def status(scale: str = "smoke", json: bool = False) -> None:
    """Print which runs of a study exist, by arm and kind.

    Example: transferlaws status --scale smoke

    Args:
        scale: smoke, laptop, workstation or paper.
        json: Print one JSON document.
    """
    opened = _study(scale)
    counts: dict[str, dict[str, int]] = {}
    for cell in opened.cells():
        record = None if cell.spec is None else opened.store.read(cell.spec.key)
        state = "missing" if record is None else record.status
        row = counts.setdefault(f"{cell.role} {cell.arm}", {})
        row[state] = row.get(state, 0) + 1
    if json:
        say(json_module.dumps({"scale": scale, "runs": counts, "complete": opened.is_complete()}))
        return
    for name, row in counts.items():
        say(f"{name:18}", ", ".join(f"{count} {state}" for state, count in sorted(row.items())))
    say("complete" if opened.is_complete() else f"not complete: transferlaws run --scale {scale}")


def table(scale: str = "smoke", out: Path | None = None, everything: bool = False) -> None:
    """Write one row a run as CSV, to a file or to standard output.

    Example: transferlaws table --scale smoke --out runs.csv

    Args:
        scale: smoke, laptop, workstation or paper.
        out: The file to write; standard output if not given.
        everything: Pre-training, tuning, diverged and failed runs too.
    """
    from transferlaws.files import write_atomic

    frame = _study(scale).table(everything=everything)
    if frame.empty:
        raise TransferLawsError(f"study {scale} has no finished runs yet: transferlaws run --scale {scale}")
    text = frame.to_csv(index=False, lineterminator="\n")
    if out is None:
        # To a program, to the letter.
        say(text, end="") if sys.stdout.isatty() else sys.stdout.write(text)
    else:
        write_atomic(out, text)


def freeze(scale: str = "smoke", bootstrap: int = 1000, seed: int = 0) -> None:
    """Publish what was measured to results/SCALE: runs, curves, laws and where they come from.

    Example: transferlaws freeze --scale laptop

    Args:
        scale: smoke, laptop, workstation or paper.
        bootstrap: Resamples for the laws' intervals.
        seed: Seed of the resampling.
    """
    from transferlaws.reports.freeze import freeze as publish

    say(publish(_study(scale), bootstrap=bootstrap, seed=seed))


def verify(scale: str = "smoke", retrain: int = 0, seed: int = 0, json: bool = False) -> int:
    """Say what is wrong with a study's published files, records, weights and corpora; exit 1 if anything is.

    Example: transferlaws verify --scale laptop --retrain 3

    Args:
        scale: smoke, laptop, workstation or paper.
        retrain: Train so many runs again, drawn by the seed, and report how far their losses are off.
        seed: Seed of that draw.
        json: Print one JSON document.
    """
    from transferlaws.reports import verification

    if retrain < 0:
        raise UsageError(f"--retrain must be at least 0, got {retrain}")
    opened = _study(scale)
    lines = list(verification.verify(opened))
    retrained: dict[str, float] = {}
    if not json:
        say(*lines, sep="\n", end="\n" * bool(lines))
    for key, difference in verification.retrain(opened, retrain, seed) if retrain and not lines else ():
        retrained[key] = difference
        if not json:
            say(f"run {key}: trained again, {difference:+.3g} nats/token")
    off = [key for key, value in retrained.items() if not abs(value) <= verification.TOLERANCE_NATS]
    if json:
        say(json_module.dumps({"scale": scale, "wrong": lines, "retrained": retrained, "off": off}))
    elif off:
        say(f"{len(off)} of {len(retrained)} are off by more than {verification.TOLERANCE_NATS} nats/token")
    elif not lines:
        say(f"study {scale}: nothing is wrong")
    return 1 if lines or off else 0


def study(
    source: Annotated[tuple[str, ...], tyro.conf.UseAppendAction],
    target: str,
    out: Path,
    core_hours: float | None = None,
    scale: str = "smoke",
    source_kind: Literal["text", "code"] = "text",
    target_kind: Literal["text", "code"] = "code",
    field: tuple[str, ...] = (),
    most_shared: float = 0.1,
    jobs: int | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> int:
    """Measure what pre-training on folders of text, or a saved model, is worth for a folder: runs, report.

    With --core-hours, a small pilot sizes the study to the data and the hours; what it will be stands in
    design.md before it is run. Prints the path of the report, a page of HTML that opens anywhere. The same
    command continues a study that was stopped.

    Example: transferlaws study --source notes=my-notes --target code=my-projects --out out --core-hours 2

    Args:
        source: NAME=FOLDER to pre-train on; may be repeated. Its first-level folders are projects. Or the
            folder of a saved model (save_pretrained, safetensors) with its tokenizer; the same name again for
            another size of it.
        target: NAME=FOLDER to fine-tune on. A folder without a name goes by its own.
        out: Folder for runs, results and report.html.
        core_hours: What the study may take, pilot included: hours of one core. Instead of a scale.
        scale: smoke, laptop, workstation or paper; data sizes are cut to what the folders hold.
        source_kind: How the sources are cleaned.
        target_kind: How the target is cleaned.
        field: What to read of JSON lines, tables and Parquet, if it is not called text, content or the like.
        most_shared: Largest share of the target's text that may occur in a source; beyond it, nothing is run.
        jobs: Worker processes; all cores if not given.
        bootstrap: Resamples for the laws' intervals.
        seed: Seed of the resampling.
    """
    from transferlaws.design.presets import study_named
    from transferlaws.reports import own, page, sizing
    from transferlaws.reports.given import most_jobs

    question, like = study_named(scale)
    folders = _read(
        source, _named_folder(target), out, question, source_kind, target_kind, field, most_shared
    )
    say("\n".join(own.what_was_read(folders)), file=sys.stderr)
    if core_hours is not None:
        mine = sizing.study_for_hours(folders, core_hours, jobs=jobs, say=partial(say, file=sys.stderr))
    else:
        mine = folders.at_scale(like)
        jobs = most_jobs(mine, jobs) if folders.models else jobs
        swept = mine.ensure(mine.plan.arms, jobs=jobs)
        if swept.failed:
            raise TransferLawsError(f"{len(swept.failed)} runs failed: {'; '.join(swept.failed.values())}")
    say(page.write_report(folders, mine, bootstrap=bootstrap, seed=seed))
    return 0


def _read(
    source: tuple[str, ...],
    target: tuple[str, Path],
    out: Path,
    like: "Question",
    source_kind: str,
    target_kind: str,
    fields: tuple[str, ...],
    most_shared: float,
) -> "Folders":
    """The folders of text, or the saved models, that were named."""
    from transferlaws.models.saved import is_saved_model
    from transferlaws.reports.own import read_folders, read_models

    named = [_named_folder(text) for text in source]
    names, paths = {name for name, _ in named}, [path for _, path in named]
    given = set(map(is_saved_model, paths))
    if given == {True}:
        if len(names) > 1:
            raise UsageError(
                f"--source names {len(names)} families of models, {', '.join(sorted(names))}: each is held "
                "against its own architecture from scratch, in a study of its own"
            )
        return read_models(names.pop(), paths, target, out, like, target_kind=target_kind, fields=fields)
    if len(given) > 1:
        raise UsageError("--source takes folders of text or saved models, and not both in one study")
    if len(names) < len(named):
        raise UsageError(f"--source needs a name of its own for each folder: {' '.join(source)}")
    return read_folders(
        dict(named),
        target,
        out,
        like,
        source_kind=source_kind,
        target_kind=target_kind,
        fields=fields,
        most_shared=most_shared,
    )


def _named_folder(text: str) -> tuple[str, Path]:
    """NAME=FOLDER, or a folder that goes by its own name (what a name may not hold becomes a hyphen)."""
    name, equals, folder = text.partition("=")
    if equals and name and folder:
        return name, Path(folder)
    path = Path(text)
    return re.sub(r"[^\w-]+", "-", path.resolve().name).strip("-") or "folder", path


def _study(scale: str) -> "Study":
    from transferlaws.study import Study

    return Study.open(scale)


def _sizes(opened: "Study", places: tuple[int, ...]) -> "tuple[Size, ...] | None":
    ladder = opened.scale.sizes
    if any(not 1 <= place <= len(ladder) for place in places):
        raise UsageError(f"--sizes takes places from 1 to {len(ladder)}, got {' '.join(map(str, places))}")
    return tuple(ladder[place - 1] for place in places) or None


VERBS: dict[str, Callable[..., Any]] = {
    "plan": plan,
    "run": run,
    "status": status,
    "table": table,
    "freeze": freeze,
    "verify": verify,
    "study": study,
}
