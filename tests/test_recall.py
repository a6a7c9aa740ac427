"""What was fitted once is read back the same, by any process; a damaged or foreign file is not believed."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferlaws import TransferLawsError, laws, recall
from transferlaws.files import write_sealed
from transferlaws.laws import Design, Hernandez, plant

SMALL = Design(n_params=(3e3, 1e4, 4e4), d_chars=(1e3, 1e4, 1e5), seeds=2, d_scratch=(1e3, 1e4, 1e5, 1e6))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(tmp_path))
    yield tmp_path / "laws"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return plant(SMALL, {"text": Hernandez(k=40.0, alpha=0.4, beta=0.5)}, 0.02)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.json"))


def test_a_fit_from_disk_is_the_fit_itself(
    folder: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = laws.fit(table, "text", bootstrap=50)
    first = recall.fit(table, "text", bootstrap=50)
    assert len(kept(folder)) == 1

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("transferlaws.laws.estimators.transfer.fit", refuse)
    second = recall.fit(table.copy(), "text", bootstrap=50)
    for found in (first, second):
        assert found.to_row() == direct.to_row() and found.verdicts == direct.verdicts
        for name in ("cells", "samples", "residuals", "profile", "optima"):
            pd.testing.assert_frame_equal(getattr(found, name), getattr(direct, name))
        assert np.array_equal(
            found.predict_loss([3e3, 4e4], [2e3, 5e4]), direct.predict_loss([3e3, 4e4], [2e3, 5e4])
        )


def test_every_question_comes_back_as_it_was(folder: Path, table: pd.DataFrame) -> None:
    law = Hernandez(k=40.0, alpha=0.4, beta=0.5)
    asked = (
        lambda: recall.fit_form(laws.Chinchilla, table, bootstrap=50),
        lambda: recall.fit_curves(table, "pchip"),
        lambda: recall.effective_data(table, "text", bootstrap=20),
        lambda: recall.gain(table, "text"),
        lambda: recall.power(SMALL, law, 0.02, 1, bootstrap=50),
    )
    for ask in asked:
        count = len(kept(folder))
        first, second = ask(), ask()
        assert len(kept(folder)) == count + 1
        assert recall._plain(first) == recall._plain(second)


def test_what_changes_an_answer_changes_its_place(folder: Path, table: pd.DataFrame) -> None:
    recall.effective_data(table, "text", bootstrap=20)
    recall.effective_data(table, "text", bootstrap=21)
    recall.effective_data(table.assign(loss=table["loss"] + 1e-12), "text", bootstrap=20)
    assert len(kept(folder)) == 3


def test_code_that_changed_under_a_running_process_keeps_nothing(
    folder: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recall, "CODE", "of another day")
    assert len(recall.effective_data(table, "text", bootstrap=20)) == 9
    assert kept(folder) == [] and "has changed since it was loaded" in caplog.text


def test_a_refusal_is_kept_with_its_reason(folder: Path, table: pd.DataFrame) -> None:
    few = table[table["n_params"] == 3e3]
    reasons = []
    for _ in range(2):
        with pytest.raises(TransferLawsError, match="two sizes") as error:
            recall.fit(few, "text", method="paper", bootstrap=50)
        reasons.append(str(error.value))
    assert reasons[0] == reasons[1] and len(kept(folder)) == 1
    with pytest.raises(TransferLawsError, match="methods holds"):
        recall.fit(table, "text", method="guess")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path, _: path.write_bytes(path.read_bytes()[:-40]),
        lambda path, _: path.write_text("{}"),
        lambda path, _: path.write_bytes(b"\x80\x04cos\nsystem\n"),
        lambda path, held: write_sealed(path, held | {"key": "another"}),
        lambda path, held: write_sealed(
            path, held | {"answer": {"kind": "object", "name": "subprocess:Popen", "fields": {"args": "x"}}}
        ),
    ],
)
def test_a_spoilt_file_is_computed_anew_with_one_line(
    folder: Path, table: pd.DataFrame, caplog: pytest.LogCaptureFixture, spoil: object
) -> None:
    whole = recall.effective_data(table, "text", bootstrap=20)
    (path,) = kept(folder)
    spoil(path, json.loads(path.read_bytes())["content"])  # type: ignore[operator]
    with caplog.at_level(logging.WARNING):
        again = recall.effective_data(table, "text", bootstrap=20)
    assert [record.message for record in caplog.records] == [
        f"{path} is damaged or was not written here: computed anew"
    ]
    pd.testing.assert_frame_equal(again, whole)
    caplog.clear()
    recall.effective_data(table, "text", bootstrap=20)
    assert not caplog.records


def test_a_cache_that_cannot_be_written_stops_nobody(
    tmp_path: Path, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("TRANSFERLAWS_CACHE", str(blocked))
    assert len(recall.effective_data(table, "text", bootstrap=20)) == 9
    assert "answers are not kept" in caplog.text
