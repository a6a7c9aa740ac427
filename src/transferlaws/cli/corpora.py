"""Verbs about text: fetch a scale's corpora, print their data cards."""

import json as jsonlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transferlaws.cli.output import say


def fetch(scale: str = "smoke", jobs: int = 2, json: bool = False) -> None:
    """Download a scale's corpora by hash, clean and split them, and turn them into tokens.

    What is in the cache already is not done again ($TRANSFERLAWS_CACHE says where that is).

    Example: transferlaws corpora fetch --scale laptop

    Args:
        scale: smoke, laptop, workstation or paper.
        jobs: Processes that read and clean.
        json: Print one JSON document.
    """
    from transferlaws.corpora import SPLITS
    from transferlaws.study import Study
    from transferlaws.tokens import encode

    study = Study.open(scale)
    corpora, tokenizer = study.corpora(jobs=jobs), study.tokenizer()
    encoded = {
        name: {split: encode(corpus, split, None, 0, tokenizer) for split in SPLITS}
        for name, corpus in corpora.items()
    }
    if json:
        answer = {
            name: {
                "path": str(corpora[name].path),
                "fingerprint": corpora[name].fingerprint,
                "splits": {
                    split: {
                        "characters": data.n_chars,
                        "tokens": data.n_tokens,
                        "tokens_file": str(data.path),
                    }
                    for split, data in splits.items()
                },
            }
            for name, splits in encoded.items()
        }
        say(jsonlib.dumps(answer, indent=1))
        return
    say(f"{'corpus':<10} {'split':<10} {'characters':>13} {'tokens':>12} {'tokens/char':>12}")
    for name, splits in encoded.items():
        for split, data in splits.items():
            say(
                f"{name:<10} {split:<10} {data.n_chars:>13,} {data.n_tokens:>12,}"
                f" {data.tokens_per_char:>12.3f}"
            )
    say(f"in {study.cache}")


def card(scale: str = "smoke", jobs: int = 2, json: bool = False, out: Path | None = None) -> None:
    """Print or write the data cards of a scale's corpora: sizes, licences, overlap, code in the text.

    Example: transferlaws corpora card --scale laptop --out cards.json

    Args:
        scale: smoke, laptop, workstation or paper.
        jobs: Processes that read and clean what is not prepared yet.
        json: Print the cards as one JSON document.
        out: Write the cards as JSON to this file.
    """
    from transferlaws.corpora.card import card as card_of
    from transferlaws.files import write_atomic
    from transferlaws.study import Study

    cards = {name: card_of(corpus) for name, corpus in Study.open(scale).corpora(jobs=jobs).items()}
    document = jsonlib.dumps(cards, indent=1, ensure_ascii=False)
    if out is not None:
        write_atomic(out, document + "\n")
        say(out)
    elif json:
        say(jsonlib.dumps(cards, indent=1))
    else:
        say("\n\n".join(_readable(made) for made in cards.values()))


def _readable(card: Mapping[str, Any]) -> str:
    """A data card for a terminal."""
    lines = [f"{card['name']} ({card['kind']}, {card['fingerprint'][:16]})"]
    for split, size in card["splits"].items():
        counts = f"{size['documents']:,} documents, {size['projects']} projects"
        lines.append(f"  {split:<12} {size['characters']:>13,} characters  {counts}")
    for heading, rows, what in (
        ("made of", card["composition"], "genre"),
        ("licences", card["licences"], "licence"),
        ("removed", card["removed"], "reason"),
        ("read", card.get("notes", ()), "reason"),
    ):
        lines += [f"  {heading}"] * bool(rows)
        lines += [f"  {row['characters']:>13,}  {row[what]}{_documents(row)}" for row in rows]
    lines.append(f"  overlap, windows of {card['overlap']['window']}")
    lines += [
        f"  {compared['share']:>13.3%}  of {pair}"
        for pair, compared in card["overlap"].items()
        if pair != "window"
    ]
    lines.append(f"  looks like code: {card['code_like']['share']:.1%} of training")
    return "\n".join([*lines, "  known leanings", *(f"  - {bias}" for bias in card["biases"])])


def _documents(row: Mapping[str, Any]) -> str:
    return f" ({row['documents']:,} documents)" if "documents" in row else ""


VERBS: dict[str, Callable[..., Any]] = {"corpora fetch": fetch, "corpora card": card}
