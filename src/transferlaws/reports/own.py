"""A study of your own corpora: two folders of text in; runs, laws and a decision out.

The source folder is what models are pre-trained on, the target folder what they are fine-tuned on. A
scale's sizes are kept; its data sizes are cut to what the folders hold.
"""

from dataclasses import replace
from pathlib import Path

from transferlaws.corpora import CorpusRecipe, Folder, prepare
from transferlaws.design.scale import Scale
from transferlaws.errors import TransferLawsError
from transferlaws.figures import losses
from transferlaws.files import write_atomic
from transferlaws.laws.document import read_laws
from transferlaws.planner import should_pretrain
from transferlaws.prose import words
from transferlaws.study import Study

LEAST_SIZES = 3  # data sizes without which no curve can be drawn


def open_study(
    source: Path, target: Path, out: Path, scale: Scale, source_kind: str, target_kind: str
) -> Study:
    """The study of two folders, its runs and results under `out`; prepares both corpora.

    Raises TransferLawsError if a folder is missing, empty or too small, saying how much it holds.
    """
    recipes = {
        scale.tokenizer_corpus: CorpusRecipe("source", (Folder(source),), kind=source_kind),
        scale.target: CorpusRecipe("target", (Folder(target),), kind=target_kind),
    }
    first = Study(scale, recipes=recipes)
    learned = prepare(recipes[scale.tokenizer_corpus], first.cache)
    wanted = prepare(recipes[scale.target], first.cache)
    available = wanted.characters("train")
    d_chars = tuple(d for d in scale.d_chars if d <= available)
    if len(d_chars) < LEAST_SIZES:
        raise TransferLawsError(
            f"{target} holds {available:,} characters to train on after cleaning and holding out; a curve "
            f"needs at least {scale.d_chars[LEAST_SIZES - 1]:,} at scale {scale.name}"
        )
    held_out = min(
        corpus.characters(split) for corpus in (learned, wanted) for split in ("validation", "test")
    )
    recipe = replace(
        scale.recipe,
        stop_chars_least=min(scale.recipe.stop_chars_least, held_out),
        stop_chars=min(scale.recipe.stop_chars, held_out),
        test_chars=min(scale.recipe.test_chars, held_out),
    )
    fitting = replace(
        scale,
        arms=("scratch", "text"),
        d_chars=d_chars,
        d_chars_scratch=tuple(d for d in scale.d_chars_scratch if d <= available),
        pretrain_chars=min(scale.pretrain_chars, learned.characters("train")),
        tuning=replace(scale.tuning, d_chars=tuple(d for d in scale.tuning.d_chars if d <= d_chars[-1])),
        recipe=recipe,
    )
    return Study(fitting, recipes=recipes, runs=out / "runs", results=out / "results")


def write_report(study: Study, out: Path, *, bootstrap: int, seed: int) -> Path:
    """Freeze the study, and write `report.md` and its figure: the law, what it allows to say, a decision.

    Returns the report's path; the figure and the frozen results lie beside it.
    """
    results = study.freeze(bootstrap=bootstrap, seed=seed)
    table, fit = study.table(), study.fit(bootstrap=bootstrap, seed=seed)
    size, d_chars = max(study.scale.sizes), study.scale.d_chars[-1]
    decision = should_pretrain(
        read_laws(results / "laws.json"), "text", size.n_params, d_chars, study.scale.pretrain_chars
    )
    verdict = {True: "yes", False: "no", None: "these runs cannot say"}[decision.pretrain]
    write_atomic(out / "hero.svg", losses.hero(table, fit).svg(background="#ffffff"))
    lines = [
        "# What is pre-training on the source worth for the target?",
        "![Test loss against characters of the target, from scratch and pre-trained on the source](hero.svg)",
        words.law_table([fit], {}).markdown,
        words.verdict(fit).markdown,
        f"**Pre-train a model of {size.n_params:,} parameters for {d_chars:,} characters of the target? "
        f"{verdict.capitalize()}.** {decision.reason}",
        f"{len(table)} runs; losses in nats/token on held-out text; runs, curves and laws: "
        f"`{results.relative_to(out)}/`.",
    ]
    write_atomic(out / "report.md", "\n\n".join(lines) + "\n")
    return out / "report.md"
