"""What was read of a folder, kept and left out, in lines for a screen or a report; nothing vanishes unsaid.

Every document that did not enter has its reason. More than a tenth lost is a warning, and so is a held-out
text on which a loss cannot be measured well.
"""

from collections.abc import Iterator, Mapping

from transferlaws.corpora.card import counted
from transferlaws.corpora.corpus import Corpus
from transferlaws.corpora.documents import SPLITS
from transferlaws.corpora.walk import NEVER_TEXT

LOST = 0.1  # share of the documents or characters read that did not enter, from which it is a warning
MOST_REASONS = 12  # lines of them; the card has all
SMALL_HELD_OUT = 20_000
"""Characters of validation or test below which its size is a warning: some twenty excerpts."""

LEAST_HELD_OUT = 1_000
"""Characters of validation or test below which nothing can be measured: one excerpt."""

SAID_SHARE = 0.001
"""Share of the target's text found in a source from which it is said."""

MOST_SHARED = 0.1
"""Share of the target's text found in a source from which a study of them is refused."""


def account(corpus: Corpus) -> list[str]:
    """What became of a corpus's documents, line by line; what begins with "warning:" asks for a decision."""
    projects = corpus.meta["projects"]
    dropped = counted(projects, "dropped")
    kept = sum(group["documents"] for group in projects), sum(group["chars"] for group in projects)
    text = [row for row in dropped if row["reason"] not in NEVER_TEXT]
    read = (
        kept[0] + sum(row["documents"] for row in text),
        kept[1] + sum(row["characters"] for row in text),
    )
    lines = [
        f"{corpus.name}: {kept[0]:,} of {read[0]:,} documents kept, {kept[1]:,} of {read[1]:,} characters"
    ]
    lines += [f"{corpus.name}: left out, {row['reason']}: {_counts(row)}" for row in dropped[:MOST_REASONS]]
    if rest := dropped[MOST_REASONS:]:
        documents = sum(row["documents"] for row in rest)
        lines.append(f"{corpus.name}: left out for {len(rest)} other reasons: {documents:,} documents")
    lines += [f"{corpus.name}: {row['reason']}: {_counts(row)}" for row in counted(projects, "notes")]
    sizes = ", ".join(f"{corpus.characters(split):,} for {split}" for split in SPLITS)
    unit = {
        "project": "whole projects",
        "file": "whole files",
        "piece": "documents or pieces of the same files",
    }
    lines.append(f"{corpus.name}: {sizes} characters; {unit[corpus.meta['split_by']]} are held out")
    lost = max(1 - kept[0] / read[0], 1 - kept[1] / read[1])
    if lost > LOST:
        lines.append(
            f"warning: {100 * lost:.0f} % of {corpus.name} was left out (--source-kind and --target-kind say "
            "how folders are read)"
        )
    return lines + [f"warning: {said}" for said in _small(corpus)]


def _counts(row: Mapping[str, int]) -> str:
    documents = f"{row['documents']:,} document{'s' * (row['documents'] != 1)}"
    return f"{documents}, {row['characters']:,} characters" if row["characters"] else documents


def _small(corpus: Corpus) -> Iterator[str]:
    for split in ("validation", "test"):
        chars = corpus.characters(split)
        if chars < SMALL_HELD_OUT:
            yield (
                f"the {split} set of {corpus.name} has {chars:,} characters; below {SMALL_HELD_OUT:,}, "
                "losses depend on which passages these happen to be"
            )


def too_small(corpus: Corpus) -> str:
    """Why no loss can be measured on a corpus, or ""."""
    for split in ("validation", "test"):
        if corpus.characters(split) < LEAST_HELD_OUT:
            return (
                f"the {split} set of {corpus.name} has {corpus.characters(split):,} characters, and no loss "
                f"is measured on less than {LEAST_HELD_OUT:,}: it takes a larger folder"
            )
    return ""


def leaks(target: str, source: str, shared: Mapping[str, float]) -> str:
    """What `overlap.shared_text` found, in a sentence, or "" if it is next to nothing."""
    if max(shared.values()) < SAID_SHARE:
        return ""
    found = ", ".join(f"{100 * share:.3g} % of {split}" for split, share in shared.items())
    return f"{target} and {source} share passages: {found} of {target} occurs in what {source} trains on"
