"""Does the judgement of adequacy tell laws that hold from those that do not? On planted studies of each.

Design, seeds and noise are those of the "measured" studies of `laws_coverage.py`. `CLEAN` kinds have a law,
and at least 90 % of them should be found adequate (or, where nothing was repeated, left untested). Each kind
of `MISFIT` breaks it in one way, and at least 90 % of each should be refused. `SMALL` studies have four
sizes, five data sizes and up to three seeds of the same. One study a line of laws_misfit.csv; what it has is
not fitted again.

    nice python benchmarks/laws_misfit.py run --studies 100   # fit what is missing
    python benchmarks/laws_misfit.py report                   # the table of README.md
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from laws_coverage import DATA, FROM_SCRATCH, LAW, SIZES, KaplanScratch, drawn, measured
from numpy.typing import ArrayLike
from scipy.stats import beta

from transferlaws.laws import PLANTED, SCRATCH, Scratch, check_table
from transferlaws.laws.estimators.adequacy import adequacy
from transferlaws.laws.estimators.effective import source_cells
from transferlaws.laws.estimators.joint import fit_joint

PATH = Path(__file__).with_suffix(".csv")
BEGIN, END = "<!-- table: laws_misfit.py report -->", "<!-- end of misfit -->"
MIDDLE_N, MIDDLE_D = float(np.sqrt(SIZES[0] * SIZES[-1])), 3e4
CAP = 3e5
TOKENS = 0.3
Shift = Callable[[pd.DataFrame], pd.Series]
"""What is added to the loss of each run, nats/token."""


def effective(runs: pd.DataFrame, bend: ArrayLike = 0.0) -> pd.Series:
    """Effective data of runs in characters, D_T being multiplied by exp(`bend`)."""
    n, d = runs["n_params"], runs["d_chars"]
    transferred = LAW.d_transferred(n_params=n, d_chars=d) * np.exp(bend)
    return d + transferred * (runs["arm"] == PLANTED)


def planted(runs: pd.DataFrame, bend: ArrayLike = 0.0, scratch: Scratch = FROM_SCRATCH) -> pd.Series:
    """Loss of runs before noise, nats/token."""
    return scratch.loss(runs["n_params"], effective(runs, bend))


def bent(bend: Callable[[pd.Series, pd.Series], ArrayLike]) -> Shift:
    """D_T multiplied by exp(`bend`) of ln N and ln D about the middle: no law unless that is linear."""

    def shift(runs: pd.DataFrame) -> pd.Series:
        n, d = np.log(runs["n_params"] / MIDDLE_N), np.log(runs["d_chars"] / MIDDLE_D)
        return planted(runs, bend(n, d)) - planted(runs)

    return shift


def saturating(runs: pd.DataFrame) -> pd.Series:
    """D_T ends at a hundred thousand characters."""
    transferred = LAW.d_transferred(n_params=runs["n_params"], d_chars=runs["d_chars"])
    return planted(runs, -np.log1p(transferred / 1e5)) - planted(runs)


def another_form(runs: pd.DataFrame) -> pd.Series:
    """From-scratch losses that no curve E + B (D + D0)^-b passes through."""
    return planted(runs, scratch=KaplanScratch(E=0.8, a=0.12, b=0.2)) - planted(runs)


def token_limit(runs: pd.DataFrame) -> pd.Series:
    """No run of either arm gets further than it would on CAP characters from scratch."""
    return np.maximum(FROM_SCRATCH.loss(runs["n_params"], CAP) - planted(runs), 0.0)


def under_tuned(runs: pd.DataFrame) -> pd.Series:
    """A corner of nine pre-trained cells, the largest sizes with the least data, 0.1 nats too high."""
    corner = (runs["arm"] == PLANTED) & (runs["n_params"] >= SIZES[3]) & (runs["d_chars"] <= DATA[2])
    return 0.1 * corner


def offsets(runs: pd.DataFrame) -> pd.Series:
    """Cells of both arms off by 0.1 nats to either side."""
    cell = runs.groupby(["arm", "n_params", "d_chars"]).ngroup().to_numpy()
    signs = np.random.default_rng(int(runs["loss"].sum() * 1e6)).choice([-0.1, 0.1], cell.max() + 1)
    return pd.Series(signs[cell], runs.index)


def constant_gain(runs: pd.DataFrame) -> pd.Series:
    """Pre-training takes 0.3 nats off every loss, in place of adding data."""
    alone = FROM_SCRATCH.loss(runs["n_params"], runs["d_chars"])
    return (alone - 0.3 - planted(runs)) * (runs["arm"] == PLANTED)


def as_it_is(runs: pd.DataFrame) -> pd.Series:
    """Nothing is off."""
    return pd.Series(0.0, runs.index)


CLEAN = ("clean", "clean_drawn", "ends")
"""clean_drawn: designs, laws and noise drawn at random. ends: a token limit that the table tells."""
MISFIT: dict[str, Shift] = {
    "another_form": another_form,
    "curved_alpha": bent(lambda n, d: 0.06 * d**2),  # noqa: ARG005
    "under_tuned": under_tuned,
    "token_limit": token_limit,
    "saturating": saturating,
    "constant_gain": constant_gain,
    "interaction": bent(lambda n, d: 0.08 * n * d),
    "optimum_size": bent(lambda n, d: -0.15 * n**2),  # noqa: ARG005
    "broken_exponent": bent(lambda n, d: 0.5 * np.maximum(d, 0.0)),  # noqa: ARG005
    "offsets": offsets,
    "other_units": as_it_is,
}
SMALL = "small_"
SMALL_KINDS = tuple(
    SMALL + kind for kind in ("clean", "another_form", "constant_gain", "curved_alpha", "broken_exponent")
)
DRAWN_CLEAN = ("plain", "missing", "below_floor", "small", "seeds", "hard", "uneven")


def study(kind: str, seed: int) -> pd.DataFrame:
    """The runs of a planted study."""
    if kind == "clean_drawn":
        return drawn(DRAWN_CLEAN[seed % len(DRAWN_CLEAN)], seed)[0]
    runs, _ = measured("measured", seed)
    if kind.startswith(SMALL):
        kind = kind.removeprefix(SMALL)
        few = runs["n_params"].isin(SIZES[:4]) & runs["d_chars"].isin(DATA[1:6]) & (runs["seed"] < 3)
        runs = runs[few].reset_index(drop=True)
    shift = token_limit(runs) if kind == "ends" else MISFIT.get(kind, as_it_is)(runs)
    runs = runs.assign(loss=runs["loss"] + shift)
    if kind == "ends":
        return runs.assign(ended=np.where(shift > 0, "limit", "stalled"))
    if kind == "other_units":  # the pre-trained arm counts tokens where the other counts characters
        in_tokens = (TOKENS * runs["d_chars"]).round()
        return runs.assign(d_chars=runs["d_chars"].where(runs["arm"] == SCRATCH, in_tokens).astype("int64"))
    return runs


def judge(kind: str, seed: int) -> dict[str, object]:
    """A line of the result: what the judgement of adequacy says of a study."""
    cells, _ = source_cells(check_table(study(kind, seed)), (PLANTED,))
    joint = fit_joint(cells)
    points = ~joint.problem.cells.upper
    held, gradient = joint.problem.cells.only(points), joint.problem.predict(joint.theta[None])[1][0][points]
    found = adequacy(held, held.loss - joint.fitted[points], gradient, joint.misfit, seed)
    law = dict(zip(("alpha", "beta"), joint.theta[1:3], strict=True))
    return {"kind": kind, "study": seed, **found.to_json(), **law}


def run(kinds: list[str], count: int, seconds: float) -> None:
    """Fit the studies that are missing, for no longer than `seconds`."""
    rows = pd.read_csv(PATH).to_dict("records") if PATH.exists() else []
    have, started = {(row["kind"], row["study"]) for row in rows}, time.perf_counter()
    for seed in range(count):
        for kind in kinds:
            if (kind, seed) in have or time.perf_counter() - started > seconds:
                continue
            rows.append(judge(kind, seed))
            pd.DataFrame(rows).to_csv(PATH, index=False, float_format="%.4g")


def report() -> None:
    """Print shares of verdicts by kind, with the range (95 %) of the share that is right; keep the table."""
    found = pd.read_csv(PATH)
    lines = ["| kind | there is a law | studies | refused | right | 95 % | residual variance | alpha |"]
    lines.append("| --- " * 8 + "|")
    for kind in (*CLEAN, *MISFIT, *SMALL_KINDS):
        clean = kind.removeprefix(SMALL) in CLEAN
        part = found[found["kind"] == kind]
        refused, count = int(part["verdict"].isin(["misfit", "pattern"]).sum()), len(part)
        right = count - refused if clean else refused
        low = beta.ppf(0.025, right, count - right + 1) if right else 0.0
        high = beta.ppf(0.975, right + 1, count - right) if right < count else 1.0
        lines.append(
            f"| {kind.replace('_', ' ')} | {'yes' if clean else 'no'} | {count} | "
            f"{100 * refused / max(count, 1):.0f} % | {100 * right / max(count, 1):.0f} % | "
            f"{100 * low:.0f} to {100 * high:.0f} % | {part['ratio'].median():.2g} | "
            f"{part['alpha'].median():.2f} |"
        )
    table, page = "\n".join(lines), PATH.with_name("README.md")
    print(table)
    if page.exists() and BEGIN in page.read_text("utf-8"):
        before, rest = page.read_text("utf-8").split(BEGIN)
        page.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}", "utf-8")


def main() -> None:
    """Fit what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["run", "report"], nargs="?", default="report")
    parser.add_argument("--studies", type=int, default=100, help="of each kind")
    parser.add_argument("--kinds", default=",".join([*CLEAN, *MISFIT, *SMALL_KINDS]))
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    if options.what == "run":
        run(options.kinds.split(","), options.studies, options.seconds)
    report()


if __name__ == "__main__":
    main()
