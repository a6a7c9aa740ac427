"""Recipes: what a corpus is made of, as a value.

`recipes(tier)` are the project's three corpora (English, Python, other code) from wheels pinned by hash in
`manifest.json`; tiers add up. A recipe of your own names a folder or a dataset instead.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib import resources
from typing import Any

from transferlaws.corpora.cleaning import CLEANING_VERSION
from transferlaws.corpora.documents import Origin
from transferlaws.corpora.wheels import Take, Wheel
from transferlaws.errors import TransferLawsError, UsageError

TIERS = ("smoke", "laptop", "workstation")
KINDS = ("text", "code")


@dataclass(frozen=True)
class CorpusRecipe:
    """A corpus to prepare: its origins, its kind of text, and caps in characters on genres or projects.

    `caps` limit, in each split, how much of a genre or project enters (drawn by lot among its documents).
    `biases` are known leanings of the text, in sentences, for the data card. `cleaning` is the version of the
    rules by which files are read, cleaned and compared.
    """

    name: str
    origins: tuple[Origin, ...]
    kind: str = "text"
    caps: Mapping[str, int] = field(default_factory=dict)
    biases: tuple[str, ...] = ()
    cleaning: int = CLEANING_VERSION

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-]+", self.name):
            raise TransferLawsError(f"CorpusRecipe.name takes letters, digits, - and _, not {self.name!r}")
        if self.kind not in KINDS:
            raise TransferLawsError(f"CorpusRecipe.kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if not self.origins:
            raise TransferLawsError(f"recipe {self.name} has no origins")
        if not 1 <= self.cleaning <= CLEANING_VERSION:
            raise TransferLawsError(
                f"CorpusRecipe.cleaning is 1 to {CLEANING_VERSION}, not {self.cleaning!r}"
            )
        if any(most < 1 for most in self.caps.values()):
            raise TransferLawsError(f"recipe {self.name}: caps are numbers of characters, at least 1")

    def describe(self) -> dict[str, Any]:
        """Everything that determines the cleaned text, as JSON."""
        return {
            "cleaning": self.cleaning,
            "kind": self.kind,
            "caps": dict(sorted(self.caps.items())),
            "sources": [origin.describe() for origin in self.origins],
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the description: equal fingerprints give equal text."""
        return sha256(json.dumps(self.describe(), sort_keys=True).encode()).hexdigest()


def recipes(tier: str) -> dict[str, CorpusRecipe]:
    """The corpora `english`, `python` and `othercode` of a tier: smoke, laptop or workstation."""
    if tier not in TIERS:
        raise UsageError(f"a tier is {', '.join(TIERS)}, not {tier!r}")
    manifest = json.loads(resources.files(__package__).joinpath("manifest.json").read_text("utf-8"))
    included = TIERS[: TIERS.index(tier) + 1]
    return {
        name: CorpusRecipe(
            name,
            tuple(
                _wheel(entry)
                for entry in manifest["wheels"]
                if entry["corpus"] == name and entry["tier"] in included
            ),
            **{**about, "biases": tuple(about["biases"]), "cleaning": 1},
        )
        for name, about in manifest["corpora"].items()
    }


def _wheel(entry: dict[str, Any]) -> Wheel:
    fields = {name: value for name, value in entry.items() if name not in ("corpus", "tier", "takes")}
    takes = (
        Take(**{**take, "files": tuple(take["files"]), "fields": tuple(take.get("fields", ()))})
        for take in entry["takes"]
    )
    return Wheel(**fields, takes=tuple(takes))
