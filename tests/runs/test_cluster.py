"""Which machines train: GPUs of this one, SLURM jobs, pods; the table is always the same."""

import asyncio
import gc
import http.client
import itertools
import os
import runpy
import shlex
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dask
import pandas as pd
import psutil
import pytest
import yaml
from distributed import Client, Security
from distributed.core import rpc

from transferlaws import Study, TransferLawsError
from transferlaws.runs import cluster

# Connections that failed leave their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True, scope="module")
def nothing_left() -> Iterator[None]:
    """Collects those sockets here, or the next file's tests are blamed for them."""
    yield
    gc.collect()


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


def configured(folder: Path, security: Security) -> dict[str, str]:
    """A key and certificate as files, and the environment in which dask's configuration names them."""
    (folder / "tls.key").write_text(security.tls_client_key)
    (folder / "tls.crt").write_text(security.tls_client_cert)
    names = {"CA_FILE": "tls.crt"}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        names |= {f"{role}__KEY": "tls.key", f"{role}__CERT": "tls.crt"}
    return {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(folder / file) for name, file in names.items()}


def dask_reads(settings: dict[str, Any]) -> dask.config.set:
    """The context in which dask has read some settings, nested or from an environment, beside its own."""

    def flat(nested: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
        for name, value in nested.items():
            yield from flat(value, f"{above}{name}.") if isinstance(value, dict) else [(above + name, value)]

    return dask.config.set(dict(flat(dask.config.collect_env(settings) or settings)))


def test_gpus_are_those_that_cuda_would_show(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
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
    tmp_path: Path, trained_copy: Callable[[], Study], trained_study: Study
) -> None:
    study = lose(trained_copy(), 3)
    with cluster.embedded(3, ["GPU-a", "GPU-b"]) as client:
        keys = configured(tmp_path, client.security)
        pinned = client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        assert sorted(pinned.values()) == ["GPU-a", "GPU-a", "GPU-b"]
        address = client.scheduler.address
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "4"]
        # A worker without a GPU, and one that would take four runs at a time if runs did not ask for its GPU.
        with (
            running([*worker, "--no-nanny", "--no-dashboard"], keys, stderr=subprocess.DEVNULL),
            running(
                [*worker, "--no-nanny", "--no-dashboard", "--resources", "GPU=1"],
                keys,
                stderr=subprocess.DEVNULL,
            ),
            dask_reads(keys),
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


def refuses(port: int) -> bool:
    """True if a port of this machine takes no message without TLS, and shows no web page."""

    async def ask() -> None:
        async with asyncio.timeout(10), rpc(f"tcp://127.0.0.1:{port}") as peer:
            await peer.identity()

    try:
        asyncio.run(ask())
        return False
    except (OSError, TimeoutError):
        pass
    for page in ("", "status", "info/main/workers.html", "json/counts.json", "metrics", "health", "proxy"):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10)
            return False
        except urllib.error.HTTPError:
            continue
        except (OSError, http.client.HTTPException):  # no web server
            break
    return True


def test_nobody_else_can_speak_to_scheduler_or_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("scheduler", "worker"):  # dask's default, should a user's configuration say so too
        monkeypatch.setenv(f"DASK_DISTRIBUTED__{role.upper()}__DASHBOARD__ENABLED", "True")
    # Nor put a module where dask would have everybody's scratch folders, and these on Python's path.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    everybodys = tmp_path / "dask-scratch-space"
    everybodys.mkdir()
    (everybodys / "only_here.py").touch()
    with cluster.embedded(2) as client:
        client.wait_for_workers(2, timeout=300)
        found = [find_spec("only_here"), *client.run(lambda: find_spec("only_here")).values()]
        assert found == [None] * 3
        (own,) = {Path(path).parents[1] for path in client.run(lambda: sys.path[0]).values()}
        assert own.parent == tmp_path and stat.S_IMODE(own.stat().st_mode) == 0o700
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        ports = {
            connection.laddr.port: connection.laddr.ip
            for process in processes
            for connection in process.net_connections()
            if connection.status == "LISTEN"
        }
        assert set(ports.values()) == {"127.0.0.1"}
        addresses = [client.scheduler.address, *client.scheduler_info()["workers"]]
        assert len(ports) >= 3 and all(address.startswith("tls://") for address in addresses)
        with ThreadPoolExecutor(len(ports)) as at_once:  # each waits for an answer that does not come
            assert all(at_once.map(refuses, ports))
        stranger = Security.temporary()  # a key, but another one
        for address in addresses[:2]:
            with pytest.raises(OSError), Client(address, security=stranger, timeout=3, set_as_default=False):
                pass
        with (
            dask_reads(configured(tmp_path, client.security)),
            pytest.raises(TransferLawsError, match="it is a worker"),
            cluster.at_address(addresses[1]),
        ):
            pass
        # Nor does it leave the processes by a command line or an environment that others may read.
        key = client.security.tls_client_key.splitlines()[1]
        for process in processes:
            assert key not in f"{process.cmdline()} {process.environ()}"
    assert list(tmp_path.glob("*/")) == [everybodys]


def test_scratch_folders_of_sweeps_that_were_killed_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / "transferlaws-left"
    left.mkdir()
    os.utime(left, (0, 0))
    with cluster._scratch() as mine:
        os.utime(mine, (0, 0))
        with cluster._scratch() as other:
            assert set(tmp_path.iterdir()) == {Path(mine), Path(other)}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["it's", "$(id)", "a b", 'q"', "x\n#SBATCH --uid=0", "`id`", ""])
@pytest.mark.parametrize("option", ["partition", "account", "interface", "memory", "walltime"])
def test_slurm_options_that_would_be_other_lines_are_refused(option: str, value: str) -> None:
    script = [sys.executable, str(ROOT / "clusters" / "slurm.py"), f"--{option}={value}", "--script"]
    with pytest.raises(SystemExit) as refused, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", script[1:])
        runpy.run_path(script[1], run_name="__main__")
    assert refused.value.code == 2


def test_slurm_jobs_train_what_is_missing(
    tmp_path: Path, trained_copy: Callable[[], Study], trained_study: Study
) -> None:
    study = lose(trained_copy(), 3)
    hostile = tmp_path / 'it\'s "mine" $(touch pwned) `id`; #'  # where the key lies
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
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "2",
        "TRANSFERLAWS_RUNS": str(hostile),
    }
    with running(script, environment, stdout=subprocess.PIPE, cwd=tmp_path) as login:
        configuration, *_, address = shlex.split(login.stdout.readline())
        folder = Path(configuration.removeprefix("DASK_CONFIG=")).parent
        assert folder.parent == hostile and stat.S_IMODE(folder.stat().st_mode) == 0o700
        tls = yaml.safe_load((folder / "dask.yaml").read_text("utf-8"))
        listening = [c.laddr for c in psutil.Process(login.pid).net_connections() if c.status == "LISTEN"]
        assert {port for _, port in listening if refuses(port)} == {port for _, port in listening}
        with pytest.raises(TransferLawsError, match="needs certificates"):
            study.ensure(scheduler=address, progress=False)
        with dask_reads(tls):
            assert study.ensure(scheduler=address, progress=False).trained == 3
        login.send_signal(signal.SIGINT)
        assert login.wait(300) == 0
    assert not folder.exists() and not (tmp_path / "pwned").exists()
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


def test_pods_train_what_is_missing(
    tmp_path: Path, trained_copy: Callable[[], Study], trained_study: Study
) -> None:
    study = lose(trained_copy(), 6)
    documents = list(yaml.safe_load_all((ROOT / "clusters" / "kubernetes.yaml").read_text("utf-8")))
    by_name = {(item["kind"], item["metadata"]["name"]): item.get("spec") for item in documents}
    pods = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]
        for item in documents
        if item["kind"] in ("Deployment", "Job")
    }
    scheduler, worker, run = (
        pods[f"transferlaws-{x}"]["containers"][0] for x in ("scheduler", "worker", "run")
    )

    # Nobody is root; all have the key, which is nowhere in the recipe, and no other secret.
    secret = {"name": "tls", "secret": {"secretName": "transferlaws-tls", "defaultMode": 0o440}}
    for pod in pods.values():
        assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
        assert secret in pod["volumes"]
        assert {"name": "tls", "mountPath": "/tls", "readOnly": True} in pod["containers"][0]["volumeMounts"]
        assert {"name": "dask", "mountPath": "/etc/dask", "readOnly": True} in pod["containers"][0][
            "volumeMounts"
        ]
    assert "PRIVATE KEY" not in (ROOT / "clusters" / "kubernetes.yaml").read_text("utf-8")
    made = Security.temporary()
    (tmp_path / "tls.key").write_text(made.tls_client_key)
    (tmp_path / "tls.crt").write_text(made.tls_client_cert)
    (configuration,) = [item["data"] for item in documents if item["kind"] == "ConfigMap"]
    dask_yaml = configuration["dask.yaml"].replace("/tls/", f"{tmp_path}/")
    (tmp_path / "dask.yaml").write_text(dask_yaml)
    keys = {"DASK_CONFIG": str(tmp_path / "dask.yaml")}
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
    assert address == f"tls://127.0.0.1:{port}"
    quiet = {"stderr": subprocess.DEVNULL}
    with (
        dask_reads(yaml.safe_load(dask_yaml)),
        running(here(scheduler), keys, **quiet),
        running(here(worker), environment | keys, **quiet),
        running(here(worker), environment | keys, **quiet),
        Client(address, timeout=300, set_as_default=False) as client,
    ):
        client.wait_for_workers(2, timeout=300)
        assert refuses(int(port))
        assert study.ensure(scheduler=address, progress=False).trained == 6
        assert min(runs_by_worker(client)) > 0
    pd.testing.assert_frame_equal(measured(study), measured(trained_study), check_exact=True)


def test_the_page_shows_the_image_that_is_built() -> None:
    image = (ROOT / "clusters" / "Dockerfile").read_text("utf-8")
    assert f"```dockerfile\n{image}```" in (ROOT / "book" / "clusters.md").read_text("utf-8")
    assert [line.split()[1] for line in image.splitlines() if line.startswith("USER")][-1:] == ["1000"]
    copied = [word for line in image.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]]
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture
def peer() -> Iterator[Callable[[bytes | None], int]]:
    """Makes servers that say one thing to all who come, or nothing; their ports."""
    with ExitStack() as open_sockets:

        def make(words: bytes | None) -> int:
            server = open_sockets.enter_context(socket.create_server(("127.0.0.1", 0)))

            def serve() -> None:
                with suppress(OSError):  # closed
                    while True:
                        guest, _ = server.accept()
                        open_sockets.enter_context(guest)
                        with suppress(OSError):
                            guest.sendall(words) if words else guest.close() if words == b"" else None

            threading.Thread(target=serve, daemon=True).start()
            return int(server.getsockname()[1])

        yield make


WORDS = {
    "silent": None,
    "hangs up": b"",
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": bytes(4096),
    "garbage": bytes(range(256)) * 400,
}


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_peer_that_is_no_scheduler_is_one_clear_error_soon(
    scheme: str, words: str, peer: Callable[[bytes | None], int], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 1)
    began = time.monotonic()
    with (
        dask_reads(configured(tmp_path, Security.temporary())),
        pytest.raises(TransferLawsError, match="no dask scheduler answers at") as error,
        cluster.at_address(f"{scheme}://127.0.0.1:{peer(WORDS[words])}"),
    ):
        pass
    assert "\n" not in str(error.value) and time.monotonic() - began < 30


@pytest.mark.parametrize(
    "address",
    [
        *("", "x", "tcp://", "tls://", "tcp://:::", "http://127.0.0.1:9", "inproc://1", "a b"),
        *("127.0.0.1:99999", "tcp://127.0.0.1:9"),
    ],
)
def test_an_address_that_is_none_is_one_clear_error(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 1)
    with (
        dask_reads(configured(tmp_path, Security.temporary())),
        pytest.raises(TransferLawsError, match="no dask scheduler answers at") as error,
        cluster.at_address(address),
    ):
        pass
    assert "\n" not in str(error.value)
