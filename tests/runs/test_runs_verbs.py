"""The verbs of the run room: what they print and how they fail."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from transferlaws.cli import main


def test_jobs_zero_and_unknown_names_are_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in (
        (["run", "--scale", "smoke", "--jobs", "0"], "--jobs"),
        (["run", "--scale", "gigantic"], "gigantic"),
        (["run", "--arms", "latin"], "latin"),
        (["run", "--sizes", "9"], "1 to 3"),
        (["plan", "--flops-per-second", "-1"], "positive"),
        (["predict", "--n-params", "1e308", "--d-chars", "1e5"], "1e+60, not 1e+308"),
        (["predict", "--n-params", "5e4", "--d-chars", "nan"], "not nan"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and word in error


def test_the_bill_is_printed_without_a_corpus_or_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("CACHE", "RUNS", "RESULTS"):
        monkeypatch.setenv(f"TRANSFERLAWS_{place}", str(tmp_path / place))
    for scale in ("smoke", "laptop", "workstation", "paper"):
        main(["plan", "--scale", scale, "--flops-per-second", "1e14", "--json"])
        document = json.loads(capsys.readouterr().out)
        assert document["done"] == 0 and document["flops"] > 0
        assert document["core_hours"] > document["flops"] / 1e14 / 3600
    assert not (tmp_path / "CACHE").exists()


def test_training_without_the_train_extra_says_what_to_install(tmp_path: Path) -> None:
    code = f"""
import importlib.util as u, os, sys
os.environ.update(TRANSFERLAWS_RUNS={str(tmp_path)!r}, TRANSFERLAWS_CACHE={str(tmp_path)!r})
find = u.find_spec
u.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
from transferlaws.cli import main
sys.exit(main(["run", "--scale", "smoke"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "pip install 'transferlaws[train]'" in done.stderr
