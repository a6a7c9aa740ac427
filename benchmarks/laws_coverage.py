"""How often do the 95 % intervals hold the truth? Planted studies, fitted as anyone's runs would be.

"measured" studies have the noise between seeds of `results/laptop`: a seed's sample shared by all sizes at a
data size, arms unequal; one law, so that the scatter of its estimates says how wide intervals should be. Its
variants have one seed, twenty, seeds that cells share in part, heavy tails, small samples inside larger ones,
or runs that ended at a limit where data are most. "drawn" ones draw their law, scratch curves, design, noise
and seeds at random; some lack cells, some are ossified, some reach below the floor. One study a line of
laws_coverage.csv; what it has is not fitted again.

    nice python benchmarks/laws_coverage.py run --kinds measured,nested --studies 400   # fit what is missing
    python benchmarks/laws_coverage.py report                                  # the table of README.md
"""

import argparse
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chisquare

from transferlaws import laws
from transferlaws.errors import TransferLawsError
from transferlaws.laws import PLANTED, SCRATCH, Design, Hernandez, Scratch, plant

PATH = Path(__file__).with_suffix(".csv")
BEGIN, END = "<!-- table: laws_coverage.py report -->", "<!-- end of coverage -->"
KEY = ["kind", "method", "study"]
COLUMNS = [
    *KEY,
    *(
        f"{n}_{w}"
        for n in ("alpha", "beta", "k", "beta_over_alpha")
        for w in ("error", "low", "high", "rank")
    ),
    *("quotable", "noise", "dof", "seconds", "refused"),
]
LEVELS = 20
"""Bins of the ranks, which are uniform where the redrawn laws say how far the truth may lie."""
DRAWN = ("plain", "missing", "below_floor", "ossified", "small", "seeds", "hard", "kaplan", "uneven")
"""hard: noise up to 0.07 nats, three sizes, four or five data sizes, strong floors. kaplan: from-scratch
losses of a form the curves do not have. uneven: noise five times larger at the small end, with heavy tails.
"""
MEASURED = ("measured", "one_seed", "twenty", "partly", "heavy", "nested", "limited", "independent")
SIZES = tuple(float(round(3.1e3 * 4**i)) for i in range(6))
DATA = (1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6)
SEEDS = (5, 5, 5, 5, 3, 2, 1, 1)
"""Data sizes and seeds of the published study, whose largest sizes lack the largest data."""
SHARE = {SCRATCH: 0.4, PLANTED: 0.7}
"""The sample's share of the variance between seeds, measured on results/laptop/runs.csv."""
BETWEEN_ARMS = 0.5
ABOVE = 0.05
"""How far runs that met their limit lie above where they would have ended, on average, nats/token."""
LARGEST = 7.5e11
"""Parameters times characters of the largest cells that were run."""
LAW, FROM_SCRATCH = Hernandez(k=25.0, alpha=0.42, beta=0.4), Scratch(E=1.4, A=15.0, a=0.26, B=90.0, b=0.36)


def sd_of_run(arm: str, d_chars: float) -> float:
    """Standard deviation of one run in nats/token, measured on results/laptop/runs.csv."""
    at_1e3, slope, least = (0.13, 0.5, 0.02) if arm == SCRATCH else (0.055, 0.25, 0.015)
    return max(at_1e3 * (d_chars / 1e3) ** -slope, least)


class KaplanScratch(Scratch):
    """[(N_c/N)^(a_N/a_D) + D_c/D]^a_D + E: no curve E + B (D + D0)^-b passes through it exactly."""

    def loss(self, n_params: ArrayLike, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token."""
        n, d = np.asarray(n_params, float), np.asarray(d_chars, float)
        return self.E + ((3e6 / n) ** (self.a / self.b) + 3e6 / d) ** self.b


def samples(kind: str, data: tuple[float, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """What a seed's sample is like (64, J, 3): for both arms, for scratch, for the other; unit variance."""
    drawn = rng.standard_t(4, (64, len(data), 3)) / np.sqrt(2) if kind == "heavy" else rng.standard_normal(
        (64, len(data), 3)
    )  # fmt: skip
    if kind != "nested":
        return drawn
    # A larger sample is the smaller one and what is new: means over all its characters.
    new = np.sqrt(np.diff(data, prepend=0.0))
    return np.cumsum(drawn * new[:, None], axis=1) / np.sqrt(data)[:, None]


def seeds_of(kind: str, arm: str, d_chars: float, rng: np.random.Generator) -> Iterable[int]:
    """Which seeds a cell of a measured study has."""
    if kind == "one_seed":
        return range(1)
    if kind == "twenty":
        return range(20)
    count = SEEDS[DATA.index(d_chars)]
    if kind == "partly":
        # No seed in both arms, and a quarter of the runs missing.
        kept = np.flatnonzero(rng.random(count) > 0.25)
        return (kept if len(kept) else np.array([0])) + (32 if arm == PLANTED else 0)
    return range(count)


def measured(kind: str, seed: int) -> tuple[pd.DataFrame, Hernandez]:
    """A study with the noise of the published one, and its law; `kind` "noiseless" has its means."""
    rng = np.random.default_rng([seed, (*MEASURED, "noiseless").index(kind), 8])
    sizes, data = (SIZES[:4], DATA[:6]) if kind == "twenty" else (SIZES, DATA)
    shared = samples(kind, data, rng)
    rows = []
    for (a, arm), n, (j, d) in product(enumerate((SCRATCH, PLANTED)), sizes, enumerate(data)):
        if d * n > LARGEST:
            continue
        effective = d if arm == SCRATCH else float(LAW.d_effective(n_params=n, d_chars=d))
        loss, share = float(FROM_SCRATCH.loss(n, effective)), 0.0 if kind == "independent" else SHARE[arm]
        for s in seeds_of(kind, arm, d, rng):
            both, alone = shared[s, j, 0], shared[s, j, 1 + a]
            own = rng.standard_t(4) / np.sqrt(2) if kind == "heavy" else rng.normal()
            sample = np.sqrt(BETWEEN_ARMS) * both + np.sqrt(1 - BETWEEN_ARMS) * alone
            z = np.sqrt(share) * sample + np.sqrt(1 - share) * own
            limited = kind == "limited" and d >= 1e6
            above = rng.exponential(ABOVE) if limited else 0.0
            ended = "limit" if limited else "stalled"
            noise = 0.0 if kind == "noiseless" else sd_of_run(arm, d) * z + above
            rows.append((int(n), arm, int(d), int(s), loss + noise, ended))
    return pd.DataFrame(rows, columns=["n_params", "arm", "d_chars", "seed", "loss", "ended"]), LAW


def drawn(kind: str, seed: int) -> tuple[pd.DataFrame, Hernandez]:
    """A planted table of this kind and its law, both drawn."""
    rng = np.random.default_rng([seed, DRAWN.index(kind)])
    n_sizes, n_data = (
        (int(rng.integers(3, 5)), 5)
        if kind == "small"
        else (int(rng.integers(4, 7)), int(rng.integers(5, 8)))
    )
    if kind == "hard":
        n_sizes, n_data = 3, int(rng.integers(4, 6))
    sizes = SIZES[:n_sizes]
    data = tuple(float(round(d)) for d in np.geomspace(3e3 if n_data > 5 else 1e4, 1e6, n_data))
    alpha, beta = rng.uniform(0.05, 0.7), rng.uniform(0.1, 0.8)
    # k from the effective data of the middle cell: 0.3 to 30 times its own.
    ratio = np.exp(rng.uniform(np.log(0.3), np.log(30)))
    if kind == "below_floor":
        ratio *= 30
    middle_n, middle_d = np.sqrt(sizes[0] * sizes[-1]), np.sqrt(data[0] * data[-1])
    law = Hernandez(
        k=float(ratio * middle_d ** (1 - alpha) / middle_n**beta), alpha=float(alpha), beta=float(beta)
    )
    scratch = Scratch(
        E=rng.uniform(0.5, 1.8), A=rng.uniform(8, 25), a=rng.uniform(0.2, 0.35), B=rng.uniform(40, 90) * 4,
        b=rng.uniform(0.35, 0.55), D0=float(rng.choice([0.0, 1e3, 1e4])), c=float(rng.uniform(-0.05, 0.05)),
    )  # fmt: skip
    if kind == "hard":
        scratch = replace(scratch, B=float(rng.uniform(3e3, 3e4)), b=float(rng.uniform(0.6, 0.9)))
    if kind == "kaplan":
        scratch = KaplanScratch(E=0.5, a=float(rng.uniform(0.1, 0.2)), b=float(rng.uniform(0.25, 0.4)))
    noise = float(rng.choice([0.03, 0.05, 0.07] if kind == "hard" else [0.005, 0.01, 0.02, 0.03]))
    missing = set()
    seeds = int(rng.integers(1, 4))
    if kind == "missing":
        cells = [(arm, n, d) for arm in (SCRATCH, PLANTED) for n in sizes for d in data]
        missing = {cells[i] for i in rng.choice(len(cells), len(cells) // 6, replace=False)}
    table = plant(
        Design(sizes, data, seeds, missing=frozenset(missing)),
        law,
        0.0 if kind == "uneven" else noise,
        seed,
        scratch=scratch,
        seed_noise=0.02 if kind == "seeds" else 0.0,
        ossify=0.15 if kind == "ossified" else 0.0,
    )
    if kind == "uneven":
        sd = noise * (1 + 4 * (1e4 / np.maximum(table["d_chars"], 1e4)))
        table["loss"] += sd * rng.standard_t(4, len(table)) / np.sqrt(2)
    return table, law


def one(kind: str, seed: int, method: str, bootstrap: int) -> dict[str, object]:
    """The line of one study: how far each estimate and the ends of its interval lie from the truth.

    k and beta/alpha in ln; an open end is empty. `rank` is the share of redrawn laws below the truth.
    """
    table, law = drawn(kind, seed) if kind in DRAWN else measured(kind, seed)
    row: dict[str, object] = {"kind": kind, "method": method, "study": seed}
    started = time.process_time()
    try:
        fit = laws.fit(table, method=method, bootstrap=bootstrap, seed=seed)
    except TransferLawsError as error:
        return row | {"refused": str(error)}
    row |= {"seconds": round(time.process_time() - started, 2)}
    truth = {"k": law.k, "alpha": law.alpha, "beta": law.beta, "beta_over_alpha": law.beta / law.alpha}
    redrawn = fit.samples.assign(beta_over_alpha=fit.samples["beta"] / fit.samples["alpha"])
    for name, true in truth.items():
        interval = getattr(fit, name)
        if name in ("k", "beta_over_alpha"):
            off = [None if x is None else float(np.log(max(x, 1e-9) / true)) for x in ends(interval)]
        else:
            off = [None if x is None else x - true for x in ends(interval)]
        row |= {f"{name}_{what}": x for what, x in zip(("error", "low", "high"), off, strict=True)}
        row[f"{name}_rank"] = float((redrawn[name] < true).mean())
    return row | {"quotable": fit.quotable, "noise": fit.noise, "dof": fit.dof}


def ends(interval: laws.Interval) -> tuple[float | None, float | None, float | None]:
    """The value of an interval and its two ends."""
    return interval.value, interval.low, interval.high


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Coverage of all intervals, share open, bias, width against scatter, uniformity of ranks, time."""
    groups = []
    for (method, kind), part in rows[rows["refused"].isna()].groupby(["method", "kind"], sort=False):
        for name in ("alpha", "beta", "k", "beta_over_alpha"):
            error, low, high = (part[f"{name}_{what}"] for what in ("error", "low", "high"))
            closed = low.notna() & high.notna()
            sd, half = error[closed].std(), (high - low)[closed].median() / 2
            counts = np.histogram(part[f"{name}_rank"], np.linspace(0, 1, LEVELS + 1))[0]
            groups.append(
                {
                    "method": method,
                    "kind": kind,
                    "parameter": name,
                    "studies": len(part),
                    "covered": float((~(low > 0) & ~(high < 0)).mean()),
                    "open": 1 - closed.mean(),
                    "bias_in_sd": error[closed].mean() / sd,
                    "half_width": half,
                    "over_1.96_sd": half / (1.96 * sd),
                    "ranks_p": chisquare(counts).pvalue,
                    "quotable": part["quotable"].astype(bool).mean(),
                    "seconds": part["seconds"].mean(),
                }
            )
    return pd.DataFrame(groups)


def studies() -> pd.DataFrame:
    """All studies so far."""
    return pd.read_csv(PATH) if PATH.exists() else pd.DataFrame(columns=[*KEY, "refused"])


def run(kinds: list[str], methods: list[str], count: int, first: int, seconds: float, bootstrap: int) -> None:
    """Fit what is missing, study by study, until it is done or the seconds are over."""
    have = set(studies()[KEY].itertuples(index=False, name=None))
    until = time.perf_counter() + seconds
    for study, kind, method in product(range(first, first + count), kinds, methods):
        if time.perf_counter() > until:
            return
        if (kind, method, study) not in have:
            row = pd.DataFrame([one(kind, study, method, bootstrap)]).reindex(columns=COLUMNS)
            row.to_csv(PATH, mode="a", header=not PATH.exists(), index=False, float_format="%.4g")


def report() -> None:
    """Put the summary into the account, between its marks, and print it."""
    found = summary(studies())
    head = [
        "kind",
        "of",
        "studies",
        "covered",
        "half-width / 1.96 sd",
        "bias / sd",
        "ranks, p",
        "may be quoted",
    ]
    lines = [head]
    for row in found[found["method"] == "loss_space"].to_dict("records"):
        numbers = [f"{100 * row['covered']:.1f} %", f"{row['over_1.96_sd']:.2f}", f"{row['bias_in_sd']:.2f}"]
        last = [f"{row['ranks_p']:.2g}", f"{100 * row['quotable']:.0f} %"]
        lines.append([row["kind"], row["parameter"], str(row["studies"]), *numbers, *last])
    into_account(lines, BEGIN, END)


def into_account(lines: list[list[str]], begin: str, end: str) -> None:
    """Put a table, its head first, between two marks of the account, and print it."""
    rows = "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]])
    print(rows)
    page = PATH.with_name("README.md")
    before, rest = page.read_text("utf-8").split(begin)
    page.write_text(f"{before}{begin}\n\n{rows}\n\n{end}{rest.split(end)[1]}", "utf-8")


def main() -> None:
    """Read what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["run", "report"])
    parser.add_argument("--studies", type=int, default=40, help="of each kind")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--methods", default="loss_space")
    parser.add_argument("--kinds", default=",".join(MEASURED))
    parser.add_argument("--bootstrap", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    if options.what == "run":
        run(options.kinds.split(","), options.methods.split(","), options.studies, options.first,
            options.seconds, options.bootstrap)  # fmt: skip
    report()


if __name__ == "__main__":
    main()
