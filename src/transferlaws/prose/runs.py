"""Runs in words: what size does to the loss, passes over the data, learning rates, noise between seeds."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

from transferlaws.design.question import BASELINE, UNTITLED, Titles
from transferlaws.escape import markdown
from transferlaws.laws import Floor, Noise, run_noise
from transferlaws.laws.paper import REPORTED
from transferlaws.prose.numbers import Prose, counted, grid, interval, scientific
from transferlaws.training.tuning import FEWEST_RATES, Tuning, best_tried


def slopes(table: pd.DataFrame, arms: Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """What ten times the size does to the loss (nats/token), by arm and data size, over sizes all arms have.

    Columns: arm, d_chars, slope, low, high, n_sizes, n_seeds. Sizes share a seed's sample, so a slope is
    taken seed by seed, over the seeds that have all sizes; with one of them the ends are NaN.
    """
    runs = table[(table["d_chars"] > 0) & table["arm"].isin(arms)]
    rows = []
    for arm in arms:
        for d_chars, group in runs.groupby("d_chars"):
            by_arm = [set(group.loc[group["arm"] == each, "n_params"]) for each in arms]
            sizes = sorted(set.intersection(*by_arm))
            if len(sizes) < 2:
                continue
            wide = group[group["arm"] == arm].pivot_table(index="seed", columns="n_params", values="loss")
            wide = wide[sizes].dropna()
            if wide.empty:
                continue
            own = np.polyfit(np.log10(sizes), wide.to_numpy().T, 1)[0]
            n = len(own)
            reach = (
                float(student.ppf((1 + level) / 2, n - 1) * own.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
            )
            value = float(own.mean())
            rows.append((arm, d_chars, value, value - reach, value + reach, len(sizes), n))
    return pd.DataFrame(rows, columns=["arm", "d_chars", "slope", "low", "high", "n_sizes", "n_seeds"])


def saturation(found: pd.DataFrame) -> Prose:
    """Where from-scratch lines go flat and pre-trained ones do not: the paper's figure 3, by `slopes`."""
    scratch = found[found["arm"] == BASELINE].set_index("d_chars")
    said = []
    flat = scratch[(scratch["low"] <= 0) & (scratch["high"] >= 0)]
    rising = scratch[scratch["low"] > 0]
    firm = scratch["low"].notna()
    if firm.any():
        said.append(
            "From scratch, ten times the size lowers the loss for certain at "
            f"{int((scratch['high'] < 0).sum())} of the {counted(int(firm.sum()), 'data size')} that were "
            f"repeated; at {len(flat) or 'none'} it may do nothing"
            f"{', and at ' + str(len(rising)) + ' it raises the loss' if len(rising) else ''}."
        )
    else:
        said.append("From scratch no data size was repeated at all sizes, so no slope has an interval.")
    for arm, own in found[found["arm"] != BASELINE].groupby("arm", sort=False):
        both = own.set_index("d_chars").join(scratch, rsuffix="_scratch", how="inner")
        steeper = both[both["high"] < both["low_scratch"]]
        flatter = both[both["low"] > both["high_scratch"]]
        least = both.index.min()
        said.append(
            f"Pre-trained ({markdown(arm)}) the slope is steeper at {len(steeper)} of {len(both)} data sizes "
            "and flatter "
            f"at {len(flatter)}, interval against interval; at the least data it is "
            f"{both.loc[least, 'slope']:+.3f} against {both.loc[least, 'slope_scratch']:+.3f}."
            if len(both)
            else f"Pre-trained ({markdown(arm)}): no data size in common."
        )
    return Prose(" ".join(said))


def one_rate(tried: pd.DataFrame, source: str) -> pd.DataFrame:
    """What tuning adds to a gain: cells in which both arms tried rates, each at its best and at a shared one.

    `tried` are tuning runs (their validation losses in nats/token count). The shared rate of a size is the
    one that costs both arms least in sum over that size's data sizes. Columns: n_params, d_chars, rate,
    rate_scratch, rate_source, gain_tuned, gain_shared (nats/token), and d_e_tuned, d_e_shared (characters of
    D_E, read off the straight lines between those from-scratch cells; inf beyond them).
    """
    runs = tried[(tried["seed"] == tried["seed"].min()) & (tried["d_chars"] > 0)]
    runs = runs.dropna(subset=["loss_validation"])
    rows = []
    for n_params, size in runs.groupby("n_params"):
        best = size.groupby(["arm", "d_chars", "learning_rate"])["loss_validation"].min()
        tables = {
            arm: best[arm].unstack("learning_rate")
            for arm in (BASELINE, source)
            if arm in best.index.get_level_values("arm")
        }
        if len(tables) < 2:
            continue
        data = sorted(set(tables[BASELINE].index) & set(tables[source].index))
        data = [
            d for d in data if all((each.loc[d].notna()).sum() >= FEWEST_RATES for each in tables.values())
        ]
        if not data:
            continue
        excess = sum(each.loc[data].sub(each.loc[data].min(axis=1), axis=0) for each in tables.values())
        cost = excess.dropna(axis=1).sum() if isinstance(excess, pd.DataFrame) else pd.Series(dtype=float)
        if cost.empty:
            continue
        rate = float(cost.index.to_numpy(float)[int(cost.to_numpy().argmin())])
        tuned = {arm: each.loc[data].min(axis=1) for arm, each in tables.items()}
        shared = {arm: each.loc[data, rate] for arm, each in tables.items()}
        for d in data:
            rows.append(
                {
                    "n_params": n_params,
                    "d_chars": d,
                    "rate": rate,
                    "rate_scratch": float(tables[BASELINE].loc[d].idxmin()),
                    "rate_source": float(tables[source].loc[d].idxmin()),
                    "gain_tuned": float(tuned[BASELINE][d] - tuned[source][d]),
                    "gain_shared": float(shared[BASELINE][d] - shared[source][d]),
                    "d_e_tuned": _read_off(tuned[BASELINE], float(tuned[source][d])),
                    "d_e_shared": _read_off(shared[BASELINE], float(shared[source][d])),
                }
            )
    columns = ["n_params", "d_chars", "rate", "rate_scratch", "rate_source", "gain_tuned", "gain_shared",
               "d_e_tuned", "d_e_shared"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _read_off(curve: pd.Series, loss: float) -> float:
    """Characters at which straight lines in ln D through a curve have a loss; inf and NaN off its ends."""
    d, losses = np.log(curve.index.to_numpy(float)), np.minimum.accumulate(curve.to_numpy(float))
    if loss < losses[-1]:
        return float("inf")
    if loss > losses[0]:
        return float("nan")
    return float(np.exp(np.interp(-loss, -losses, d)))


def tuning_share(found: pd.DataFrame) -> Prose:
    """How much of the gain, and of the arrow, one shared rate would have added or taken: of `one_rate`."""
    if found.empty:
        return Prose(
            "In no cell of this study did both arms try a rate in common with others beside it, so what "
            "tuning adds "
            "cannot be told from its runs."
        )
    change = found["gain_shared"] - found["gain_tuned"]
    larger = int((change > 0).sum())
    read = found[np.isfinite(found["d_e_tuned"]) & np.isfinite(found["d_e_shared"])]
    arrow = "no $D_E$ can be read off between the tuned cells with both"
    if len(read):
        factor = (read["d_e_shared"] / read["d_e_tuned"]).sort_values()
        arrow = (
            f"where both can be read off ({counted(len(read), 'cell')}), $D_E$ with one rate is "
            f"{scientific(float(factor.median()))} times that of the tuned cells in the median, from "
            f"{scientific(float(factor.iloc[0]))} to {scientific(float(factor.iloc[-1]))}"
        )
    return Prose(
        "With one rate for both arms and all data of a size (the one that costs both least in sum), the "
        "gain of "
        f"pre-training comes out larger in {larger} of {counted(len(found), 'cell')} and smaller in "
        f"{int((change < 0).sum())}: by {change.mean():+.3f} nats/token on average, from {change.min():+.3f} "
        "to "
        f"{change.max():+.3f}, where the tuned gain is {found['gain_tuned'].mean():.3f} on average; {arrow}."
    )


def rates(table: pd.DataFrame) -> Prose:
    """Between which learning rates each arm was trained."""
    used = table[table["d_chars"] > 0]
    ends = ", ".join(
        f"between {scientific(group.min(), 2)} and {scientific(group.max(), 2)} for {markdown(arm)}"
        for arm, group in used.groupby("arm")["learning_rate"]
    )
    factor = used["learning_rate"].max() / used["learning_rate"].min()
    return Prose(f"Over all cells the rate moves by a factor of {factor:.1f}, {ends}.")


def passes(table: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: passes over the smallest data set, each arm against from scratch."""
    least = table.loc[table["d_chars"] > 0, "d_chars"].min()
    median = table[table["d_chars"] == least].groupby("arm", sort=False)["epochs_best"].median()
    scratch = median.pop(BASELINE)
    for arm, own in median.items():
        yield (
            f"passes at the smallest data set ({scientific(least)} characters here), {markdown(arm)}",
            REPORTED["epochs"],
            f"{own:.1f} against {scratch:.1f} from scratch: a factor of {scratch / max(own, 0.1):.1f}",
        )


def floors_known(found: Sequence[Floor]) -> Prose:
    """For how many sizes the floor is bounded on both sides, for which best, and for which not at all."""
    closed = [floor for floor in found if floor.floor.closed]
    open_ended = [floor for floor in found if not floor.floor.closed]
    said = f"the floor has two ends for {len(closed)} of {counted(len(found), 'size')}"
    if closed:
        best = min(closed, key=lambda floor: floor.floor.width)
        said += f", best for N = {scientific(best.n_params)}: {interval(best.floor)} nats/token"
    if open_ended:
        named = ", ".join(f"N = {scientific(floor.n_params)}" for floor in open_ended)
        said += f". **No floor at all** is among the answers for {named}"
    return Prose(f"{said}.")


def enough(found: Sequence[Floor], looser: Sequence[Floor]) -> Prose:
    """D(N) of every size with its interval, or that it is not identified; beside it what 95 % would say."""
    other = {floor.n_params: floor for floor in looser}

    def said(floor: Floor) -> str:
        d_n = floor.d_n
        if floor.known:
            return interval(d_n)
        ends = ("open" if end is None else scientific(end, 1) for end in (d_n.low, d_n.high))
        return f"**not identified** [{', '.join(ends)}]"

    rows = (
        (scientific(f.n_params), interval(f.floor), said(f), said(other[f.n_params]), scientific(f.d_max))
        for f in found
    )
    columns = ("N", "floor E (nats/token)", "D(N) at 99 %", "at 95 %", "largest data set trained on")
    known = sum(floor.known for floor in found)
    return Prose(
        f"{grid(columns, rows)}\n\nD(N) is identified, within a factor of a hundred, for {known or 'none'} "
        "of "
        f"{counted(len(found), 'size')}. Compare the ends with the last column: an end many decades beyond "
        "the "
        "runs is what the form of the curve says there, and not what was measured."
    )


def at_limit(table: pd.DataFrame) -> Prose:
    """Which cells hold runs that ended at their token limit, before their loss had stopped falling."""
    if "ended" not in table or not table["ended"].astype(str).ne("").any():
        return Prose(
            "These records do not say why a run ended, so some may have met their token limit first."
        )
    met = table[table["ended"] == "limit"]
    if met.empty:
        return Prose("Every run ended because its loss had stopped falling; none met its token limit.")
    cells = met.drop_duplicates(["arm", "n_params", "d_chars"])
    listed = "; ".join(
        f"{markdown(arm)} at N = {scientific(n)} with {scientific(d, 1)} characters"
        for arm, n, d in zip(cells["arm"], cells["n_params"], cells["d_chars"], strict=True)
    )
    return Prose(
        f"{counted(len(met), 'run')} of {len(table)} met the token limit before the loss had stopped "
        "falling, so "
        f"their losses are upper ends: {listed}."
    )


def fewer(table: pd.DataFrame) -> Prose:
    """At how many data sizes each pre-trained arm needs fewer passes than from scratch, by medians."""
    runs = table[table["d_chars"] > 0]
    median = runs.groupby(["arm", "d_chars"])["epochs_best"].median()
    scratch = median[BASELINE]
    said = []
    for arm in dict.fromkeys(runs["arm"]):
        if arm == BASELINE:
            continue
        both = pd.DataFrame({"own": median[arm], "scratch": scratch}).dropna()
        least = both.index.min()
        said.append(
            f"{markdown(arm)}: fewer at {int((both['own'] < both['scratch']).sum())} of {len(both)} data "
            "sizes, "
            f"{both.loc[least, 'own']:.1f} against {both.loc[least, 'scratch']:.1f} at the least data"
        )
    return Prose("; ".join(said) + ".")


def speed(table: pd.DataFrame, at_least: float = 1.0) -> float:
    """Training FLOP/s of one worker: the median over runs of `at_least` so many seconds; NaN without any."""
    timed = table[table["seconds"] > at_least]
    return float((timed["flops"] / timed["seconds"]).median())


def fell(
    curve: pd.DataFrame, n_params: int, n_tokens: int, vocabulary: int, titles: Titles = UNTITLED
) -> Prose:
    """One training run in words: passes over its data, and how far the loss on held-out projects fell."""
    best = curve.iloc[int(curve["loss_validation"].to_numpy().argmin())]
    return Prose(
        f"{n_params:,} parameters, {n_tokens:,} tokens of {markdown(titles.target)}, "
        f"{best['tokens_seen'] / n_tokens:.1f} passes over them: the held-out loss fell from "
        f"{curve['loss_validation'].iloc[0]:.2f} to **{best['loss_validation']:.2f} nats/token**. Guessing "
        f"uniformly among {vocabulary} tokens costs ln {vocabulary} = {np.log(vocabulary):.2f}. At the kept "
        f"weights, the loss on the text it had learnt from was {best['loss_train']:.2f}."
    )


def noise(runs: pd.DataFrame) -> Prose:
    """How far seeds differ, by arm and data size."""
    runs = runs[runs["d_chars"] > 0]
    found = {
        arm: {d: run_noise(group, arm) for d, group in runs[runs["arm"] == arm].groupby("d_chars")}
        for arm in sorted(set(runs["arm"]))
    }
    pooled = pd.DataFrame(found).sort_index().dropna(how="all").dropna(how="all", axis=1)
    rows = (
        (scientific(d, 1), *("–" if np.isnan(value) else f"{value:.3f}" for value in row))
        for d, row in zip(pooled.index, pooled.to_numpy(), strict=True)
    )
    return Prose(
        "Standard deviation between seeds (each draws its own sample of the data), pooled over sizes:\n\n"
        + grid(("D", *map(markdown, pooled.columns)), rows)
    )


def embedded(shares: Sequence[float]) -> Prose:
    """What share of all parameters embeddings take: of the smallest size, and of the largest."""
    values = list(shares)
    return Prose(
        f"embeddings take **{100 * values[0]:.0f} %** of all parameters of the smallest size and "
        f"{100 * values[-1]:.0f} % of the largest."
    )


def three_noises(noise: Noise, arms: Sequence[str], parts: Mapping[str, float]) -> Prose:
    """The three numbers that are all called noise, each by its name: the sample's, the run's, the misfit."""
    spread = np.sqrt(noise.variance)
    ends = "; ".join(
        f"{markdown(arm)} {own.min():.3f} to {own.max():.3f}" for arm, own in zip(arms, spread, strict=True)
    )
    return Prose(
        "Three things are called noise, and they are three numbers. **The sample**: a seed draws its own "
        "text, and "
        f"all sizes that share it move together, by {parts['sample']:.3f} nats/token. **The run**: what the "
        "same "
        f"sample still leaves to initialisation and order, {parts['run']:.3f}. **The misfit**: what the law "
        "misses "
        f"beyond both, {parts['misfit']:.3f}; that is no noise at all, but widens the intervals as if it "
        "were. "
        "(Standard deviations of one run, all cells alike.) The first two together differ by arm and amount "
        "of "
        f"data: {ends}. Seeds average the first two; only a better law, or better cells, takes off the third."
    )


def tuning_slack(tuning: Tuning, parts: Mapping[str, float]) -> Prose:
    """What the search itself leaves open, beside the parts of a run's noise: no scatter, but a lift."""
    own = float(np.hypot(parts["sample"], parts["run"]))
    size = "more than" if tuning.flat_nats > own else "less than"
    return Prose(
        f"And **tuning**: validation losses within {tuning.flat_nats:g} nats/token of the lowest count as "
        "equal when "
        f"a setting is taken, {size} one run's noise ({own:.3f}). It is no scatter: a cell lies above its "
        "own optimum "
        "and never below, by an amount that its neighbours share, so no number of seeds shows it or takes it "
        "off. "
        "What a wider search would find is for an audit to say."
    )


def searched(everything: pd.DataFrame, tuning: Tuning) -> Prose:
    """How rates and weight decays were searched, and how far what was taken is from the best tried."""
    return _on_a_surface(everything, tuning) if tuning.smooth else _edges(everything, tuning)


def _on_a_surface(everything: pd.DataFrame, tuning: Tuning) -> Prose:
    cell = ["arm", "n_params", "d_chars"]
    of_seed = everything[(everything["seed"] == 0) & everything["d_chars"].isin(tuning.d_chars)]
    tried = of_seed[of_seed["role"] == "tune"].groupby(cell)["loss_validation"]
    taken = of_seed[of_seed["role"] == "run"].set_index(cell)["loss_validation"]
    above = (taken - tried.min()).dropna()
    said = (
        f"{counted(tried.ngroups, 'cell')} searched with {counted(len(of_seed) - len(taken), 'run')}, by "
        "validation loss. Rates and weight decays of the runs proper come from one surface an arm through "
        "these"
    )
    if above.empty:
        return Prose(f"{said}; none of these is there yet.")
    return Prose(
        f"{said}. The searched seed's runs at these settings lie {above.median():.3f} nats above the lowest "
        f"loss that the search of their cell found (median; at most {above.max():.3f})."
    )


def _edges(everything: pd.DataFrame, tuning: Tuning) -> Prose:
    """Whether the rate taken in each tuned cell has a worse one, or one that diverged, on both sides."""
    tried = everything[(everything["seed"] == 0) & everything["d_chars"].isin(tuning.d_chars)]
    grids, at_edge, lowest_at_edge = 0, [], 0
    for (arm, n_params, d_chars), group in tried.groupby(["arm", "n_params", "d_chars"]):
        if len(group) < FEWEST_RATES:  # a cell that was not tuned
            continue
        grids += 1
        losses = group.set_index("learning_rate")["loss_validation"].fillna(np.inf)
        ends = (losses.index.min(), losses.index.max())
        lowest_at_edge += losses.idxmin() in ends
        if best_tried(dict(zip(losses.index, losses, strict=True)), tuning) in ends:
            at_edge.append(f"{markdown(arm)} at N = {n_params:,}, D = {d_chars:,}")
    where = f"{len(at_edge)} of them: {'; '.join(at_edge)}" if at_edge else "none of them"
    return Prose(
        f"{grids} cells were tuned. The rate taken is the largest whose validation loss is within "
        f"{tuning.flat_nats:g} nats of the lowest; it lies at the edge of its grid in {where}. The lowest "
        f"loss itself lies at an edge in {lowest_at_edge}, on a plateau of that height."
    )


def capped(runs: pd.DataFrame, max_tokens: int) -> Prose:
    """Which runs met their token limit."""
    met = runs[runs["tokens_seen"] >= max_tokens]
    if met.empty:
        return Prose("None: every run ended because its loss had stopped falling.")
    counts = Counter(zip(met["arm"], met["n_params"], met["d_chars"], strict=True))
    listed = "; ".join(
        f"{markdown(arm)} at N = {n:,}, D = {d:,}" + (f" ({counted(count, 'seed')})" if count > 1 else "")
        for (arm, n, d), count in counts.items()
    )
    return Prose(
        f"{len(met)} runs saw {max_tokens:,} tokens before their loss had stopped falling, so theirs is an "
        f"upper end: {listed}."
    )
