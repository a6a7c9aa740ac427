"""Two folders in; runs, a law and a decision out."""

from dataclasses import replace
from pathlib import Path

import pytest

from tiny import CORPUS, TINY
from transferlaws import TransferLawsError
from transferlaws.reports.own import open_study, write_report


def test_two_folders_become_a_report(tmp_path: Path, study_cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(study_cache))
    scale = replace(TINY, d_chars=(600, 1_200, 2_400, 10**9), d_chars_scratch=(5_000,), seeds=((10**9, 1),))
    study = open_study(CORPUS / "english", CORPUS / "python", tmp_path, scale, "text", "code")
    assert study.scale.d_chars == (600, 1_200, 2_400)  # cut to what the folder holds
    assert not study.ensure(jobs=2, progress=False).failed
    text = write_report(study, tmp_path, bootstrap=50, seed=0).read_text("utf-8")
    assert f"{len(study.table())} runs" in text
    assert (tmp_path / "hero.svg").is_file()
    assert (tmp_path / "results" / "tiny" / "laws.json").is_file()


def test_a_folder_too_small_says_what_it_holds_and_what_is_needed(
    tmp_path: Path, study_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(study_cache))
    scale = replace(TINY, d_chars=(600, 1_200, 10**9))
    with pytest.raises(TransferLawsError, match=r"holds [\d,]+ characters .* needs at least 1,000,000,000"):
        open_study(CORPUS / "english", CORPUS / "python", tmp_path, scale, "text", "code")
    with pytest.raises(TransferLawsError, match="absent"):
        open_study(tmp_path / "absent", CORPUS / "python", tmp_path, scale, "text", "code")
