"""Text of your own: a folder on this machine, or a Hugging Face dataset.

Both stream: files are read in pieces and datasets row by row, so their size does not matter. Projects (the
first-level sub-folders, or the values of a dataset's column) are held out for validation and test whole.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from transferlaws.corpora.documents import PARTS, Document
from transferlaws.corpora.patterns import matches
from transferlaws.corpora.readers import PIECE_CHARS, read
from transferlaws.errors import TransferLawsError
from transferlaws.files import sha256_file


@dataclass(frozen=True)
class Folder:
    """Files of a folder that match `globs`; each first-level sub-folder (or file beside them) is a project.

    Hidden files and links are left out. Its description holds every file's hash, so that a changed folder is
    a different corpus.
    """

    path: Path
    globs: tuple[str, ...] = ("**/*",)
    licence: str = "unknown"
    part: str = ""
    genre: str = "folder"

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        _check_part(self.part)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Relative paths of the files taken, sorted; raises TransferLawsError if there are none."""
        if not self.path.is_dir():
            raise TransferLawsError(f"{self.path} is not a folder")
        found: list[str] = []
        for folder, inside, names in os.walk(self.path):
            inside[:] = [name for name in inside if not name.startswith(".")]
            for name in names:
                file = Path(folder, name)
                relative = file.relative_to(self.path).as_posix()
                if not name.startswith(".") and not file.is_symlink() and matches(relative, self.globs):
                    found.append(relative)
        if not found:
            raise TransferLawsError(f"{self.path} holds no file that matches {', '.join(self.globs)}")
        return tuple(sorted(found))

    def describe(self) -> dict[str, Any]:
        """Names and hashes of its files."""
        try:
            hashes = {file: sha256_file(self.path / file) for file in self.files}
        except OSError as error:
            raise TransferLawsError(f"cannot read {error.filename}: {error.strerror}") from error
        return {"folder": hashes, "licence": self.licence, "part": self.part, "genre": self.genre}

    def documents(self, cache: Path, kind: str) -> Iterator[Document]:  # noqa: ARG002
        """Raw documents, in the order of their paths."""
        for file in self.files:
            try:
                with (self.path / file).open("rb") as stream:
                    for number, text in enumerate(read(kind, stream, (), str(self.path / file))):
                        path = f"{file}#{number}" if number else file
                        yield Document(
                            text,
                            file.split("/", 1)[0],
                            path,
                            _part(self.part, kind),
                            self.licence,
                            self.genre,
                        )
            except OSError as error:
                raise TransferLawsError(f"cannot read {self.path / file}: {error.strerror}") from error


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
            step = PIECE_CHARS if kind == "text" else max(len(text), 1)
            for start in range(0, max(len(text), 1), step):
                path = f"{number}#{start}" if start else str(number)
                yield Document(
                    text[start : start + step],
                    project,
                    path,
                    _part(self.part, kind),
                    self.licence,
                    self.genre,
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
