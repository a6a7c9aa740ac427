"""Which machines run the workers: this one, a process a core or a process a GPU, or a dask cluster of yours.

Every worker does one run at a time with one thread. A worker of a GPU sees no other GPU and offers it as
the dask resource `GPU`; where workers offer that, runs ask for it and go to no other worker.

A dask scheduler or worker runs what its peers send. On this machine, all of them speak TLS with a key made
for the sweep, and whoever has not got it is refused; it never lies on a disk but for the moment in which
OpenSSL reads it, in a folder of its owner's. They import from their scratch folders, so these are in one that
only its owner can enter. Clusters elsewhere speak TLS where their address says `tls://`.
"""

import asyncio
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from transferlaws.errors import TransferLawsError
from transferlaws.files import locked

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 10  # for a scheduler to say what it is
LEFT_SECONDS = 600  # until a scratch folder whose lock is free is one that was left
# One thread a worker: two processes with one thread each beat one with two at these sizes.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def cuda_devices() -> list[str]:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES leaves visible, as it names them.

    By UUID if it is not set. Asks nvidia-smi rather than torch, which a sweep does not need to load.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        # CUDA, too, stops at the first name that is none: -1 is the usual way to say "no GPU".
        end = next((i for i, name in enumerate(names) if name in ("", "-1")), len(names))
        return names[:end]
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    lines = [line for line in listing.splitlines() if line.startswith("GPU ") and "UUID: " in line]
    return [line.rsplit("UUID: ", 1)[1].rstrip(") ") for line in lines]


def kind_of_device() -> str:
    """What trains on this machine: `cuda` if it has a GPU, else `cpu`."""
    return "cuda" if cuda_devices() else "cpu"


@contextmanager
def at_address(scheduler: str) -> Iterator[Any]:
    """A client of the dask cluster whose scheduler is at this address.

    Certificates for `tls://` are those of dask's own configuration (`distributed.comm.tls`). Raises
    TransferLawsError if no scheduler answers there in time.
    """
    from distributed import Client, Security

    security = Security()
    if scheduler.startswith("tls://") and not (security.tls_ca_file and security.tls_client_cert):
        raise TransferLawsError(
            f"{scheduler} needs certificates: distributed.comm.tls.ca-file, .client.cert and .client.key "
            "in dask's configuration (DASK_CONFIG names a file of it)"
        )
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook has an event loop of its own in this one
            kind = thread.submit(asyncio.run, _kind_of_peer(scheduler, security)).result()
        if kind != "Scheduler":
            raise ValueError(f"it is a {kind.lower()}")
        client = Client(scheduler, timeout=ANSWER_SECONDS, security=security, set_as_default=False)
    except Exception as error:  # a peer that speaks something else can cause any
        reason = " ".join(str(error).split()) or f"not within {ANSWER_SECONDS} seconds"
        raise TransferLawsError(f"no dask scheduler answers at {scheduler}: {reason}") from error
    with client:
        if not scheduler.startswith("tls://"):
            logger.warning("%s is not encrypted: who reaches its port runs code in your name", scheduler)
        yield client


async def _kind_of_peer(address: str, security: Any) -> str:
    """What a dask node says it is. A client would wait without end for a peer that says nothing."""
    from distributed.core import rpc

    async with asyncio.timeout(ANSWER_SECONDS):
        async with rpc(address, connection_args=security.get_connection_args("client")) as peer:
            return str((await peer.identity())["type"])


@contextmanager
def embedded(workers: int, devices: Sequence[str] = ()) -> Iterator[Any]:
    """A client of a cluster on this machine that lives as long as the context.

    It has `workers` processes, which take turns in having one of the GPUs in `devices`. Nobody else can speak
    to them.
    """
    import dask
    from distributed import Client, Nanny, Scheduler, Security, SpecCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    settings: dict[str, Any] = {
        "distributed.worker.daemon": True,
        "distributed.scheduler.allowed-failures": 3,
        "distributed.worker.profile.enabled": False,
        # Their web servers, which know no keys, have no pages.
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    shared = {
        "host": "127.0.0.1",
        "protocol": "tls://",
        "security": (security := Security.temporary()),
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",  # any free port: two sweeps at once are fine
    }
    worker = {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.CRITICAL}
    own: list[dict[str, Any]] = [
        {"env": {"CUDA_VISIBLE_DEVICES": devices[i % len(devices)]}, "resources": {"GPU": 1}}
        if devices
        else {}
        for i in range(workers)
    ]
    with (
        _scratch() as scratch,
        dask.config.set(
            settings
            | {
                "temporary-directory": scratch,
                "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT | {"TMPDIR": scratch},
            }
        ),
        SpecCluster(
            workers={
                i: {"cls": Nanny, "options": shared | worker | options} for i, options in enumerate(own)
            },
            scheduler={"cls": Scheduler, "options": shared | {"port": 0}},
            security=security,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _scratch() -> Iterator[str]:
    """A folder that only its owner can enter; where dask's own are, others could have put modules.

    Removes those that sweeps have left which were killed: nobody holds their lock.
    """
    for left in Path(tempfile.gettempdir()).glob("transferlaws-*"):
        with suppress(OSError, AttributeError):  # gone, or Windows, which has no such owners nor locks
            found = left.lstat()
            if found.st_uid == os.getuid() and time.time() - found.st_mtime > LEFT_SECONDS:
                with locked(left / ".lock") as alone:
                    if alone:
                        shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix="transferlaws-", ignore_cleanup_errors=True) as folder,
        locked(Path(folder, ".lock")),
    ):
        yield folder


def resources(client: Any) -> dict[str, float]:
    """What a run asks of its worker: a GPU if some worker offers one, else nothing."""
    workers = client.scheduler_info()["workers"].values()
    return {"GPU": 1} if any(worker["resources"].get("GPU") for worker in workers) else {}
