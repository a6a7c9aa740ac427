"""The tiny study, empty and trained, for the tests that need one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tiny import make_tiny_study
from transferlaws import Study


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
