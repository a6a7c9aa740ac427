"""The tiny study, empty and trained, for the tests that need one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tiny import make_tiny_study
from transferlaws import Study

# Few tests that take long: begun first, or one process waits for the other at the end.
LONG = (
    "test_sweep",
    "test_durability",
    "test_results",
    "test_own",
    "test_sizing",
    "test_faults",
    "test_noise",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture(scope="session")
def study_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study-cache")


@pytest.fixture
def tiny_study(tmp_path: Path, study_cache: Path) -> Study:
    """An empty study of its own."""
    return make_tiny_study(tmp_path, study_cache)


@pytest.fixture(scope="session")
def trained_study(tmp_path_factory: pytest.TempPathFactory, study_cache: Path) -> Study:
    """The tiny study with every run trained, without interruption. Read only."""
    study = make_tiny_study(tmp_path_factory.mktemp("trained"), study_cache)
    swept = study.ensure(jobs=2, progress=False)
    assert not swept.failed
    return study


@pytest.fixture
def trained_copy(trained_study: Study, tmp_path: Path, study_cache: Path) -> Callable[[], Study]:
    """Makes copies of the trained study that a test may damage."""
    import shutil

    def copy() -> Study:
        shutil.copytree(trained_study.store.path, tmp_path / "runs" / "tiny", dirs_exist_ok=True)
        return make_tiny_study(tmp_path, study_cache)

    return copy
