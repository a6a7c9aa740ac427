"""The website: stage -> papermill -> Jupyter Book.

Chapters are MyST notebooks without outputs. Each is executed with its parameters in its own kernel, a few at
a time, into `_build/stage/<scale>`; Jupyter Book then only has to set pages, with every warning an error.
A chapter whose source, parameters, library, results and runs are unchanged is not executed again, as long as
its staged notebook is the one that was written; nor are pages set again while they stand as they were set.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from transferlaws.errors import TransferLawsError
from transferlaws.files import locked, sha256_file, write_atomic
from transferlaws.places import project_root, results_dir, runs_dir
from transferlaws.processes import end_with_parent

MARK = ".stage.json"


@dataclass(frozen=True)
class Page:
    """One entry of `_toc.yml`: its name there, its source, whether it has cells to execute, and its part."""

    name: str
    source: Path
    is_notebook: bool
    part: str | None = None


def pages(root: Path) -> list[Page]:
    """The pages of the book in `root`, in reading order.

    Raises TransferLawsError if the table of contents is missing or names a file that does not exist.
    """
    toc = root / "_toc.yml"
    if not toc.is_file():
        raise TransferLawsError(f"no book in {root}: run this in the project's folder, the one with _toc.yml")
    tree = _read_yaml(toc)
    entries = [(tree["root"], None)]
    for part in [*tree.get("parts", []), tree]:
        entries += [(chapter["file"], part.get("caption")) for chapter in part.get("chapters", [])]
    found = []
    for name, part in entries:
        source = root / f"{name}.md"
        if not source.is_file():
            raise TransferLawsError(f"_toc.yml names {name}, but {source} does not exist")
        found.append(Page(name, source, "jupytext:" in source.read_text(encoding="utf-8")[:400], part))
    return found


def inputs_fingerprint() -> str:
    """A hash of all that pages are made from besides their own text: the library, the results, the runs."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for folder, by_content in ((package, True), (results_dir(), True), (runs_dir(), False)):
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(folder).parts)
            if hidden or not path.is_file() or (folder == runs_dir() and path.parent.name != "records"):
                continue
            status = path.stat()
            stamp = path.read_bytes() if by_content else f"{status.st_size} {status.st_mtime_ns}".encode()
            digest.update(f"{path.relative_to(folder)}\0{len(stamp)}\0".encode() + stamp)
    return digest.hexdigest()


def execute(page: Page, target: Path, parameters: Mapping[str, Any], root: Path) -> str | None:
    """Execute one chapter into the notebook `target`; None, or what went wrong in a few lines."""
    import jupytext
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError

    os.environ.update(_kernel_environment(root))
    source = jupytext.read(page.source)
    try:
        notebook = papermill.execute_notebook(
            source,
            None,
            parameters=dict(parameters),
            kernel_name="python3",
            cwd=str(root),
            progress_bar=False,
        )
    except PapermillExecutionError as error:
        lines = [line for line in error.source.strip().splitlines() if line.strip()]
        return (
            f"chapter {page.source.stem}, cell {error.cell_index} ({lines[0] if lines else 'empty'}): "
            f"{error.ename}: {error.evalue}"
        )
    except Exception as error:  # a kernel that died, a wrong parameter: still one chapter's report
        return f"chapter {page.source.stem}: {type(error).__name__}: {error}"
    write_atomic(target, nbformat.writes(_tidy(notebook, parameters)))
    return None


def chapter(
    name: str, scale: str, parameters: Mapping[str, Any] | None = None, root: Path | None = None
) -> Path:
    """Execute the chapter `name` (file name, or its number) at a scale; the path of the notebook.

    Raises TransferLawsError if there is no such chapter or if one of its cells fails.
    """
    _need_extra()
    root = root or project_root()
    notebooks = {page.source.stem: page for page in pages(root) if page.is_notebook}
    matches = [stem for stem in notebooks if stem == name or _number(stem) == _number(name) is not None]
    if len(matches) != 1:
        raise TransferLawsError(f"no chapter {name!r}; there are: {', '.join(notebooks)}")
    page = notebooks[matches[0]]
    target = root / "_build" / "chapters" / f"{page.source.stem}.{scale}.ipynb"
    problem = execute(page, target, {"scale": scale, **(parameters or {})}, root)
    if problem:
        raise TransferLawsError(problem)
    return target


def _number(name: str) -> int | None:
    """The number that a chapter's name begins with, or is; None without one."""
    digits = name.partition("-")[0]
    return int(digits) if digits.isdecimal() else None


def build(scale: str, *, jobs: int | None = None, seed: int = 0, root: Path | None = None) -> Path:
    """Execute what changed and set the website; the path of its `index.html`.

    Raises TransferLawsError with one line a failed chapter, with Jupyter Book's warnings, or while another
    process builds.
    """
    _need_extra()
    jobs = os.cpu_count() or 1 if jobs is None else jobs
    if jobs < 1:
        raise TransferLawsError(f"jobs must be 1 or more, not {jobs}")
    root = (root or project_root()).resolve()
    with locked(root / "_build" / ".lock") as alone:
        if not alone:
            raise TransferLawsError(f"another build is at work in {root}; try again when it is done")
        return _build(scale, jobs, seed, root)


def _build(scale: str, jobs: int, seed: int, root: Path) -> Path:
    book, stage = pages(root), root / "_build" / "stage" / scale
    done = _read_mark(stage)
    _copy_frame(root, stage, {page.source for page in book if page.is_notebook})
    wanted = _chapter_stamps(book, {"scale": scale, "seed": seed})
    notebooks = [page for page in book if page.is_notebook]

    def stamp(page: Page) -> str:
        return f"{wanted[page.name]} {_digest(stage / f'{page.name}.ipynb')}"

    stale = [page for page in notebooks if done.get(page.name) != stamp(page)]
    problems = _execute_all(stale, stage, {"scale": scale, "seed": seed}, root, jobs)
    kept = {page.name: stamp(page) for page in notebooks if page.name not in problems}
    frame = _frame_stamp(root)
    write_atomic(stage / MARK, json.dumps({**kept, "frame": done.get("frame")}))
    if problems:
        raise TransferLawsError("\n".join(["the book was not built:", *problems.values()]))
    site = root / "_build" / "html"
    whole = {**kept, "frame": frame, "texts": _texts_stamp(stage), "site": _site_stamp(site)}
    if done != whole:
        write_atomic(stage / MARK, json.dumps(kept))  # until pages are set, the next build starts afresh
        as_set = all(done.get(part) == whole[part] for part in ("frame", "site"))
        _set_pages(root, stage, book, site, afresh=not as_set)
        write_atomic(stage / MARK, json.dumps({**whole, "site": _site_stamp(site)}))
    return site / "index.html"


def _execute_all(
    stale: list[Page], stage: Path, parameters: Mapping[str, Any], root: Path, jobs: int
) -> dict[str, str]:
    """Execute chapters in a pool of processes; the problems, by page."""
    if not stale:
        return {}
    with ProcessPoolExecutor(
        min(jobs, len(stale)), mp_context=get_context("spawn"), initializer=end_with_parent
    ) as pool:
        futures = {
            page.name: pool.submit(execute, page, stage / f"{page.name}.ipynb", _of(page, parameters), root)
            for page in stale
        }
        reports = {name: _report(name, future) for name, future in futures.items()}
    return {name: report for name, report in reports.items() if report}


def _of(page: Page, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those parameters that a page assigns: not every page is about one scale, or draws by chance."""
    text = page.source.read_text(encoding="utf-8")
    return {name: value for name, value in parameters.items() if re.search(rf"(?m)^{name}\b.* = ", text)}


def _report(name: str, future: "Future[str | None]") -> str | None:
    """What a chapter's process says went wrong, or that it can say nothing any more; None if all is well."""
    try:
        return future.result()
    except BrokenProcessPool:
        return f"{name}: not done, as a process was killed from outside or ran out of memory; try again"
    except TransferLawsError as error:
        return f"{name}: {error}"


def _set_pages(root: Path, stage: Path, book: list[Page], site: Path, *, afresh: bool) -> None:
    """Run Jupyter Book over the stage, into `site`."""
    if afresh and site.is_dir():
        shutil.rmtree(site)
    program = "from jupyter_book.cli.main import main; main()"
    options = ["-W", "-n", "--keep-going", "-q", "--path-output", str(root)] + (["--all"] if afresh else [])
    result = subprocess.run(
        [sys.executable, "-c", program, "build", str(stage), *options],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=os.environ | _kernel_environment(root) | {"PYTHONUTF8": "1"},
        check=False,
    )
    missing = [page.name for page in book if not (site / f"{page.name}.html").is_file()]
    if result.returncode or missing or not (site / "index.html").is_file():
        said = [line.strip() for line in f"{result.stdout}\n{result.stderr}".splitlines() if line.strip()]
        lines = [line for line in said if any(word in line for word in ("WARNING", "ERROR", "Error:"))]
        lines = lines or said[-5:]
        if result.returncode < 0:
            lines.insert(0, f"it was ended by signal {-result.returncode}")
        lines += [f"page {name} was not written" for name in missing]
        raise TransferLawsError("\n".join(["Jupyter Book did not finish:", *lines[:20]]))


def _kernel_environment(root: Path) -> dict[str, str]:
    """Where kernels find runs and results, whatever folder they start in, and which Python they are."""
    kernels = root / "_build" / "jupyter"
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=50"],
        "display_name": "Python 3",
        "language": "python",
    }
    write_atomic(kernels / "kernels" / "python3" / "kernel.json", json.dumps(spec))
    return {
        "TRANSFERLAWS_RUNS": str(runs_dir().resolve()),
        "TRANSFERLAWS_RESULTS": str(results_dir().resolve()),
        "JUPYTER_PATH": str(kernels),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _tidy(notebook: Any, parameters: Mapping[str, Any]) -> Any:
    """Show all parameters, as they were used; drop times, paths and chance: equal runs give equal files."""
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{place}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            cell.metadata["tags"] = [*tags, "remove-cell"]
        elif "parameters" in tags:
            cell["source"] = _with_values(cell["source"], parameters)
    notebook.metadata.pop("papermill", None)
    return notebook


def _with_values(source: str, parameters: Mapping[str, Any]) -> str:
    """Assignments of parameters with other values, what stands around these left as it is."""
    for name, value in parameters.items():
        said = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
        assigned = re.compile(rf"^({re.escape(name)}(?::[^=\n]*?)? = )[^#\n]*?(?=\s*(?:#|$))", re.MULTILINE)
        source = assigned.sub(lambda found, said=said: found[1] + said, source)  # type: ignore[misc]
    return source


def _copy_frame(root: Path, stage: Path, notebooks: set[Path]) -> None:
    """Copy everything but the chapters into the stage, touching only files that changed."""
    config = _read_yaml(root / "_config.yml")
    config.setdefault("execute", {})["execute_notebooks"] = "off"
    wanted = {
        "_config.yml": json.dumps(config, indent=1).encode(),
        "_toc.yml": (root / "_toc.yml").read_bytes(),
    }
    for path in sorted((root / "book").rglob("*")):
        if path.is_file() and path not in notebooks and "__pycache__" not in path.parts:
            wanted[path.relative_to(root).as_posix()] = path.read_bytes()
    staged = {path.relative_to(root).with_suffix(".ipynb").as_posix() for path in notebooks}
    for path in stage.rglob("*"):
        name = path.relative_to(stage).as_posix()
        if path.is_file() and name != MARK and name not in wanted and name not in staged:
            path.unlink()
    for name, data in wanted.items():
        if not (stage / name).is_file() or (stage / name).read_bytes() != data:
            write_atomic(stage / name, data)


def _chapter_stamps(book: list[Page], parameters: Mapping[str, Any]) -> dict[str, str]:
    """What each chapter's outputs depend on, as one hash a chapter."""
    shared = f"{inputs_fingerprint()} {sorted(parameters.items())} {sys.version}".encode()
    return {
        page.name: hashlib.sha256(shared + page.source.read_bytes()).hexdigest()
        for page in book
        if page.is_notebook
    }


def _digest(path: Path) -> str | None:
    try:
        return sha256_file(path)
    except OSError:
        return None


def _frame_stamp(root: Path) -> str:
    """What the look of every page depends on: configuration, contents, extensions, styles."""
    digest = hashlib.sha256()
    files = [root / "_config.yml", root / "_toc.yml"]
    for folder, kind in (("_ext", "*.py"), ("_static", "*"), ("_templates", "*")):
        files += sorted((root / "book" / folder).glob(kind))
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _texts_stamp(stage: Path) -> str:
    """What Jupyter Book reads, by content."""
    digest = hashlib.sha256()
    for path in sorted(stage.rglob("*")):
        if path.is_file() and path.name != MARK:
            digest.update(f"{path.relative_to(stage)}\0{sha256_file(path)}\n".encode())
    return digest.hexdigest()


def _site_stamp(site: Path) -> str:
    """The website as it stands, by size and time of its files: another scale's or an edited one differs."""
    digest = hashlib.sha256()
    for path in sorted(site.rglob("*")):
        if path.is_file():
            status = path.stat()
            digest.update(f"{path.relative_to(site)}\0{status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read_mark(stage: Path) -> dict[str, str]:
    """The stamps of the last build of this stage; none if there was none or its record is damaged."""
    try:
        mark = json.loads((stage / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return mark if isinstance(mark, dict) else {}


def _read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping."""
    import yaml

    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _need_extra() -> None:
    """Say plainly what to install if the book's tools are absent."""
    try:
        import jupyter_book  # noqa: F401
        import jupytext  # noqa: F401
        import papermill  # noqa: F401
    except ImportError as error:
        raise TransferLawsError(
            f"the website needs {error.name}, which is not installed: pip install 'transferlaws[book]'"
        ) from None
