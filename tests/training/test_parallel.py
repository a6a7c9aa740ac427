"""Two processes that share every batch train the run that one process trains."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tiny import make_tiny_study
from transferlaws.runs.execute import execute

TOGETHER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from tiny import make_tiny_study
from transferlaws.models import ladder
from transferlaws.runs.parallel import train_together
ladder.MOST_STATES["cpu"] = 1  # each of them a sequence at a time
if __name__ == "__main__":
    study = make_tiny_study(Path(sys.argv[1]), Path(sys.argv[2]))
    train_together(study.plan, study.store, study.workspace, keys=sys.argv[3:])
"""


def test_two_processes_write_the_record_and_the_weights_of_one(tmp_path: Path, study_cache: Path) -> None:
    together, alone = (make_tiny_study(tmp_path / name, study_cache) for name in ("together", "alone"))
    cells = [(cell.role, cell.spec) for cell in alone.cells(sizes=alone.scale.sizes[:1]) if cell.spec]
    pretraining = next(spec for role, spec in cells if role == "pretrain")
    to_early_stop = next(spec for role, spec in cells if role == "tune")
    for spec in (pretraining, to_early_stop):
        execute(spec, alone.workspace(progress=False))
    script = tmp_path / "together.py"
    script.write_text(TOGETHER.format(tests=str(Path(__file__).parent.parent)))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = [tmp_path / "together", study_cache, pretraining.key, to_early_stop.key]
    ran = subprocess.run(
        [*torchrun, str(script), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    for spec in (pretraining, to_early_stop):
        one, two = alone.store.read(spec.key), together.store.read(spec.key)
        assert one is not None and two is not None
        assert (two.spec, two.status, two.outcome.keys()) == (one.spec, one.status, one.outcome.keys())
        assert two.outcome["loss"] == pytest.approx(one.outcome["loss"], abs=1e-5)
        assert [row[-1] for row in two.curve] == [row[-1] for row in one.curve]
        numbers = [np.array([row[:-1] for row in record.curve], dtype=float) for record in (one, two)]
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-7, atol=1e-5)
        assert two.outcome["device"].split()[-3] == "x2"
    assert together.store.has_checkpoint(pretraining.key)
