"""Can this design see the exponents? Plant a law, simulate the study, fit it, and count."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data.noise import Noise
from transferlaws.laws.data.synthetic import PLANTED, Design, Scratch, plant
from transferlaws.laws.estimators.transfer import fit
from transferlaws.laws.forms import Hernandez


@dataclass(frozen=True)
class Power:
    """What a design can tell: `summary` has one row a parameter (alpha, beta, beta_over_alpha, k).

    Columns: truth, bias (ln for k and the ratio), coverage of the intervals, identified (share of studies
    with both ends bounded), width (median of those, ln for k and the ratio). `studies` holds every fit
    behind it.
    """

    design: Design
    law: Hernandez
    noise: float | Noise
    summary: pd.DataFrame = field(repr=False)
    studies: pd.DataFrame = field(repr=False)


def power(
    design: Design,
    law: Hernandez,
    noise: float | Noise,
    studies: int = 50,
    *,
    scratch: Scratch | None = None,
    bootstrap: int = 100,
    seed: int = 0,
    level: float = 0.95,
) -> Power:
    """Simulate `studies` of `design` under `law` with `noise` (as in `plant`), and fit each in loss space.

    `scratch` are the from-scratch losses to plant on; `bootstrap` and `level` are those of `fit`. Raises
    TransferLawsError if noise or studies is not positive.
    """
    if (not isinstance(noise, Noise) and noise <= 0) or studies < 1:
        raise TransferLawsError(f"noise is {noise} and studies is {studies}; both take positive numbers")
    truth = {"k": law.k, "alpha": law.alpha, "beta": law.beta, "beta_over_alpha": law.beta / law.alpha}
    rows = []
    for i in range(studies):
        draw = int(np.random.SeedSequence([seed, i]).generate_state(1)[0])
        table = plant(design, law, noise, draw, scratch=scratch)
        found = fit(table, PLANTED, bootstrap=bootstrap, seed=i, level=level)
        for name, true in truth.items():
            interval = found.intervals[name]
            scale = _log if name in ("k", "beta_over_alpha") else float
            low, high = interval.low, interval.high
            rows.append(
                {
                    "study": i,
                    "parameter": name,
                    "value": interval.value,
                    "low": low,
                    "high": high,
                    "error": scale(interval.value) - scale(true),
                    "covered": interval.covers(true),
                    "identified": interval.closed,
                    "width": np.nan if low is None or high is None else scale(high) - scale(low),
                    "status": found.status.value,
                }
            )
    frame = pd.DataFrame(rows)
    grouped = frame.groupby("parameter")
    summary = pd.DataFrame(
        {
            "truth": pd.Series(truth),
            "bias": grouped["error"].mean(),
            "coverage": grouped["covered"].mean(),
            "identified": grouped["identified"].mean(),
            "width": grouped["width"].median(),
        }
    ).loc[list(truth)]
    return Power(design, law, noise, summary, frame)


def _log(value: float) -> float:
    return float(np.log(max(value, 1e-12)))
