"""A study small enough for tests: two tiny models on the corpus in tests/corpus, no network."""

from pathlib import Path

from transferlaws import Question, Scale, Study
from transferlaws.corpora import CorpusRecipe, Folder
from transferlaws.design.presets import TO_PYTHON
from transferlaws.models.ladder import LADDER
from transferlaws.training.spec import TrainingRecipe
from transferlaws.training.tuning import Tuning

CORPUS = Path(__file__).parent / "corpus"

TINY = Scale(
    name="tiny",
    tier="smoke",
    sizes=LADDER[:2],
    d_chars=(600, 2_000),
    d_chars_scratch=(5_000,),
    seeds=((600, 2), (5_000, 1)),
    pretrain_chars=20_000,
    pretrain_tokens=8_000,
    pretrain_rate=1e-2,
    tuning=Tuning(d_chars=(600,), first_guess=8e-3, most_rates=3),
    vocabulary_size=300,
    context=32,
    recipe=TrainingRecipe(
        batch_tokens=256, max_tokens=8_000, stop_chars_least=500, stop_chars=1_000, test_chars=2_000
    ),
)


QUESTION: Question = TO_PYTHON.only("text")


def tiny_recipes() -> dict[str, CorpusRecipe]:
    kinds = {"english": "text", "python": "code"}
    return {name: CorpusRecipe(name, (Folder(CORPUS / name),), kind=kind) for name, kind in kinds.items()}


def make_tiny_study(folder: Path, cache: Path) -> Study:
    return Study(
        QUESTION, TINY, recipes=tiny_recipes(), runs=folder / "runs", results=folder / "results", cache=cache
    )
