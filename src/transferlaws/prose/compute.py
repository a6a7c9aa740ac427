"""What a loss costs in FLOPs: the frontier, the bill of pre-training, and when that is paid back.

FLOPs are those of the run table, output head and attention counted. A run is charged for all it trained, its
last evaluations without progress too, and a fine-tuned run for its pre-training shared among its uses.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.prose.numbers import Prose, counted, grid, scientific


def priced(table: pd.DataFrame, every: pd.DataFrame) -> pd.DataFrame:
    """The runs with data and what each costs: columns `flops` (its own) and `bill` (of its pre-training).

    `every` is the table with pre-training and tuning runs in it. From scratch the bill is 0.
    """
    bills = every[every["role"] == "pretrain"].set_index("key")["flops"].astype(float)
    runs = table[table["d_chars"] > 0]
    bill = runs["pretrain_key"].map(bills).where(runs["arm"] != BASELINE, 0.0)
    return runs.assign(flops=runs["flops"].astype(float), bill=bill)


def frontier(flops: "pd.Series[float]", losses: "pd.Series[float]") -> pd.DataFrame:
    """The least loss reached with so many FLOPs or fewer: rows of flops and loss, both strictly moving."""
    points = pd.DataFrame({"flops": flops, "loss": losses}).dropna().sort_values(["flops", "loss"])
    best = points["loss"].cummin()
    return points[best < best.shift(fill_value=np.inf)].reset_index(drop=True)


def payback(priced_runs: pd.DataFrame, source: str) -> pd.DataFrame:
    """At each data size: the cheapest way to the best loss from scratch, and when pre-training has paid.

    Of the sizes that both arms have there, one row a data size and seed: d_chars, seed, target (the least
    loss from scratch), scratch (FLOPs of that run), tuned and bill (of the fine-tuned run at most that high
    that pays soonest), uses (fine-tunings after which the bill is paid; inf where one costs no less than a
    run from scratch, NaN where none gets there), and further (by how many nats/token the best fine-tuned loss
    is lower).
    """
    rows = []
    runs = priced_runs[priced_runs["arm"].isin([BASELINE, source])]
    for (d_chars, seed), cells in runs.groupby(["d_chars", "seed"]):
        sizes = [set(cells.loc[cells["arm"] == arm, "n_params"]) for arm in (BASELINE, source)]
        cells = cells[cells["n_params"].isin(list(sizes[0] & sizes[1]))]
        if cells.empty:
            continue
        alone, tuned = (cells[cells["arm"] == arm] for arm in (BASELINE, source))
        best = alone.sort_values("loss").iloc[0]
        enough = tuned[(tuned["loss"] <= best["loss"]) & tuned["bill"].notna()]
        row = {
            "d_chars": d_chars,
            "seed": seed,
            "target": best["loss"],
            "scratch": best["flops"],
            "further": best["loss"] - tuned["loss"].min(),
        }
        if enough.empty:
            rows.append({**row, "tuned": np.nan, "bill": np.nan, "uses": np.nan})
            continue
        # Which model is cheapest depends on how often it is used: each is judged by when it has paid.
        spared = best["flops"] - enough["flops"]
        uses = (enough["bill"] / spared).where(spared > 0, np.inf)
        chosen = enough.loc[uses.idxmin()]
        rows.append({**row, "tuned": chosen["flops"], "bill": chosen["bill"], "uses": float(uses.min())})
    columns = ["d_chars", "seed", "target", "scratch", "tuned", "bill", "uses", "further"]
    return pd.DataFrame(rows, columns=columns)


def paid_back(found: pd.DataFrame) -> Prose:
    """After how many fine-tunings pre-training has paid, by data size; ranges are over seeds."""
    if found.empty:
        return Prose("No data size was run in both arms.")
    rows = []
    for d_chars in sorted(set(found["d_chars"])):
        own = found[found["d_chars"] == d_chars]
        reached = own.dropna(subset=["uses"])
        if reached.empty:
            said = "no fine-tuned model gets that low"
        elif np.isinf(reached["uses"]).all():
            said = "never: a fine-tuning costs no less than a run from scratch"
        else:
            said = _range(reached["uses"])
        rows.append(
            (scientific(float(d_chars), 1), len(own), _range(own["scratch"]), _range(reached["tuned"]), said,
             _span(own["further"]))
        )  # fmt: skip
    columns = (
        "$D_F$", "seeds", "from scratch (FLOPs)", "fine-tuning (FLOPs)", "uses until paid back",
        "best fine-tuned loss is lower by (nats/token)",
    )  # fmt: skip
    return grid(columns, rows)


def _span(values: "pd.Series[float]") -> str:
    ends = [f"{end:+.3f}" for end in (values.min(), values.max())]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _range(values: "pd.Series[float]") -> str:
    if values.empty:
        return "–"
    low, high = float(values.min()), float(values.max())
    ends = ["never" if np.isinf(end) else scientific(end) for end in (low, high)]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def beyond_compute(found: pd.DataFrame) -> Prose:
    """Whether pre-training buys a loss that no amount of compute buys from scratch with the same data."""
    if found.empty:
        return Prose("No data size was run in both arms.")
    by_data = found.groupby("d_chars")["further"]
    lower = by_data.min() > 0
    alone = int((by_data.size() == 1).sum())
    seeds = f"with every seed ({counted(alone, 'data size')} had one only)" if alone else "with every seed"
    if lower.all():
        return Prose(
            f"At all {len(lower)} data sizes the best fine-tuned loss lies below the best of any size from "
            f"scratch, {seeds}: with the data held fixed, **more compute from scratch did not buy "
            "what pre-training did**, at sizes that were run."
        )
    where = ", ".join(scientific(float(d), 1) for d in lower.index[~lower])
    return Prose(
        f"At {int(lower.sum())} of {counted(len(lower), 'data size')} the best fine-tuned loss lies "
        f"below the best from scratch {seeds}; not so at {where} characters."
    )


def limited(priced_runs: pd.DataFrame, source: str) -> Prose:
    """How many of the runs met their token limit, so that neither their cost nor their loss is their own."""
    runs = priced_runs[priced_runs["arm"].isin([BASELINE, source])]
    met = runs[runs["ended"] == "limit"] if "ended" in runs else runs.head(0)
    if met.empty:
        return Prose("Every run ended by itself, so that its cost is what it took.")
    data = ", ".join(scientific(float(d), 1) for d in sorted(set(met["d_chars"])))
    return Prose(
        f"{counted(len(met), 'run')} of {len(runs)} met a token limit, with these amounts of data: {data}. "
        "There the limit set both cost and loss, and what is said is provisional."
    )


def touches(priced_runs: pd.DataFrame, source: str, titles: Titles = UNTITLED) -> Prose:
    """Which arm's cells lie on the frontier, without and with the bill of pre-training (one use)."""
    rows = []
    runs = priced_runs[priced_runs["arm"].isin([BASELINE, source])].dropna(subset=["bill"])
    cells = runs.groupby(["arm", "n_params", "d_chars"], as_index=False)[["flops", "bill", "loss"]].mean()
    for title, cost in (
        ("fine-tuning alone", cells["flops"]),
        ("with its pre-training", cells["flops"] + cells["bill"]),
    ):
        line = frontier(cost, cells["loss"])
        on = cells[
            [
                bool(((line["flops"] == c) & (line["loss"] == loss)).any())
                for c, loss in zip(cost, cells["loss"], strict=True)
            ]
        ]
        rows.append(
            (
                title,
                *(
                    f"{int((on['arm'] == arm).sum())} of {int((cells['arm'] == arm).sum())}"
                    for arm in (BASELINE, source)
                ),
            )
        )
    return grid(
        ("cost counted", *(f"{titles.arm(arm)}, cells on the frontier" for arm in (BASELINE, source))), rows
    )


def spent(every: pd.DataFrame, arms: Mapping[str, str]) -> Prose:
    """What pre-training, the search for rates and the runs proper took, in FLOPs, arm by arm."""
    rows = []
    for arm, title in arms.items():
        own = every[every["arm"] == arm]
        if own.empty:
            continue
        by_role = own.groupby("role")["flops"].sum()
        parts = [float(by_role.get(role, 0.0)) for role in ("pretrain", "tune", "run")]
        rows.append((title, *(scientific(part) if part else "–" for part in parts)))
    return grid(("arm", "pre-training (FLOPs)", "search of settings (FLOPs)", "runs (FLOPs)"), rows)


def beside_paper(
    found: pd.DataFrame, priced_runs: pd.DataFrame, source: str
) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: compute in the paper's words, and ours."""
    line = touches(priced_runs, source).splitlines()[2].strip("| ").split(" | ")
    yield (
        "on the frontier, pre-training not counted",
        "fine-tuned models stay close to it, from-scratch ones touch it briefly (section 3.2)",
        f"{line[2]} fine-tuned cells, {line[1]} from scratch",
    )
    closed = found.loc[np.isfinite(found["uses"]), "uses"] if len(found) else pd.Series(dtype=float)
    sizes = found["d_chars"].nunique() if len(found) else 0
    never = sizes - found.loc[closed.index, "d_chars"].nunique() if len(found) else 0
    unpaid = f"; never at {never} of {counted(sizes, 'data size')}" if never else ""
    yield (
        "uses until pre-training is paid back",
        "not counted: it leaves pre-training out",
        f"{_range(closed)}, over data sizes and seeds{unpaid}" if len(closed) else "at no data size",
    )
