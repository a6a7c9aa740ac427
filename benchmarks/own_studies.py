"""Do the decisions of `transferlaws study` hold in runs it has not seen? Six pairs of folders from packages.

Each pair is studied as anyone's folders are, with so many core-hours and nothing tuned for it. Then models
are trained that the report knows nothing of: other seeds, at the least and the most data it measured and at
an amount between two of its own, at its smallest and its largest size, from scratch and pre-trained with the
same seed. Their paired gain is what the report's decision and interval are held against. One cell a line of
results/own/studies.csv; what it has is not trained again.

    python benchmarks/own_studies.py fetch FOLDER            # packages of Debian 12 and npm, by hash
    python benchmarks/own_studies.py run FOLDER --hours 0.25 # some 25 minutes of a core a pair
    python benchmarks/own_studies.py report                  # the table of README.md
"""

import argparse
import base64
import hashlib
import json
import math
import random
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from transferlaws import planner
from transferlaws.cli import main as transferlaws
from transferlaws.cli.output import say
from transferlaws.design.presets import study_named
from transferlaws.laws import SCRATCH
from transferlaws.planner.measured import between as around
from transferlaws.prose import yours
from transferlaws.reports.own import Folders, read_folders
from transferlaws.reports.written import read_design
from transferlaws.runs.execute import execute
from transferlaws.study import Study

PATH = Path(__file__).parents[1] / "results" / "own" / "studies.csv"
BEGIN, END = "<!-- table: own_studies.py report -->", "<!-- end of own -->"
SEEDS = range(1000, 1004)
LEVEL = 0.95


@dataclass(frozen=True)
class Package:
    """A file of a distribution with its SHA-256, and what of it is text: below `root`, by suffix."""

    fetch: tuple[str, ...]
    file: str
    sha256: str
    root: str
    suffixes: tuple[str, ...]
    kind: str


DEBIAN, NPM = ("apt-get", "download"), ("npm", "pack", "--silent")
PACKAGES = {
    "linux": Package(
        (*DEBIAN, "linux-doc-6.1=6.1.192-2"),
        "linux-doc-6.1_6.1.192-2_all.deb",
        "d1d1b5a602f0d439ecc39e713e044bf2df30d839fb4bf8a7b859ba3273c47993",
        "usr/share/doc/linux-doc-6.1",
        (".txt",),
        "text",
    ),
    "german": Package(
        (*DEBIAN, "fortunes-de=0.35-1"),
        "fortunes-de_0.35-1_all.deb",
        "03fe7a7912935bd3d4e02e38d79ef32a289097f8718d4488c409595abce067a0",
        "usr/share/games/fortunes/de",
        ("",),
        "text",
    ),
    "spanish": Package(
        (*DEBIAN, "fortunes-es=1.36"),
        "fortunes-es_1.36_all.deb",
        "54636edc1a4384093b68d1666c7e702ce42d1fcc8b5ab402d9646c328dcca899",
        "usr/share/games/fortunes/es",
        (".fortunes",),
        "text",
    ),
    "go": Package(
        (*DEBIAN, "golang-1.19-src=1.19.8-2"),
        "golang-1.19-src_1.19.8-2_all.deb",
        "2dfa82fe4f08f4e0193c532e561af4c91871f5235608f04f2bb8d57bb288df5a",
        "usr/share/go-1.19/src",
        (".go",),
        "code",
    ),
    "rust": Package(
        (*DEBIAN, "rust-src=1.63.0+dfsg1-2"),
        "rust-src_1.63.0+dfsg1-2_all.deb",
        "410b8c6d464cabbe5fb3154ab8c3d374980dd597fbe7e3b7bb3ed8dd1bf11e25",
        "usr/src/rustc-1.63.0/library",
        (".rs",),
        "code",
    ),
    "javascript": Package(
        (*NPM, "three@0.150.1"),
        "three-0.150.1.tgz",
        "d80de4da248b91ec3d7de3e3ba1c58f83414ecbad697035335abe0f2066d8fa9",
        "package",
        (".js",),
        "code",
    ),
}
RANDOM = "random"  # lines of random letters: nothing in them can be learnt that helps elsewhere
PAIRS = (
    ("linux", "go"),
    ("linux", "german"),
    ("german", "spanish"),
    ("go", "rust"),
    ("rust", "javascript"),
    (RANDOM, "linux"),
)


def fetch(folder: Path) -> None:
    """Fetch what is missing, check it by hash, and lay out the text of each package in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, package in PACKAGES.items():
        path, text = folder / package.file, folder / name
        if text.exists():
            continue
        if not path.exists():
            subprocess.run(package.fetch, cwd=folder, check=True)
        if hashlib.sha256(path.read_bytes()).hexdigest() != package.sha256:
            raise SystemExit(f"{path} is another file than this table was made of")
        unpacked = folder / f"{name}.unpacked"
        if path.suffix == ".deb":
            subprocess.run(("dpkg-deb", "-x", path, unpacked), check=True)
        else:
            with tarfile.open(path) as archive:
                archive.extractall(unpacked, filter="data")
        for file in sorted((unpacked / package.root).rglob("*")):
            if file.is_file() and not file.is_symlink() and file.suffix in package.suffixes:
                place = text / file.relative_to(unpacked / package.root)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
        shutil.rmtree(unpacked)
    letters = random.Random(0)
    for project in range(20 if not (folder / RANDOM).exists() else 0):
        place = folder / RANDOM / f"{project}"
        place.mkdir(parents=True)
        for number in range(20):
            text = base64.b64encode(letters.randbytes(18_000)).decode()
            lines = (text[at : at + 72] for at in range(0, len(text), 72))
            (place / f"{number}.txt").write_text("\n".join(lines) + "\n", "utf-8")


def run(folder: Path, pairs: list[tuple[str, str]], hours: float, jobs: int | None) -> None:
    """Study each pair that has no lines yet, train what its report has not seen, and note both."""
    have = set(zip(_rows()["source"], _rows()["target"], strict=True))
    for source, target in pairs:
        if (source, target) in have:
            continue
        out = folder / f"{source}-{target}"
        kinds = [PACKAGES[name].kind if name in PACKAGES else "text" for name in (source, target)]
        words = ["study", "--out", str(out), "--core-hours", f"{hours:g}"]
        words += ["--source", f"{source}={folder / source}", "--source-kind", kinds[0]]
        words += ["--target", f"{target}={folder / target}", "--target-kind", kinds[1]]
        code = transferlaws(words + (["--jobs", str(jobs)] if jobs else []))
        if code:
            raise SystemExit(f"the study of {source} and {target} ended with {code}")
        places = {source: folder / source}
        like, _ = study_named("smoke")
        folders = read_folders(
            places, (target, folder / target), out, like, source_kind=kinds[0], target_kind=kinds[1]
        )
        found = pd.DataFrame(list(held_against(folders, source, hours)))
        PATH.parent.mkdir(parents=True, exist_ok=True)
        pd.concat([_rows(), found.assign(source=source, target=target, hours=hours)]).to_csv(
            PATH, index=False, float_format="%.5g"
        )


def held_against(folders: Folders, source: str, hours: float) -> Iterator[dict[str, object]]:
    """A line for each cell: what the report says of it, and what pairs of runs with other seeds came to."""
    dials = read_design(folders, hours)
    assert dials is not None
    study = folders.at_scale(dials.scale(folders.pretrain_chars))
    laws = json.loads((study.results / "laws.json").read_text("utf-8"))
    seen, scale = study.scale.d_chars, study.scale
    between = round(math.sqrt(seen[-2] * seen[-1]), -3)
    every = tuple(sorted({*seen, between}))
    wider = replace(scale, d_chars=every, d_chars_scratch=tuple(sorted({*scale.d_chars_scratch, between})))
    asked = Study(
        study.question,
        wider,
        recipes=folders.recipes,
        runs=folders.out / "runs",
        results=folders.out / "results",
    )
    cells = asked.plan.cells(asked.store)
    workspace = asked.workspace()
    for size in (dials.sizes[0], dials.sizes[-1]):
        for d_chars in (seen[0], between, seen[-1]):
            losses = {}
            for arm in (SCRATCH, source):
                (spec,) = {
                    replace(cell.spec, seed=0)
                    for cell in cells
                    if cell.spec is not None
                    and (cell.role, cell.arm, cell.size, cell.d_chars) == ("run", arm, size, d_chars)
                }
                ended = [execute(replace(spec, seed=seed), workspace) for seed in SEEDS]
                losses[arm] = np.array([record.outcome["loss"] for record in ended])
            gains = losses[SCRATCH] - losses[source]
            said = planner.should_pretrain(laws, source, size.n_params, d_chars)
            half = student.ppf((1 + LEVEL) / 2, len(gains) - 1) * gains.std(ddof=1) / math.sqrt(len(gains))
            yield {
                "n_params": size.n_params,
                "d_chars": d_chars,
                "pretrain": said.pretrain,
                "basis": said.basis,
                **_interval(laws, source, said, size.n_params, d_chars),
                "unseen": gains.mean(),
                "unseen_half": half,
            }
            say(f"{source} {size.n_params} {d_chars}: said {said.pretrain}, came to {gains.mean():.3f}")


def _interval(
    laws: dict[str, object], source: str, said: planner.Decision, n_params: float, d_chars: float
) -> dict[str, float | None]:
    """The gain that the decision rests on, with its ends."""
    if said.gain.measured is not None:
        here = said.gain.measured
        return {"gain": here["value"], "low": here["low"], "high": here["high"]}
    found = said.gain
    if said.basis == "around" and (inside := around(planner.measured_cells(laws, source), n_params, d_chars)):
        return {"gain": inside.gain, "low": inside.low, "high": inside.high}
    return {"gain": found.value, "low": found.low, "high": found.high}


def report() -> None:
    """Put the table into the account, between its marks, and print it."""
    page, rows = Path(__file__).with_name("README.md"), _rows()
    if rows.empty:
        print(f"{PATH} has no study yet: run the six first")
        return
    before, rest = page.read_text("utf-8").split(BEGIN)
    told = f"{yours.unseen(rows)}\n\n{yours.keeping(rows)}"
    page.write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{rest.split(END)[1]}", "utf-8")
    print(told)


def _rows() -> pd.DataFrame:
    return pd.read_csv(PATH) if PATH.exists() else pd.DataFrame(columns=["source", "target"])


def main() -> None:
    """Fetch, run or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["fetch", "run", "report"], nargs="?", default="report")
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--hours", type=float, default=0.25, help="core-hours a study")
    parser.add_argument("--pairs", default=",".join(map("-".join, PAIRS)))
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    if options.what == "report":
        return report()
    if options.folder is None:
        parser.error(f"{options.what} takes the folder of the packages and studies")
    if options.what == "fetch":
        return fetch(options.folder)
    chosen = [pair for pair in PAIRS if "-".join(pair) in options.pairs.split(",")]
    return run(options.folder, chosen, options.hours, options.jobs)


if __name__ == "__main__":
    main()
