"""Sentences that say what a result shows and no more: the pages' prose wherever it depends on numbers.

Every function reads a table or a fit and writes Markdown. What the numbers do not decide is said to be
undecided: an open interval, a cell below the floor and a model that transfer hurt each have their own words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from transferlaws.laws.estimators.result import Fit, Interval
from transferlaws.laws.forms import Hernandez


@dataclass(frozen=True)
class Prose:
    """Markdown that a notebook shows as text."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown


def scientific(value: float, digits: int = 2) -> str:
    """A number as mathematics in Markdown: plain between 0.01 and 10 000, else a power of ten."""
    if not np.isfinite(value):
        return "unbounded"
    if value == 0 or 0.01 <= abs(value) < 1e4:
        return f"{value:,.{max(0, digits - 1 - int(np.floor(np.log10(abs(value) or 1))))}f}"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    lead = "" if float(mantissa) == 1 else rf"{mantissa}\times "
    return rf"${lead}10^{{{int(exponent)}}}$"


def interval(found: Interval, digits: int = 2) -> str:
    """A value with its interval; an end the data leave open is called open."""
    ends = ["open" if end is None else scientific(end, digits) for end in (found.low, found.high)]
    return f"{scientific(found.value, digits)} [{ends[0]}, {ends[1]}]"


def against(found: Interval, printed: float) -> str:
    """How an interval stands to a printed value."""
    if found.low is None and found.high is None:
        return "open on both sides, so nothing is said"
    if found.low is not None and printed < found.low:
        return "the paper's value lies below our interval"
    if found.high is not None and printed > found.high:
        return "the paper's value lies above our interval"
    return "our interval contains the paper's value" + ("" if found.closed else ", and is open on one side")


def listing(frame: pd.DataFrame) -> Prose:
    """A frame as a table: thousands in whole numbers, three digits in others, a dash for what is missing."""

    def said(value: object) -> str:
        if isinstance(value, str):
            return value
        if pd.isna(value):  # type: ignore[call-overload]
            return "–"
        number = float(value)  # type: ignore[arg-type]
        whole = np.isfinite(number) and number == round(number) and abs(number) < 1e7
        return f"{number:,.0f}" if whole else scientific(number, 3)

    lines = ["| " + " | ".join(map(str, frame.columns)) + " |", "|---" * len(frame.columns) + "|"]
    lines += ["| " + " | ".join(map(said, row)) + " |" for row in frame.itertuples(index=False)]
    return Prose("\n".join(lines))


def law_table(fits: Iterable[Fit], paper: Mapping[str, Hernandez]) -> Prose:
    """k, alpha, beta: the paper's row and ours for each source and method, with status and runs."""
    lines = [
        "| source | whose | $k$ | $\\alpha$ | $\\beta$ | $\\beta/\\alpha$ | runs | status |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for source, law in paper.items():
        ratio = law.beta / law.alpha
        lines.append(
            f"| {source} | paper, Table 1 | {scientific(law.k)} | {law.alpha:g} | {law.beta:g} | {ratio:.1f} "
            "| not stated | no interval given |"
        )
    for fit in fits:
        cells = " | ".join(interval(value) for value in (fit.k, fit.alpha, fit.beta, fit.beta_over_alpha))
        lines.append(
            f"| {fit.source} | ours, {fit.method.replace('_', ' ')} | {cells} | {fit.n_runs} "
            f"| {fit.status.replace('_', ' ')} |"
        )
    return Prose("\n".join(lines))


def same_exponent(fits: Mapping[str, Fit], exponent: str) -> Prose:
    """Whether the intervals of an exponent overlap across sources."""
    found = {source: getattr(fit, exponent) for source, fit in fits.items()}
    listed = ", ".join(f"{source} {interval(value)}" for source, value in found.items())
    if not all(value.closed for value in found.values()):
        return Prose(
            f"{listed}: an interval is open, so these runs cannot tell whether $\\{exponent}$ is shared."
        )
    apart = max(value.low for value in found.values()) > min(value.high for value in found.values())
    said = "some intervals do not meet" if apart else "all intervals overlap"
    return Prose(f"{listed}: {said}.")


def box(rows: Sequence[tuple[str, str, str]]) -> Prose:
    """The box "the paper found / we measured": rows of (what, the paper, ours)."""
    lines = ["| | the paper found | we measured |", "|---|---|---|"]
    lines += [f"| {what} | {paper} | {ours} |" for what, paper, ours in rows]
    return Prose("\n".join(lines))


def verdict(fit: Fit) -> Prose:
    """What the fit's status allows a reader to say."""
    said = {
        "converged": "Every parameter has a closed interval, so the law may be quoted with it.",
        "at_bound": "The best law lies at the edge of what was searched: read it as a bound, not as a value.",
        "ill_conditioned": "The parameters trade against each other so freely that only their "
        "combination over "
        "the measured range means anything.",
        "not_identified": "These runs do not pin the law down. The curve through them is drawn, and "
        "may be used "
        "between them; its exponents may not be quoted as measured.",
    }[fit.status]
    level = f"{100 * fit.level:g} %"
    for name, found in (("alpha", fit.alpha), ("beta", fit.beta)):
        if found.covers(0.0):
            meaning = {"alpha": "fine-tuning data", "beta": "size"}[name]
            said += f" The interval of $\\{name}$ contains zero: that {meaning} moves $D_T$ is not shown."
    notes = "".join(f"\n- {note}" for note in fit.notes)
    return Prose(
        f"**Status: {fit.status.replace('_', ' ')}.** {said} Intervals are {level}, from {fit.n_runs} "
        f"runs in "
        f"{sum(fit.n_cells.values())} fine-tuned cells.{notes}"
    )


def statuses(cells: pd.DataFrame) -> Prose:
    """How many cells could be read off the curve, and how many could not."""
    said = {
        "interpolated": "read off the measured part of the curve",
        "extrapolated": "read off beyond the runs",
        "below_floor": "below the floor of the from-scratch curve: no amount of data gets there",
        "no_transfer": "worse than from scratch",
    }
    counts = cells["status"].value_counts()
    parts = [f"**{counts[status]}** {words}" for status, words in said.items() if status in counts]
    return Prose(f"Of {len(cells)} cells, " + "; ".join(parts) + ".")


def cell(row: pd.Series, source: str) -> Prose:
    """One cell in words: what fine-tuning on so much Python was worth, or why that has no number."""
    start = (
        f"A model of N = {scientific(row['n_params'])} parameters, pre-trained on {source} and fine-tuned on "
        f"{scientific(row['d_chars'])} characters of Python, reaches {row['loss']:.3f} nats/token."
    )
    if row["status"] == "below_floor":
        return Prose(
            f"{start} Its from-scratch twin levels off above that loss: by these runs no amount of "
            f"Python takes it "
            "there, and the effective data have no upper end."
        )
    if row["status"] == "no_transfer":
        return Prose(
            f"{start} Its from-scratch twin does at least as well with the same data: here "
            f"pre-training was worth "
            "nothing, or worse."
        )
    reach = (
        "within the data we trained on"
        if row["status"] == "interpolated"
        else "beyond the data we trained on"
    )
    return Prose(
        f"{start} From scratch the same model needs {scientific(row['d_effective'])} characters for that "
        f"({_range(row['d_effective_low'], row['d_effective_high'])}; {reach}). The pre-training was "
        f"worth the "
        f"difference, $D_T$ = {scientific(row['d_transferred'])} characters, or "
        f"{scientific(row['multiplier'])} times the data."
    )


def _range(low: float, high: float) -> str:
    """A 95 % interval of characters in words."""
    low_said = scientific(low) if np.isfinite(low) and low > 0 else "0"
    high_said = scientific(high) if np.isfinite(high) else "no upper end"
    return f"95 % interval {low_said} to {high_said}"


def size_steps(table: pd.DataFrame, arms: Sequence[str]) -> Prose:
    """At each data size, what the step from the second-largest to the largest model did to each "
    "arm's loss."""
    runs = table[(table["d_chars"] > 0) & table["arm"].isin(arms)]
    mean = runs.groupby(["arm", "d_chars", "n_params"])["loss"].agg(["mean", "std", "count"])
    arms_of, data_of = mean.index.get_level_values("arm"), mean.index.get_level_values("d_chars")
    lines = ["| characters | " + " | ".join(arms) + " |", "|---|" + "---|" * len(arms)]
    for d_chars in np.unique(runs["d_chars"]):
        row = [scientific(d_chars)]
        for arm in arms:
            losses = mean[(arms_of == arm) & (data_of == d_chars)]
            if len(losses) < 2:
                row.append("one size only")
                continue
            change = losses["mean"].iloc[-1] - losses["mean"].iloc[-2]
            error = np.sqrt((losses["std"] ** 2 / losses["count"]).iloc[-2:].sum(skipna=False))
            row.append(f"{change:+.3f}" + (f" ± {error:.3f}" if np.isfinite(error) else " (one seed)"))
        lines.append("| " + " | ".join(row) + " |")
    return Prose("\n".join(lines))


def untuned(tried: pd.DataFrame, d_chars: int) -> Prose:
    """What it would have cost each arm to be trained with the other arm's best rate, size by size.

    Of the rates tried at `d_chars` characters (nats/token, validation), those both arms tried.
    """
    here = tried[(tried["d_chars"] == d_chars) & (tried["seed"] == 0)].dropna(subset=["loss_validation"])
    lines = ["| $N$ | arm | its best rate tried | from scratch's best rate costs it |", "|---|---|---|---|"]
    for n_params in sorted(set(here["n_params"])):
        losses = {
            arm: group.set_index("learning_rate")["loss_validation"]
            for arm, group in here[here["n_params"] == n_params].groupby("arm")
        }
        scratch = losses.pop("scratch", None)
        for arm, own in losses.items():
            cost = np.nan if scratch is None else own.get(scratch.idxmin(), np.nan) - own.min()
            said = f"{cost:+.3f} nats/token" if np.isfinite(cost) else "not tried"
            best = scientific(float(own.index[own.argmin()]), 1)
            lines.append(f"| {scientific(n_params)} | {arm} | {best} | {said} |")
    return Prose("\n".join(lines))


def ossified(cells: pd.DataFrame) -> Prose:
    """Which cells, if any, pre-training made worse."""
    worse = cells[cells["status"] == "no_transfer"].sort_values(["n_params", "d_chars"])
    if worse.empty:
        return Prose("In none of the cells did pre-training end up worse than starting from scratch.")
    listed = ", ".join(
        f"(N = {scientific(n)}, $D_F$ = {scientific(d)})"
        for n, d in zip(worse["n_params"], worse["d_chars"], strict=True)
    )
    return Prose(f"Pre-training ended up worse than starting from scratch in {len(worse)} cells: {listed}.")


def rerun(chapter: str, table: pd.DataFrame) -> Prose:
    """The command that reruns a chapter, and what the runs it reads cost when they were trained."""
    minutes = table["seconds"].sum() / 60
    scales = ", ".join(sorted(set(table["scale"])))
    return Prose(
        f"```bash\ntransferlaws chapter {chapter} --scale {scales or 'smoke'} -p seed=1\n```\n\n"
        f"Seconds, as long as the runs are there. The {len(table)} runs behind it took {minutes:.1f} "
        f"core-minutes "
        f"at scale `{scales}`; `transferlaws plan --scale laptop` prints the bill of another scale "
        f"before you "
        "spend it."
    )


def provenance(table: pd.DataFrame) -> Prose:
    """One line a run: key, cell, loss; and the whole table as a file to download."""
    import base64

    data = base64.b64encode(table.to_csv(index=False).encode()).decode()
    shown = table.sort_values(["arm", "n_params", "d_chars", "seed"])
    link = f'<a download="runs.csv" href="data:text/csv;base64,{data}">Download runs.csv</a>'
    lines = [f"{link} ({len(table)} runs, {len(table.columns)} columns)", ""]
    lines += [
        "| key | arm | N | characters | seed | loss (nats/token) | bits/char |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{key}` | {arm} | {n:,} | {d:,} | {seed} | {loss:.4f} | {bits:.4f} |"
        for key, arm, n, d, seed, loss, bits in zip(
            *(shown[c] for c in ("key", "arm", "n_params", "d_chars", "seed", "loss", "bits_per_char")),
            strict=True,
        )
    ]
    return Prose("\n".join(lines))
