"""Text of your own: a folder on this machine, or a Hugging Face dataset.

Both stream: files are read in pieces and datasets row by row, so their size does not matter. Projects (the
first-level sub-folders, or the values of a dataset's column) are held out for validation and test whole.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from transferlaws.corpora.documents import PARTS, Document
from transferlaws.corpora.formats import Part, documents_in
from transferlaws.corpora.readers import CUT, in_pieces
from transferlaws.corpora.walk import CLOSED, Found, open_regular, printable, summary, walk
from transferlaws.errors import TransferLawsError
from transferlaws.files import sha256_file


@dataclass(frozen=True)
class Folder:
    """Files of a folder that match `globs`; each first-level sub-folder (or file beside them) is a project.

    A single file is a folder of one. Hidden files, links, and what is no regular file stay out, as do the
    folders `without` (such as the one a study writes to); everything left out is counted. Of records,
    `fields` are read. The description holds every file's hash, so that a changed folder is another corpus.
    """

    path: Path
    globs: tuple[str, ...] = ("**/*",)
    licence: str = "unknown"
    part: str = ""
    genre: str = "folder"
    fields: tuple[str, ...] = ()
    without: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        _check_part(self.part)

    @cached_property
    def _found(self) -> Found:
        if self.path.is_file():
            return Found((self.path.name,), ())
        if not self.path.is_dir():
            raise TransferLawsError(f"{self.path} is not a folder")
        return walk(self.path, self.globs, self.without)

    @property
    def _root(self) -> Path:
        return self.path.parent if self.path.is_file() else self.path

    @property
    def files(self) -> tuple[str, ...]:
        """Relative paths of the files taken, sorted; raises TransferLawsError if there are none."""
        if not self._found.files:
            other = "; ".join(summary(self._found.left_out))
            left_out = f" (left out: {other})" if other else ""
            raise TransferLawsError(
                f"{self.path} holds no file that matches {', '.join(self.globs)}{left_out}"
            )
        return self._found.files

    def describe(self) -> dict[str, Any]:
        """Names and hashes of its files."""
        described = {"folder": {file: self._hash(file) for file in self.files}, "licence": self.licence}
        described |= {"part": self.part, "genre": self.genre}
        return described | ({"fields": list(self.fields)} if self.fields else {})

    def _hash(self, file: str) -> str:
        try:
            with open_regular(self._root / file) as stream:
                digest = hashlib.sha256()
                while block := stream.read(1 << 20):
                    digest.update(block)
                return digest.hexdigest()
        except OSError:
            return CLOSED

    def documents(self, cache: Path, kind: str) -> Iterator[Document]:  # noqa: ARG002
        """Raw documents, in the order of their paths, after what is left out."""
        for path, reason in self._found.left_out:
            yield self._document(Part("", reason=reason), path, kind)
        for file in self.files:
            try:
                with open_regular(self._root / file) as stream:
                    for part in documents_in(stream, file, kind, self.fields):
                        yield self._document(part, file, kind)
            except OSError:
                yield self._document(Part("", reason=CLOSED), file, kind)

    def _document(self, part: Part, file: str, kind: str) -> Document:
        return Document(
            part.text,
            printable(file.split("/", 1)[0]),
            printable(file) + part.label,
            _part(self.part, kind),
            self.licence,
            self.genre,
            piece=part.piece,
            reason=part.reason,
            note=part.note,
        )


@dataclass(frozen=True)
class HuggingFace:
    """Rows of a Hugging Face dataset, streamed; needs the `datasets` package (`transferlaws[hub]`).

    `dataset` is a name on the hub, or "parquet", "json", "text" with `files` on this machine. `column` holds
    the text, `project` (optional) the column whose values are held out whole; without it each row stands for
    itself. `limit_chars` stops early. Pin `revision` to a commit to get the same text for ever.
    """

    dataset: str
    column: str = "text"
    project: str = ""
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    files: tuple[str, ...] = ()
    limit_chars: int | None = None
    licence: str = "unknown"
    part: str = ""
    genre: str = "dataset"

    def __post_init__(self) -> None:
        _check_part(self.part)

    def describe(self) -> dict[str, Any]:
        """Name, revision and columns; hashes of local files."""
        described = {name: value for name, value in vars(self).items() if name != "files"}
        try:
            return described | {"files": [sha256_file(Path(file)) for file in self.files]}
        except OSError as error:
            raise TransferLawsError(f"cannot read {error.filename}: {error.strerror}") from error

    def documents(self, cache: Path, kind: str) -> Iterator[Document]:
        """Raw documents, row by row."""
        chars = 0
        for number, row in enumerate(self._rows(cache)):
            if self.column not in row or (self.project and self.project not in row):
                wanted = f"{self.column!r} and {self.project!r}" if self.project else repr(self.column)
                raise TransferLawsError(
                    f"dataset {self.dataset} needs columns {wanted}; it has {', '.join(row)}"
                )
            text = row[self.column] if isinstance(row[self.column], str) else ""
            project = str(row[self.project]) if self.project else _lot(text)
            for piece, piece_text in enumerate(in_pieces([text])):
                path = f"{number}#{piece}" if piece else str(number)
                yield Document(
                    piece_text,
                    project,
                    path,
                    _part(self.part, kind),
                    self.licence,
                    self.genre,
                    piece=piece,
                    note=CUT if piece else "",
                )
            chars += len(text)
            if self.limit_chars is not None and chars >= self.limit_chars:
                return

    def _rows(self, cache: Path) -> Iterator[dict[str, Any]]:
        try:
            import datasets
        except ImportError as error:
            raise TransferLawsError(
                "Hugging Face datasets need the package `datasets`: pip install 'transferlaws[hub]'"
            ) from error
        datasets.disable_progress_bars()
        try:
            rows = datasets.load_dataset(
                self.dataset,
                self.config,
                split=self.split,
                revision=self.revision,
                data_files=list(self.files) or None,
                streaming=True,
                cache_dir=str(cache / "datasets"),
            )
            yield from rows
        except Exception as error:  # the hub's client raises many kinds; all of them mean: no rows
            reason = str(error).strip().split("\n")[0][:200]
            raise TransferLawsError(f"cannot read dataset {self.dataset}: {reason}") from error


def _check_part(part: str) -> None:
    if part not in ("", *PARTS):
        raise TransferLawsError(f"part must be one of {', '.join(PARTS)}, not {part!r}")


def _part(part: str, kind: str) -> str:
    """The part asked for; by default what the recipe's kind of text suggests."""
    return part or ("code" if kind == "code" else "prose")


def _lot(text: str) -> str:
    """One of 100 lots that a row without a project falls into, by its text (so copies share a lot)."""
    return (
        f"lot {int.from_bytes(hashlib.blake2b(text.encode(errors='replace'), digest_size=4).digest()) % 100}"
    )
