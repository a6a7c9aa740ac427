"""What a user installs: the same packages through pip and conda, and an import that stays light."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import resources
from pathlib import Path

import pytest
import yaml
from hatchling.build import build_wheel

ROOT = Path(__file__).parent.parent


def test_environment_mirrors_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(name for extra in ("train", "book", "hub", "dev") for name in extras[extra]),
    ]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    listed = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert [entry for entry in listed if not entry.startswith("--")] == wanted


def test_every_package_is_pinned_in_the_tested_set() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    groups = [
        project["dependencies"],
        *(project["optional-dependencies"][x] for x in ("train", "book", "hub", "dev")),
    ]
    names = {entry.split(">")[0].split("<")[0].split("=")[0].lower() for group in groups for entry in group}
    assert names <= pinned


def test_hashes_are_those_of_the_tested_set() -> None:
    """`make constraints-hashed.txt` has been run since constraints.txt changed."""

    def pins(text: str) -> set[str]:
        found = re.findall(r"^([\w.-]+==[\w.]+)", text, re.MULTILINE)
        return {pin.lower().replace("_", "-") for pin in found}

    hashed = (ROOT / "constraints-hashed.txt").read_text("utf-8")
    assert pins((ROOT / "constraints.txt").read_text("utf-8")) <= pins(hashed)
    for entry in re.split(r"^(?=\w)", hashed, flags=re.MULTILINE)[1:]:
        assert re.search(r"^    --hash=sha256:[0-9a-f]{64}\b", entry, re.MULTILINE), entry


def test_a_release_says_the_same_of_itself_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    archived = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    assert cited["version"] == project["version"]
    assert f"\n## [{project['version']}] - 2" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert cited["title"] == archived["title"]
    assert project["license"] == cited["license"] == archived["license"]
    assert project["keywords"] == cited["keywords"] == archived["keywords"]
    assert project["authors"] == cited["authors"] == archived["creators"]


def test_the_types_are_installed_with_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resources.files("transferlaws").joinpath("py.typed").is_file()
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as archive:
        names = set(archive.namelist())
    assert {"transferlaws/py.typed", "transferlaws/figures/transferlaws.mplstyle"} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"transferlaws"}


def test_importing_the_library_loads_neither_torch_nor_pandas() -> None:
    code = "import sys, transferlaws; print(*{'torch', 'pandas', 'transformers'}.intersection(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_reading_fitting_and_planning_work_without_the_train_extra() -> None:
    rooms = (
        "laws.estimators.transfer", "laws.questions.power", "planner", "study", "runs.sweep",
        "corpora", "tokens", "book", "figures.charts", "prose", "reports.own", "reports.freeze", "runs.bill",
        "design.presets",
        "cli.runs", "cli.laws", "cli.planner", "cli.corpora", "cli.book",
    )  # fmt: skip
    code = f"""
import importlib, importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"torch", "transformers", "safetensors", "distributed"}}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
for room in {rooms}:
    importlib.import_module(f"transferlaws.{{room}}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
