"""Processes that work for another, and end when it does."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from transferlaws.cli.output import prepare

POOL = """
import sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from transferlaws.processes import end_with_parent
if __name__ == "__main__":
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=end_with_parent) as pool:
        list(pool.map(abs, range(8)))
        print("ready", flush=True)
        time.sleep(600)
"""


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "ready\n"
        workers = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
    assert len(workers) >= 2 and psutil.wait_procs(workers, timeout=60)[1] == []


def test_every_pool_of_processes_ends_with_its_parent() -> None:
    source = Path(__file__).parent.parent / "src"
    for path in source.rglob("*.py"):
        text = path.read_text("utf-8")
        assert text.count("ProcessPoolExecutor(") == text.count("initializer=end_with_parent"), path


def test_a_file_in_the_folder_one_stands_in_is_no_module_of_a_process_that_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "")
    (tmp_path / "multiprocessing.py").write_text("raise SystemExit('somebody else')")
    worker = [sys.executable, "-c", "import multiprocessing"]  # which is how it starts its workers
    assert subprocess.run(worker, cwd=tmp_path, capture_output=True, check=False).returncode
    prepare()
    subprocess.run(worker, cwd=tmp_path, check=True)
