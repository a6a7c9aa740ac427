"""How often do the 95 % intervals hold the truth? Planted studies, fitted as anyone's runs would be.

Each study draws its law, scratch curves, design, noise and seeds at random; some lack cells, some are
ossified, some reach below the floor. Prints, for each method: coverage, open intervals, bias, width, time.
Run: `nice python benchmarks/laws_coverage.py --studies 200 --methods loss_space,paper,logit`
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from transferlaws import laws
from transferlaws.errors import TransferLawsError
from transferlaws.laws import PLANTED, SCRATCH, Design, Hernandez, Scratch, plant

KINDS = ("plain", "missing", "below_floor", "ossified", "small", "seeds")
HARD_KINDS = ("hard", "kaplan", "uneven")
"""hard: noise up to 0.07 nats, three sizes, four or five data sizes, strong floors. kaplan: from-scratch
losses of a form the curves do not have. uneven: noise five times larger at the small end, with heavy tails.
"""


class KaplanScratch(Scratch):
    """[(N_c/N)^(a_N/a_D) + D_c/D]^a_D + E: no curve E + B (D + D0)^-b passes through it exactly."""

    def loss(self, n_params: ArrayLike, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token."""
        n, d = np.asarray(n_params, float), np.asarray(d_chars, float)
        return self.E + ((3e6 / n) ** (self.a / self.b) + 3e6 / d) ** self.b


def study(kind: str, seed: int) -> tuple[pd.DataFrame, Hernandez, dict[str, float]]:
    """A planted table of this kind, its law, and what was drawn for it."""
    rng = np.random.default_rng([seed, (*KINDS, *HARD_KINDS).index(kind)])
    n_sizes, n_data = (
        (int(rng.integers(3, 5)), 5)
        if kind == "small"
        else (int(rng.integers(4, 7)), int(rng.integers(5, 8)))
    )
    if kind == "hard":
        n_sizes, n_data = 3, int(rng.integers(4, 6))
    sizes = tuple(float(round(3.1e3 * 4**i)) for i in range(n_sizes))
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
    noise = float(rng.choice([0.005, 0.01, 0.02, 0.03]))
    if kind == "hard":
        noise = float(rng.choice([0.03, 0.05, 0.07]))
    seeds = int(rng.integers(1, 4))
    missing = set()
    if kind == "missing":
        cells = [(arm, n, d) for arm in (SCRATCH, PLANTED) for n in sizes for d in data]
        missing = {cells[i] for i in rng.choice(len(cells), len(cells) // 6, replace=False)}
    design = Design(sizes, data, seeds, missing=frozenset(missing))
    table = plant(
        design,
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
    return table, law, {"noise": noise, "seeds": seeds, "sizes": n_sizes, "data": n_data}


def _log(value: float) -> float:
    return float(np.log(max(value, 1e-9)))


def one(kind: str, seed: int, method: str, bootstrap: int) -> list[dict[str, object]]:
    """Rows of the result: one for each parameter of one fit of one study."""
    table, law, drawn = study(kind, seed)
    started = time.perf_counter()
    try:
        fit = laws.fit(table, method=method, bootstrap=bootstrap, seed=seed)
    except TransferLawsError as error:
        return [{"kind": kind, "study": seed, "method": method, "parameter": "refused", "why": str(error)}]
    seconds = time.perf_counter() - started
    truth = {"k": law.k, "alpha": law.alpha, "beta": law.beta, "beta_over_alpha": law.beta / law.alpha}
    rows = []
    for name, true in truth.items():
        interval = getattr(fit, name)
        scale = float if name in ("alpha", "beta") else _log
        rows.append(
            {
                "kind": kind,
                "study": seed,
                "method": method,
                "parameter": name,
                "true": true,
                "value": interval.value,
                "low": interval.low,
                "high": interval.high,
                "covered": interval.covers(true),
                "closed": interval.closed,
                "error": scale(interval.value) - scale(true),
                "width": scale(interval.high) - scale(interval.low) if interval.closed else np.nan,
                "status": fit.status,
                "seconds": seconds,
                **drawn,
                "ossified_cells": fit.n_cells["no_transfer"],
                "below_floor_cells": fit.n_cells["below_floor"],
            }
        )
    return rows


def summary(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Coverage of closed and of all intervals, share open, bias over width, median width."""
    fitted = rows[rows["parameter"] != "refused"]
    groups = []
    for key, part in fitted.groupby(by):
        closed = part[part["closed"].astype(bool)]
        groups.append(
            {
                **dict(zip(by, key, strict=True)),
                "studies": len(part),
                "coverage_all": part["covered"].mean(),
                "coverage_closed": closed["covered"].mean(),
                "open": 1 - len(closed) / len(part),
                "bias": closed["error"].mean(),
                "median_error": closed["error"].median(),
                "width": closed["width"].median(),
                "bias_over_width": closed["error"].mean() / closed["width"].mean(),
                "seconds": part["seconds"].mean(),
            }
        )
    return pd.DataFrame(groups)


def main() -> None:
    """Run the studies and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--methods", default="loss_space,paper,logit")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--bootstrap", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    rows: list[dict[str, object]] = []
    started = time.perf_counter()
    for i in range(options.first, options.first + options.studies):
        if time.perf_counter() - started > options.seconds:
            print(f"stopped after {i - options.first} studies: {options.seconds:g} seconds are over")
            break
        for method in options.methods.split(","):
            rows += one(kinds[i % len(kinds)], i, method, options.bootstrap)
    frame = pd.DataFrame(rows)
    if options.out:
        frame.to_csv(options.out, index=False)
    with pd.option_context(
        "display.width", 200, "display.max_columns", 20, "display.float_format", "{:.3f}".format
    ):
        print(summary(frame, ["method", "parameter"]).to_string(index=False))
        print(summary(frame, ["method", "kind", "parameter"]).to_string(index=False))
        refused = frame[frame["parameter"] == "refused"]
        print(f"refused: {len(refused)}", refused.groupby("method").size().to_dict())


if __name__ == "__main__":
    main()
