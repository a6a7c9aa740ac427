"""What do fits say of tables without any law? None may be quoted, and none closes its interval often.

Tables of transfer hold one loss for every cell, and noise between seeds as `results/laptop` has it
(`laws_coverage.py`), or a loss drawn anew for each run; tables of loss hold losses drawn at random at sizes
and data drawn at random. A 95 % interval of an exponent that nothing determines may close in one table of
twenty. One fit a line of laws_null.csv; what it has is not fitted again.

    nice python benchmarks/laws_null.py run --tables 60    # fit what is missing
    python benchmarks/laws_null.py report                  # the table of README.md
"""

import argparse
import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from laws_coverage import DATA, SIZES, into_account, measured

from transferlaws.errors import TransferLawsError
from transferlaws.laws import LOSS_FORMS, METHODS, Fit, Result, Status, fit, fit_form

PATH = Path(__file__).with_suffix(".csv")
BEGIN, END = "<!-- table: laws_null.py report -->", "<!-- end of null -->"
KEY = ["kind", "law", "table"]
OF_LOSS = ("kaplan", "additive", "multiplicative")
FITS = [*(("loss law", law) for law in OF_LOSS), *product(("one loss", "any loss"), METHODS)]
RUNS = 60
"""Runs of a table of loss."""


def transfer(kind: str, seed: int) -> pd.DataFrame:
    """A table of transfer: the design of `results/laptop`, losses without a law."""
    table, _ = measured("measured", 100_000 + seed)
    alone, _ = measured("noiseless", 0)
    rng = np.random.default_rng([seed, 11])
    if kind == "any loss":
        return table.assign(loss=rng.uniform(2.0, 4.0, len(table)))
    return table.assign(loss=4.0 + table["loss"] - alone["loss"])


def losses(seed: int) -> pd.DataFrame:
    """A table of loss without a law."""
    rng = np.random.default_rng([seed, 12])
    sizes, data = rng.choice(SIZES[:5], RUNS), rng.choice(DATA[2:], RUNS)
    return pd.DataFrame({"n_params": sizes, "d_tokens": data, "loss": rng.uniform(2.0, 4.0, RUNS)})


def judge(kind: str, law: str, seed: int) -> dict[str, object]:
    """The line of one fit: which parameters have closed intervals, and whether the law may be quoted."""
    row: dict[str, object] = {"kind": kind, "law": law, "table": seed}
    try:
        if kind == "loss law":
            found: Result = fit_form(LOSS_FORMS[law], losses(seed), bootstrap=200, seed=seed)
        else:
            found = fit(transfer(kind, seed), method=law, bootstrap=50, seed=seed)
    except TransferLawsError as error:
        return row | {"closed": "", "status": f"refused: {error}", "quotable": False}
    closed = " ".join(name for name, interval in found.intervals.items() if interval.closed)
    quotable = found.quotable if isinstance(found, Fit) else found.status == Status.CONVERGED
    return row | {"closed": closed, "status": found.status.value, "quotable": quotable}


def fits() -> pd.DataFrame:
    """All fits so far."""
    return pd.read_csv(PATH, keep_default_na=False) if PATH.exists() else pd.DataFrame(columns=KEY)


def run(tables: int, seconds: float) -> None:
    """Fit what is missing until it is done or the seconds are over."""
    have = set(fits()[KEY].itertuples(index=False, name=None))
    until = time.perf_counter() + seconds
    for (kind, law), seed in product(FITS, range(tables)):
        if time.perf_counter() > until:
            return
        if (kind, law, seed) not in have:
            row = pd.DataFrame([judge(kind, law, seed)])
            row.to_csv(PATH, mode="a", header=not PATH.exists(), index=False)


def report() -> None:
    """Put the counts into the account, between its marks, and print them."""
    lines = [["tables", "law", "how many", "refused", "an interval closed", "identified", "may be quoted"]]
    for (kind, law), part in fits().groupby(["kind", "law"], sort=False):
        refused, closed = part["status"].str.startswith("refused"), part["closed"] != ""
        identified, quoted = ~refused & (part["status"] != "not_identified"), part["quotable"].astype(bool)
        counts = (len(part), *(int(each.sum()) for each in (refused, closed, identified, quoted)))
        lines.append([kind, law, *map(str, counts)])
    into_account(lines, BEGIN, END)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("--tables", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    if options.what == "run":
        run(options.tables, options.seconds)
    report()
