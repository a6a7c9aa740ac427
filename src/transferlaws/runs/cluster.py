"""Which machines run the workers: this one, a process a core or a process a GPU, or a dask cluster of yours.

Every worker does one run at a time with one thread. A worker of a GPU sees no other GPU and offers it as
the dask resource `GPU`; where workers offer that, runs ask for it and go to no other worker.
"""

import logging
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from transferlaws.errors import TransferLawsError

# One thread a worker: two processes with one thread each beat one with two at these sizes.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def cuda_devices() -> list[str]:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES leaves visible, as it names them; by UUID if it
    is not set. Asks nvidia-smi rather than torch, which a sweep does not need to load."""
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

    Raises TransferLawsError if none answers there.
    """
    from distributed import Client

    try:
        client = Client(scheduler, timeout="5s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise TransferLawsError(f"no dask scheduler answers at {scheduler}: {error}") from error
    with client:
        yield client


@contextmanager
def embedded(workers: int, devices: Sequence[str] = ()) -> Iterator[Any]:
    """A client of a cluster on this machine that lives as long as the context: `workers` processes, which
    take turns in having one of the GPUs in `devices`."""
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    settings = {
        "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
        "distributed.worker.daemon": True,
        "distributed.scheduler.allowed-failures": 3,
        "distributed.worker.profile.enabled": False,
    }
    shared = {"nthreads": 1, "host": "127.0.0.1", "memory_limit": 0, "silence_logs": logging.CRITICAL}
    own: list[dict[str, Any]] = [
        {"env": {"CUDA_VISIBLE_DEVICES": devices[i % len(devices)]}, "resources": {"GPU": 1}}
        if devices
        else {}
        for i in range(workers)
    ]
    # Any free port for the dashboard: two sweeps at once are fine.
    scheduler = {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set(settings),
        SpecCluster(
            workers={i: {"cls": Nanny, "options": shared | options} for i, options in enumerate(own)},
            scheduler={"cls": Scheduler, "options": scheduler},
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def resources(client: Any) -> dict[str, float]:
    """What a run asks of its worker: a GPU if some worker offers one, else nothing."""
    workers = client.scheduler_info()["workers"].values()
    return {"GPU": 1} if any(worker["resources"].get("GPU") for worker in workers) else {}
