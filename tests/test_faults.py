"""One harness for faults: wherever a process is killed, or its disk is full or closed, no lie is believed.

A job runs in a process of its own until its n-th operation on files, which kills it, or from which on the
disk takes nothing. What lies there then is what was there before or what was to be there, whole; and the same
job, run again, ends as if nothing had happened. TRANSFERLAWS_TEST_FAULTS says how often each fault is tried.
"""

import errno
import os
import random
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from transferlaws import book
from transferlaws.corpora import CorpusRecipe, Folder, Wheel, prepare, wheels
from transferlaws.errors import TransferLawsError
from transferlaws.files import recovered, sha256_file
from transferlaws.laws import write_laws
from transferlaws.reports import freeze
from transferlaws.runs.store import Store
from transferlaws.tokens import encode, tokenizer_of

TRIES = int(os.environ.get("TRANSFERLAWS_TEST_FAULTS", "1"))
TEXTS = Path(__file__).parent / "corpus"
REMOVALS = {"os.remove", "os.rmdir"}
CHANGES = {"open", "os.rename", "os.mkdir", "os.truncate", "os.chmod"} | REMOVALS
KILLED, FAILED, NEVER = -signal.SIGKILL, 1, 10**9

Job = Callable[[Path], object]


def recipe() -> CorpusRecipe:
    return CorpusRecipe("othercode", (Folder(TEXTS / "othercode"),), "code")


def tokenize(folder: Path) -> None:
    corpus = prepare(recipe(), folder, jobs=1, progress=False)
    encode(corpus, "train", None, 0, tokenizer_of(corpus, "bpe", 300, folder), folder)


def download(folder: Path) -> None:
    """Fetch a wheel from a pip that has it."""

    def pip(command: list[str], **_: object) -> SimpleNamespace:
        Path(command[command.index("-d") + 1], "tiny.whl").write_bytes(b"wheel")
        return SimpleNamespace(returncode=0)

    setattr(wheels, "subprocess", SimpleNamespace(run=pip))  # noqa: B010
    source = folder.parent / "wheel"
    source.write_bytes(b"wheel")
    list(wheels.fetch([Wheel("tiny", "1", "tiny.whl", sha256_file(source), 5, "MIT", ())], folder))


def publish(folder: Path) -> None:
    with freeze._new_folder(folder / "laptop") as made:
        for name in ("runs.csv", "laws.json", "manifest.json"):
            (made / name).write_text(f"new {name}")


def keep(folder: Path) -> None:
    def save(place: Path) -> None:
        (place / "model.safetensors").write_bytes(b"new weights")
        (place / "config.json").write_text("{}")

    Store(folder).write_checkpoint("key", save)


def stage(folder: Path) -> None:
    root = folder.parent / "root"
    shutil.copytree(TEXTS / "othercode", root / "book", dirs_exist_ok=True)
    (root / "_config.yml").write_text("title: x")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/x\n")
    book._copy_frame(root, folder / "stage", set())


JOBS: Mapping[str, Job] = {
    "corpus": lambda folder: prepare(recipe(), folder, jobs=1, progress=False),
    "tokens": tokenize,
    "download": download,
    "freeze": publish,
    "checkpoint": keep,
    "laws": lambda folder: write_laws(folder / "laws.json", {"new": True}),
    "stage": stage,
}


def before(folder: Path) -> None:
    """What earlier jobs have left: an older study, older laws."""
    for name in (
        "laptop/runs.csv",
        "laptop/laws.json",
        "laptop/manifest.json",
        "laptop/notes.md",
        "laws.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"old {name}")


def attempt(job: Job, folder: Path, fault: str = "", at: int = NEVER) -> tuple[int, int]:
    """Run a job with a fault at its n-th operation in `folder`; how it ended, and after how many."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        made, code = 0, 70

        def operate(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal made
            if event not in CHANGES or str(folder) not in str(arguments[0]):
                return
            if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            made += 1
            if made >= at and fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            elif made >= at and fault == "full" and event not in REMOVALS:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            elif made >= at and fault == "read-only":
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        try:
            sys.addaudithook(operate)
            job(folder)
            code = 0
        except TransferLawsError as error:
            code = FAILED if "\n" not in str(error) else 71
        except BaseException:
            traceback.print_exc()
        os.write(writing, str(made).encode())
        os._exit(code)
    os.close(writing)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    made_there = int(os.read(reading, 32) or 0)
    os.close(reading)
    return code, made_there


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder that anybody reads, by name."""
    recovered(folder / "laptop")
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder): path for path in paths}
    return {
        str(name): path.read_bytes()
        for name, path in names.items()
        if not any(part.startswith(".") for part in name.parts) and name.name not in ("claims", "card.json")
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[dict[str, bytes], int]]:
    """What a job leaves that nothing disturbs, and after how many operations; each is run once."""

    @cache
    def run(name: str) -> tuple[dict[str, bytes], int]:
        folder = tmp_path_factory.mktemp(name) / "undisturbed"
        before(folder)
        code, operations = attempt(JOBS[name], folder)
        assert code == 0
        return contents(folder), operations

    return run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a job needs a process of its own to be killed in")
@pytest.mark.parametrize("fault", ["kill", "full", "read-only"])
@pytest.mark.parametrize("name", JOBS)
def test_what_a_fault_leaves_is_old_or_new_and_the_job_can_be_run_again(
    name: str, fault: str, tmp_path: Path, undisturbed: Callable[[str], tuple[dict[str, bytes], int]]
) -> None:
    job, (new, operations) = JOBS[name], undisturbed(name)
    before(tmp_path / "old")
    old = contents(tmp_path / "old")
    steps = range(1, operations + 1)
    for at in random.Random(f"{name} {fault}").sample(steps, min(TRIES, operations)):
        folder = tmp_path / str(at)
        before(folder)
        code, _ = attempt(job, folder, fault, at)
        # A disk that fills while something is tidied away harms nothing.
        assert code == KILLED if fault == "kill" else code in (0, FAILED), at
        found = contents(folder)
        laptop = [{k: v for k, v in state.items() if k.startswith("laptop")} for state in (found, old, new)]
        assert laptop[0] in laptop[1:], at
        single = {name: data for name, data in found.items() if not name.startswith("laptop")}
        assert all(data in (old.get(name), new.get(name)) for name, data in single.items()), at
        if fault == "full":
            assert not list(folder.rglob("*.tmp")), at
        assert attempt(job, folder)[0] == 0
        assert contents(folder) == new, at
