"""The data card, drawn: what corpora are made of, what was taken out, seen twice, or looks like code.

Every function takes the cards of `transferlaws.corpora.card` by corpus name (Gebru et al. 2021).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from transferlaws.corpora import SPLITS
from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, corpus_colour, drawn, empty_note, log_axes

Cards = Mapping[str, Mapping[str, Any]]

MARKERS = {"train": "o", "validation": "^", "test": "s"}
REPEATS = ("copy of another document", "its sentences occur elsewhere")
MOST_BARS = 9


@drawn
def composition(cards: Cards, *, titles: Titles = UNTITLED) -> Drawing:
    """Training characters (millions) by genre, else by project; technical parts hatched."""
    bars = {name: _largest(card) for name, card in cards.items()}
    rows = max(map(len, bars.values()))
    figure, axes = canvas(len(cards), width=8.0, height=1.3 + 0.27 * rows)
    for panel, (name, groups) in zip(axes[0], bars.items(), strict=True):
        at = np.arange(len(groups))
        millions, shade = [chars / 1e6 for _, chars, _ in groups], corpus_colour(name, titles)
        bars_here = panel.barh(at, millions, color=shade, edgecolor="0.2")
        for bar, (_, _, part) in zip(bars_here, groups, strict=True):
            bar.set(linewidth=0.6, hatch="////" if part == "technical" else "")
        panel.set_yticks(at, [label for label, _, _ in groups], fontsize="small")
        panel.set_ylim(rows - 0.4, -0.6)
        panel.grid(axis="y", visible=False)
        panel.locator_params(axis="x", nbins=4)
        panel.set(xlabel="characters (millions)", title=titles.corpus(name))
    return figure


def _largest(card: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """Name, training characters and part of the largest groups of a corpus; the rest is one group."""
    by = "genre" if len({row["genre"] for row in card["composition"]}) > 1 else "project"
    chars: Counter[str] = Counter()
    parts: dict[str, str] = {}
    for group in card["projects"]:
        if group["split"] == "train" and group["chars"]:
            chars[group[by]] += group["chars"]
            parts[group[by]] = group["part"]
    groups = [(name, count, parts[name]) for name, count in chars.most_common(MOST_BARS)]
    others = chars.most_common()[MOST_BARS:]
    if others:
        groups.append((f"{len(others)} others", sum(count for _, count in others), ""))
    return groups


@drawn
def fate(cards: Cards, *, titles: Titles = UNTITLED) -> Drawing:
    """What became of all characters read, in per cent: the three splits, repeats, beyond a cap, unfit."""
    figure, ((axes,),) = canvas(width=8.0, height=1.5 + 0.5 * len(cards))
    looks = {
        "training": ("#0072b2", ""),
        "validation": ("#56b4e9", ""),
        "test": ("#009e73", ""),
        "repeats": ("#d55e00", "////"),
        "beyond a cap": ("#e69f00", "...."),
        "generated, too long, too short": ("#999999", "xxxx"),
    }
    rows = [fates(card) for card in cards.values()]
    at, left = np.arange(len(rows)), np.zeros(len(rows))
    for label, (shade, hatch) in looks.items():
        share = np.array([100 * row[label] / row.total() for row in rows])
        axes.barh(at, share, left=left, color=shade, hatch=hatch, edgecolor="0.2", label=label)
        left += share
    axes.set_yticks(at, [titles.corpus(name) for name in cards])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the characters that were read (%)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def fates(card: Mapping[str, Any]) -> Counter[str]:
    """Characters read, by what became of them."""
    found: Counter[str] = Counter()
    for split, label in zip(SPLITS, ("training", "validation", "test"), strict=True):
        found[label] = card["splits"][split]["characters"]
    for row in card["removed"]:
        capped = row["reason"].startswith("beyond the cap")
        unfit = "beyond a cap" if capped else "generated, too long, too short"
        found["repeats" if row["reason"] in REPEATS else unfit] += row["characters"]
    return found


@drawn
def held_out_map(cards: Cards, *, titles: Titles = UNTITLED) -> Drawing:
    """Left: how much of each project was a copy. Right: how much of what is held out was met in training."""
    held_out = [
        (name, split, project, share)
        for name, card in cards.items()
        for split in ("validation", "test")
        for project, share in card["overlap"][f"{split} in train"]["projects"].items()
    ]
    figure, ((copies, met),) = canvas(2, width=8.0, height=max(4.6, 1.6 + 0.23 * len(held_out)))
    shades = {name: corpus_colour(name, titles) for name in cards}
    for name, card in cards.items():
        _draw_copies(copies, shades[name], card)
    log_axes(copies, "x")
    copies.set(xlabel="characters read in the project", ylabel="left out as repeats (% of them)")
    copies.set_title("near-duplicates, before")
    seen = [share for *_, share in held_out if share > 0]
    edge = 10.0 ** np.floor(np.log10(min(seen, default=1e-5)) - 1)
    for row, (name, split, _, share) in enumerate(held_out):
        fill = "full" if share else "none"
        met.plot(max(share, edge) * 100, row, MARKERS[split], color=shades[name], fillstyle=fill)
    met.set_yticks(range(len(held_out)), [project for _, _, project, _ in held_out], fontsize="small")
    met.invert_yaxis()
    met.set_xlim(edge * 60, 100)
    log_axes(met, "x")
    met.set_xlabel("windows also met in training (%)")
    met.set_title("held-out projects, after (hollow: none)")
    for name, shade in shades.items():
        copies.plot([], [], "o", color=shade, label=titles.corpus(name))
    for split, marker in MARKERS.items():
        copies.plot([], [], marker, color="0.4", linestyle="none", label=split)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw_copies(axes: Axes, shade: str, card: Mapping[str, Any]) -> None:
    """One point a project; the corpus's most repetitive one is named if it repeats itself at all."""
    read: Counter[tuple[str, str]] = Counter()
    repeated: Counter[tuple[str, str]] = Counter()
    for group in card["projects"]:
        key = group["project"], group["split"]
        dropped = {reason: lost["chars"] for reason, lost in group["dropped"].items()}
        read[key] += group["chars"] + sum(dropped.values())
        repeated[key] += sum(dropped.get(reason, 0) for reason in REPEATS)
    shares = {key: 100 * repeated[key] / count for key, count in read.items() if count}
    for (project, split), share in shares.items():
        axes.plot(read[project, split], share, MARKERS.get(split, "x"), color=shade, alpha=0.75)
    worst = max(shares, key=lambda key: shares[key])
    if shares[worst] > 1:
        at = (read[worst], shares[worst])
        axes.annotate(worst[0], at, (0, 6), textcoords="offset points", fontsize="small", ha="center")


@drawn
def code_share(cards: Cards, *, titles: Titles = UNTITLED) -> Drawing:
    """Share of training characters on lines that look like code (%), by corpus and genre."""
    rows = [(name, row) for name, card in cards.items() for row in card["code_like"]["genres"]]
    rows.sort(key=lambda entry: (list(cards).index(entry[0]), entry[1]["share"]))
    figure, ((axes,),) = canvas(width=7.2, height=1.4 + 0.28 * len(rows))
    if not rows:
        empty_note(axes, "No training text was read.")
        return figure
    for at, (name, row) in enumerate(rows):
        share = 100 * row["share"]
        look = {"color": corpus_colour(name, titles), "hatch": "////" if row["part"] == "technical" else ""}
        axes.barh(at, share, edgecolor="0.2", linewidth=0.6, **look)
        axes.text(share + 1, at, f"{share:.2g} %", va="center", fontsize="small")
    labels = [f"{titles.corpus(name)}: {row['genre']}" for name, row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize="small")
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("characters on lines that look like code (%)")
    return figure
