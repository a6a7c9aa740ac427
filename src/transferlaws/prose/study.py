"""A study in words: what it holds and lacks, what it cost, where its numbers come from, how to run it."""

import shlex
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.design.scale import Scale
from transferlaws.escape import block, code, html, markdown
from transferlaws.laws import Fit
from transferlaws.laws.paper import REPORTED
from transferlaws.prose.numbers import Prose, grid, scientific

HOPED = {"alpha": 0.08, "beta": 0.05}
"""Half-widths of 95 % intervals that a design should reach to be worth its compute."""


def command(chapter: str, scale: str, options: str = "-p seed=1") -> str:
    """The command that reruns a chapter, as a block."""
    said = f"transferlaws chapter {shlex.quote(chapter)} --scale {shlex.quote(scale)} {options}"
    return block(said, "bash") + "\n\n"


def rerun(chapter: str, table: pd.DataFrame) -> Prose:
    """The command that reruns a chapter, and what the runs it reads cost when they were trained."""
    scales = ", ".join(sorted(set(table["scale"])))
    other = "workstation" if "laptop" in scales else "laptop"
    return Prose(
        f"{command(chapter, scales or 'smoke')}It takes seconds once the runs are there. The {len(table):,} "
        f"runs of {code(scales)} behind it took {table['seconds'].sum() / 60:.1f} core-minutes; "
        f"`transferlaws plan --scale {other}` prints the bill of another scale before you spend it."
    )


def download(name: str, data: str, kind: str) -> str:
    """A link that holds a file."""
    held = b64encode(data.encode()).decode()
    return f'<a download="{html(name)}" href="data:{html(kind)};base64,{held}">Download {html(name)}</a>'


def unlike(*scales: Scale) -> Prose:
    """In what the recipes of studies that are compared differ from the first's, if they do."""
    first, others = scales[0], scales[1:]
    said = []
    for other in others:
        own, its = asdict(first.recipe), asdict(other.recipe)
        named = (name for name in own if own[name] != its[name])
        apart = [f"{name.replace('_', ' ')} {its[name]:g}, not {own[name]:g}" for name in named]
        if first.tuning.smooth != other.tuning.smooth:
            apart.append("settings searched in another way")
        if apart:
            said.append(
                f"{code(other.name)} differs from {code(first.name)} in its recipe ({'; '.join(apart)})"
            )
    if not said:
        return Prose("These studies share one recipe and one way to search settings.")
    return Prose(
        f"**Not like with like.** {'. '.join(said)}. What parts these studies may be the recipe, and not "
        "what is compared."
    )


def trained_with(everything: pd.DataFrame) -> Prose:
    """Devices, versions and tokenizers of the runs, what they took, and how they ended."""
    rows = [
        (column, markdown(value))
        for column in ("device", "versions", "tokenizer")
        for value in everything[column].dropna().astype(str).unique()
    ]
    minutes = f"{everything['seconds'].sum() / 60:.1f}"
    statuses = ", ".join(
        f"{markdown(name)}: {count}" for name, count in everything["status"].value_counts().items()
    )
    return grid(
        ("what", "with"),
        [*rows, ("core-minutes, tuning and pre-training included", minutes), ("statuses", statuses)],
    )


def coverage(planned: pd.DataFrame, everything: pd.DataFrame) -> Prose:
    """What was run of what was `planned` (arm, n_params and the number of runs), and what it took."""
    rows = []
    for arm, n_params, wanted in planned.itertuples(index=False):
        here = everything[(everything["arm"] == arm) & (everything["n_params"] == n_params)]
        done = int(((here["role"] == "run") & (here["status"] == "ok")).sum())
        spent = f"{here['seconds'].sum() / 3600:.2f}" if len(here) else "–"
        rows.append((markdown(arm), f"{n_params:,}", done or "**none**", wanted, spent))
    statuses = ", ".join(
        f"{count} {markdown(status)}" for status, count in everything["status"].value_counts().items()
    )
    return Prose(
        grid(("arm", "N", "runs", "of", "core-hours, tuning included"), rows)
        + f"\n\n{everything['seconds'].sum() / 3600:.2f} core-hours in all; statuses: {statuses}. A run that "
        "diverged is repeated at half its rate."
    )


def as_narrow_as_hoped(fits: Mapping[str, Fit]) -> Prose:
    """Half-widths of the exponents' intervals beside those hoped for."""
    rows = []
    for source, fit in fits.items():
        for name, hoped in HOPED.items():
            found = getattr(fit, name)
            half = f"{found.width / 2:.3f}" if found.closed else "open"
            rows.append((markdown(source), name, f"{found.value:.3f}", half, hoped))
    return grid(("source", "exponent", "value", "half-width", "hoped for"), rows)


def size(table: pd.DataFrame, name: str, titles: Titles = UNTITLED) -> Prose:
    """How many models, sizes and characters a study has, and what they took."""
    cells = table[table["d_chars"] > 0].drop_duplicates(["arm", "n_params", "d_chars"])
    return Prose(
        f"The {code(name)} study holds {len(table)} models in {len(cells)} cells: "
        f"{table['n_params'].nunique()} sizes from {table['n_params'].min():,} to "
        f"{table['n_params'].max():,} parameters, {scientific(cells['d_chars'].min())} to "
        f"{scientific(cells['d_chars'].max())} characters of {markdown(titles.target)}, arms "
        f"{', '.join(map(markdown, sorted(set(table['arm']))))}. Training them took "
        f"{table['seconds'].sum() / 60:.1f} core-minutes."
    )


def spans(table: pd.DataFrame) -> Iterable[tuple[str, str, str]]:
    """Rows of the box: the range of sizes and of data, and the seeds a cell."""
    sizes, data = table["n_params"], table.loc[table["d_chars"] > 0, "d_chars"]
    seeds = table.groupby(["arm", "n_params", "d_chars"])["seed"].nunique()
    return (
        ("sizes", REPORTED["sizes"], f"{scientific(sizes.max() / sizes.min())}-fold"),
        ("fine-tuning data", REPORTED["data"], f"{scientific(data.max() / data.min())}-fold"),
        ("seeds a cell", REPORTED["seeds"], f"{seeds.min()} to {seeds.max()}"),
    )


def bills(by_scale: Mapping[str, Mapping[str, Any]]) -> Prose:
    """The bills of several scales, a row each."""
    rows = (
        (
            f"`{name}`",
            f"{bill['runs']:,}",
            scientific(bill["flops"]),
            scientific(bill["core_hours"]),
            f"{bill['worker_bytes'] / 1e9:.1f} GB",
        )
        for name, bill in by_scale.items()
    )
    return grid(("scale", "runs", "training FLOPs", "core-hours here", "memory a worker"), rows)
