"""Workers from SLURM for `transferlaws run --scheduler`: a job is one core, one process, one run at a time.

    python clusters/slurm.py --jobs 40 --walltime 08:00:00

Run it on a login node, from the project's folder, in the environment the workers are to have. It asks for
jobs while there are runs to train, up to --jobs, and stays until Ctrl-C, which cancels them. A run that is
longer than the wall time never finishes: see `transferlaws plan`.

Scheduler, workers and sweep speak TLS with a key made for this start. It lies, with dask's configuration, in
a folder beside the runs that only you can read, and goes with this process.
"""

import argparse
import re
import shlex
import sys
import tempfile
import threading
from pathlib import Path

import dask
import yaml
from dask_jobqueue import SLURMCluster
from distributed import Security

from transferlaws.places import runs_dir
from transferlaws.runs.cluster import WORKER_ENVIRONMENT


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10, help="most jobs at a time (10)")
    parser.add_argument("--memory", default="4GB", help="memory of a job (4GB)")
    parser.add_argument("--walltime", default="04:00:00", help="time a job may take (04:00:00)")
    parser.add_argument("--partition", help="where to queue")
    parser.add_argument("--account", help="who pays")
    parser.add_argument("--interface", help="network that login node and jobs share, for example ib0")
    parser.add_argument("--gpu", action="store_true", help="one GPU a job")
    parser.add_argument("--prologue", nargs="*", default=[], help="first lines of a job: 'module load ...'")
    parser.add_argument("--script", action="store_true", help="print a job's script and end")
    options = parser.parse_args()
    for name in ("memory", "walltime", "partition", "account", "interface"):  # the script does not quote them
        value = getattr(options, name)
        if value is not None and not re.fullmatch(r"[\w.:,@+/-]+", value):
            parser.error(f"--{name} takes letters, digits and .:,@+/- only, not {value!r}")
    runs_dir().mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".cluster-", dir=runs_dir()) as keys,
        cluster(options, configuration := tls_configuration(Path(keys).resolve())) as workers,
    ):
        if options.script:
            print(workers.job_script())
            return
        # Runs are few and long: a job for each, however short dask takes them to be before it has seen one.
        workers.adapt(minimum_jobs=0, maximum_jobs=options.jobs, target_duration="1ms")
        configuration = shlex.quote(str(Path(keys).resolve() / "dask.yaml"))
        print(
            f"DASK_CONFIG={configuration} transferlaws run --scheduler {workers.scheduler_address}",
            flush=True,
        )
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("cancelling the jobs; what is finished is kept")


def tls_configuration(folder: Path) -> Path:
    """Write a key, its certificate, and a file of dask's configuration that names them into `folder`.

    The configuration is this process's from then on, too.
    """
    made = Security.temporary()
    key, certificate = folder / "tls.key", folder / "tls.crt"
    key.write_text(made.tls_client_key)
    certificate.write_text(made.tls_client_cert)
    pair = {"key": str(key), "cert": str(certificate)}
    tls = {"ca-file": str(certificate), "scheduler": pair, "worker": pair, "client": pair}
    settings = {
        "temporary-directory": str(folder),  # workers' scratch folders are on Python's path: nobody else's
        "distributed": {
            "comm": {"require-encryption": True, "tls": tls},
            "scheduler": {"http": {"routes": []}},  # web pages would be for everyone
            "worker": {"http": {"routes": []}},
        },
    }
    dask.config.update(dask.config.config, settings)
    configuration = folder / "dask.yaml"
    configuration.write_text(yaml.safe_dump(settings))
    return configuration


def cluster(options: argparse.Namespace, configuration: Path) -> SLURMCluster:
    """The scheduler, in this process, and how a job starts a worker for it."""
    activate = Path(sys.prefix, "bin", "activate")
    return SLURMCluster(
        cores=1,
        processes=1,
        memory=options.memory,
        walltime=options.walltime,
        queue=options.partition,
        account=options.account,
        interface=options.interface,
        protocol="tls://",
        job_name="transferlaws",
        python=shlex.quote(sys.executable),
        job_script_prologue=[
            *options.prologue,
            *([f"source {shlex.quote(str(activate))}"] if activate.is_file() else []),
            f"export DASK_CONFIG={shlex.quote(str(configuration))} PYTHONSAFEPATH=1",
            *(f"export {name}={value}" for name, value in WORKER_ENVIRONMENT.items()),
        ],
        # SLURM sets CUDA_VISIBLE_DEVICES to the GPU it gave the job; the resource tells the sweep.
        job_extra_directives=["--gres=gpu:1"] if options.gpu else [],
        worker_extra_args=["--no-dashboard", *(["--resources", "GPU=1"] if options.gpu else [])],
        # Any free port: login nodes have many users.
        scheduler_options={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    )


if __name__ == "__main__":
    main()
