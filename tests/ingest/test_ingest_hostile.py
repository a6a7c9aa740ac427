"""Files that mean harm, or nothing: one clear line, exit 1, and nothing half-written."""

import os
from pathlib import Path

import pandas as pd
import pytest

from transferlaws import cli

GOOD = "n_params,d_tokens,loss\n1e6,1e6,3.0\n1e6,2e6,2.9\n"
HOSTILE = {
    "empty.csv": b"",
    "blank.csv": b"\n \n\n",
    "header.csv": b"n_params,d_tokens,loss\n",
    "binary.csv": bytes(range(256)) * 20,
    "zeros.csv": b"a,b\n1,\x002\n",
    "latin.csv": "n_params,arm\n1,café\n".encode("latin-1"),
    "cut.json": b'[{"n_params": 1, "loss": 2}, {"n_par',
    "deep.json": b"[" * 100_000,
    "objects.json": b'{"a":' * 100_000,
    "number.json": b"3",
    "cut.xlsx": b"PK\x03\x04" + b"\0" * 50,
    "old.xls": b"\xd0\xcf\x11\xe0" + b"\0" * 50,
    "cut.parquet": b"PAR1" + b"\0" * 50,
    "packed.csv.gz": b"\x1f\x8b" + b"\0" * 50,
    "code.pkl": b"\x80\x04abc",
    "long.csv": b"x" * 200_000 + b",y\n1,2\n",
    "ragged.csv": b"a,b,c\n1\n2,3\n4,5,6,7\n",
    "lossless.csv": b"n_params,lr,d_tokens,group\n1,2,3,a\n1,3,3,b\n",
    "prose.txt": b"hello\nworld\n",
    "out.tfevents.1": b"no events here at all, not one",
    "all-lost.csv": b"n_params,d_tokens,loss\n1e6,1e6,OOM\n1e6,1e999,3\n-1,5,3\n",
}


@pytest.mark.parametrize("name", [*HOSTILE, "missing.csv", "pipe"])
def test_one_line_and_nothing_written(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / name, tmp_path / "out.csv"
    if name in HOSTILE:
        path.write_bytes(HOSTILE[name])
    elif name == "pipe":
        os.mkfifo(path)
    assert cli.main(["ingest", str(path), "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith("transferlaws: error: ")
    assert {found.name for found in tmp_path.iterdir()} <= {name}


def test_formulas_and_control_characters_are_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "evil.csv", tmp_path / "out.csv"
    path.write_bytes(
        b"n_params,arm,d_chars,seed,loss,=1+1,no\x1b[31mte\n1000,=cmd|'/c calc'!A1,10,0,3.1,+SUM(A1),-5\n"
        b"1000,scr\x07atch,10,0,3.0,@x,a\tb\n"
    )
    assert cli.main(["ingest", str(path), "--out", str(out)]) == 0
    assert "\x1b" not in (shown := capsys.readouterr().out) and "\x07" not in shown
    written = out.read_text()
    assert "\x1b" not in written and "\x07" not in written
    table = pd.read_csv(out, dtype=str)
    assert table["arm"][0] == "'=cmd|'/c calc'!A1"
    assert list(table["'=1+1"]) == ["'+SUM(A1)", "'@x"]
    assert table.iloc[0, -1] == "-5"


def test_numbers_too_large_are_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "huge.json"
    path.write_text(
        '[{"n_params": '
        + "9" * 6000
        + ', "d_tokens": 5, "loss": 3}, {"n_params": 10, "d_tokens": 5, "loss": 3}]'
    )
    assert cli.main(["ingest", str(path), "--dry-run"]) == 0
    assert "n_params is not finite" in capsys.readouterr().out


@pytest.mark.parametrize("alias", ["itself", "hard link", "symbolic link"])
def test_an_output_that_is_an_input_is_refused(alias: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_text(GOOD)
    out = path if alias == "itself" else tmp_path / "other.csv"
    if alias == "hard link":
        os.link(path, out)
    elif alias == "symbolic link":
        out.symlink_to(path)
    assert cli.main(["ingest", str(path), "--out", str(out)]) == 2
    assert path.read_text() == GOOD


def test_a_dry_run_writes_nothing_and_json_is_one_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    path = tmp_path / "runs.csv"
    path.write_text(GOOD)
    assert cli.main(["ingest", str(path), "--dry-run", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["runs"] == 2
    assert [t["name"] for t in document["understood"][0]["targets"]] == ["n_params", "d_tokens", "loss"]
    assert [found.name for found in tmp_path.iterdir()] == ["runs.csv"]
    assert cli.main(["ingest", str(path)]) == 2
