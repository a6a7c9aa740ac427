"""From shards to a corpus: hold projects out, remove what repeats, cap, cut excerpts, write.

One process, one fixed order (test, validation, training; then project by project), so that what is held
out is never what training has seen, and the bytes are the same on every machine.
"""

import json
import os
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BufferedWriter
from pathlib import Path
from typing import Any

import numpy as np

from transferlaws.corpora.cleaning import SHORTEST_CHARS
from transferlaws.corpora.corpus import SCHEMA
from transferlaws.corpora.documents import PARTS, SPLITS
from transferlaws.corpora.duplicates import Copies, Sentences
from transferlaws.corpora.recipe import CorpusRecipe
from transferlaws.corpora.shards import Row, recut, rows, signatures
from transferlaws.corpora.splits import cut, hold_out, within
from transferlaws.errors import TransferLawsError
from transferlaws.files import write_atomic

COPY = "copy of another document"
FEWEST_PIECES = 10  # documents are cut until there are as many, where they are too few to hold any out
PIECE_LEAST = 1_000  # characters of such a piece
MOST_REASONS = 6  # named in a message
LEAST_HELD_OUT = 0.025  # share of the text that test and validation must hold each, and
MOST_HELD_OUT = 0.5  # both together may hold: else smaller units than projects are held out

_ORDER = ("test", "validation", "train")


def assemble(recipe: CorpusRecipe, shards: list[Path], home: Path) -> None:
    """Write the corpus of `recipe` into the new folder `home`, from its sources' shards in their order.

    Raises TransferLawsError if there is no text, or too little to hold any out.
    """
    home.mkdir()
    index = [row for number, shard in enumerate(shards) for row in rows(shard, number)]
    if recipe.cleaning > 1:
        _mark_equals(index, shards)
    split_by = _hold_out(index, recipe, shards)
    index.sort(key=lambda row: (_ORDER.index(row.split), row.project, row.shard, row.number))
    pool = home.parent / "pool.txt"
    with pool.open("wb") as file:
        _remove_repeats(index, shards, recipe, file)
    _cap(index, recipe)
    files: dict[str, dict[str, Any]] = {}
    for split in SPLITS:
        kept = [row for row in index if row.split == split and not row.reason]
        if not kept:
            raise TransferLawsError(f"{recipe.name}: no text is left for {split}{_left_out(index)}")
        files |= _write_split(home, split, kept, pool)
    meta: dict[str, Any] = {
        "schema": SCHEMA,
        "name": recipe.name,
        "kind": recipe.kind,
        "fingerprint": recipe.fingerprint,
        "parts": list(PARTS),
        "split_by": split_by,
        "biases": list(recipe.biases),
        "projects": _projects(index),
        "files": files,
    }
    if recipe.cleaning > 1:
        meta["cleaning"] = recipe.cleaning
    write_atomic(home / "meta.json", json.dumps(meta, indent=1, sort_keys=True, ensure_ascii=False))


def _mark_equals(index: list[Row], shards: list[Path]) -> None:
    """Give all but the first of equal documents their reason, before splits are made of what is left."""
    seen: set[bytes] = set()
    sketches = [signatures(shard) for shard in shards]
    for row in index:
        if not row.reason and not row.split:
            sketch = sketches[row.shard][row.number].tobytes()
            if sketch in seen:
                row.reason = COPY
            seen.add(sketch)


def _hold_out(index: list[Row], recipe: CorpusRecipe, shards: list[Path]) -> str:
    """Give rows without a split one; says whether projects, files or pieces of files were held out.

    Projects, unless they are too few or too unequal: two folders and a README beside them are three, of which
    the README would be what all losses are measured on.
    """
    if all(row.reason for row in index):
        raise TransferLawsError(f"{recipe.name}: no usable text{_left_out(index)}")
    units: tuple[tuple[str, Callable[[Row], str]], ...] = (
        ("project", lambda row: row.project),
        ("file", lambda row: row.file),
        ("piece", lambda row: row.path),
    )
    possible: tuple[str, Callable[[Row], str], dict[str, str]] | None = None
    for name, unit in units:
        free = [row for row in index if not row.reason and not row.split]
        if not free:
            return units[0][0]
        if name == "piece" and len(free) < FEWEST_PIECES:
            free = _recut(index, free, recipe, shards)
        sizes: Counter[str] = Counter()
        for row in free:
            sizes[unit(row)] += row.chars
        if len(sizes) >= 3:
            splits = hold_out(sizes)
            held = Counter[str]()
            for key, chars in sizes.items():
                held[splits[key]] += chars
            least = min(held["test"], held["validation"]) / held.total()
            fits = least >= LEAST_HELD_OUT and held["train"] >= (1 - MOST_HELD_OUT) * held.total()
            if fits or possible is None:
                possible = name, unit, splits
            if fits:
                break
    if possible is None:
        raise TransferLawsError(
            f"{recipe.name}: {sum(row.chars for row in free):,} usable characters are too little to hold any "
            f"out; it takes at least three documents, better three projects (sub-folders){_left_out(index)}"
        )
    name, unit, splits = possible
    for row in index:
        row.split = row.split or splits.get(unit(row), "train")
    return name


def _recut(index: list[Row], free: list[Row], recipe: CorpusRecipe, shards: list[Path]) -> list[Row]:
    """Cut the few documents of a corpus into pieces that can be held out, in `index` and as returned."""
    chars = max(PIECE_LEAST, sum(row.chars for row in free) // (4 * FEWEST_PIECES))
    made: list[Row] = []
    for number, shard in enumerate(shards):
        made += recut(
            shard, [row for row in free if row.shard == number], recipe.kind, recipe.cleaning, chars
        )
    gone = set(map(id, free))
    index[:] = [row for row in index if id(row) not in gone] + made
    return made


def _remove_repeats(index: list[Row], shards: list[Path], recipe: CorpusRecipe, pool: BufferedWriter) -> None:
    """Write what does not repeat to `pool`; rows then point there, and copies carry their reason."""
    copies, sentences = Copies(), Sentences(recipe.cleaning)
    sketches = [signatures(shard) for shard in shards]
    texts = [shard.with_suffix(".txt").open("rb") for shard in shards]
    try:
        for row in index:
            if row.reason:
                continue
            if copies.is_copy(sketches[row.shard][row.number]):
                row.reason = COPY
                continue
            texts[row.shard].seek(row.start)
            data = texts[row.shard].read(row.stop - row.start)
            if recipe.kind == "text":
                before = data.decode()
                text = sentences.without_repeats(before)
                short = len(text) < SHORTEST_CHARS
                if short and (recipe.cleaning == 1 or 2 * len(text) < len(before) or not text):
                    row.reason = "its sentences occur elsewhere"
                    continue
                data, row.chars = text.encode(), len(text)
            row.start = pool.tell()
            row.stop = row.start + pool.write(data)
    finally:
        for file in texts:
            file.close()


def _cap(index: list[Row], recipe: CorpusRecipe) -> None:
    """Mark rows beyond the caps on genres and projects."""
    for name, most in recipe.caps.items():
        for split in SPLITS:
            here = {
                f"{row.project}/{row.path}": row
                for row in index
                if row.split == split and not row.reason and name in (row.genre, row.project)
            }
            kept = within({key: row.chars for key, row in here.items()}, most)
            for key, row in here.items():
                if key not in kept:
                    row.reason = f"beyond the cap on {name}"


def _write_split(home: Path, split: str, kept: list[Row], pool: Path) -> dict[str, dict[str, Any]]:
    """Write a split's text, documents and excerpts; their sizes and hashes."""
    excerpts = array("q")  # four numbers each: as tuples, those of a gigabyte would take as much memory
    text_file, index_file = home / f"{split}.txt", home / f"{split}.documents.jsonl"
    with (
        pool.open("rb") as source,
        text_file.open("wb") as out,
        index_file.open("w", encoding="utf-8", newline="\n") as index,
    ):
        for row in kept:
            source.seek(row.start)
            data = source.read(row.stop - row.start)
            start = out.tell()
            out.write(data)
            for piece in cut(data.decode()):
                stop = start + len(piece.encode())
                excerpts.extend((start, stop, len(piece), PARTS.index(row.part)))
                start = stop
            described = {name: getattr(row, name) for name in ("path", "part", "licence", "genre")}
            place = {"start": out.tell() - len(data), "stop": out.tell(), "chars": row.chars}
            # "source" is the project: its name in corpora prepared before it was called so.
            line = {"source": row.project, **described, **place}
            index.write(json.dumps(line, ensure_ascii=False) + "\n")
    np.save(home / f"{split}.excerpts.npy", np.array(excerpts, np.int64).reshape(-1, 4))
    return {path.name: _sealed(path) for path in (text_file, index_file, home / f"{split}.excerpts.npy")}


def _sealed(path: Path) -> dict[str, Any]:
    """Flush a file to disk; its size and hash."""
    digest = sha256()
    with path.open("rb+") as file:
        while block := file.read(1 << 20):
            digest.update(block)
        os.fsync(file.fileno())
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}


def _projects(index: list[Row]) -> list[dict[str, Any]]:
    """What was read, kept and dropped, by project and kind of content."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in index:
        groups[row.project, row.split, row.part, row.genre, row.licence].append(row)
    return [
        dict(zip(("project", "split", "part", "genre", "licence"), key, strict=True))
        | {
            "documents": sum(not row.reason for row in group),
            "chars": sum(row.chars for row in group if not row.reason),
            "dropped": dict(_dropped(group)),
        }
        | ({"notes": notes} if (notes := dict(_noted(group))) else {})
        for key, group in sorted(groups.items())
    ]


def _dropped(group: list[Row]) -> Iterator[tuple[str, dict[str, int]]]:
    for reason in sorted({row.reason for row in group} - {""}):
        chars = [row.chars for row in group if row.reason == reason]
        yield reason, {"documents": len(chars), "chars": sum(chars)}


def _noted(group: list[Row]) -> Iterator[tuple[str, dict[str, int]]]:
    """What is to be said of how kept documents were read."""
    notes = [(note, row.chars) for row in group if not row.reason for note in row.note.split("; ") if note]
    for said in sorted({note for note, _ in notes}):
        chars = [count for note, count in notes if note == said]
        yield said, {"documents": len(chars), "chars": sum(chars)}


def _left_out(index: list[Row]) -> str:
    """What was left out and why, for a message: the commonest reasons."""
    counts = Counter(row.reason for row in index if row.reason).most_common(MOST_REASONS)
    said = "; ".join(f"{count:,} document{'s' * (count != 1)}: {reason}" for reason, count in counts)
    return f" (left out: {said})" if said else ""
