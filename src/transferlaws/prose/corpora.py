"""Corpora in words: where they come from, what they hold, what was met twice, and how much code is in them.

Functions take the cards of `transferlaws.corpora.card` by corpus name, or corpora to quote from. Passages
are quoted only from documents whose licence lets anybody print them, with their origin beside them.
"""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from transferlaws.corpora import SPLITS, TIERS, Corpus, Document, Wheel, recipes
from transferlaws.corpora.codelike import looks_like_code
from transferlaws.corpora.splits import lot
from transferlaws.design.question import UNTITLED, Titles
from transferlaws.escape import block, code, markdown
from transferlaws.laws.paper import CHARACTERS
from transferlaws.prose.numbers import Prose, listing, scientific
from transferlaws.prose.study import download as link

Cards = Mapping[str, Mapping[str, Any]]

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


def tiers(tier: str) -> Prose:
    """What each tier of the project's corpora downloads; everything else on a page is of one `tier`."""
    rows = []
    for name in TIERS:
        wheels = {
            w.filename: w.download_bytes
            for made in recipes(name).values()
            for w in made.origins
            if isinstance(w, Wheel)
        }
        megabytes = round(sum(wheels.values()) / 1e6)
        rows.append({"tier": name, "wheels": len(wheels), "download (MB)": megabytes})
    return Prose(
        f"{listing(rows)}\n\nEach larger tier contains the smaller ones. Every other number on this page is "
        f"of tier `{tier}`."
    )


def splits(cards: Cards, titles: Titles = UNTITLED) -> Prose:
    """Characters, documents, projects and excerpts of every split."""
    columns = ("characters", "documents", "projects", "excerpts")
    return listing(
        [
            {"corpus": titles.corpus(name), "split": split} | {c: card["splits"][split][c] for c in columns}
            for name, card in cards.items()
            for split in SPLITS
        ]
    )


def rows(cards: Cards, section: str, titles: Titles = UNTITLED) -> Prose:
    """A section of the cards, such as what was removed or the licences: its rows, corpus by corpus."""
    return listing(
        [{"corpus": titles.corpus(name), **row} for name, card in cards.items() for row in card[section]]
    )


def beside_paper(
    cards: Cards, papers: Mapping[str, str], titles: Titles = UNTITLED
) -> Iterator[tuple[str, str, str]]:
    """Rows of the box: characters of a corpus and of the paper's, by whose name it is in `papers`."""
    for name, key in papers.items():
        if name in cards:
            ours = cards[name]["splits"]["train"]["characters"]
            fewer = f"{ours:,} for training, {scientific(CHARACTERS[key] / ours)} times fewer"
            yield f"{titles.corpus(name)}, characters", scientific(CHARACTERS[key]), fewer


def composition(card: Mapping[str, Any], title: str) -> Prose:
    """What the largest parts of a corpus are, and how much of it is technical."""
    parts = card["composition"]
    technical = sum(row["share"] for row in parts if row["part"] == "technical")
    first, *others = ((markdown(row["genre"]), f"{100 * row['share']:.0f} %") for row in parts)
    second = f"; then {', '.join(others[0])}" if others else ""
    said = f"The largest part of the {title} is **{first[0]}**, {first[1]} of the characters{second}. "
    if technical:
        return Prose(f"{said}Technical documentation makes up {100 * technical:.0f} %.")
    return Prose(f"{said}There is no technical documentation at this tier.")


def passages(corpora: Iterable[Corpus], *, count: int = 2, seed: int = 0, chars: int = 400) -> Prose:
    """Passages of each training text, one a project, only from projects whose licence allows it.

    `count` projects and the document in each are drawn by lot; a passage has about `chars` characters.
    """
    quoted = []
    for corpus in corpora:
        drawn_first: dict[str, tuple[bytes, Document]] = {}
        for document in _quotable(corpus):
            place = lot(f"{seed}/{document.project}/{document.path}")
            if document.project not in drawn_first or place < drawn_first[document.project][0]:
                drawn_first[document.project] = place, document
        chosen = sorted(drawn_first.values(), key=lambda entry: entry[0])[:count]
        quoted += [_quoted(document, seed, chars) for _, document in chosen] or [
            "No project of this corpus has a licence that lets a passage be printed here."
        ]
    return Prose("\n\n".join(quoted))


def lines_like_code(corpus: Corpus, *, count: int = 8, seed: int = 0) -> Prose:
    """Lines of the training text that the measure takes for code, drawn by lot from quotable documents."""
    share = SAMPLE_CHARS / max(corpus.characters("train"), SAMPLE_CHARS)
    lines = {
        textwrap.shorten(f"{document.project}: {line.strip()}", 72, placeholder=" …")
        for document in _quotable(corpus)
        if int.from_bytes(lot(f"{seed}/{document.project}/{document.path}")) < share * 2**64
        for line in document.text.split("\n")
        if line.strip() and looks_like_code(line.strip())
    }
    chosen = sorted(lines, key=lambda line: lot(f"{seed}/{line}"))[:count]
    return Prose(block("\n".join(chosen) or "none in the documents that may be quoted"))


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
    about = f"{markdown(document.genre)}; {markdown(document.licence)}"
    said = f"**{markdown(document.project)}** ({about}), {code(document.path)}:"
    return f"{said}\n\n{block(piece)}"


def overlaps(cards: Cards, titles: Titles = UNTITLED) -> list[dict[str, Any]]:
    """How many windows of one split were met in another, in per cent, a row each pair of splits."""
    return [
        {
            "corpus": titles.corpus(name),
            "compared": pair,
            "window": card["overlap"]["window"],
            "windows": found["windows"],
            "met (%)": 100 * found["share"],
        }
        for name, card in cards.items()
        for pair, found in card["overlap"].items()
        if pair != "window"
    ]


def worst_overlap(found: Sequence[Mapping[str, Any]], titles: Titles = UNTITLED) -> Prose:
    """The largest overlap, and that between the target's test and training."""
    worst = max(found, key=lambda row: row["met (%)"])
    target = next(r for r in found if r["corpus"] == titles.target and r["compared"] == "test in train")
    return Prose(
        f"{target['met (%)']:.2g} % of the test's windows were met in training, of {titles.target}, the "
        f"target of every loss in this book. The largest overlap of two parts is {worst['met (%)']:.2g} %, "
        f"*{worst['compared']}* of the {markdown(worst['corpus'])} corpus; single projects may have more."
    )


def caught(cards: Cards, titles: Titles = UNTITLED) -> Prose:
    """What share of the characters of each corpus stands on lines that look like code."""
    shares = ", ".join(
        f"{100 * card['code_like']['share']:.0f} % of {markdown(titles.corpus(name))}"
        for name, card in cards.items()
    )
    return Prose(f"the rule caught {shares}.")


def hidden_code(
    flagged: float, caught: float, false_alarms: float, hidden: float, largest: int, text: str, code: str
) -> Prose:
    """How much of a `text` is like `code`, from shares that look like it, beside the `largest` data set.

    `flagged`, `caught` and `false_alarms` are shares of the text, of code and of plain prose; `hidden` is
    what they make of the text, in characters.
    """
    share = (flagged - false_alarms) / (caught - false_alarms)
    times = scientific(largest / hidden) if hidden > 0 else "unboundedly many"
    return Prose(
        f"$p$ = {100 * flagged:.2g} %, $c$ = {100 * caught:.2g} %, $f$ = {100 * false_alarms:.2g} %: by this "
        f"reading **{100 * share:.2g} %** of the {text}, or {scientific(hidden)} characters, is like {code} "
        f"files. The largest fine-tuning set of this scale has {scientific(largest)} characters, {times} "
        "times as many."
    )


def biases(cards: Cards, titles: Titles = UNTITLED) -> Prose:
    """The leanings that the makers of each corpus know of."""
    return Prose(
        "\n".join(
            f"- **{markdown(titles.corpus(name))}.** {' '.join(c['biases'])}" for name, c in cards.items()
        )
    )


def download(cards: Cards) -> Prose:
    """The cards as one JSON file to download."""
    data = json.dumps(cards, ensure_ascii=False, indent=1)
    said = link("cards.json", data, "application/json")
    return Prose(f"{said}: everything this chapter draws, by corpus, split and project.")
