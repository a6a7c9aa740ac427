"""Labels in our words: the arm that is called scratch, and how a run ended."""

import pandas as pd

from transferlaws.errors import UsageError
from transferlaws.ingest.sheet import each, plain
from transferlaws.ingest.synonyms import SCRATCH, spelling
from transferlaws.laws import ENDING_OF, word


def known_arms(labels: pd.Series, source: str, scratch: str, notes: list[str]) -> pd.Series:
    """Arms with the one from scratch called `scratch`; UsageError if the one named is none of them."""
    words = {label: word(label) for label in labels.unique()}
    if scratch:
        if scratch not in words:
            shown = ", ".join(plain(label, 30) for label in list(words)[:8])
            raise UsageError(f"--scratch {plain(scratch)!r} is no label of {plain(source)!r}; it has {shown}")
        named = {label: "scratch" if label == scratch else label for label in words}
    else:
        truths = {"true", "1", "yes"}
        if set(words.values()) <= truths | {"false", "0", "no"}:
            inverted = "scratch" in spelling(source)[0][0]
            named = {
                label: "scratch" if (w in truths) == inverted else "pretrained" for label, w in words.items()
            }
        else:
            named = {
                label: "scratch" if w in SCRATCH or w in ("", "nan") else label for label, w in words.items()
            }
    taken = [
        plain(label, 30) or "nothing"
        for label, name in named.items()
        if name == "scratch" and label != "scratch"
    ]
    if taken:
        notes.append(f"arm: {', '.join(map(repr, taken))} taken as scratch (--scratch NAME if it is another)")
    if "scratch" not in named.values() and len(named) > 1:
        notes.append(
            f"arm: none of {', '.join(plain(x, 20) for x in list(named)[:6])} is known as scratch (--scratch "
            "NAME says which)"
        )
    return each(labels, lambda label: plain(named[str(label)], 200))


def known_statuses(words: pd.Series, notes: list[str]) -> pd.Series:
    """How runs ended as "ok", "failed oom", "running queued": our word, then theirs in one spelling."""
    known = {label: ENDING_OF.get(word(label), "") if label else "ok" for label in words.unique()}
    odd = [plain(label, 20) for label, status in known.items() if not status]
    if odd:
        notes.append(f"status: {', '.join(map(repr, odd[:4]))} not known; such runs count as ok")
    return each(words, lambda label: f"{known[str(label)] or 'ok'} {word(label)}".strip())
