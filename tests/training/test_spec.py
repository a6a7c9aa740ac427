"""A key names a run: it survives JSON, and anything that changes the run changes the key."""

import json
from dataclasses import replace
from pathlib import Path

from transferlaws.models.ladder import Size
from transferlaws.training.spec import RunSpec, Share, TrainingRecipe

SPEC = RunSpec(
    arm="text",
    size=Size(1, 16, 2),
    data=(Share("python", "f" * 64, 1_000),),
    tokenizer="bpe:abc",
    vocabulary_size=512,
    context=128,
    seed=0,
    learning_rate=1e-3,
    recipe=TrainingRecipe(),
    start="0" * 20,
)


def test_a_spec_survives_json() -> None:
    again = RunSpec.from_json(json.loads(json.dumps(SPEC.to_json())))
    assert again == SPEC
    assert again.key == SPEC.key


def test_every_field_is_in_the_key() -> None:
    changed = [
        replace(SPEC, arm="mix"),
        replace(SPEC, size=Size(1, 32, 2)),
        replace(SPEC, data=(Share("python", "f" * 64, 1_001),)),
        replace(SPEC, data=(Share("python", "e" * 64, 1_000),)),
        replace(SPEC, data=(Share("python", "f" * 64, 1_000, ("prose",)),)),
        replace(SPEC, tokenizer="bpe:abd"),
        replace(SPEC, vocabulary_size=513),
        replace(SPEC, context=64),
        replace(SPEC, seed=1),
        replace(SPEC, learning_rate=1.0000001e-3),
        replace(SPEC, recipe=TrainingRecipe(patience=5)),
        replace(SPEC, recipe=TrainingRecipe(averaging=0.3)),
        replace(SPEC, recipe=TrainingRecipe(epsilon=1e-3)),
        replace(SPEC, recipe=TrainingRecipe(dropout=0.1)),
        replace(SPEC, start=None),
        replace(SPEC, budget_tokens=1),
        replace(SPEC, engine=SPEC.engine + 1),
    ]
    assert len({spec.key for spec in [SPEC, *changed]}) == len(changed) + 1


def test_pretraining_on_the_same_data_shares_its_trunk_whatever_the_arm() -> None:
    long = replace(SPEC, start=None, budget_tokens=14_000_000)
    short = replace(long, arm="text-2M", budget_tokens=2_000_000)
    assert short.key != long.key and short.trunk == long.trunk
    assert replace(short, seed=1).trunk != long.trunk


def test_published_runs_have_the_keys_they_had_before_there_were_more_options() -> None:
    assert not {"averaging", "epsilon", "dropout"} & SPEC.to_json()["recipe"].keys()
    published = Path(__file__).parent.parent.parent / "results" / "laptop" / "specs.jsonl"
    lines = [json.loads(line) for line in published.read_text("utf-8").splitlines()]
    assert lines
    assert [RunSpec.from_json(line["spec"]).key for line in lines] == [line["key"] for line in lines]
