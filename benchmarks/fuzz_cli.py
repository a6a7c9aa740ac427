"""The command line under malformed tables, laws, ingested files and arguments, drawn at random from a seed.

    python benchmarks/fuzz_cli.py --calls 500

Whatever it is given, a verb ends after a minute's work at most, with 0 (done), 1 (failed, and says why in a
line or two) or 2 (usage), without a traceback, and leaves no half of a file. Most calls are made in this
process, some as the installed program. Prints every call that breaks the promise; if there was one, exits 1.
"""

import argparse
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

from transferlaws import cli

SECONDS = 60
LINES, LONG = 3, 1000  # of an error, notes on the table aside; characters of a line beside what was asked
WORDS = (
    "", " ", "0", "-1", "1", "1e400", "nan", "inf", "-inf", "1e-320", "007", "3,5", "1e4", "text", "scratch",
    "\x1b[2J", "<script>", "$x$", "=1+1", "a|b", "\u202eabc", "é" * 300, "x" * 5000, "\ud800", "None", "{}",
    "[]", "'", '"', "\x00", '"a\nb"', "limit", "nan_loss", "1,2", "--help", "../x", "1e-5",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 0.5, 1e308, -1e308, 10**400, float("nan"), float("inf"), "", "text", "1", "\x1b[31m",
    [], [1], [2, 1], [None, None], [[1, 0, 0]] * 3, [[]], {}, {"value": 1}, {"value": 1, "low": 2, "high": 0},
)  # fmt: skip


LOSS_LAW: dict[str, Any] = {
    "schema": 1,
    "rows": [
        {"source": "all rows", "method": "least_squares", "law": "chinchilla", "status": "converged",
         "level": 0.95, "range": {"n_params": [1e6, 1e9], "d_tokens": [1e7, 1e10]},
         "E": {"value": 1.8, "low": 1.7, "high": 1.9}, "A": {"value": 480.0, "low": 300.0, "high": 700.0},
         "B": {"value": 2000.0, "low": 900.0, "high": 4000.0},
         "alpha": {"value": 0.35, "low": 0.3, "high": 0.4},
         "beta": {"value": 0.37, "low": None, "high": 0.4}, "n_runs": 200, "condition_number": 100.0,
         "draws": [[1.8, 480.0, 2000.0, 0.35, 0.37], [1.75, 400.0, 1800.0, 0.34, 0.36]]}
    ],
    "scratch": [],
    "provenance": {"table_sha256": "", "code_version": "1", "seed": 0, "bootstrap": 50},
}  # fmt: skip
EXTRA = (
    "ended",
    "status",
    "role",
    "learning_rate",
    "batch",
    "pretrain_chars",
    "loss_validation",
    "key",
    "d_tokens",
)


@dataclass(frozen=True)
class Fault:
    """A call that broke the promise, and how."""

    arguments: tuple[str, ...]
    what: str


def table(draw: random.Random) -> str:
    """A table of runs, sound or damaged in one way or several."""
    sizes, data = [3e3, 1.2e4, 5e4, 2e5][: draw.randint(1, 4)], [1e4, 3e4, 1e5, 3e5][: draw.randint(1, 4)]
    names = ["n_params", "arm", "d_chars", "seed", "loss"]
    rows = [
        [
            f"{n:g}",
            arm,
            f"{d:g}",
            str(seed),
            f"{2 + (n / 1e3) ** -0.2 + (d / gain) ** -0.3 + draw.gauss(0, 0.01):.5f}",
        ]
        for n in sizes
        for d in data
        for arm, gain in (("scratch", 1e3), ("text", 1e2))
        for seed in range(draw.randint(1, 2))
    ]
    for name in draw.sample(EXTRA, draw.choice((0, 0, 0, 1, 2))):
        names.append(name)
        values = draw.choice((WORDS, ("1e4", "2e4"), ("ok", "limit", "stalled", "run", "failed")))
        for row in rows:
            row.append(draw.choice(values))
    for _ in range(draw.choice((0, 1, 1, 2, 5))):
        kind = draw.randrange(9)
        row = draw.choice(rows) if rows else []
        if kind <= 3 and row:
            row[draw.randrange(len(row))] = draw.choice(WORDS)
        elif kind == 4 and rows:
            rows.remove(row)
        elif kind == 5:
            rows.append(list(row))
        elif kind == 6:
            names[draw.randrange(len(names))] = draw.choice((*names, *WORDS))
        elif kind == 7 and row:
            row.append("more")
        else:
            at = draw.randrange(5)
            for each in rows:
                each[at : at + 1] = [
                    draw.choice(WORDS) if draw.random() < 0.3 else each[at] if at < len(each) else ""
                ]
    mark = draw.choice((",", ",", ",", ";", "\t"))
    return draw.choice(("\n", "\n", "\r\n", "\r")).join(mark.join(row) for row in [names, *rows]) + "\n"


def damaged(draw: random.Random, document: Any) -> Any:
    """A JSON document with one value somewhere in it replaced, removed or doubled."""
    if isinstance(document, dict) and document and draw.random() < 0.9:
        name = draw.choice(sorted(document))
        if draw.random() < 0.15:
            return {key: value for key, value in document.items() if key != name}
        return document | {name: damaged(draw, document[name])}
    if isinstance(document, list) and document and draw.random() < 0.8:
        at = draw.randrange(len(document))
        if draw.random() < 0.2:
            return draw.choice((document[:at], document[::-1], document + document[at : at + 1]))
        return [damaged(draw, value) if i == at else value for i, value in enumerate(document)]
    return draw.choice(VALUES)


def written(draw: random.Random, path: Path, text: str) -> Path:
    """`text` at `path`, now and then cut, with bytes turned, doubled, or in another encoding."""
    content = text.encode("utf-8", "surrogatepass")
    kind = draw.randrange(12)
    if kind == 0:
        content = content[: draw.randrange(len(content) + 1)]
    elif kind == 1:
        turned = bytearray(content)
        for _ in range(1 + len(turned) // 50):
            turned[draw.randrange(len(turned))] = draw.randrange(256)
        content = bytes(turned)
    elif kind == 2:
        content = draw.choice(
            (b"", b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass"), content * 2, b"\0" * 100)
        )
    path.write_bytes(content)
    return path


def numbers(draw: random.Random, sound: str) -> str:
    """A number for an option, mostly a sound one."""
    return sound if draw.random() < 0.75 else draw.choice([word for word in WORDS if "\x00" not in word])


def on_table(draw: random.Random, runs: Path, out: Path) -> list[str]:
    """A call of a verb that reads a table."""
    verb = draw.choice(("fit", "fit", "compare", "power", "ingest"))
    if verb == "power":
        return [verb, "--table", str(runs), *draw.choice(([], ["--source", draw.choice(("text", *WORDS))]))]
    call = [verb, str(runs)]
    if verb != "ingest" and draw.random() < 0.2:
        call += ["--baseline", draw.choice(("scratch", "text", *WORDS))]
    if draw.random() < 0.2:
        sides = ("n_params", "arm", "loss", "d_chars", "log(loss)", "d_chars*2", "size(arm)", "1/0", *WORDS)
        pairs = (f"{draw.choice(sides)}={draw.choice(sides)}" for _ in range(draw.randint(1, 3)))
        call += ["--map", ",".join(pairs)]
    if verb == "fit":
        call += ["--bootstrap", numbers(draw, "50"), "--seed", numbers(draw, "1")]
        call += draw.choice(([], ["--level", numbers(draw, "0.9")], ["--method", draw.choice(WORDS[:9])]))
        call += draw.choice(([], [], ["--law", draw.choice(("kaplan", "chinchilla", "data", "eq_6_1", "x"))]))
        call += draw.choice(([], [], ["--drop-highest", numbers(draw, "1")]))
    elif verb == "compare":
        call += draw.choice(([], ["--source", numbers(draw, "text")]))
    long = out.with_name("n" * 300)
    outs = (out, out, runs, out.parent, "", long, "/dev/full")
    if verb == "ingest":
        call += draw.choice((["--dry-run"], ["--out", str(draw.choice(outs))], []))
    elif verb == "fit" and draw.random() < 0.5:
        call += ["--out", str(draw.choice(outs))]
    return call


def on_laws(draw: random.Random, laws: Path) -> list[str]:
    """A call of a verb that answers from laws."""
    loss, size, data = numbers(draw, "3.2"), numbers(draw, "5e4"), numbers(draw, "1e5")
    verb, *asked = draw.choice(
        (
            ("predict", "--n-params", size, "--d-chars", data),
            ("size-for", "--target-loss", loss, "--d-chars", data),
            ("data-for", "--target-loss", loss, "--n-params", size),
            ("predict", "--n-params", size, "--d-tokens", data),
            (
                "cheapest",
                "--target-loss",
                loss,
                "--per-char",
                numbers(draw, "1e-5"),
                "--uses",
                numbers(draw, "2"),
            ),
            (
                "should-pretrain",
                "--n-params",
                size,
                "--d-chars",
                data,
                "--pretrain-chars",
                numbers(draw, "4e6"),
            ),
        )
    )
    source = draw.choice(([], ["--source", draw.choice(("scratch", "text", "mix", *WORDS))]))
    return [verb, "--laws", str(laws), *asked, *source]


def on_nothing(draw: random.Random) -> list[str]:
    """A call that names no file: a design, a scale that is none, help, a verb that is none."""
    if draw.random() < 0.3:
        design = ["--n-params", numbers(draw, "3e3"), "5e4", "--d-chars", "1e4", numbers(draw, "1e5"), "1e6"]
        counts = ["--studies", numbers(draw, "1"), "--seeds", numbers(draw, "1")]
        return ["power", *design, *counts, "--noise", numbers(draw, "0.01")]
    if draw.random() < 0.5:
        verb = draw.choice(("status", "table", "plan", "verify", "freeze", "run", "audit", "corpora card"))
        return [*verb.split(), "--scale", draw.choice(WORDS[:24])]
    verb = draw.choice((*sorted(cli.verbs()), "", "nothing"))
    return [verb, draw.choice(("--help", "--nothing", "", "--out"))]


def calls(draw: random.Random, folder: Path, laws: Any) -> Iterator[list[str]]:
    """Calls of the verbs that train nothing, without end, each with files of its own."""
    for i in count():
        runs, broken = folder / f"{i}.csv", folder / f"{i}.json"
        kind = draw.choice(("table", "laws", "laws", "laws", "document", "nothing"))
        if kind == "table":
            call = on_table(draw, written(draw, runs, table(draw)), folder / f"{i}.out")
        elif kind == "nothing":
            call = on_nothing(draw)
        else:
            made = draw.choice((laws, laws, laws, LOSS_LAW))
            for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
                made = damaged(draw, made)
            written(draw, broken, json.dumps(made, indent=draw.choice((None, 1))))
            call = on_laws(draw, broken) if kind == "laws" else ["ingest", str(broken), "--dry-run"]
        # Ingest puts the document, too, on standard error when it fails.
        if call[0] not in ("power", "ingest") and kind != "nothing" and draw.random() < 0.4:
            call.append("--json")
        # No program can be given a zero byte, nor half of a character.
        yield [word.replace("\x00", "").encode("utf-8", "replace").decode() for word in call]


def answered(arguments: list[str], installed: bool) -> tuple[int, str, str]:
    """Exit code and both outputs of a call: in this process, or as the installed program."""
    if installed:
        program = [str(Path(sys.executable).with_name("transferlaws")), *arguments]
        done = subprocess.run(
            program,
            capture_output=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            timeout=20 * SECONDS,  # by which it hangs: a busy machine alone makes no call so long
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_CPU, (SECONDS, SECONDS)),
            check=False,
        )
        return done.returncode, done.stdout, done.stderr
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = cli.main(arguments)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        except BaseException:
            err.write(traceback.format_exc())
            code = 70
    return code, out.getvalue(), err.getvalue()


def worked() -> float:
    """Seconds that this process and those it started have computed: a busy machine makes no call longer."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def broken_promise(
    code: int, out: str, err: str, seconds: float, left: set[str], asked: list[str]
) -> str | None:
    """What was wrong with an answer; None if nothing was."""
    if "Traceback" in err or code not in (0, 1, 2):
        return err.strip() or f"exit {code}"
    if seconds > SECONDS:
        return f"{seconds:.0f} seconds"
    complaint = [line for line in err.splitlines() if not line.startswith("transferlaws: note:")]
    if code == 1 and not (
        1 <= len(complaint) <= LINES and max(map(len, complaint)) <= LONG + len(" ".join(asked))
    ):
        return (
            f"{len(complaint)} lines, {len(err)} characters for what is wrong: {err[:300]} ... {err[-300:]}"
        )
    if code == 0 and any("Warning" in line for line in complaint):
        return err
    if any(
        not (char.isprintable() or char in "\n\t") and ord(char) < 0x2000 and char != "\xa0"
        for char in out + err
    ):
        return f"control characters: {(out + err)[:300]!r}"
    return f"left {', '.join(sorted(left))}" if left else None


def fuzz(number: int, seed: int, folder: Path, installed: int = 0) -> tuple[list[Fault], Counter[str]]:
    """Make `number` calls, every `installed`-th as the installed program; the faults, and exits by verb."""
    laws = json.loads((Path(__file__).parents[1] / "results" / "laptop" / "laws.json").read_text("utf-8"))
    for row in laws["rows"]:
        row["measured"] = row.get("measured", [])[:3]
    draw = random.Random(seed)
    faults, exits = [], Counter[str]()
    for place, arguments in enumerate(islice(calls(draw, folder, laws), number)):
        began = worked()
        try:
            code, out, err = answered(arguments, bool(installed) and place % installed == 0)
        except subprocess.TimeoutExpired:
            code, out, err = 70, "", "it hangs"
        exits[f"{arguments[0][:16]} {code}"] += 1
        left = {path.name for path in folder.glob(".*.tmp")}
        if what := broken_promise(code, out, err, worked() - began, left, arguments):
            faults.append(Fault(tuple(arguments), what))
            print(f"call {place}: {arguments}\n    {what[-1500:]}\n", flush=True)
    return faults, exits


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--installed", type=int, default=25, help="every so manyeth call as the installed program"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults, exits = fuzz(options.calls, options.seed, Path(folder), options.installed)
    print(", ".join(f"{name}: {count}" for name, count in sorted(exits.items())))
    print(f"{options.calls} calls, {len(faults)} faults")
    return int(bool(faults))


if __name__ == "__main__":
    raise SystemExit(main())
