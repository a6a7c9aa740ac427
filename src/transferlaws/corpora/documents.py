"""What walks through the corpora room: an origin, and the documents it gives.

An origin is anything that yields documents: a pinned wheel, a folder, a Hugging Face dataset. A document
belongs to one *project*, and projects go to training, validation or test as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

SPLITS = ("train", "validation", "test")
PARTS = ("prose", "technical", "code")


@dataclass(frozen=True)
class Document:
    """One document: its text, its project, its path there, part, licence and genre.

    `split` is the split its origin asks for, or "" where projects are held out by lot. `piece` counts the
    pieces of a file that was cut. `reason` is why its origin leaves it out, `note` what is to be said of how
    it was read; both are "" for most.
    """

    text: str
    project: str
    path: str
    part: str = "prose"
    licence: str = "unknown"
    genre: str = ""
    split: str = ""
    piece: int = 0
    reason: str = ""
    note: str = ""


class Origin(Protocol):
    """Where documents come from; equal descriptions give equal documents."""

    def describe(self) -> dict[str, Any]:
        """Everything that determines its documents, as JSON (part of a recipe's fingerprint)."""

    def documents(self, cache: Path, kind: str) -> Iterator[Document]:
        """Its raw documents, always in the same order; what is left out has no text, but a reason."""
