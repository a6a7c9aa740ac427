"""`torchrun --nproc-per-node 8 -m transferlaws.cli.together`: each run by all devices (`runs.parallel`)."""

import os
import sys

import tyro

from transferlaws.cli.output import complain
from transferlaws.errors import TransferLawsError, UsageError


def main(scale: str = "smoke", sizes: tuple[int, ...] = (), keys: tuple[str, ...] = ()) -> None:
    """Train what is missing of a study, each run by all processes that torchrun started.

    Args:
        scale: smoke, laptop, workstation or paper.
        sizes: Only these sizes, by their place in the scale's ladder (1 is the smallest).
        keys: Only the runs of these keys.
    """
    from transferlaws.runs.parallel import train_together
    from transferlaws.study import Study

    study = Study.open(scale)
    trained = train_together(study.plan, study.store, study.workspace, sizes, keys)
    if os.environ["RANK"] == "0":
        sys.stdout.write(f"study {scale}: {trained} runs trained\n")


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except TransferLawsError as error:
        complain(f"error: {error}")
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None
