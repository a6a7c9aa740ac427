"""The settings around a run's own that an audit tries, and the rows that say what came of them."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from transferlaws.training.spec import RunSpec, TrainingRecipe
from transferlaws.training.tuning import HALF_DECADE, rung

AS_IS = "as it is"
DROPOUT = 0.1
PATIENCE = 4
EDGES = ("rate x0.25", "rate x4", "decay x0.1", "decay x10")
"""Settings beyond which there may be better ones."""
COLUMNS = (
    "cell", "setting", "key", "arm", "n_params", "d_chars", "seed", "learning_rate", "weight_decay",
    "dropout", "patience", "patience_share", "max_tokens", "status", "loss", "loss_validation",
    "tokens_seen", "seconds", "device", "versions", "at_edge", "drawn_from",
)  # fmt: skip
"""One row a run: `cell` is the key of the study's own run, `drawn_from` how many cells there were to draw."""
AXES: Mapping[str, tuple[str, ...]] = {
    "rate": (),
    "decay": ("weight_decay",),
    "dropout": ("dropout",),
    "patience": ("patience", "patience_share", "max_tokens"),
}
"""What of the recipe an axis sets; the rate is the spec's."""
OF_RECIPE = tuple(chain.from_iterable(AXES.values()))


def settings_around(spec: RunSpec) -> dict[str, RunSpec]:
    """The study's own setting and those that are tried around it, one axis at a time, by name."""
    recipe = spec.recipe
    found = {AS_IS: spec}
    for steps in (-2, -1, 1, 2):
        found[f"rate x{2.0**steps:g}"] = replace(spec, learning_rate=rung(spec.learning_rate, steps))
    for steps in (-2, -1, 1, 2):
        factor = HALF_DECADE**steps
        decay = float(f"{recipe.weight_decay * factor:.3g}")
        found[f"decay x{factor:.3g}"] = replace(spec, recipe=replace(recipe, weight_decay=decay))
    found[f"dropout {DROPOUT:g}"] = replace(spec, recipe=replace(recipe, dropout=DROPOUT))
    # Whoever waits longer may also go further: a run that met its limit is not held to it.
    patient = replace(
        recipe,
        patience=PATIENCE * recipe.patience,
        patience_share=PATIENCE * recipe.patience_share,
        max_tokens=PATIENCE * recipe.max_tokens,
    )
    found[f"patience x{PATIENCE}"] = replace(spec, recipe=patient)
    return {name: other for name, other in found.items() if name == AS_IS or other.key != spec.key}


def setting_of(spec: RunSpec, columns: Mapping[str, Any]) -> RunSpec:
    """The run of a cell at the seed and setting that a row's columns name."""
    recipe = {
        name: type(getattr(TrainingRecipe, name))(columns[name])
        for name in OF_RECIPE
        if columns[name] != getattr(spec.recipe, name)  # whose own number keeps its type, and the run its key
    }
    return replace(
        spec,
        seed=int(columns["seed"]),
        learning_rate=float(columns["learning_rate"]),
        recipe=replace(spec.recipe, **recipe),
    )


def with_axis(spec: RunSpec, axis: str, other: RunSpec) -> RunSpec:
    """A run set on one axis as another is."""
    if axis == "rate":
        return replace(spec, learning_rate=other.learning_rate)
    taken = {name: getattr(other.recipe, name) for name in AXES[axis]}
    return replace(spec, recipe=replace(spec.recipe, **taken))
