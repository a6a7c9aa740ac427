"""A slice of `benchmarks/fuzz_cli.py`: the command line under malformed files and arguments of one seed."""

import importlib.util
import sys
from pathlib import Path

FUZZER = Path(__file__).parents[1] / "benchmarks" / "fuzz_cli.py"


def test_no_call_ends_in_a_traceback_a_wrong_code_or_half_a_file(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("fuzz_cli", FUZZER)
    assert spec is not None and spec.loader is not None
    fuzzer = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = fuzzer  # where dataclasses look
    spec.loader.exec_module(fuzzer)
    faults, exits = fuzzer.fuzz(40, 7, tmp_path)
    assert faults == []
    assert {name.rpartition(" ")[2] for name in exits} == {"0", "1", "2"}
