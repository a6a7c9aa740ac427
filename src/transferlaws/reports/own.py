"""A study of your own corpora, or of models somebody saved: folders in, a study of them out.

Models are pre-trained on each source folder, or are there already (`reports.given`), and fine-tuned on the
target folder. A scale's data sizes are cut to what the folders hold; its sizes are kept, or are those of the
given models. Names are the user's, everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from transferlaws.corpora import Corpus, CorpusRecipe, Folder, prepare
from transferlaws.corpora.account import MOST_SHARED, SAID_SHARE, account, leaks, too_small
from transferlaws.corpora.overlap import shared_text
from transferlaws.design.presets import own_question
from transferlaws.design.question import Question
from transferlaws.design.scale import Scale
from transferlaws.design.sources import GIVEN, Mixture
from transferlaws.errors import TransferLawsError
from transferlaws.models.ladder import SavedSize
from transferlaws.models.saved import is_saved_model
from transferlaws.places import cache_dir
from transferlaws.reports.given import of_given_models, read_family, what_was_given
from transferlaws.study import Study
from transferlaws.training.spec import TrainingRecipe

LEAST_SIZES = 3  # data sizes without which no curve can be drawn


@dataclass(frozen=True)
class Folders:
    """Folders that were read: the question about them, their corpora by name, and where results go.

    `models` are given models with their folders, smallest first.
    """

    question: Question
    recipes: Mapping[str, CorpusRecipe]
    corpora: Mapping[str, Corpus]
    out: Path
    models: Mapping[SavedSize, Path] = field(default_factory=dict)

    @property
    def pretrain_chars(self) -> int:
        """Characters that every source has to pre-train on; 0 for models that are given."""
        sources = [self.corpora[source] for source in self.question.sources if source in self.corpora]
        return min((corpus.characters("train") for corpus in sources), default=0)

    def at_scale(self, scale: Scale, least: int = LEAST_SIZES) -> Study:
        """The study of these folders at a scale cut to what they hold.

        Raises TransferLawsError if fewer than `least` of its amounts of data are left.
        """
        available = self.corpora[self.question.target].characters("train")
        d_chars = tuple(d for d in scale.d_chars if d <= available)
        if len(d_chars) < least:
            raise TransferLawsError(
                f"{self.question.target} holds {available:,} characters to train on after cleaning and "
                f"holding out; a curve needs at least {scale.d_chars[least - 1]:,} at scale {scale.name}"
            )
        held_out = min(
            corpus.characters(split) for corpus in self.corpora.values() for split in ("validation", "test")
        )

        def within(recipe: TrainingRecipe) -> TrainingRecipe:
            return replace(
                recipe,
                stop_chars_least=min(recipe.stop_chars_least, held_out),
                stop_chars=min(recipe.stop_chars, held_out),
                test_chars=min(recipe.test_chars, held_out),
            )

        if self.models:
            scale = of_given_models(scale, tuple(self.models))
        fitting = replace(
            scale,
            d_chars=d_chars,
            d_chars_scratch=tuple(d for d in scale.d_chars_scratch if d <= available),
            pretrain_chars=min(scale.pretrain_chars, self.pretrain_chars),
            tuning=replace(
                scale.tuning,
                d_chars=tuple(d for d in scale.tuning.d_chars if d <= d_chars[-1]),
                must_learn=True,  # sources may be so near the target that little is left to learn
            ),
            recipe=within(scale.recipe),
            pretraining=scale.pretraining and within(scale.pretraining),
        )
        runs, results = self.out / "runs", self.out / "results"
        models = {size.checkpoint: folder for size, folder in self.models.items()}
        return Study(self.question, fitting, recipes=self.recipes, models=models, runs=runs, results=results)


def read_folders(
    sources: Mapping[str, Path],
    target: tuple[str, Path],
    out: Path,
    like: Question,
    *,
    source_kind: str = "text",
    target_kind: str = "code",
    fields: tuple[str, ...] = (),
    most_shared: float = MOST_SHARED,
) -> Folders:
    """Folders by name, read, cleaned and held against each other; results will go below `out`.

    Text becomes tokens as in the question `like`; `fields` are read of records. Raises TransferLawsError if a
    folder is missing, empty or too small, saying how much it holds, if more than the share `most_shared` of
    the target's text is in a source, and for names that mean something else.
    """
    name, _ = target
    question = _question(name, {source: Mixture.of(source) for source in sources}, like)
    recipes = {source: _recipe(source, path, out, source_kind, fields) for source, path in sources.items()}
    recipes[name] = _recipe(*target, out, target_kind, fields)
    corpora = _prepared(recipes)
    for source in sources:
        _check_leaks(corpora[name], corpora[source], most_shared)
    return Folders(question, recipes, corpora, out)


def read_models(
    source: str,
    saved: Sequence[Path],
    target: tuple[str, Path],
    out: Path,
    like: Question,
    *,
    target_kind: str = "code",
    fields: tuple[str, ...] = (),
) -> Folders:
    """Models that somebody saved, sizes of one family called `source`, and the folder of a target.

    Raises TransferLawsError for models that are not read (`models.saved`, `reports.given`) and as
    `read_folders` does.
    """
    name, _ = target
    question = _question(name, {source: GIVEN}, like)
    question = replace(question, titles=replace(question.titles, given=True))
    models = read_family(source, saved)
    recipes = {name: _recipe(*target, out, target_kind, fields)}
    return Folders(question, recipes, _prepared(recipes), out, models)


def _question(target: str, sources: Mapping[str, Mixture], like: Question) -> Question:
    if target in sources:
        raise TransferLawsError(f"{target!r} names a source and the target; call one of them something else")
    try:
        return own_question(target, sources, like)
    except ValueError as error:
        raise TransferLawsError(str(error)) from error


def _recipe(corpus: str, path: Path, out: Path, kind: str, fields: tuple[str, ...]) -> CorpusRecipe:
    if Path(path).resolve() == out.resolve():
        raise TransferLawsError(f"--out {out} is the folder of {corpus}; results go into one of their own")
    if is_saved_model(Path(path)):
        raise TransferLawsError(
            f"{path} holds a saved model, not text, and read as text its files would be settings and "
            "vocabularies; models are sources, in studies without sources of text"
        )
    return CorpusRecipe(corpus, (Folder(path, fields=fields, without=(out,)),), kind=kind)


def _prepared(recipes: Mapping[str, CorpusRecipe]) -> dict[str, Corpus]:
    corpora = {corpus: prepare(recipe, cache_dir()) for corpus, recipe in recipes.items()}
    if reasons := [reason for made in corpora.values() if (reason := too_small(made))]:
        raise TransferLawsError("; ".join(reasons))
    return corpora


def _check_leaks(target: Corpus, source: Corpus, most: float) -> None:
    shared = shared_text(target, source)
    if max(shared.values()) > most:
        raise TransferLawsError(
            f"{leaks(target.name, source.name, shared)}. Beyond {100 * most:.3g} % there is little to learn "
            "about transfer: take out what they share, or give --most-shared a larger share, at most 1"
        )


def what_was_read(folders: Folders) -> list[str]:
    """What became of the folders' text, line by line: kept and left out by reason, held out, shared."""
    target = folders.corpora[folders.question.target]
    lines = [line for corpus in folders.corpora.values() for line in account(corpus)]
    lines += what_was_given(folders.models, target)
    for source in folders.question.sources if not folders.models else ():
        found = leaks(target.name, source, shared_text(target, folders.corpora[source]))
        little = f"less than {100 * SAID_SHARE:g} % of {target.name} occurs in what {source} trains on"
        lines.append(f"warning: {found}" if found else little)
    return lines
