"""How the house is built: no circle, nine floors, and arrows that must not be drawn.

Read from the source, so that imports inside functions and for types alone count like any other. A room is a
folder of the package or a file beside them; it stands a floor above the highest that it imports. The
package's own `__init__` only hands names on, and is no room.
"""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from transferlaws.design.presets import STUDIES

SOURCE = Path(__file__).parent.parent / "src"
MOST_FLOORS = 9

FORBIDDEN = {
    # room: what it must not know
    "laws": {"corpora", "tokens", "design", "runs", "study", "figures", "prose", "training", "models"},
    "design": {"corpora", "tokens", "runs", "study"},
    "runs": {"laws", "study", "figures", "prose", "reports", "planner"},
    "study": {"figures", "prose", "reports", "planner", "cli"},
    "corpora": {"training", "models", "laws", "runs", "design"},
    "training": {"corpora", "tokens", "laws", "runs", "design"},
    "planner": {"runs", "study", "corpora"},
}
NAMELESS = {"laws", "planner", "training", "runs", "study", "figures", "prose", "reports", "exercises"}
OTHER_MEANINGS = {
    ("transferlaws.figures.charts", "text"),  # a channel of a chart
    ("transferlaws.reports.own", "text"),  # a kind of text, as against code
    ("transferlaws.runs.execute", "python"),  # the interpreter
    ("transferlaws.reports.freeze", "python"),
    ("transferlaws.training.spec", "shuffled"),  # a field
}
TORCH = {"models", "training"}
TORCH_PACKAGES = {"torch", "transformers", "safetensors"}


@cache
def files() -> dict[str, Path]:
    """Every module of the package by its name."""
    named = {}
    for path in (SOURCE / "transferlaws").rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


def imported(path: Path) -> set[str]:
    """The modules a file imports, wherever in it: `from package import module` is the module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in files() else node.module)
    return found


def room_of(module: str) -> str:
    return module.partition(".")[2].partition(".")[0]


@cache
def arrows() -> dict[str, set[str]]:
    """The rooms that each room imports."""
    drawn: dict[str, set[str]] = {}
    for module, path in files().items():
        if module == "transferlaws":
            continue
        others = {name for name in imported(path) if name in files() and name != "transferlaws"}
        drawn.setdefault(room_of(module), set()).update(
            {room_of(name) for name in others} - {room_of(module)}
        )
    return drawn


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """The floor of everything in a graph; raises CycleError, naming the circle, if there is none."""
    floor: dict[str, int] = {}
    for name in TopologicalSorter(graph).static_order():
        floor[name] = 1 + max((floor[below] for below in graph.get(name, ())), default=0)
    return floor


def test_no_two_rooms_and_no_two_files_need_each_other() -> None:
    try:
        floors(arrows())
        floors(
            {
                module: {name for name in imported(path) if name in files()} - {module}
                for module, path in files().items()
            }
        )
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_the_house_has_nine_floors() -> None:
    floor = floors(arrows())
    top = max(floor.values())
    assert top <= MOST_FLOORS, {name for name, height in floor.items() if height == top}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_room_does_not_know_what_stands_above_it(name: str) -> None:
    assert not arrows()[name] & FORBIDDEN[name]


def test_torch_is_known_to_models_and_training_only() -> None:
    knowing = {
        room_of(module)
        for module, path in files().items()
        if TORCH_PACKAGES & {name.split(".")[0] for name in imported(path)}
    }
    assert knowing <= TORCH


def test_the_names_of_the_project_are_known_to_its_presets_only() -> None:
    """No result is treated by the name of its arm or corpus: these are the user's.

    Facts of the paper name the paper's sources.
    """
    questions = [asked()[0] for asked in STUDIES.values()]
    names = set[str]().union(*({*question.pretrained, *question.corpora} for question in questions))
    found = {
        (module, node.value)
        for module, path in files().items()
        if room_of(module) in NAMELESS and module != "transferlaws.laws.paper"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert found <= OTHER_MEANINGS
