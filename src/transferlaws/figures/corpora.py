"""The data card, drawn: what corpora are made of, what was taken out, seen twice, or looks like code.

Every function takes the cards of `transferlaws.corpora.card` by corpus name (Gebru et al. 2021). Passages are
quoted only from documents whose licence lets anybody print them, with their source beside them.
"""

import base64
import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from transferlaws.corpora import SPLITS, Corpus, Document
from transferlaws.corpora.codelike import looks_like_code
from transferlaws.corpora.splits import lot
from transferlaws.figures.canvas import Drawing, canvas, drawn, empty_note, log_axis
from transferlaws.prose.words import Prose

Cards = Mapping[str, Mapping[str, Any]]

CORPUS_COLOURS = {"english": "#0072b2", "python": "#009e73", "othercode": "#d55e00"}
CORPUS_NAMES = {"english": "English", "python": "Python", "othercode": "other code"}
MARKERS = {"train": "o", "validation": "^", "test": "s"}
REPEATS = ("copy of another document", "its sentences occur elsewhere")
MOST_BARS = 9
SAMPLE_CHARS = 1_000_000  # lines are shown from a sample of documents of about this size

REDISTRIBUTABLE = frozenset(
    {
        "public domain",
        "public domain (US government)",
        "WordNet licence",
        "MIT",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "Apache-2.0",
        "BSL-1.0",
    }
)
"""Licences under which a passage may be printed with its source; everything else is never quoted."""


def corpus_colour(corpus: str) -> str:
    """The colour of a corpus; grey-brown for corpora of your own."""
    return CORPUS_COLOURS.get(corpus, "#8c6d31")


def corpus_name(corpus: str) -> str:
    """What a legend calls a corpus."""
    return CORPUS_NAMES.get(corpus, corpus)


@drawn
def composition(cards: Cards) -> Drawing:
    """Training characters (millions) by genre, else by project; technical parts hatched."""
    bars = {name: _largest(card) for name, card in cards.items()}
    rows = max(map(len, bars.values()))
    figure, axes = canvas(len(cards), width=8.0, height=1.3 + 0.27 * rows)
    for panel, (name, groups) in zip(axes[0], bars.items(), strict=True):
        at = np.arange(len(groups))
        drawn_bars = panel.barh(
            at, [chars / 1e6 for _, chars, _ in groups], color=corpus_colour(name), edgecolor="0.2"
        )
        for bar, (_, _, part) in zip(drawn_bars, groups, strict=True):
            bar.set(linewidth=0.6, hatch="////" if part == "technical" else "")
        panel.set_yticks(at, [label for label, _, _ in groups], fontsize="small")
        panel.set_ylim(rows - 0.4, -0.6)
        panel.grid(axis="y", visible=False)
        panel.locator_params(axis="x", nbins=4)
        panel.set_xlabel("characters (millions)")
        panel.set_title(corpus_name(name), loc="left")
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
def fate(cards: Cards) -> Drawing:
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
    left = np.zeros(len(rows))
    for label, (shade, hatch) in looks.items():
        share = np.array([100 * row[label] / row.total() for row in rows])
        axes.barh(
            np.arange(len(rows)), share, left=left, color=shade, hatch=hatch, edgecolor="0.2", label=label
        )
        left += share
    axes.set_yticks(np.arange(len(rows)), [corpus_name(name) for name in cards])
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
def held_out_map(cards: Cards) -> Drawing:
    """Left: how much of each project was a copy. Right: how much of what is held out was met in training."""
    held_out = [
        (name, split, project, share)
        for name, card in cards.items()
        for split in ("validation", "test")
        for project, share in card["overlap"][f"{split} in train"]["projects"].items()
    ]
    figure, ((copies, met),) = canvas(2, width=8.0, height=max(4.6, 1.6 + 0.23 * len(held_out)))
    for name, card in cards.items():
        _draw_copies(copies, name, card)
    log_axis(copies, "x")
    copies.set_xlabel("characters read in the project")
    copies.set_ylabel("left out as repeats (% of them)")
    copies.set_title("near-duplicates, before", loc="left")
    seen = [share for *_, share in held_out if share > 0]
    edge = 10.0 ** np.floor(np.log10(min(seen, default=1e-5)) - 1)
    for row, (name, split, _, share) in enumerate(held_out):
        met.plot(
            max(share, edge) * 100,
            row,
            MARKERS[split],
            color=corpus_colour(name),
            fillstyle="full" if share else "none",
        )
    met.set_yticks(range(len(held_out)), [project for _, _, project, _ in held_out], fontsize="small")
    met.invert_yaxis()
    met.set_xlim(edge * 60, 100)
    log_axis(met, "x")
    met.set_xlabel("windows also met in training (%)")
    met.set_title("held-out projects, after (hollow: none)", loc="left")
    for name in cards:
        copies.plot([], [], "o", color=corpus_colour(name), label=corpus_name(name))
    for split, marker in MARKERS.items():
        copies.plot([], [], marker, color="0.4", linestyle="none", label=split)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw_copies(axes: Axes, name: str, card: Mapping[str, Any]) -> None:
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
        axes.plot(read[project, split], share, MARKERS.get(split, "x"), color=corpus_colour(name), alpha=0.75)
    worst = max(shares, key=lambda key: shares[key])
    if shares[worst] > 1:
        at = (read[worst], shares[worst])
        axes.annotate(worst[0], at, (0, 6), textcoords="offset points", fontsize="small", ha="center")


@drawn
def code_share(cards: Cards) -> Drawing:
    """Share of training characters on lines that look like code (%), by corpus and genre."""
    rows = [(name, row) for name, card in cards.items() for row in card["code_like"]["genres"]]
    rows.sort(key=lambda entry: (list(cards).index(entry[0]), entry[1]["share"]))
    figure, ((axes,),) = canvas(width=7.2, height=1.4 + 0.28 * len(rows))
    if not rows:
        empty_note(axes, "No training text was read.")
        return figure
    for at, (name, row) in enumerate(rows):
        share = 100 * row["share"]
        hatch = "////" if row["part"] == "technical" else ""
        axes.barh(at, share, color=corpus_colour(name), edgecolor="0.2", linewidth=0.6, hatch=hatch)
        axes.text(share + 1, at, f"{share:.2g} %", va="center", fontsize="small")
    labels = [f"{corpus_name(name)}: {row['genre']}" for name, row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize="small")
    axes.set_xlim(0, 100)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("characters on lines that look like code (%)")
    return figure


def passages(corpus: Corpus, *, count: int = 2, seed: int = 0, chars: int = 400) -> Prose:
    """Passages of the training text, one a project, only from projects whose licence allows it.

    `count` projects and the document in each are drawn by lot; a passage has about `chars` characters.
    """
    drawn_first: dict[str, tuple[bytes, Document]] = {}
    for document in _quotable(corpus):
        place = lot(f"{seed}/{document.source}/{document.path}")
        if document.source not in drawn_first or place < drawn_first[document.source][0]:
            drawn_first[document.source] = place, document
    chosen = sorted(drawn_first.values(), key=lambda entry: entry[0])[:count]
    if not chosen:
        return Prose("No project of this corpus has a licence that lets a passage be printed here.")
    return Prose("\n\n".join(_quoted(document, seed, chars) for _, document in chosen))


def lines_like_code(corpus: Corpus, *, count: int = 8, seed: int = 0) -> Prose:
    """Lines of the training text that the measure takes for code, drawn by lot from quotable documents."""
    share = SAMPLE_CHARS / max(corpus.characters("train"), SAMPLE_CHARS)
    lines = {
        textwrap.shorten(f"{document.source}: {line.strip()}", 72, placeholder=" …")
        for document in _quotable(corpus)
        if int.from_bytes(lot(f"{seed}/{document.source}/{document.path}")) < share * 2**64
        for line in document.text.split("\n")
        if line.strip() and looks_like_code(line.strip())
    }
    chosen = sorted(lines, key=lambda line: lot(f"{seed}/{line}"))[:count]
    return Prose(_fenced("\n".join(chosen) or "none in the documents that may be quoted"))


def _quotable(corpus: Corpus) -> Iterator[Document]:
    return (document for document in corpus.documents("train") if document.licence in REDISTRIBUTABLE)


def _quoted(document: Document, seed: int, chars: int) -> str:
    """A passage of whole lines from somewhere in a document, with its source."""
    random = np.random.default_rng((seed, len(document.text)))
    start = document.text.rfind("\n", 0, int(random.integers(max(1, len(document.text) - chars))) + 1) + 1
    piece = document.text[start : start + chars]
    if document.part == "code":
        piece = piece[: max(piece.rfind("\n"), 80)]
    else:
        whole = piece[: max(piece.rfind(" "), piece.rfind("\n"), 80)].rstrip() + " …"
        piece = "\n".join(textwrap.fill(line, 72, break_on_hyphens=False) for line in whole.split("\n"))
    said = f"**{document.source}** ({document.genre}; {document.licence}), `{document.path}`:"
    return f"{said}\n\n{_fenced(piece)}"


def _fenced(text: str) -> str:
    return f"~~~~~~text\n{text}\n~~~~~~"


def download(cards: Cards) -> Prose:
    """The cards as one JSON file to download."""
    data = base64.b64encode(json.dumps(cards, ensure_ascii=False, indent=1).encode()).decode()
    link = f'<a download="cards.json" href="data:application/json;base64,{data}">Download cards.json</a>'
    return Prose(f"{link}: everything this chapter draws, by corpus, split and project.")
