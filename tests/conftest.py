"""The tiny study, empty and trained, for the tests that need one."""

import fcntl
import os
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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test session share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def study_cache(shared: Path) -> Path:
    return shared / "study-cache"


@pytest.fixture
def tiny_study(tmp_path: Path, study_cache: Path) -> Study:
    """An empty study of its own."""
    return make_tiny_study(tmp_path, study_cache)


@pytest.fixture(scope="session")
def trained_study(shared: Path, study_cache: Path) -> Study:
    """The tiny study with every run trained, without interruption, once for all processes. Read only."""
    study = make_tiny_study(shared / "trained", study_cache)
    with (shared / "trained.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
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
