"""Kills at random moments, from corpora to website: what comes out is what an uninterrupted study gives.

    python benchmarks/kills.py --kills 100

`corpora fetch`, `run`, `freeze` and `book` on a tiny study, each a process of its own with all its workers.
At moments drawn from a seed it is killed, alone or with them; the same command then goes on, until so many
kills have been spread over the four. Afterwards texts and tokens, table, laws and every file of the website
are held against those of a study that nobody disturbed. Prints what differs, and exits 1 if anything does.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from tiny import make_tiny_study
from transferlaws import Study

PROJECT = Path(__file__).parents[1]
PROGRAM = f"""
import sys
sys.path.insert(0, {str(PROJECT / "tests")!r})
if __name__ == "__main__":
    from pathlib import Path
    from tiny import make_tiny_study
    from transferlaws import Study, cli
    study = make_tiny_study(Path(sys.argv[1]), Path(sys.argv[1], "cache"))
    Study.open = classmethod(lambda cls, name: study)
    sys.exit(cli.main(sys.argv[2:]))
"""
PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
# {title}

```{{code-cell}} ipython3
:tags: [parameters]
scale: str = "tiny"
seed: int = 0
```

```{{code-cell}} ipython3
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tiny import make_tiny_study
study = make_tiny_study(Path.cwd(), Path.cwd() / "cache")
{code}
```
"""
PAGES = {
    "01-table": "print(study.table().drop(columns=['seconds', 'device']).to_string())",
    "02-laws": "import json\nprint(json.loads((study.results / 'laws.json').read_text())['rows'])",
}
VERBS = {
    "fetch": ["corpora", "fetch", "--jobs", "2"],
    "run": ["run", "--jobs", "2", "--no-progress"],
    "freeze": ["freeze", "--bootstrap", "50"],
    "book": ["book", "--scale", "tiny", "--jobs", "2"],
}
LEFT_BY = {"fetch": "cache", "run": "runs", "freeze": "results", "book": "_build"}


def make_project(root: Path) -> None:
    """A project with a book of two chapters about the tiny study."""
    shutil.copytree(PROJECT / "book" / "_ext", root / "book" / "_ext")
    shutil.copytree(PROJECT / "book" / "_static", root / "book" / "_static")
    shutil.copy(PROJECT / "_config.yml", root)
    (root / "book" / "references.bib").write_text("")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/01-table\nchapters:\n- file: book/02-laws\n")
    for name, code in PAGES.items():
        page = PAGE.format(title=name, code=code, tests=str(PROJECT / "tests"))
        (root / "book" / f"{name}.md").write_text(page)


def started(root: Path, verb: str) -> "subprocess.Popen[str]":
    """A verb on the project's study, at the head of a group of processes."""
    places = {f"TRANSFERLAWS_{name.upper()}": str(root / name) for name in ("runs", "results", "cache")}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), *VERBS[verb]],
        cwd=root,
        env=os.environ | places,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done(root: Path, verb: str) -> float:
    """Run a verb to its end; how many seconds it took."""
    began = time.monotonic()
    process = started(root, verb)
    _, error = process.communicate()
    if process.returncode:
        raise SystemExit(f"{verb} ended with {process.returncode}: {error[-2000:]}")
    return time.monotonic() - began


def killed(root: Path, verb: str, after: float, alone: bool) -> bool:
    """Kill a verb after some seconds, alone or with its workers; False if it was done by then."""
    process = started(root, verb)
    try:
        _, error = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        (os.kill if alone else os.killpg)(process.pid, signal.SIGKILL)
        process.communicate()
        deadline = time.monotonic() + 120
        while left := [each for each in psutil.process_iter() if session_of(each) == process.pid]:
            if time.monotonic() > deadline:
                raise SystemExit(f"{verb}: {len(left)} processes outlive it: {left}") from None
            time.sleep(0.1)
        return True
    if process.returncode:
        raise SystemExit(f"{verb} ended with {process.returncode}: {error[-2000:]}")
    return False


def session_of(process: psutil.Process) -> int:
    """The session that a process belongs to, by the process that began it; 0 for one that is gone."""
    try:
        return os.getsid(process.pid) if process.status() != psutil.STATUS_ZOMBIE else 0
    except (OSError, psutil.Error):
        return 0


def outcome(root: Path) -> dict[str, bytes]:
    """What a study and its website come to, by name: all that does not depend on the clock."""
    study: Study = make_tiny_study(root, root / "cache")
    table = study.table(everything=True).drop(columns=["seconds"]).sort_values("key")
    found = {"table": table.to_csv(index=False).encode()}
    laws = json.loads((study.results / "laws.json").read_bytes())
    laws["provenance"].pop("table_sha256")  # of runs.csv, which says how many seconds a run took
    found["laws"] = json.dumps(laws, sort_keys=True).encode()
    for folder in ("cache/corpora", "cache/tokens", "cache/tokenizers", "_build/html"):
        for path in sorted((root / folder).rglob("*")):
            # What is half written when a process is killed stays for a day, under a name that nobody reads.
            name = path.relative_to(root)
            half = any(part.endswith(".tmp") for part in name.parts)
            if path.is_file() and path.name != "card.json" and not half:
                found[str(name)] = path.read_bytes()
    found["results"] = "\n".join(sorted(path.name for path in study.results.iterdir())).encode()
    return found


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """The names of what is not there, is there and should not be, or is another."""
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))


def attack(kills: int, seed: int, root: Path) -> tuple[dict[str, int], list[str]]:
    """How often each verb was killed, and what differs in the end."""
    make_project(root)
    took = {verb: done(root, verb) for verb in VERBS}
    print("undisturbed:", ", ".join(f"{verb} {seconds:.0f} s" for verb, seconds in took.items()), flush=True)
    expected = outcome(root)
    for folder in LEFT_BY.values():
        shutil.rmtree(root / folder)
    chance, counts = random.Random(seed), dict.fromkeys(VERBS, 0)
    for place, verb in enumerate(VERBS):
        wanted = (kills + place) // len(VERBS)
        while counts[verb] < wanted:
            if killed(root, verb, chance.uniform(0.1, 1) * took[verb], chance.random() < 0.5):
                counts[verb] += 1
            else:
                shutil.rmtree(root / LEFT_BY[verb])
        done(root, verb)
        print(f"{verb}: killed {counts[verb]} times", flush=True)
    return counts, differences(outcome(root), expected)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, differ = attack(options.kills, options.seed, Path(folder).resolve())
    print("\n".join(differ))
    print(f"{sum(counts.values())} kills, {len(differ)} differences")
    return int(bool(differ))


if __name__ == "__main__":
    raise SystemExit(main())
