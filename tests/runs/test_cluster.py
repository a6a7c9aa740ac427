"""Which machines train: GPUs of this one, SLURM jobs, pods; the table is always the same."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import yaml
from distributed import Client

from transferlaws import Study, TransferLawsError
from transferlaws.runs import cluster

ROOT = Path(__file__).parent.parent.parent


def measured(study: Study) -> pd.DataFrame:
    """All that a run's record says, less what depends on the clock."""
    return study.table(everything=True).drop(columns=["seconds"]).set_index("key").sort_index()


def lose(study: Study, runs: int) -> Study:
    for key in study.table()["key"].iloc[:runs]:
        (study.store.records / f"{key}.json").unlink()
    return study


@contextmanager
def running(command: Sequence[str], environment: dict[str, str] | None = None, **pipes: Any) -> Iterator[Any]:
    """A process, killed with all that it started when the context ends."""
    with subprocess.Popen(
        command, env=os.environ | (environment or {}), text=True, start_new_session=True, **pipes
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(process.pid, signal.SIGKILL)


def runs_by_worker(client: Client) -> list[int]:
    return list(client.run(lambda dask_worker: dask_worker.state.executed_count).values())


def test_gpus_are_those_that_cuda_would_show(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-5fa0,-1,3")
    assert cluster.cuda_devices() == ["2", "GPU-5fa0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cluster.cuda_devices() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cluster.cuda_devices() == []
    smi = tmp_path / "nvidia-smi"
    smi.write_text(
        "#!/bin/sh\n"
        "echo 'GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-63e3)'\n"
        "echo '  MIG 1g.5gb Device 0: (UUID: MIG-e91e)'\n"
        "echo 'GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-8f2c)'\n"
    )
    smi.chmod(0o755)
    assert cluster.cuda_devices() == ["GPU-63e3", "GPU-8f2c"]


def test_a_gpu_has_a_worker_of_its_own_and_runs_go_to_gpus_only(
    trained_copy: Callable[[], Study], trained_study: Study
):
    study = lose(trained_copy(), 3)
    with cluster.embedded(3, ["GPU-a", "GPU-b"]) as client:
        pinned = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        assert sorted(pinned.values()) == ["GPU-a", "GPU-a", "GPU-b"]
        address = client.scheduler.address
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "4"]
        # A worker without a GPU, and one that would take four runs at a time if runs did not ask for its GPU.
        with (
            running([*worker, "--no-nanny", "--no-dashboard"], stderr=subprocess.DEVNULL),
            running(
                [*worker, "--no-nanny", "--no-dashboard", "--resources", "GPU=1"], stderr=subprocess.DEVNULL
            ),
        ):
            client.wait_for_workers(5, timeout=300)
            assert cluster.resources(client) == {"GPU": 1}

            def where(_: int) -> tuple[str, float, float]:
                start = time.monotonic()
                time.sleep(0.2)
                return f"{os.getpid()}", start, time.monotonic()

            tasks = sorted(client.gather(client.map(where, range(9), resources={"GPU": 1}, pure=False)))
            assert len({pid for pid, _, _ in tasks}) >= 2
            for (pid, _, end), (next_pid, start, _) in itertools.pairwise(tasks):
                assert pid != next_pid or end <= start
            before = sum(runs_by_worker(client))
            assert study.ensure(scheduler=address, progress=False).trained == 3
            runs = runs_by_worker(client)
    assert sum(runs) == before + 3
    assert sorted(runs)[0] == 0
    pd.testing.assert_frame_equal(measured(study), measured(trained_study), check_exact=True)


def test_slurm_jobs_train_what_is_missing(
    tmp_path: Path, trained_copy: Callable[[], Study], trained_study: Study
):
    study = lose(trained_copy(), 3)
    # SLURM as far as the script sees it: sbatch keeps a copy, starts it and says which job it is.
    sbatch = f'cp "$1" {tmp_path}/$$.job\nset -m\nbash {tmp_path}/$$.job >{tmp_path}/$$.log 2>&1 &\n'
    for name, body in {
        "sbatch": sbatch + 'echo "Submitted batch job $!"',
        "scancel": 'kill -- "-$1"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    loopback = next(name for name in psutil.net_if_addrs() if name.startswith("lo"))
    options = ["--jobs=2", "--memory=3GB", "--walltime=01:30:00", "--account=me", f"--interface={loopback}"]
    script = [sys.executable, str(ROOT / "clusters" / "slurm.py"), *options]
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "OMP_NUM_THREADS": "2"}
    with running(script, environment, stdout=subprocess.PIPE) as login:
        address = login.stdout.readline().split()[-1]
        assert study.ensure(scheduler=address, progress=False).trained == 3
        login.send_signal(signal.SIGINT)
        assert login.wait(300) == 0
    jobs = [path.read_text().splitlines() for path in tmp_path.glob("*.job")]
    assert 1 <= len(jobs) <= 2  # as many as there were runs waiting, up to --jobs
    for job in jobs:
        assert {
            "#SBATCH --cpus-per-task=1",
            "#SBATCH --mem=3G",
            "#SBATCH -t 01:30:00",
            "#SBATCH -A me",
            *(f"export {name}=1" for name in cluster.WORKER_ENVIRONMENT),
        } <= set(job)
        assert f"{sys.executable} -m distributed.cli.dask_worker {address} " in job[-1]
        assert "--nthreads 1 " in job[-1]
    pd.testing.assert_frame_equal(measured(study), measured(trained_study), check_exact=True)


def test_pods_train_the_whole_study(tiny_study: Study, trained_study: Study):
    documents = list(yaml.safe_load_all((ROOT / "clusters" / "kubernetes.yaml").read_text("utf-8")))
    by_name = {(item["kind"], item["metadata"]["name"]): item["spec"] for item in documents}
    pods = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]
        for item in documents
        if item["kind"] in ("Deployment", "Job")
    }
    scheduler, worker, run = (
        pods[f"transferlaws-{x}"]["containers"][0] for x in ("scheduler", "worker", "run")
    )

    # Worker and run see the same files; the worker has one thread, and the core to go with it.
    assert worker["volumeMounts"] == run["volumeMounts"]
    assert pods["transferlaws-worker"]["volumes"] == pods["transferlaws-run"]["volumes"]
    claim = pods["transferlaws-run"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert by_name["PersistentVolumeClaim", claim]["accessModes"] == ["ReadWriteMany"]
    mount = run["volumeMounts"][0]["mountPath"]
    places = {entry["name"]: entry["value"] for entry in run["env"]}
    assert places.keys() == {"TRANSFERLAWS_CACHE", "TRANSFERLAWS_RUNS"}
    assert all(value.startswith(f"{mount}/") for value in places.values())
    environment = {entry["name"]: entry["value"] for entry in worker["env"]}
    assert environment == cluster.WORKER_ENVIRONMENT
    assert worker["resources"]["limits"]["cpu"] == "1"
    # The service's name and port lead to the scheduler's pod.
    service = by_name["Service", "transferlaws-scheduler"]
    template = by_name["Deployment", "transferlaws-scheduler"]["template"]
    assert service["selector"] == template["metadata"]["labels"]
    assert [*run["command"], *run["args"]][:3] == ["transferlaws", "run", "--scheduler"]

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def here(container: dict[str, Any]) -> list[str]:
        names = {"transferlaws-scheduler": "127.0.0.1", str(service["ports"][0]["port"]): port}
        words = [*container["command"], *container["args"]]
        for name, value in names.items():
            words = [word.replace(name, value) for word in words]
        return [sys.executable if word == "python" else word for word in words]

    address = here(run)[3]
    assert address == f"tcp://127.0.0.1:{port}"
    quiet = {"stderr": subprocess.DEVNULL}
    with (
        running(here(scheduler), **quiet),
        running(here(worker), environment, **quiet),
        running(here(worker), environment, **quiet),
        Client(address, timeout=300, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=300)
        tiny_study.ensure(scheduler=address, progress=False)
        assert min(runs_by_worker(client)) > 0
    pd.testing.assert_frame_equal(measured(tiny_study), measured(trained_study), check_exact=True)


def test_the_page_shows_the_image_that_is_built():
    image = (ROOT / "clusters" / "Dockerfile").read_text("utf-8")
    assert f"```dockerfile\n{image}```" in (ROOT / "book" / "clusters.md").read_text("utf-8")
    copied = [word for line in image.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]]
    assert all((ROOT / name).exists() for name in copied)


def test_an_address_where_no_scheduler_answers_is_one_clear_error(trained_copy: Callable[[], Study]):
    study = lose(trained_copy(), 1)
    with pytest.raises(TransferLawsError, match="no dask scheduler answers"):
        study.ensure(scheduler="tcp://127.0.0.1:9", progress=False)
