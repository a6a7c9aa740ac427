"""A study of your own corpora: folders of text in; runs, laws and a decision out.

Models are pre-trained on each source folder and fine-tuned on the target folder. A scale's sizes are kept;
its data sizes are cut to what the folders hold. Names are the user's, everywhere.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from transferlaws import prose
from transferlaws.corpora import Corpus, CorpusRecipe, Folder, prepare
from transferlaws.corpora.account import MOST_SHARED, account, leaks, too_small
from transferlaws.corpora.overlap import shared_text
from transferlaws.design.presets import own_question
from transferlaws.design.question import Question
from transferlaws.design.scale import Scale
from transferlaws.design.sources import Mixture
from transferlaws.errors import TransferLawsError
from transferlaws.figures import losses
from transferlaws.files import write_atomic
from transferlaws.laws import read_laws
from transferlaws.planner import should_pretrain
from transferlaws.reports.freeze import freeze
from transferlaws.study import Study

LEAST_SIZES = 3  # data sizes without which no curve can be drawn


def open_study(
    sources: Mapping[str, Path],
    target: tuple[str, Path],
    out: Path,
    like: tuple[Question, Scale],
    *,
    source_kind: str = "text",
    target_kind: str = "code",
    fields: tuple[str, ...] = (),
    most_shared: float = MOST_SHARED,
) -> Study:
    """The study of folders by name, its runs and results under `out`; prepares all corpora.

    `like` is the study whose scale, and whose way of making tokens, this one takes over; `fields` are read of
    records. Raises TransferLawsError if a folder is missing, empty or too small, saying how much it holds,
    if more than the share `most_shared` of the target's text is in a source, and for names that mean
    something else.
    """
    name, folder = target
    try:
        mixtures = {source: Mixture.of(source) for source in sources}
        question = own_question(name, mixtures, like[0])
    except ValueError as error:
        raise TransferLawsError(str(error)) from error
    if name in sources:
        raise TransferLawsError(f"{name!r} names a source and the target; call one of them something else")
    places = dict(sources) | {name: folder}
    recipes = {}
    for corpus, path in places.items():
        if Path(path).resolve() == out.resolve():
            raise TransferLawsError(
                f"--out {out} is the folder of {corpus}; results go into one of their own"
            )
        kind = target_kind if corpus == name else source_kind
        recipes[corpus] = CorpusRecipe(corpus, (Folder(path, fields=fields, without=(out,)),), kind=kind)
    scale = like[1]
    first = Study(question, scale, recipes=recipes)
    corpora = {corpus: prepare(recipe, first.cache) for corpus, recipe in recipes.items()}
    if reasons := [reason for made in corpora.values() if (reason := too_small(made))]:
        raise TransferLawsError("; ".join(reasons))
    for source in sources:
        _check_leaks(corpora[name], corpora[source], most_shared)
    available = corpora[name].characters("train")
    d_chars = tuple(d for d in scale.d_chars if d <= available)
    if len(d_chars) < LEAST_SIZES:
        raise TransferLawsError(
            f"{folder} holds {available:,} characters to train on after cleaning and holding out; a curve "
            f"needs at least {scale.d_chars[LEAST_SIZES - 1]:,} at scale {scale.name}"
        )
    held_out = min(
        corpus.characters(split) for corpus in corpora.values() for split in ("validation", "test")
    )
    recipe = replace(
        scale.recipe,
        stop_chars_least=min(scale.recipe.stop_chars_least, held_out),
        stop_chars=min(scale.recipe.stop_chars, held_out),
        test_chars=min(scale.recipe.test_chars, held_out),
    )
    fitting = replace(
        scale,
        d_chars=d_chars,
        d_chars_scratch=tuple(d for d in scale.d_chars_scratch if d <= available),
        pretrain_chars=min(
            scale.pretrain_chars, *(corpora[source].characters("train") for source in sources)
        ),
        tuning=replace(scale.tuning, d_chars=tuple(d for d in scale.tuning.d_chars if d <= d_chars[-1])),
        recipe=recipe,
    )
    return Study(question, fitting, recipes=recipes, runs=out / "runs", results=out / "results")


def _check_leaks(target: Corpus, source: Corpus, most: float) -> None:
    shared = shared_text(target, source)
    if max(shared.values()) > most:
        raise TransferLawsError(
            f"{leaks(target.name, source.name, shared)}. Beyond {100 * most:.3g} % there is little to learn "
            "about transfer: take out what they share, or give --most-shared a larger share, at most 1"
        )


def what_was_read(study: Study, *, progress: bool = True) -> list[str]:
    """What became of the folders' text, line by line: kept and left out by reason, held out, shared."""
    corpora = study.corpora(progress=progress)
    target = corpora[study.question.target]
    lines = [line for corpus in corpora.values() for line in account(corpus)]
    others = (corpus for corpus in corpora.values() if corpus is not target)
    found = (leaks(target.name, source.name, shared_text(target, source)) for source in others)
    return lines + [f"warning: {said}" for said in found if said]


def write_report(study: Study, out: Path, *, bootstrap: int, seed: int) -> Path:
    """Freeze the study, and write `report.md` and its figure: the laws, what they allow to say, a decision.

    Returns the report's path; the figure and the frozen results lie beside it.
    """
    results = freeze(study, bootstrap=bootstrap, seed=seed)
    titles = study.question.titles
    table = study.table()
    fits = {
        source: study.fit(source=source, bootstrap=bootstrap, seed=seed) for source in study.question.sources
    }
    laws = read_laws(results / "laws.json")
    size, d_chars = max(study.scale.sizes), study.scale.d_chars[-1]
    lines = [
        f"# What is pre-training worth for {titles.target}?",
        f"![Test loss against characters of {titles.target}, from scratch and pre-trained](hero.svg)",
        prose.law.table(fits.values(), study.question.paper),
    ]
    decisions = {source: should_pretrain(laws, source, size.n_params, d_chars) for source in fits}
    for source, fit in fits.items():
        lines += [
            f"## {titles.source(source)}",
            f"Pre-train a model of {size.n_params:,} parameters on {titles.source(source)} for {d_chars:,} "
            f"characters of {titles.target}? {prose.decisions.verdict(decisions[source])}",
            prose.law.verdict(fit),
            prose.decisions.cells(laws, source),
        ]
    titled = {titles.source(source): decision for source, decision in decisions.items()}
    lines += [
        "## More data, a larger model, or pre-training?",
        f"Beside a model of {size.n_params:,} parameters trained from scratch on {d_chars:,} characters of "
        f"{titles.target}:",
        prose.decisions.instead(laws, size.n_params, d_chars, titled),
    ]
    lines += ["## What was read", "\n".join(f"- {line}" for line in what_was_read(study, progress=False))]
    lines.append(
        f"{len(table)} runs; losses in nats/token on held-out text; runs, curves and laws: "
        f"`{results.relative_to(out)}/`."
    )
    hero = losses.hero(table, fits[study.question.main], titles)
    write_atomic(out / "hero.svg", hero.svg(background="#ffffff"))
    write_atomic(out / "report.md", "\n\n".join(lines) + "\n")
    return out / "report.md"
