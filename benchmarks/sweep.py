"""What a sweep costs beside its runs: parallel efficiency and overhead a run.

Trains a study of 100 and more runs of about a second on the corpus of the tests, on local workers.

- efficiency: sum of the runs' own seconds / (wall x workers), start-up of the workers included and not;
- overhead: (wall x workers - sum of the runs' seconds) / runs, on a machine that does nothing else;
- its part in the sweep's own process, where workers may wait for it: CPU seconds / runs, which other load
  on the machine does not change.

    python benchmarks/sweep.py [--jobs 2] [--tokens 60000]
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from tiny import QUESTION, TINY, tiny_recipes
from transferlaws import Study
from transferlaws.design.scale import Scale
from transferlaws.models.ladder import LADDER
from transferlaws.training.tuning import Tuning


def scale_of_about(tokens: int) -> Scale:
    """The tiny study with more sizes, data sizes and seeds, and runs of up to so many tokens."""
    return replace(
        TINY,
        name="sweep",
        sizes=LADDER[:3],
        d_chars=(600, 2_000, 5_000),
        d_chars_scratch=(10_000,),
        seeds=((5_000, 5), (10_000, 3)),
        pretrain_tokens=tokens,
        tuning=Tuning(d_chars=(600, 5_000), first_guess=8e-3, most_rates=4),
        recipe=replace(TINY.recipe, max_tokens=tokens, tolerance=1e-4, patience=16),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=60_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        study = Study(
            QUESTION,
            scale_of_about(arguments.tokens),
            recipes=tiny_recipes(),
            runs=place / "runs",
            results=place / "results",
            cache=place / "cache",
        )
        study.workspace(progress=False)  # corpora and tokenizer are not the sweep's
        wall, cpu = time.time(), time.process_time()
        swept = study.ensure(jobs=arguments.jobs, progress=False)
        wall, cpu, ended = time.time() - wall, time.process_time() - cpu, time.time()
        table = study.table(everything=True)
        report(study, table, swept.trained, wall, cpu, ended, arguments.jobs)


def report(
    study: Study, table: pd.DataFrame, trained: int, wall: float, cpu: float, ended: float, jobs: int
) -> None:
    """Print the study's efficiency and overheads."""
    spent = table["seconds"].sum()
    ends = {path.stem: path.stat().st_mtime for path in study.store.records.glob("*.json")}
    first = min(ends[row.key] - row.seconds for row in table.itertuples())
    last = max(ends.values())
    print(f"{trained} runs on {jobs} workers, {spent / len(table):.2f} s each")
    for name, seconds in (("with start and stop", wall), ("between", last - first)):
        overhead = (seconds * jobs - spent) / trained
        print(f"{name}: efficiency {spent / (seconds * jobs):.1%}, overhead {1e3 * overhead:.0f} ms a run")
    print(f"start {wall - (ended - first):.1f} s, stop {ended - last:.1f} s")
    print(f"CPU time of the sweep's own process {1e3 * cpu / trained:.0f} ms a run")


if __name__ == "__main__":
    main()
