"""laws.json is read field by field: believed, each of these was a traceback or another answer."""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from transferlaws import cli
from transferlaws.errors import TransferLawsError
from transferlaws.laws import read_laws
from transferlaws.laws.forms import LOSS_LAWS
from transferlaws.laws.frame import check_frame

Damage = Callable[[dict[str, Any]], object]

CURVE = {"n_params": 3e3, "E": 2.9, "B": 60.0, "b": 0.4, "D0": 4e3, "d_n_chars": 2e8}
ROW: dict[str, Any] = {
    "source": "text", "method": "loss_space", "law": "hernandez",
    "k": {"value": 40.0, "low": 20.0, "high": 80.0},
    "alpha": {"value": 0.4, "low": 0.3, "high": 0.5},
    "beta": {"value": 0.5, "low": 0.4, "high": None},
    "level": 0.95, "status": "converged", "range": {"n_params": [3e3, 2e5], "d_chars": [1e3, 1e7]},
    "noise_nats": 0.02, "covariance_ln_k_alpha_beta": [[0.3, 0, 0], [0, 0.001, 0], [0, 0, 0.002]],
    "scratch": [CURVE, CURVE | {"n_params": 2e5, "E": 2.1}], "pretrain_chars": [1e6, 2e7],
    "measured": [
        {"n_params": 3e3, "d_chars": 1e3, "loss": 3.8, "loss_scratch": 5.0, "n_pairs": 3, "sd": 0.1,
         "gain": {"value": 1.2, "low": 1.1, "high": 1.3}, "how": "paired"},
    ],
    "predictive": {"law": [12.0, 0.4, 0.5], "centre": [10.0, 10.0], "curves": [[2.5, 0.1, -1.0, 8.0]],
                   "n_params": [5e4], "d_ref": 3e4, "misfit": 0.0, "dof": 30.0, "data": [7.0, 9.0],
                   "variance": [0.01, 0.001],
                   "covariance": [0.01 * (i == j) for i in range(7) for j in range(i + 1)]},
}  # fmt: skip
DOCUMENT = {"schema": 1, "rows": [ROW], "scratch": ROW["scratch"], "provenance": {}}


def put(*path: Any) -> Damage:
    """Put the last of `path` where the others lead."""

    def damage(document: dict[str, Any]) -> None:
        *steps, name, value = path
        held: Any = document
        for step in steps:
            held = held[step]
        held[name] = value

    return damage


DAMAGES: dict[str, Damage] = {
    "rows is": put("rows", {}),
    "rows[0] is": put("rows", 0, []),
    "scratch is": put("scratch", None),
    "rows[0].source is": put("rows", 0, "source", 7),
    "rows[0].status is missing": lambda document: document["rows"][0].pop("status"),
    "rows[0].level is -0.95": put("rows", 0, "level", -0.95),
    "rows[0].level is True": put("rows", 0, "level", True),
    "rows[0].k.value is -40": put("rows", 0, "k", "value", -40),
    "rows[0].alpha is": put("rows", 0, "alpha", 0.4),
    "rows[0].alpha is [0.5, 0.3]": put("rows", 0, "alpha", {"value": 0.4, "low": 0.5, "high": 0.3}),
    "rows[0].beta.high is missing": lambda document: document["rows"][0]["beta"].pop("high"),
    "rows[0].beta.low is '0.4'": put("rows", 0, "beta", "low", "0.4"),
    "rows[0].range.n_params is [200000.0, 3000.0]": put("rows", 0, "range", "n_params", [2e5, 3e3]),
    "rows[0].range.d_chars is [1000.0]": put("rows", 0, "range", "d_chars", [1e3]),
    "rows[0].noise_nats is -1": put("rows", 0, "noise_nats", -1),
    "rows[0].covariance_ln_k_alpha_beta is": put("rows", 0, "covariance_ln_k_alpha_beta", 0, 0, -1),
    "rows[0].scratch[1].n_params is 3000.0": put("rows", 0, "scratch", [CURVE, CURVE]),
    "scratch[1].n_params is 3000.0": put("scratch", ROW["scratch"][::-1]),
    "scratch[0].B is 0": put("scratch", 0, "B", 0),
    "scratch[0].d_n_range is 1.0; it takes 2 numbers": put("scratch", 0, "d_n_range", 1.0),
    "scratch[0].d_n_range is [2.0]": put("scratch", 0, "d_n_range", [2.0]),
    "scratch[0].E is 1000000": put("scratch", 0, "E", 10**400),
    "rows[0].measured[0].how is 'guessed'": put("rows", 0, "measured", 0, "how", "guessed"),
    "rows[0].measured[0].loss is 0": put("rows", 0, "measured", 0, "loss", 0),
    "rows[0].predictive.dof is 0": put("rows", 0, "predictive", "dof", 0),
    "rows[0].predictive.variance[0] is -1": put("rows", 0, "predictive", "variance", [-1, 1]),
    "rows[0].predictive.data is [9.0, 7.0]": put("rows", 0, "predictive", "data", [9.0, 7.0]),
    "rows[0].predictive.curves[0] is [1]": put("rows", 0, "predictive", "curves", 0, [1]),
    "rows[0].predictive.covariance is [-1,": put("rows", 0, "predictive", "covariance", [-1, *[0] * 27]),
    "rows[0].pretrain_chars is": put("rows", 0, "pretrain_chars", "many"),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_a_malformed_field_is_named_in_one_line(
    message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    DAMAGES[message](document)
    path = tmp_path / "laws.json"
    path.write_text(json.dumps(document))
    ask = ["--laws", str(path), "--n-params", "5e4", "--d-chars", "1e5"]
    for verb in (["predict", *ask], ["should-pretrain", *ask]):
        assert cli.main(verb) == 1
        error = capsys.readouterr().err
        assert f"{path}: {message}" in error
        assert error.count("\n") == 1


def test_what_is_not_json_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "laws.json"
    whole = json.dumps(DOCUMENT)
    path.write_text(whole)
    assert read_laws(path) == DOCUMENT
    for text in (whole[:100], whole.replace("0.02", "NaN"), "[" * 100_000, "null", '{"schema": 2}', "\x00"):
        path.write_text(text)
        with pytest.raises(TransferLawsError):
            read_laws(path)


@pytest.mark.parametrize("law", LOSS_LAWS)
def test_a_law_of_loss_that_lacks_its_constants_names_the_first(law: str) -> None:
    ranges = {"n_params": [1e3, 1e6], "d_chars": [1e3, 1e6]}
    row = {"source": "text", "method": "loss_space", "law": law, "status": "converged", "level": 0.95}
    first = fields(LOSS_LAWS[law])[0].name
    with pytest.raises(TransferLawsError, match=rf"rows\[0\]\.{first}"):
        check_frame({"rows": [row | {"range": ranges}]})
