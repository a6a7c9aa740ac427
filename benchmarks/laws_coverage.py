"""How often do the 95 % intervals hold the truth? Planted studies, fitted as anyone's runs would be.

"drawn" studies draw their law, scratch curves, design, noise and seeds at random; some lack cells, some are
ossified, some reach below the floor. "measured" ones have the noise between seeds of `results/laptop`: a
seed's sample shared by all sizes at a data size, arms unequal; one law, so that the scatter of its estimates
says how wide intervals should be. "misfit" ones break what a fit assumes, and "pure" ones have no law at all.
Prints coverage, open intervals, half-width over 1.96 sd of the estimates, whether the truth's ranks among the
redrawn laws are uniform (Talts et al. 2018), how many may be quoted, and time.
Run: `nice python benchmarks/laws_coverage.py --studies 400 --kinds measured,one_seed,twenty,partly`
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kstest

from transferlaws import laws
from transferlaws.errors import TransferLawsError
from transferlaws.laws import PLANTED, SCRATCH, Design, Hernandez, Scratch, plant

DRAWN = ("plain", "missing", "below_floor", "ossified", "small", "seeds", "hard", "kaplan", "uneven")
"""hard: noise up to 0.07 nats, three sizes, four or five data sizes, strong floors. kaplan: from-scratch
losses of a form the curves do not have. uneven: noise five times larger at the small end, with heavy tails.
"""
MEASURED = ("measured", "one_seed", "twenty", "partly", "independent")
MISFIT = ("another_form", "curved", "under_tuned", "token_limit", "pure")
SIZES = tuple(float(round(3.1e3 * 4**i)) for i in range(6))
DATA = (1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6)
SEEDS = (5, 5, 5, 5, 3, 2, 1, 1)
"""Data sizes and seeds of the published study, whose largest sizes lack the largest data."""
SHARE = {SCRATCH: 0.4, PLANTED: 0.7}
"""The sample's share of the variance between seeds, measured on results/laptop/runs.csv."""
BETWEEN_ARMS = 0.5


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


def seeds_of(kind: str, arm: str, d_chars: float) -> range:
    """Which seeds a cell of a measured study has."""
    if kind == "one_seed":
        return range(1)
    if kind == "twenty":
        return range(20)
    count = SEEDS[DATA.index(d_chars)]
    first = 3 if kind == "partly" and arm == PLANTED else 0
    return range(first, first + count)


def measured(kind: str, seed: int) -> tuple[pd.DataFrame, Hernandez]:
    """A study with the noise of the published one, and its law."""
    rng = np.random.default_rng([seed, (*MEASURED, *MISFIT).index(kind), 7])
    law, scratch = Hernandez(k=25.0, alpha=0.42, beta=0.4), Scratch(E=1.4, A=15.0, a=0.26, B=90.0, b=0.36)
    if kind == "another_form":
        scratch = KaplanScratch(E=0.8, a=0.12, b=0.2)
    sizes = SIZES[:4] if kind in ("twenty", "partly") else SIZES
    data = DATA[:6] if kind == "twenty" else DATA
    shared = rng.standard_normal((64, len(data), 3))
    rows = []
    for arm in (SCRATCH, PLANTED):
        for i, n in enumerate(sizes):
            for j, d in enumerate(data):
                if d * n > 3e12 / 4 and kind != "twenty":
                    continue
                transferred = float(law.d_transferred(n_params=n, d_chars=d)) if arm == PLANTED else 0.0
                if kind == "curved":
                    transferred *= float(np.exp(0.12 * np.log(d / 3e4) ** 2 / 2))
                loss = float(scratch.loss(n, d + transferred))
                if kind == "under_tuned" and arm == PLANTED and i >= 3 and j <= 2:
                    loss += 0.1
                if kind == "token_limit":
                    loss = max(loss, float(scratch.loss(n, 3e5)) - 0.02)
                if kind == "pure":
                    loss = 4.0
                share = 0.0 if kind == "independent" else SHARE[arm]
                for s in seeds_of(kind, arm, d):
                    both, own = shared[s, j, 0], shared[s, j, 1 if arm == SCRATCH else 2]
                    sample = np.sqrt(BETWEEN_ARMS) * both + np.sqrt(1 - BETWEEN_ARMS) * own
                    z = np.sqrt(share) * sample + np.sqrt(1 - share) * rng.normal()
                    rows.append((int(n), arm, int(d), s, loss + sd_of_run(arm, d) * z))
    return pd.DataFrame(rows, columns=["n_params", "arm", "d_chars", "seed", "loss"]), law


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


def one(kind: str, seed: int, method: str, bootstrap: int) -> list[dict[str, object]]:
    """Rows of the result: one for each parameter of one fit of one study."""
    table, law = drawn(kind, seed) if kind in DRAWN else measured(kind, seed)
    started = time.perf_counter()
    try:
        fit = laws.fit(table, method=method, bootstrap=bootstrap, seed=seed)
    except TransferLawsError as error:
        return [{"kind": kind, "study": seed, "method": method, "parameter": "refused", "why": str(error)}]
    seconds = time.perf_counter() - started
    truth = {"k": law.k, "alpha": law.alpha, "beta": law.beta, "beta_over_alpha": law.beta / law.alpha}
    samples = fit.samples.assign(beta_over_alpha=fit.samples["beta"] / fit.samples["alpha"])
    rows = []
    for name, true in truth.items():
        interval = getattr(fit, name)
        scale = float if name in ("alpha", "beta") else lambda value: float(np.log(max(value, 1e-9)))
        rows.append(
            {
                "kind": kind,
                "study": seed,
                "method": method,
                "parameter": name,
                "low": interval.low,
                "high": interval.high,
                "covered": interval.covers(true),
                "closed": interval.closed,
                "error": scale(interval.value) - scale(true),
                "width": scale(interval.high) - scale(interval.low) if interval.closed else np.nan,
                "rank": float((samples[name] < true).mean()),
                "status": fit.status.value,
                "quotable": getattr(fit, "quotable", fit.status.value == "converged"),
                "noise": fit.noise,
                "dof": fit.dof,
                "seconds": seconds,
            }
        )
    return rows


def summary(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Coverage of all intervals, share open, bias, width against scatter, uniformity of ranks, time."""
    groups = []
    for key, part in rows[rows["parameter"] != "refused"].groupby(by, sort=False):
        closed = part[part["closed"].astype(bool)]
        sd = closed["error"].std()
        groups.append(
            {
                **dict(zip(by, key, strict=True)),
                "studies": len(part),
                "coverage": part["covered"].mean(),
                "open": 1 - len(closed) / len(part),
                "bias_in_sd": closed["error"].mean() / sd,
                "half_width": closed["width"].median() / 2,
                "over_1.96_sd": closed["width"].median() / 2 / (1.96 * sd),
                "ranks_p": kstest(part["rank"].astype(float), "uniform").pvalue,
                "quotable": part["quotable"].mean(),
                "seconds": part["seconds"].mean(),
            }
        )
    return pd.DataFrame(groups)


def main() -> None:
    """Run the studies and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=40, help="of each kind")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--methods", default="loss_space")
    parser.add_argument("--kinds", default=",".join(MEASURED))
    parser.add_argument("--bootstrap", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    started = time.perf_counter()
    for i in range(options.first, options.first + options.studies):
        if time.perf_counter() - started > options.seconds:
            print(f"stopped after {i - options.first} studies: {options.seconds:g} seconds are over")
            break
        for kind in options.kinds.split(","):
            for method in options.methods.split(","):
                rows += one(kind, i, method, options.bootstrap)
        if options.out:
            pd.DataFrame(rows).to_csv(options.out, index=False)
    frame = pd.DataFrame(rows)
    print(summary(frame, ["method", "kind", "parameter"]).round(3).to_string(index=False))
    refused = frame[frame["parameter"] == "refused"]
    print(f"refused: {len(refused)}", refused.groupby(["method", "kind"]).size().to_dict())


if __name__ == "__main__":
    main()
