"""Sentences and tables that a result decides, one file an idea, each said once.

A table, a fit or a comparison in, Markdown out that claims no more than it shows: `prose.law.verdict(fit)`.
"""

from transferlaws.prose import (
    audit,
    cells,
    checklist,
    comparison,
    compute,
    corpora,
    decisions,
    encodings,
    evidence,
    law,
    moat,
    numbers,
    ossification,
    pairs,
    pretraining,
    runs,
    since,
    sources,
    study,
    tokens,
    verdicts,
    yours,
)
from transferlaws.prose.numbers import Prose

__all__ = [
    "Prose",
    "audit",
    "cells",
    "checklist",
    "comparison",
    "compute",
    "corpora",
    "decisions",
    "encodings",
    "evidence",
    "law",
    "moat",
    "numbers",
    "ossification",
    "pairs",
    "pretraining",
    "runs",
    "since",
    "sources",
    "study",
    "tokens",
    "verdicts",
    "yours",
]
