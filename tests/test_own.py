"""Folders in; runs, laws and a decision out, in the names of whoever asks."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tiny import CORPUS, QUESTION, TINY
from transferlaws import Study, TransferLawsError
from transferlaws.cli import main
from transferlaws.design.presets import STUDIES, study_named
from transferlaws.reports import page
from transferlaws.reports.own import read_folders
from transferlaws.reports.page import write_report

OF_THE_PROJECT = re.compile(r"\b(english|python|text)\b", re.IGNORECASE)
GERMAN, DUTCH = {"german": CORPUS / "english"}, {"dutch": CORPUS / "othercode"}
VERILOG = ("verilog", CORPUS / "python")


@pytest.fixture(autouse=True)
def cache(study_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(study_cache))


def values(document: object) -> Iterator[str]:
    """Every string in a JSON document that is not a key."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        yield from (found for value in document.values() for found in values(value))
    elif isinstance(document, list):
        yield from (found for value in document for found in values(value))


def test_two_sources_become_a_report_in_their_own_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = replace(TINY, d_chars=(600, 1_200, 2_400, 10**9), d_chars_scratch=(5_000,), seeds=((10**9, 1),))
    folders = read_folders(GERMAN | DUTCH, VERILOG, tmp_path, QUESTION)
    study = folders.at_scale(scale)
    assert study.scale.d_chars == (600, 1_200, 2_400)  # cut to what the folder holds
    assert not study.ensure(jobs=1, progress=False).failed
    report = write_report(folders, study, bootstrap=50, seed=0).read_text("utf-8")
    elsewhere = re.sub(r'xmlns(:\w+)?="[^"]*"', "", report)
    assert not re.findall(r"https?://|<script|<link|src=", elsewhere)  # it opens from a mail
    assert set(study.table()["arm"]) == {"scratch", "german", "dutch"}
    results = tmp_path / "results" / "tiny"
    laws = json.loads((results / "laws.json").read_text("utf-8"))
    assert {row["source"] for row in laws["rows"]} == {"german", "dutch"}
    specs = [json.loads(line)["spec"] for line in (results / "specs.jsonl").read_text("utf-8").splitlines()]
    assert {share["corpus"] for spec in specs for share in spec["data"]} == {"german", "dutch", "verilog"}
    figure = "\n".join(re.findall(r"<!--(.*?)-->", report))
    assert "verilog" in figure and "german" in figure
    main(["predict", "--laws", str(results / "laws.json"), "--source", "german",
          "--n-params", "5e3", "--d-chars", "1e3"])  # fmt: skip
    said = {
        "report": re.sub(r"(?s)<svg.*?</svg>|<style.*?</style>|<!doctype html>", "", report),
        "account": (results / "README.md").read_text("utf-8"),
        "figure": figure,
        "laws": "\n".join(values(laws)),
        "specs": "\n".join(values(specs)),
        "table": (results / "runs.csv").read_text("utf-8").replace(", python 3", ""),
        "answers": "".join(capsys.readouterr()),
    }
    for place, words in said.items():
        assert not OF_THE_PROJECT.search(words.replace("held-out text", "")), place
    assert "paper" not in said["account"]
    without_law_of_dutch(results, monkeypatch)
    report = write_report(folders, study, bootstrap=50, seed=0).read_text("utf-8")
    assert "dutch</strong>: no law could be fitted: too few" in report
    decided = report.partition("Pre-train on dutch?")[2].partition("</section>")[0]
    assert "Measured here" in decided  # what was measured goes before any law


def without_law_of_dutch(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the fit of a study's second source fail, as it does where runs leave nothing to hold on to."""
    fit = Study.fit

    def failing(study: Study, *, source: str, **options: Any) -> Any:
        if source == "dutch":
            raise TransferLawsError("too few cells")
        return fit(study, source=source, **options)

    monkeypatch.setattr(Study, "fit", failing)
    monkeypatch.setattr(page, "freeze", lambda *_, **__: results)
    laws = json.loads((results / "laws.json").read_text("utf-8"))
    laws["rows"] = [row for row in laws["rows"] if row["source"] != "dutch"]
    (results / "laws.json").write_text(json.dumps(laws))


@pytest.mark.parametrize("name", STUDIES)
def test_every_scale_asks_about_own_corpora(tmp_path: Path, name: str) -> None:
    question, scale = study_named(name)
    tight = replace(scale, d_chars=(600, 1_200, 2_400), d_chars_scratch=(), tuning=TINY.tuning)
    study = read_folders(GERMAN, VERILOG, tmp_path, question).at_scale(tight)
    cells = study.cells()
    assert {cell.arm for cell in cells} == {"scratch", "german"}
    pretrained = {share.corpus for cell in cells if cell.spec and cell.role == "pretrain"
                  for share in cell.spec.data}  # fmt: skip
    assert pretrained == {"german"}
    tokenized = "verilog" if question.tokenization.corpus == question.target else "german"
    kind = "bytes" if name == "laptop-bytes" else "bpe"
    fingerprint = study.recipes[tokenized].fingerprint
    assert {cell.spec.tokenizer for cell in cells if cell.spec} == {f"{kind}:{fingerprint}"}


def test_a_folder_too_small_says_what_it_holds_and_what_is_needed(tmp_path: Path) -> None:
    scale = replace(TINY, d_chars=(600, 1_200, 10**9))
    with pytest.raises(TransferLawsError, match=r"holds [\d,]+ characters .* needs at least 1,000,000,000"):
        read_folders(GERMAN, VERILOG, tmp_path, QUESTION).at_scale(scale)
    with pytest.raises(TransferLawsError, match="absent"):
        read_folders({"german": tmp_path / "absent"}, VERILOG, tmp_path, QUESTION)


@pytest.mark.parametrize("sources", [{"verilog": CORPUS / "english"}, {"scratch": CORPUS / "english"}])
def test_names_that_mean_something_else_are_refused(tmp_path: Path, sources: dict[str, Path]) -> None:
    with pytest.raises(TransferLawsError, match=next(iter(sources))):
        read_folders(sources, VERILOG, tmp_path, QUESTION)
