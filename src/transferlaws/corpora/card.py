"""The data card: what a corpus holds, computed from the text itself.

Sizes, composition, licences, what was removed and why, overlap between splits, how much looks like code, and
the leanings its makers know of (Gebru et al. 2021, "Datasheets for datasets"). A JSON document, kept beside
the corpus once computed.
"""

import json
from collections import Counter
from typing import Any

import numpy as np

from transferlaws.corpora.codelike import code_chars
from transferlaws.corpora.corpus import Corpus
from transferlaws.corpora.documents import SPLITS
from transferlaws.corpora.overlap import WINDOW, HeldOut, meet, overlap
from transferlaws.files import write_atomic

CARD_SCHEMA = 1


def card(corpus: Corpus) -> dict[str, Any]:
    """The data card of `corpus`, as JSON; reads all of its text the first time."""
    path = corpus.path / "card.json"
    if path.is_file():
        known: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if known.get("schema") == CARD_SCHEMA:
            return known
    made = _card(corpus)
    write_atomic(path, json.dumps(made, indent=1, ensure_ascii=False))
    return made


def _card(corpus: Corpus) -> dict[str, Any]:
    held_out = {split: HeldOut(corpus, split) for split in ("validation", "test")}
    code, total, non_ascii = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[str]()
    for split in SPLITS:
        for document in corpus.documents(split):
            non_ascii[split] += _non_ascii(document.text)
            if split == "train":
                found, chars = code_chars(document.text)
                code[document.part, document.genre] += found
                total[document.part, document.genre] += chars
                meet(document, list(held_out.values()))
    projects = corpus.meta["projects"]
    return {
        "schema": CARD_SCHEMA,
        "name": corpus.name,
        "kind": corpus.kind,
        "fingerprint": corpus.fingerprint,
        "split_by": corpus.meta["split_by"],
        "splits": {split: _split(corpus, split, non_ascii[split]) for split in SPLITS},
        "composition": _composition(projects),
        "projects": projects,
        "licences": _licences(projects),
        "removed": counted(projects, "dropped"),
        "notes": counted(projects, "notes"),
        "overlap": {
            "window": f"{WINDOW[corpus.kind]} {'lines' if corpus.kind == 'code' else 'words'}",
            "test in train": held_out["test"].result(),
            "validation in train": held_out["validation"].result(),
            "validation in test": overlap(corpus, "validation", corpus.documents("test")),
        },
        "code_like": {
            "share": sum(code.values()) / sum(total.values()),
            "genres": [
                {
                    "part": part,
                    "genre": genre,
                    "characters": total[part, genre],
                    "share": count / total[part, genre],
                }
                for (part, genre), count in sorted(code.items())
            ],
        },
        "biases": corpus.meta["biases"],
    }


def _non_ascii(text: str) -> int:
    return 0 if text.isascii() else sum(character > "\x7f" for character in text)


def _split(corpus: Corpus, split: str, non_ascii: int) -> dict[str, Any]:
    groups = [group for group in corpus.meta["projects"] if group["split"] == split and group["documents"]]
    excerpts = np.load(corpus.path / f"{split}.excerpts.npy", mmap_mode="r")
    characters = corpus.characters(split)
    return {
        "characters": characters,
        "bytes": corpus.meta["files"][f"{split}.txt"]["bytes"],
        "documents": sum(group["documents"] for group in groups),
        "projects": len({group["project"] for group in groups}),
        "excerpts": len(excerpts),
        "non_ascii_share": non_ascii / characters,
    }


def _composition(projects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Characters of training by part and genre, the largest first."""
    chars: Counter[tuple[str, str]] = Counter()
    for group in projects:
        if group["split"] == "train":
            chars[group["part"], group["genre"]] += group["chars"]
    whole = sum(chars.values())
    return [
        {"part": part, "genre": genre, "characters": count, "share": count / whole}
        for (part, genre), count in chars.most_common()
    ]


def _licences(projects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Characters of all splits by licence, the largest first."""
    chars: Counter[str] = Counter()
    for group in projects:
        chars[group["licence"]] += group["chars"]
    return [{"licence": licence, "characters": count} for licence, count in chars.most_common() if count]


def counted(projects: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    """What did not enter ("dropped") or was read in a special way ("notes"), by reason, the largest first."""
    documents: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    for group in projects:
        for reason, found in group.get(what, {}).items():
            documents[reason] += found["documents"]
            chars[reason] += found["chars"]
    return [
        {"reason": reason, "documents": documents[reason], "characters": count}
        for reason, count in chars.most_common()
    ]
