"""An audit: what cells of a study, drawn at random, would still gain by a wider search.

Around the setting that a cell was trained at, the audit tries other rates, weight decays, dropout and a
longer patience, one at a time, and then all that helped together. The lowest validation loss chooses. Of a
dozen noisy losses the lowest is too low, and some of that luck shows on test projects as well. So the chosen
setting and the study's are compared once more, with the next seed, which took no part in the choice.

Its runs are records of the study's store like all others, and no rows of its run table.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.files import read_sealed, write_sealed
from transferlaws.models.ladder import Size
from transferlaws.runs.bill import bill
from transferlaws.runs.plan import Cell, Plan
from transferlaws.runs.store import Store
from transferlaws.runs.sweep import Swept, require_training, train_missing
from transferlaws.training.around import AS_IS, AXES, COLUMNS, EDGES, OF_RECIPE, settings_around, with_axis
from transferlaws.training.spec import RunSpec

if TYPE_CHECKING:
    import pandas as pd

    from transferlaws.runs.execute import Workspace

ROLE = "audit"


@dataclass(frozen=True)
class AuditPlan(Plan):
    """The runs of an audit.

    `drawn` are the study's own runs of its cells, `drawn_from` is how many cells there were to draw.
    """

    drawn: tuple[RunSpec, ...] = ()
    drawn_from: int = 0

    @classmethod
    def draw(
        cls,
        plan: Plan,
        store: Store,
        count: int,
        seed: int = 0,
        *,
        arms: Sequence[str] | None = None,
        sizes: Sequence[Size] | None = None,
        most_chars: float = math.inf,
    ) -> "AuditPlan":
        """Draw `count` cells of a study, or all there are, each as likely as any other.

        Of those whose first run succeeded and learnt from data, of some arms and sizes and of at most so many
        characters where these are given. With one seed, a larger count holds all cells of a smaller one.
        Raises UsageError for a count below 1, TransferLawsError where there is no such cell.
        """
        if count < 1:
            raise UsageError(f"--cells must be at least 1, got {count}")
        found = {
            cell.spec.key: cell.spec
            for cell in plan.cells(store, arms, sizes)
            if cell.role == "run"
            and cell.spec is not None
            and cell.seed == 0
            and 0 < cell.d_chars <= most_chars
        }
        measured = [spec for spec in found.values() if _loss(store, spec) < math.inf]
        if not measured:
            raise TransferLawsError(f"study {plan.scale.name} has no finished cell of this kind to audit")

        def lot(spec: RunSpec) -> str:
            return hashlib.sha256(f"{seed} {spec.arm} {spec.size} {spec.d_chars}".encode()).hexdigest()

        drawn = tuple(sorted(measured, key=lot)[:count])
        return cls(plan.question, plan.scale, plan.fingerprints, drawn, len(measured))

    @classmethod
    def noted(cls, plan: Plan, store: Store) -> "AuditPlan | None":
        """The audit that was last begun on a store, less cells whose runs are gone; None if none was."""
        kept = read_sealed(store.path / "audit.json")
        if kept is None:
            return None
        records = [record for key in kept["cells"] if (record := store.read(key)) is not None]
        drawn = tuple(RunSpec.from_json(record.spec) for record in records)
        return cls(plan.question, plan.scale, plan.fingerprints, drawn, kept["drawn_from"])

    def note(self, store: Store) -> None:
        """Write down which cells were drawn."""
        kept = {"cells": [spec.key for spec in self.drawn], "drawn_from": self.drawn_from}
        write_sealed(store.path / "audit.json", kept)

    def cells(
        self, store: Store, arms: Sequence[str] | None = None, sizes: Sequence[Size] | None = None
    ) -> list[Cell]:
        """The audit's runs, of some arms and sizes or all; what a search has to find out first has no spec.

        Pre-trained runs are among them where their weights are gone and a missing run starts from them.
        """
        gone: dict[str, Cell] = {}
        found: list[Cell] = []
        for own in self.drawn:
            if (arms is not None and own.arm not in arms) or (sizes is not None and own.size not in sizes):
                continue
            runs = [spec for _, spec in _runs(own, store)]
            found += [Cell(ROLE, own.arm, own.size, own.d_chars, own.seed, spec) for spec in runs]
            if own.start is not None and not (_done(runs, store) or store.has_checkpoint(own.start)):
                gone[own.start] = _pretraining(own, store)
        return [*gone.values(), *found]

    def is_complete(self, store: Store) -> bool:
        """True if no run of the audit is missing."""
        return all(_done([spec for _, spec in _runs(own, store)], store) for own in self.drawn)

    def table(self, store: Store) -> "pd.DataFrame":
        """One row a run of every cell whose search is done; `COLUMNS` says of what."""
        import pandas as pd

        rows = []
        for own in self.drawn:
            runs = list(_runs(own, store))
            if _done([spec for _, spec in runs], store):
                rows += [_row(own, name, spec, store) for name, spec in runs if spec is not None]
        table = pd.DataFrame(rows, columns=list(COLUMNS)).assign(drawn_from=self.drawn_from)
        return table.astype({"loss": float, "loss_validation": float})


def audit(
    plan: AuditPlan,
    store: Store,
    workspace: "Callable[[], Workspace]",
    *,
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> Swept:
    """Note what was drawn, and train what the audit lacks; the same call goes on with one that was stopped.

    `workspace` is asked for once it is needed; the rest, and what is raised, is `sweep.train_missing`'s.
    """
    plan.note(store)
    if plan.is_complete(store):
        return Swept(0, {})
    require_training()
    return train_missing(plan, store, workspace(), jobs=jobs, scheduler=scheduler, progress=progress)


def audit_bill(plan: AuditPlan, store: Store, flops_per_second: float | None = None) -> dict[str, Any]:
    """What an audit takes, as `bill` has it, pre-trained models whose weights are gone among what is left."""
    document = bill(plan, store, flops_per_second)
    for row in document["rows"]:
        if row["role"] == "pretrain":
            row["done"], row["core_hours_left"] = 0, row["core_hours"]
    document["done"] = sum(row["done"] for row in document["rows"])
    if document["core_hours_left"] is not None:
        document["core_hours_left"] = sum(row["core_hours_left"] for row in document["rows"])
    return document


def _runs(own: RunSpec, store: Store) -> Iterator[tuple[str, RunSpec | None]]:
    """The runs of one cell's search by setting, the choice's repetition last; None: not known yet."""
    tried = settings_around(own)
    yield from tried.items()
    losses = {name: _loss(store, spec) for name, spec in tried.items()}
    if any(map(math.isnan, losses.values())):
        yield from [(name, None) for name in ("together", "again", "again")]
        return
    helped: dict[str, str] = {}  # the best setting of each axis on which one is better than the study's
    for name in sorted(tried, key=losses.__getitem__):
        if losses[name] < losses[AS_IS]:
            helped.setdefault(name.split()[0], name)
    if len(helped) > 1:
        name = " + ".join(helped[axis] for axis in AXES if axis in helped)
        tried[name] = own
        for axis, best in helped.items():
            tried[name] = with_axis(tried[name], axis, tried[best])
        yield name, tried[name]
        losses[name] = _loss(store, tried[name])
        if math.isnan(losses[name]):
            yield from [(again, None) for again in ("again", "again")]
            return
    chosen = min(losses, key=losses.__getitem__)  # the first of equal ones: the study's before all
    if chosen != AS_IS:
        for name in (AS_IS, chosen):
            yield name, replace(tried[name], seed=own.seed + 1)


def _done(runs: Sequence[RunSpec | None], store: Store) -> bool:
    return all(spec is not None and not math.isnan(_loss(store, spec)) for spec in runs)


def _loss(store: Store, spec: RunSpec) -> float:
    """A run's loss on validation, nats/token: infinite where it diverged, NaN where there is none yet."""
    record = store.read(spec.key)
    if record is None or not record.finished:
        return math.nan
    return float(record.outcome.get("loss_validation", math.inf))


def _pretraining(own: RunSpec, store: Store) -> Cell:
    """The pre-training that a run starts from. Raises TransferLawsError if there is no record of it."""
    assert own.start is not None
    record = store.read(own.start)
    if record is None:
        raise TransferLawsError(f"run {own.key} starts from run {own.start}, of which there is no record")
    spec = RunSpec.from_json(record.spec)
    return Cell("pretrain", own.arm, own.size, spec.d_chars, spec.seed, spec)


def _row(own: RunSpec, setting: str, spec: RunSpec, store: Store) -> dict[str, Any]:
    record = store.read(spec.key)
    assert record is not None
    recipe = {name: getattr(spec.recipe, name) for name in OF_RECIPE}
    return {
        **{name: record.outcome.get(name) for name in COLUMNS},
        **recipe,
        "cell": own.key,
        "setting": setting,
        "key": spec.key,
        "arm": spec.arm,
        "n_params": spec.size.n_params,
        "d_chars": spec.d_chars,
        "seed": spec.seed,
        "learning_rate": spec.learning_rate,
        "status": record.status,
        "at_edge": any(part in EDGES for part in setting.split(" + ")),
    }
