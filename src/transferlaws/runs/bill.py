"""The bill of a study as a table: runs by role, arm and size, with FLOPs, core-hours and memory."""

from typing import Any

from transferlaws.errors import UsageError
from transferlaws.runs.cluster import kind_of_device
from transferlaws.runs.cost import CostModel, expected_runs
from transferlaws.runs.plan import Plan
from transferlaws.runs.store import Store

FASTEST_CORE = 1e12  # FLOP/s: what computes faster is a GPU


def bill(plan: Plan, store: Store, flops_per_second: float | None = None) -> dict[str, Any]:
    """What a plan takes and how much of it the store has, as JSON.

    `flops_per_second` is the training rate of one worker; measured here, in seconds, if not given and
    the [train] extra is installed, else core-hours are null.
    """
    if flops_per_second is not None and flops_per_second <= 0:
        raise UsageError(f"--flops-per-second must be positive, got {flops_per_second}")
    model, throughput = _cost_model(plan, store, flops_per_second)
    runs = expected_runs(plan.cells(store), plan.scale, model.done)
    estimates = [model.estimate(cell) for cell in runs]
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for estimate in estimates:
        cell = estimate.cell
        row = rows.setdefault(
            (cell.role, cell.arm, str(cell.size)),
            {
                "role": cell.role,
                "arm": cell.arm,
                "size": str(cell.size),
                "n_params": cell.size.n_params,
                "runs": 0,
                "done": 0,
                "flops": 0.0,
                "core_hours": None if estimate.seconds is None else 0.0,
                "core_hours_left": None if estimate.seconds is None else 0.0,
            },
        )
        row["runs"] += 1
        row["done"] += estimate.done
        row["flops"] += estimate.flops
        if estimate.seconds is not None:
            row["core_hours"] += estimate.seconds / 3600
            row["core_hours_left"] += 0.0 if estimate.done else estimate.seconds / 3600
    lines = list(rows.values())
    hours = [line["core_hours"] for line in lines]
    return {
        "scale": plan.scale.name,
        "rows": lines,
        "runs": sum(line["runs"] for line in lines),
        "done": sum(line["done"] for line in lines),
        "flops": sum(line["flops"] for line in lines),
        "core_hours": None if None in hours else sum(hours),
        "core_hours_left": None if None in hours else sum(line["core_hours_left"] for line in lines),
        "worker_bytes": model.worker_bytes(),
        "throughput": throughput,
    }


def print_bill(document: dict[str, Any]) -> str:
    """The bill as text."""
    header = f"{'':9} {'arm':8} {'size':>7} {'N':>12} {'runs':>5} {'done':>5} {'FLOPs':>9} {'core-hours':>11}"
    lines = [header]
    for row in document["rows"]:
        lines.append(
            f"{row['role']:9} {row['arm']:8} {row['size']:>7} {row['n_params']:>12,} {row['runs']:>5} "
            f"{row['done']:>5} {row['flops']:>9.2g} {_hours(row['core_hours']):>11}"
        )
    lines.append(
        f"{'all':9} {'':8} {'':>7} {'':>12} {document['runs']:>5} {document['done']:>5} "
        f"{document['flops']:>9.2g} {_hours(document['core_hours']):>11}"
    )
    lines.append(
        f"left to do: {_hours(document['core_hours_left'])} core-hours; memory of a worker: "
        f"{document['worker_bytes'] / 1e9:.2g} GB; throughput {document['throughput']}"
    )
    return "\n".join(lines)


def _cost_model(plan: Plan, store: Store, flops_per_second: float | None) -> tuple[CostModel, str]:
    """What runs take, and in words how that is known."""
    from importlib.util import find_spec

    sizes = plan.scale.sizes
    if flops_per_second is not None:
        device = "cuda" if flops_per_second > FASTEST_CORE else "cpu"
        given = CostModel(plan, store, dict.fromkeys(sizes, flops_per_second), device)
        return given, f"given: {flops_per_second:.3g} FLOP/s a worker"
    model = CostModel(plan, store, device=kind_of_device())
    if all(model.speed(size) is not None for size in sizes):
        return model, "as in the finished runs"
    if find_spec("torch") is None or find_spec("transformers") is None:
        return model, "unknown: pip install 'transferlaws[train]' to measure it, or give --flops-per-second"
    from transferlaws.training.throughput import measured_flops_per_second

    model.flops_per_second = measured_flops_per_second(
        sizes, vocabulary_size=plan.vocabulary_size, context=plan.scale.context
    )
    where = "one GPU" if model.device == "cuda" else "one thread"
    return model, f"measured here, {where}, sizes above the largest measured one at its rate"


def _hours(hours: float | None) -> str:
    return "unknown" if hours is None else f"{hours:.3g}"
