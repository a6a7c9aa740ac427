"""Workers from SLURM for `transferlaws run --scheduler`: a job is one core, one process, one run at a time.

    python clusters/slurm.py --jobs 40 --walltime 08:00:00

Run it on a login node, from the project's folder, in the environment the workers are to have. It asks for
jobs while there are runs to train, up to --jobs, and stays until Ctrl-C, which cancels them. A run that is
longer than the wall time never finishes: see `transferlaws plan`.
"""

import argparse
import sys
import threading
from pathlib import Path

from dask_jobqueue import SLURMCluster

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
    with cluster(options) as workers:
        if options.script:
            print(workers.job_script())
            return
        # Runs are few and long: a job for each, however short dask takes them to be before it has seen one.
        workers.adapt(minimum_jobs=0, maximum_jobs=options.jobs, target_duration="1ms")
        print(f"transferlaws run --scheduler {workers.scheduler_address}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("cancelling the jobs; what is finished is kept")


def cluster(options: argparse.Namespace) -> SLURMCluster:
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
        job_name="transferlaws",
        job_script_prologue=[
            *options.prologue,
            *([f"source '{activate}'"] if activate.is_file() else []),
            *(f"export {name}={value}" for name, value in WORKER_ENVIRONMENT.items()),
        ],
        # SLURM sets CUDA_VISIBLE_DEVICES to the GPU it gave the job; the resource tells the sweep.
        job_extra_directives=["--gres=gpu:1"] if options.gpu else [],
        worker_extra_args=["--no-dashboard", *(["--resources", "GPU=1"] if options.gpu else [])],
        scheduler_options={"dashboard_address": ":0"},  # any free port: login nodes have many users
    )


if __name__ == "__main__":
    main()
