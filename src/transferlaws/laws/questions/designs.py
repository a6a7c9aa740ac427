"""The design of a study that exists, and its neighbours: what it could see, and what more runs would buy.

A law planted on a study's own design, curves and noise says what these runs could have told (`power.power`);
the information of the joint fit says how narrow the intervals of a larger design would be, unsimulated.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from transferlaws.errors import TransferLawsError
from transferlaws.laws.data import SCRATCH
from transferlaws.laws.data.noise import Noise
from transferlaws.laws.data.synthetic import PLANTED, Design, Scratch
from transferlaws.laws.data.table import check_table, sole_source
from transferlaws.laws.estimators.loss_form import fit_form
from transferlaws.laws.estimators.result import Fit
from transferlaws.laws.forms import Chinchilla, Hernandez
from transferlaws.laws.questions.information import expected_sd, recorded_cost


def design_of(table: pd.DataFrame, source: str | None = None) -> Design:
    """The design of the runs of `source` (by default the sole one) and of the scratch arm, for `plant`.

    Its seeds are the mean number of runs a cell. Raises TransferLawsError if the table has no such arm.
    """
    table = check_table(table)
    source = source or sole_source(table)
    grids = {}
    for arm, label in ((source, PLANTED), (SCRATCH, SCRATCH)):
        runs = table[table["arm"] == arm]
        if runs.empty:
            raise TransferLawsError(f"column arm holds no {arm!r}; a design takes that arm and {SCRATCH!r}")
        grids[label] = set(zip(runs["n_params"].astype(float), runs["d_chars"].astype(float), strict=True))
    used = table[table["arm"].isin([source, SCRATCH])]
    sizes = sorted({n for n, _ in grids[PLANTED]})
    data = {label: sorted({d for _, d in grid}) for label, grid in grids.items()}
    return Design(
        n_params=tuple(sizes),
        d_chars=tuple(data[PLANTED]),
        seeds=max(1, round(len(used) / sum(map(len, grids.values())))),
        d_scratch=tuple(data[SCRATCH]),
        missing=frozenset(
            (label, n, d)
            for label, grid in grids.items()
            for n in sizes
            for d in data[label]
            if (n, d) not in grid
        ),
    )


def scratch_of(table: pd.DataFrame) -> Scratch:
    """From-scratch curves to plant on: E + A/N^a + B/D^b fitted to the scratch arm (Hoffmann et al. 2022)."""
    law = fit_form(Chinchilla, table, bootstrap=0).law
    exponents, (floor, size, data) = law.disassemble()
    return Scratch(
        E=float(floor), A=float(size), a=float(exponents[0]), B=float(data), b=float(exponents[1]), D0=0.0
    )


def planted_law(fit: Fit, alpha: float, beta: float) -> Hernandez:
    """A law with these exponents whose D_T in the middle of the study is what `fit` has there.

    The middle is where runs pin D_T best. It is kept between a tenth and a hundred times D_F, so that a fit
    that found no transfer, or no end of it, still gives a law one can plant.
    """
    n, d = (float(np.exp(np.log(fit.cells[name]).mean())) for name in ("n_params", "d_chars"))
    ratio = float(np.clip(fit.law.d_transferred(n_params=n, d_chars=d) / d, 0.1, 100.0))
    return Hernandez(k=ratio * d ** (1 - alpha) / n**beta, alpha=alpha, beta=beta)


def larger_designs(
    table: pd.DataFrame, source: str | None, law: Hernandez, noise: float | Noise, *, level: float = 0.95
) -> pd.DataFrame:
    """The design of `source` and larger ones under `law` and `noise`: cost, widths to expect.

    Columns: design, runs, cost (of the runs, as a multiple of the present design's), width_alpha, width_beta
    (of intervals at `level`, from the information alone). `noise` is as in `plant`. Costs come from the
    seconds the table records; `source` None is the sole one. Raises TransferLawsError if the table has no
    such arm.
    """
    table = check_table(table)
    now, scratch, cost = design_of(table, source), scratch_of(table), recorded_cost(table)
    step = now.n_params[-1] / now.n_params[-2] if len(now.n_params) > 1 else 4.0
    sizes = tuple(now.n_params[-1] * step**i for i in (1, 2))
    one_size = replace(now, n_params=(*now.n_params, sizes[0]))
    designs = {
        "this study": now,
        "twice the seeds": replace(now, seeds=2 * now.seeds),
        "four times the seeds": replace(now, seeds=4 * now.seeds),
        "one size more": one_size,
        "two sizes more": replace(now, n_params=(*now.n_params, *sizes)),
        "half a decade more data": _more_data(now),
        "one size and half a decade more": _more_data(one_size),
    }
    rows = []
    for name, design in designs.items():
        cells = np.array(design.cells(PLANTED) + design.cells(SCRATCH))
        sd = expected_sd(design, law, noise, scratch)
        widths = {f"width_{e}": 2 * float(norm.ppf((1 + level) / 2)) * sd[e] for e in ("alpha", "beta")}
        price = float(np.sum(cost(cells[:, 0], cells[:, 1]))) * design.seeds
        rows.append({"design": name, "runs": len(cells) * design.seeds, "cost": price, **widths})
    frame = pd.DataFrame(rows)
    return frame.assign(cost=frame["cost"] / frame["cost"].iloc[0])


def _more_data(design: Design) -> Design:
    """The design with one data size more in both arms, half a decade beyond the largest."""
    step = float(np.sqrt(10.0))
    scratch = design.d_scratch or design.d_chars
    return replace(
        design, d_chars=(*design.d_chars, design.d_chars[-1] * step), d_scratch=(*scratch, scratch[-1] * step)
    )
