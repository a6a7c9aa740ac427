"""Against peers on the same planted tables: error of the recovered exponents, coverage of intervals, time.

Law of loss E + A/N^alpha + B/D^beta: chinchilla 0.2, simple-scaling-laws 0.2 (it asks for Python 3.12) and
plain scipy.curve_fit. Law of transfer, which no peer has: curve_fit per size, inversion, curve_fit of D_T.
Peers are yours to install (`pip install chinchilla==0.2.0 simple-scaling-laws`); one that is missing is
named and left out. Run: `nice python benchmarks/laws_peers.py --tables 20`
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import OptimizeWarning, curve_fit

from transferlaws.laws import SCRATCH, Chinchilla, Design, Hernandez, Scratch, fit, fit_form, plant

# name -> (value, low, high); no interval is (value, nan, nan)
Estimate = dict[str, tuple[float, float, float]]
SIZES, DATA = (1e6, 3e6, 1e7, 3e7, 1e8), (1e7, 3e7, 1e8, 3e8, 1e9)


def loss_table(seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """A from-scratch table of the Chinchilla form, two seeds a cell, and its truth."""
    rng = np.random.default_rng([seed, 77])
    law = Chinchilla(E=rng.uniform(1.2, 2), A=rng.uniform(100, 600), B=rng.uniform(200, 900),
                     alpha=rng.uniform(0.25, 0.4), beta=rng.uniform(0.25, 0.4))  # fmt: skip
    n, d, _ = (g.ravel() for g in np.meshgrid(SIZES, DATA, [0, 1]))
    loss = law.loss(n_params=n, d_chars=d) + 0.01 * rng.normal(size=n.size)
    return pd.DataFrame({"n_params": n, "d_tokens": d, "loss": loss}), {"alpha": law.alpha, "beta": law.beta}


def ours(huber: float) -> Callable[[pd.DataFrame], Estimate]:
    """This library, with Huber's threshold on ln L: 1e-3 is the published choice, made for uneven data."""

    def estimate(table: pd.DataFrame) -> Estimate:
        found = fit_form(Chinchilla, table, bootstrap=400, huber=huber)
        return {name: _triple(found.parameters[name]) for name in ("alpha", "beta")}

    return estimate


def _triple(interval: object) -> tuple[float, float, float]:
    low, high = (getattr(interval, end) for end in ("low", "high"))
    return interval.value, np.nan if low is None else low, np.nan if high is None else high  # type: ignore[attr-defined]


def plain_curve_fit(table: pd.DataFrame) -> Estimate:
    """scipy.curve_fit with one sensible start and its covariance."""

    def model(x: np.ndarray, e: float, a: float, b: float, alpha: float, beta: float) -> np.ndarray:
        return e + np.exp(a) / x[0] ** alpha + np.exp(b) / x[1] ** beta

    x = table[["n_params", "d_tokens"]].to_numpy().T
    value, covariance = curve_fit(model, x, table["loss"], p0=(1, 5, 5, 0.3, 0.3), maxfev=20000)
    sd = np.sqrt(np.diag(covariance))
    return {
        name: (value[i], value[i] - 1.96 * sd[i], value[i] + 1.96 * sd[i])
        for i, name in ((3, "alpha"), (4, "beta"))
    }


def peer_chinchilla(table: pd.DataFrame) -> Estimate:
    """chinchilla 0.2 with the grid of its README; it gives no intervals."""
    import chinchilla

    grid = {
        "e": [0.0, 0.5, 1.0],
        "a": [2.0, 5.0, 8.0],
        "b": [2.0, 5.0, 8.0],
        "alpha": [0.2, 0.4],
        "beta": [0.2, 0.4],
    }
    with tempfile.TemporaryDirectory() as folder:
        found = chinchilla.Chinchilla(project_dir=folder, param_grid=grid, log_level=50)
        for row in table.itertuples():
            found.database.append(N=row.n_params, D=row.d_tokens, loss=row.loss)
        found.fit(parallel=True)
    return {name: (float(getattr(found, name)), np.nan, np.nan) for name in ("alpha", "beta")}


def peer_simple(table: pd.DataFrame) -> Estimate:
    """simple-scaling-laws 0.2, separable power law, its own intervals."""
    import polars
    from simple_scaling_laws import fit as peer_fit

    frame = polars.DataFrame(
        {
            "training_run_id": [str(i) for i in range(len(table))],
            "test_set_id": ["0"] * len(table),
            "model_size__n_params": table["n_params"].to_list(),
            "dataset_size__tokens": table["d_tokens"].to_list(),
            "test_loss__ce": table["loss"].to_list(),
        }
    )
    model = peer_fit(frame, law="separable-power", n_draws=200, seed=0)
    value, ends = model.params("test_loss__ce"), model.conf_int("test_loss__ce")
    return {name: (value[name], *map(float, ends[name])) for name in ("alpha", "beta")}


def transfer_table(seed: int) -> tuple[pd.DataFrame, dict[str, float]]:
    """A transfer table as `laws_coverage` plants them, and its truth."""
    rng = np.random.default_rng([seed, 78])
    law = Hernandez(k=rng.uniform(10, 80), alpha=rng.uniform(0.1, 0.6), beta=rng.uniform(0.2, 0.6))
    scratch = Scratch(E=1.0, A=15.0, a=0.25, B=200.0, b=0.45, D0=rng.choice([0.0, 3e3]))
    design = Design((3.1e3, 1.2e4, 5e4, 2e5), (1e4, 3e4, 1e5, 3e5, 1e6), 2)
    return plant(design, law, rng.choice([0.01, 0.03]), seed, scratch=scratch), {
        "alpha": law.alpha,
        "beta": law.beta,
    }


def ours_transfer(method: str) -> Callable[[pd.DataFrame], Estimate]:
    """This library by one of its methods."""

    def estimate(table: pd.DataFrame) -> Estimate:
        found = fit(table, method=method, bootstrap=200)
        return {name: _triple(getattr(found, name)) for name in ("alpha", "beta")}

    return estimate


def naive_transfer(table: pd.DataFrame) -> Estimate:
    """What one would write in an hour: curve_fit per size, invert, drop what fails, curve_fit of ln D_T."""
    rows = []
    for n, part in table.groupby("n_params"):
        alone = part[part["arm"] == SCRATCH]
        (e, b, slope), _ = curve_fit(
            lambda d, e, b, slope: e + np.exp(b) * d**-slope, alone["d_chars"], alone["loss"],
            p0=(1.0, 4.0, 0.4), maxfev=20000,
        )  # fmt: skip
        for row in part[part["arm"] != SCRATCH].itertuples():
            if row.loss > e:
                effective = np.exp((b - np.log(row.loss - e)) / slope)
                if effective > row.d_chars:
                    rows.append((np.log(n), np.log(row.d_chars), np.log(effective - row.d_chars)))
    x = np.array(rows)
    value, covariance = curve_fit(
        lambda x, k, alpha, beta: k + alpha * x[1] + beta * x[0], x[:, :2].T, x[:, 2]
    )
    sd = np.sqrt(np.diag(covariance))
    return {
        name: (value[i], value[i] - 1.96 * sd[i], value[i] + 1.96 * sd[i])
        for i, name in ((1, "alpha"), (2, "beta"))
    }


def race(
    title: str,
    make: Callable[[int], tuple[pd.DataFrame, dict[str, float]]],
    runners: dict[str, Callable[[pd.DataFrame], Estimate]],
    tables: int,
) -> None:
    """Run every runner on every table and print one row each."""
    rows = []
    for name, runner in runners.items():
        errors, hits, widths, seconds, failed = [], [], [], 0.0, 0
        why = ""
        for seed in range(tables):
            table, truth = make(seed)
            started = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", OptimizeWarning)
                    warnings.simplefilter("ignore", RuntimeWarning)
                    found = runner(table)
            except ImportError as error:
                why = f"not installed: {error}"
                break
            except Exception as error:  # a peer may fail in its own way; that is a result
                failed, why = failed + 1, f"{type(error).__name__}: {error}"[:60]
                continue
            seconds += time.perf_counter() - started
            for parameter, (value, low, high) in found.items():
                errors.append(abs(value - truth[parameter]))
                if np.isfinite(low) and np.isfinite(high):
                    hits.append(low <= truth[parameter] <= high)
                    widths.append(high - low)
        done = len(errors) // 2
        rows.append(
            {
                "library": name,
                "tables": done,
                "failed": failed,
                "median_error": np.median(errors) if errors else np.nan,
                "worst_error": np.max(errors) if errors else np.nan,
                "coverage": np.mean(hits) if hits else np.nan,
                "median_width": np.median(widths) if widths else np.nan,
                "seconds": seconds / done if done else np.nan,
                "note": why,
            }
        )
    print(f"\n{title}: exponents alpha and beta, {tables} planted tables")
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.4g}".format))


def main() -> None:
    """Run both races."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=20)
    tables = parser.parse_args().tables
    race(
        "Law of loss",
        loss_table,
        {
            "transferlaws, huber 1e-3": ours(1e-3),
            "transferlaws, huber 0.02": ours(0.02),
            "scipy curve_fit": plain_curve_fit,
            "chinchilla 0.2": peer_chinchilla,
            "simple-scaling-laws": peer_simple,
        },
        tables,
    )
    race(
        "Law of transfer",
        transfer_table,
        {
            "transferlaws, loss_space": ours_transfer("loss_space"),
            "transferlaws, logit": ours_transfer("logit"),
            "transferlaws, paper": ours_transfer("paper"),
            "scipy curve_fit twice": naive_transfer,
        },
        tables,
    )


if __name__ == "__main__":
    main()
