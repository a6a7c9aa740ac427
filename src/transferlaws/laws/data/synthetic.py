"""Planted laws: runs tables whose truth is known, to try every estimator on before it is believed.

From scratch L(N, D) = E + A/N^a + B/(D + D0)^b (Hoffmann et al. 2022, with an offset); after pre-training
the same at D + k D^alpha N^beta (Hernandez et al. 2021, eq. 1.1); plus noise, a seed's and a run's own.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.noise import Noise
from transferlaws.laws.forms import Hernandez
from transferlaws.laws.numerics.bootstrap import power_of

PLANTED = "planted"
"""What `plant` calls the arm of a single law."""


@dataclass(frozen=True)
class Design:
    """Which runs a study makes: sizes (parameters), data sizes (characters), seeds, and cells left out.

    `missing` holds (arm, n_params, d_chars) of cells without runs.
    """

    n_params: tuple[float, ...] = (3.1e3, 1.2e4, 5e4, 2e5, 8e5)
    d_chars: tuple[float, ...] = (1e4, 3e4, 1e5, 3e5, 1e6)
    seeds: int = 3
    d_scratch: tuple[float, ...] = ()
    missing: frozenset[tuple[str, float, float]] = frozenset()

    def __post_init__(self) -> None:
        for name in ("n_params", "d_chars"):
            values = getattr(self, name)
            if not values or not all(np.isfinite(v) and v > 0 for v in values):
                raise TransferLawsError(f"Design.{name} is {values!r}; it takes one or more positive numbers")
        if self.seeds < 1:
            raise TransferLawsError(f"Design.seeds is {self.seeds!r}; it takes 1 or more")

    def cells(self, arm: str) -> list[tuple[float, float]]:
        """(n_params, d_chars) of every cell of `arm`; the scratch arm may have data sizes of its own."""
        data = self.d_scratch if arm == SCRATCH and self.d_scratch else self.d_chars
        return [(n, d) for n, d in product(self.n_params, data) if (arm, n, d) not in self.missing]


@dataclass(frozen=True)
class Scratch:
    """E + A/N^a + B(N)/(D + D0)^b in nats/token, N in parameters, D in characters; B(N) = B N^-c."""

    E: float = 1.2
    A: float = 20.0
    a: float = 0.28
    B: float = 60.0
    b: float = 0.32
    D0: float = 2e3
    c: float = 0.0

    def loss(self, n_params: ArrayLike, d_chars: ArrayLike) -> NDArray[np.float64]:
        """Loss in nats/token; broadcasts."""
        n, d = np.asarray(n_params, float), np.asarray(d_chars, float)
        return self.E + self.A * n**-self.a + self.B * n**-self.c * (d + self.D0) ** -self.b


def plant(
    design: Design | None = None,
    law: Hernandez | dict[str, Hernandez] | None = None,
    noise: float | Noise = 0.01,
    seed: int = 0,
    *,
    scratch: Scratch | None = None,
    seed_noise: float = 0.0,
    ossify: float = 0.0,
) -> pd.DataFrame:
    """A runs table with a scratch arm and one arm a law (`PLANTED` if only one is given).

    `noise` is the standard deviation of a run in nats/token, or a `Noise` whose arms are the scratch arm and
    those of `law` in order; `seed_noise` that of what a seed shares over all of one size. `ossify` > 0 adds
    that many nats for each factor e by which data exceed 100 characters a parameter, to pre-trained runs
    only: no transfer law can say this.
    """
    design, scratch = design or Design(), scratch or Scratch()
    laws = law if isinstance(law, dict) else {PLANTED: law or Hernandez(k=40.0, alpha=0.4, beta=0.5)}
    rng = np.random.default_rng(seed)
    shared = {(n, s): rng.normal() * seed_noise for n in design.n_params for s in range(design.seeds)}
    labels = (SCRATCH, *laws)
    drawn = _drawn(design, labels, noise, rng) if isinstance(noise, Noise) else {}
    plain = 0.0 if isinstance(noise, Noise) else noise
    rows = []
    for arm in labels:
        for n, d in design.cells(arm):
            effective = d if arm == SCRATCH else float(laws[arm].d_effective(n_params=n, d_chars=d))
            loss = float(scratch.loss(n, effective))
            if arm != SCRATCH:
                loss += ossify * max(np.log(d / (100 * n)), 0.0)
            for s in range(design.seeds):
                own = drawn.get((arm, n, d, s), 0.0) + plain * rng.normal()
                rows.append((n, arm, d, s, loss + shared[n, s] + own))
    table = pd.DataFrame(rows, columns=["n_params", "arm", "d_chars", "seed", "loss"])
    return table.astype({"n_params": "int64", "d_chars": "int64"})


def _drawn(
    design: Design, arms: tuple[str, ...], noise: Noise, rng: np.random.Generator
) -> dict[tuple[str, float, float, int], float]:
    """The noise of every run by arm, n_params, d_chars and seed: one draw of all cells a seed."""
    cells = [(i, arm, n, d) for i, arm in enumerate(arms) for n, d in design.cells(arm)]
    covariance = noise.covariance(np.array([i for i, *_ in cells]), np.array([d for *_, d in cells]))
    values = rng.standard_normal((design.seeds, len(cells))) @ power_of(covariance, 0.5)
    return {
        (arm, n, d, s): float(values[s, at])
        for s in range(design.seeds)
        for at, (_, arm, n, d) in enumerate(cells)
    }
