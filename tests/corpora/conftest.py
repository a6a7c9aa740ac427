"""Prepared tiny corpora, and wheels made on the spot; nothing here needs a network."""

import zipfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from transferlaws.corpora import Corpus, CorpusRecipe, Folder, Take, Wheel, prepare

TEXTS = Path(__file__).parent.parent / "corpus"


def tiny_recipe(name: str) -> CorpusRecipe:
    return CorpusRecipe(name, (Folder(TEXTS / name),), kind="text" if name == "english" else "code")


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def english(shared_cache: Path) -> Corpus:
    return prepare(tiny_recipe("english"), shared_cache, jobs=1, progress=False)


@pytest.fixture(scope="session")
def python(shared_cache: Path) -> Corpus:
    return prepare(tiny_recipe("python"), shared_cache, jobs=1, progress=False)


@pytest.fixture
def make_wheel(tmp_path: Path) -> Callable[..., Wheel]:
    """Make a wheel of the given members in `folder`; its Wheel takes what `takes` says."""

    def make(
        members: Mapping[str, bytes | str],
        *takes: Take,
        folder: Path = tmp_path / "wheels",
        package: str = "tinytext",
    ) -> Wheel:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{package}-1.0-py3-none-any.whl"
        info = f"{package}-1.0.dist-info"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")
        data = path.read_bytes()
        return Wheel(package, "1.0", path.name, sha256(data).hexdigest(), len(data), "MIT", takes)

    return make
