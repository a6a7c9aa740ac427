"""Tables as other tools write them: the same runs, however written, are the same runs."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from transferlaws import cli
from transferlaws.errors import TransferLawsError
from transferlaws.ingest import look

ROWS = [
    (1_300_000, arm, d, seed, round(4.2 - 0.11 * place - (0.5 if arm == "wiki" else 0) + 0.003 * seed, 4))
    for arm in ("scratch", "wiki")
    for place, d in enumerate((10_000, 30_000, 1_000_000))
    for seed in (1, 2)
]
RUNS = pd.DataFrame(ROWS, columns=["n_params", "arm", "d_chars", "seed", "loss"])


def text(delimiter: str = ",", header: str = "n_params,arm,d_chars,seed,loss", **changes: Any) -> str:
    write = {name: changes.get(str(name), str) for name in RUNS}
    lines = [[write[name](row[at]) for at, name in enumerate(RUNS)] for row in ROWS]
    return "\n".join(delimiter.join(line) for line in [header.split(","), *lines]) + "\n"


def comma(value: float) -> str:
    return str(value).replace(".", ",")


SAME = {
    "plain": text(),
    "quoted header": text(header='"n_params","arm","d_chars","seed","loss"'),
    "tabs": text("\t"),
    "byte-order mark, CRLF": "\ufeff" + text().replace("\n", "\r\n"),
    "Excel's sep": "sep=;\n" + text(";"),
    "decimal commas": text(";", loss=comma),
    "decimal commas in quotes": text(loss=lambda x: f'"{comma(x)}"'),
    "capitals": text(header="N_params,Arm,D_Chars,Seed,Loss"),
    "suffixes": text(n_params=lambda _: "1.3M", d_chars=lambda d: f"{d // 1000} K"),
    "thousands": text(n_params=lambda _: '"1,300,000"', d_chars=lambda d: f'"{d:,}"'),
    "dots for thousands": text(";", n_params=lambda _: "1.300.000", loss=comma),
    "powers": text(n_params=lambda _: "$1.3 \\times 10^6$", d_chars=lambda d: f"{d / 1e4:g}×10⁴"),
    "millions in the header": text(header="Params (M),Group,Chars,Seed,Val loss", n_params=lambda _: "1.3"),
    "thousands in the name": text(header="params_k,group,n_chars,seed,val/loss", n_params=lambda _: "1300"),
    "letters in thousands": text(header="N_K,group,chars,seed,L", n_params=lambda _: "1300"),
    "units in the cells": text(d_chars=lambda d: f"{d} chars"),
    "a title and comments": "My runs, 2024\n# by hand\n" + text(),
    "bars": "| " + text(" | ").replace("\n", " |\n| ").rstrip("| "),
    "perplexity": text(header="n_params,arm,d_chars,seed,ppl", loss=lambda x: repr(2.718281828459045**x)),
    "bits a token": text(header="n_params,arm,d_chars,seed,bits_per_token",
                         loss=lambda x: repr(x / 0.6931471805599453)),
    "other words for scratch": text(arm=lambda arm: "From scratch" if arm == "scratch" else arm),
}  # fmt: skip


def read(path: Path, **more: Any) -> pd.DataFrame:
    looked = look([path], **more)
    assert not looked.missing, looked.summary()
    return looked.runs.table


@pytest.mark.parametrize("written", SAME)
def test_the_same_runs_however_written(written: str, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(SAME[written].encode())
    table = read(path)[list(RUNS)].reset_index(drop=True)
    table["seed"] = table["seed"].astype(int)
    pd.testing.assert_frame_equal(table, RUNS, check_dtype=False, rtol=1e-9)


def as_xlsx(path: Path) -> None:
    def cell(value: object, place: str) -> str:
        if isinstance(value, str):
            return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
        return f'<c r="{place}"><v>{value}</v></c>'

    body = [list(RUNS), *map(list, ROWS)]
    rows = "".join(
        f'<row r="{r}">' + "".join(cell(v, f"{'ABCDE'[c]}{r}") for c, v in enumerate(row)) + "</row>"
        for r, row in enumerate(body, 3)
    )
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {space} xmlns:r="{relations}"><sheets><sheet name="Runs" sheetId="1" r:id="rId1"/>'
            "</sheets></workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>',
        )
        archive.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{rows}</sheetData></worksheet>"
        )


@pytest.mark.parametrize("form", ["xlsx", "parquet", "json", "jsonl", "split.json", "utf-16"])
def test_the_same_runs_in_other_files(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"runs.{form}"
    records = json.loads(RUNS.to_json(orient="records"))
    if form == "xlsx":
        as_xlsx(path)
    elif form == "parquet":
        RUNS.to_parquet(path)
    elif form == "json":
        path.write_text(json.dumps({"runs": records}))
    elif form == "jsonl":
        path.write_text("\n".join(map(json.dumps, records)))
    elif form == "split.json":
        path.write_text(RUNS.to_json(orient="split"))
    else:
        path.write_bytes(text("\t").encode("utf-16"))
    table = read(path)[list(RUNS)].reset_index(drop=True)
    table["seed"] = table["seed"].astype(int)
    pd.testing.assert_frame_equal(table, RUNS, check_dtype=False)


WIDE = {
    "a column a data size": ("params,10K chars,1M chars\n1M,4.0,3.0\n2M,3.9,2.8\n", ("d_chars", {1e4, 1e6})),
    "a column a number": ("N,1e7,1e8\n1M,4.0,3.0\n2M,3.9,2.8\n", ("d_tokens", {1e7, 1e8})),
    "a column a model size": ("tokens,125M,1.3B\n1e9,4.0,3.0\n1e10,3.9,2.8\n", ("n_params", {125e6, 1.3e9})),
    "a column a seed": ("N,D,loss_seed1,loss_seed2\n1e6,1e7,4.0,3.0\n1e6,1e8,3.9,2.8\n",
                      ("seed", {"1", "2"})),
    "a column an arm": ("N,chars,loss_scratch,loss_wiki\n1e6,10,4.0,3.0\n1e6,20,3.9,2.8\n",
                        ("arm", {"scratch", "wiki"})),
    "arms by name": ("N,chars,from scratch,wiki\n1e6,10,4.0,3.0\n1e6,20,3.9,2.8\n",
                     ("arm", {"scratch", "wiki"})),
}  # fmt: skip


@pytest.mark.parametrize("written", WIDE)
def test_wide_tables(written: str, tmp_path: Path) -> None:
    content, (column, values) = WIDE[written]
    path = tmp_path / "wide.csv"
    path.write_text(content)
    table = read(path)
    assert set(table[column]) == values
    assert sorted(table["loss"]) == [2.8, 3.0, 3.9, 4.0]


def test_units_are_kept_and_error_bars_used(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text(
        "model,tokens,arm,loss\npythia-70m,10M,scratch,3.2 ± 0.02\npythia-160m,10M,wiki,3.0 ± 0.01\n"
    )
    table = read(path)
    assert list(table["n_params"]) == [70e6, 160e6]
    assert list(table["loss_sd"]) == [0.02, 0.01]
    assert "d_chars" not in table
    assert list(read(path, chars_per_token=4.1)["d_chars"]) == [41e6, 41e6]


def test_a_map_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "odd.csv", tmp_path / "table.csv"
    path.write_text("weights,eval/pain,Tok count\n2,3.5,100\n4,3.0,100\n")
    asked = "n_params='weights*1e6',d_chars='`Tok count`*4.5',loss=eval/pain,arm=scratch,seed=0"
    assert cli.main(["ingest", str(path), "--map", asked, "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table["n_params"]) == [2e6, 4e6]
    assert list(table["d_chars"]) == [450, 450]
    assert set(table["arm"]) == {"scratch"}
    assert "next: transferlaws fit" in capsys.readouterr().out


@pytest.mark.parametrize(
    "asked",
    ["n_params=weihgts", "n_params=__import__('os')", "n_params=weights.real", "n_params", "n_params=a[0]",
     "n_params=9**9**9**9*nothing", "loss=lambda: 1"],
)  # fmt: skip
def test_a_wrong_map_is_refused(asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("weights,tokens,loss\n2,3,3.5\n")
    assert cli.main(["ingest", str(path), "--map", asked, "--dry-run"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_numbers_that_mean_two_things_follow_their_column(tmp_path: Path) -> None:
    path = tmp_path / "pi.csv"
    path.write_text("n_params;d_tokens;loss\n1000000;1,5e6;3,141\n1000000;2,5e6;3,0\n")
    table = read(path)
    assert list(table["loss"]) == [3.141, 3.0]
    assert list(table["d_tokens"]) == [1.5e6, 2.5e6]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "holes.csv"
    path.write_text("n_params,d_tokens,loss\n1M,1e6,3.0\n1M,lots,2.9\n1M,3e6,OOM\n1M,4e6,nan\n1M,5e6\n")
    looked = look([path])
    said = looked.summary()
    assert len(looked.runs.table) == 1
    for cause in ("'lots' (line 3)", "status 'oom' (line 4)", "status 'nan' (line 5)", "line 6 has 2 fields"):
        assert cause in said


def test_nothing_understood_says_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "foo.csv"
    path.write_text("foo,bar\n1,2\n")
    looked = look([path])
    assert looked.missing == ("n_params", "loss", "d_chars or d_tokens")
    with pytest.raises(TransferLawsError, match="foo, bar"):
        looked.write(tmp_path / "out.csv")
