"""Hostile text in every name and column: no page, figure or terminal takes it for more than text."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from test_escape import parsed
from transferlaws import cli, prose
from transferlaws.figures import charts, law, losses
from transferlaws.laws import Design, Fit, Hernandez, fit, plant
from transferlaws.prose.numbers import listing

EVIL = "<script>alert(1)</script>|`{include}` /etc/passwd ```$x$ \x1b[31m \u202e **b** [a](javascript:b)"
ACTING = ("html_block", "colon_fence", "myst", "substitution", "link", "amsmath")
TEXTS = ("key", "arm", "device", "versions", "tokenizer", "scale")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Runs of a planted law, with hostile text in every column of text."""
    planted = plant(Design((3e3, 1.2e4, 5e4), (1e4, 3e4, 1e5, 3e5), 2), {EVIL: Hernandez(40, 0.4, 0.5)}, 0.01)
    more = {name: EVIL for name in TEXTS if name != "arm"}
    numbers = {"bits_per_char": 1.0, "seconds": 60.0, "flops": 1e9, "tokens_seen": 1e5, "epochs_best": 2.0}
    return planted.assign(**more, **numbers, role="run", learning_rate=1e-3, loss_validation=planted["loss"])


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> Fit:
    return fit(table[["n_params", "arm", "d_chars", "seed", "loss"]], EVIL, bootstrap=50)


def pages(table: pd.DataFrame, found: Fit) -> Iterator[str]:
    """What chapters and accounts print about runs and laws."""
    planned = pd.DataFrame([(EVIL, 3000, 8)], columns=["arm", "n_params", "runs"])
    yield prose.study.trained_with(table.assign(status=EVIL))
    yield prose.study.coverage(planned, table.assign(status=EVIL))
    yield prose.study.rerun("01", table)
    yield prose.study.size(table, EVIL)
    yield prose.study.as_narrow_as_hoped({EVIL: found})
    yield prose.tuned.rates(table)
    yield prose.noise.between_seeds(table)
    yield prose.passes.capped(table, 10)
    yield prose.numbers.box(prose.passes.least_data(table))
    yield prose.law.table([found], {EVIL: Hernandez(1, 0.2, 0.3)})
    yield prose.law.verdicts({EVIL: found})
    yield prose.numbers.box(prose.law.intervals({EVIL: found}, ()))
    yield prose.cells.misfit(found, table)
    yield prose.evidence.region({EVIL: found})
    yield listing([{"reason": EVIL, "documents": 3}])


def test_pages_hold_hostile_text_and_nothing_of_it_acts(table: pd.DataFrame, found: Fit) -> None:
    for page in pages(table, found):
        kinds, text = parsed(page)
        assert not {kind for kind in kinds if kind.startswith((*ACTING, "html_inline"))}
        assert "<script>alert(1)</script>|`{include}`" in text, page[:300]
        assert not any(character in page for character in "\x1b\u202e")


def test_figures_write_hostile_names_as_text(table: pd.DataFrame, found: Fit) -> None:
    for figure in (losses.loss_against_size(table, ["scratch", EVIL]), law.fractions({EVIL: found})):
        drawing = figure.svg()
        ElementTree.fromstring(drawing)
        assert b"<script" not in drawing
    chart = charts.runs(table)._repr_html_()
    assert "<script" not in chart and chart.count("<") == 2


def test_a_table_from_a_pipe_is_read_once(tmp_path: Path) -> None:
    content = plant(
        Design((3e3, 1.2e4), (1e4, 3e4, 1e5), 2), {"text": Hernandez(40, 0.4, 0.5)}, 0.01
    ).to_csv()
    pipe, out = tmp_path / "pipe", tmp_path / "laws.json"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(content,))
    writer.start()
    assert cli.main(["fit", str(pipe), "--bootstrap", "50", "--out", str(out)]) == 0
    writer.join()
    digest = json.loads(out.read_text())["provenance"]["table_sha256"]
    assert digest == hashlib.sha256(content.encode()).hexdigest()


def test_a_terminal_shows_what_would_command_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "runs\x1b[2J.csv"
    plant(Design((3e3, 1.2e4), (1e4, 3e4, 1e5), 2), {EVIL: Hernandez(40, 0.4, 0.5)}, 0.01).to_csv(
        path, index=False
    )
    calls = (
        ["fit", str(path), "--bootstrap", "50", "--out", str(tmp_path / "\x1b.json")],
        ["fit", str(path), "--source", "\x1b[31m"],
        ["predict", "--laws", str(tmp_path / "\x1b.json"), "--n-params", "1e4", "--d-chars", "3e4"],
        ["status", "--scale", "\u202e"],
        ["ingest", str(path), "--dry-run"],
        ["\x1b[2J"],
        ["fit", str(path), "--bootstrap", "\x1b]0;title\x07"],
    )
    for arguments in calls:
        with suppress(SystemExit):  # by which the parser of arguments leaves
            cli.main(arguments)
        said = "".join(capsys.readouterr())
        assert said and all(character.isprintable() or character in "\n\t" for character in said), arguments


INSTALLED = [sys.executable, "-m", "transferlaws", "predict", "--n-params", "4e7", "--d-chars", "3e5"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_output_that_takes_nothing_is_one_line_or_nothing() -> None:
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for ending, code, lines in (
        ("--source text > /dev/full", 1, 1),
        ("--source text >&- 2>&-", 0, 0),
        ("--source nothing 2> /dev/full", 1, 0),
    ):
        done = subprocess.run(
            ["bash", "-c", f'"$@" {ending}', "bash", *INSTALLED], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr.count("\n")) == (code, lines), (ending, done.stderr)
    helped = subprocess.run(
        [*INSTALLED[:3], "study", "--help"], env=ascii_only, capture_output=True, check=False
    )
    assert helped.returncode == 0 and helped.stdout.isascii() and not helped.stderr
