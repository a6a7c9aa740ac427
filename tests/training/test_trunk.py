"""States on the way of pre-training: whole, or not there."""

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from transferlaws.errors import TransferLawsError
from transferlaws.training.trunk import State, Trunk


def state(step: int, value: float) -> State:
    moments = {0: {"exp_avg": torch.zeros(1_000)}}
    return State(step, {"w": torch.full((1_000,), value)}, moments, [torch.tensor(1.0)], [[1, "hold"]])


def test_runs_that_keep_the_same_step_do_not_collide(tmp_path: Path) -> None:
    trunk = Trunk(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(trunk.keep, [state(10, 2.0)] * 40 + [state(10, 3.0)] * 40))
    assert len(list(tmp_path.iterdir())) == 2
    kept = trunk.furthest(10)
    assert kept is not None and kept.step == 10 and set(kept.weights["w"].tolist()) <= {2.0, 3.0}


def test_states_that_are_damaged_or_foreign_are_passed_over(tmp_path: Path) -> None:
    trunk = Trunk(tmp_path)
    trunk.keep(state(5, 1.0))
    trunk.keep(state(10, 2.0))
    (newest,) = tmp_path.glob("10-*")
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    (tmp_path / "20-0123456789abcdef.safetensors").mkdir()
    (tmp_path / "my-notes.safetensors").write_text("by hand")
    kept = trunk.furthest(100)
    assert kept is not None and kept.step == 5 and kept.moments[0]["exp_avg"].shape == (1_000,)
    assert Trunk(tmp_path / "none").furthest(100) is None


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))  # as good as a full disk
    try:
        with pytest.raises(TransferLawsError, match="cannot write"):
            Trunk(tmp_path).keep(state(5, 1.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
