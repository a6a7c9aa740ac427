"""Ways of drawing a small data set, by how far losses differ between the samples of different seeds.

Excerpts can be drawn uniformly, as the published studies do, or spread over the corpus: a golden-ratio
sequence over all its characters, so that every beginning of it is divided over projects as the corpus is. And
excerpts can be shorter, so that a small set has more of them. Weights and order have one seed throughout:
what differs is the sample. One run a line of results/trials/samples.csv; what it has is not trained again.

    python benchmarks/samples.py run      # train what is missing
    python benchmarks/samples.py report   # the table of results/trials/README.md
"""

import argparse
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from recipes import Laboratory

from transferlaws.corpora import Corpus
from transferlaws.runs.execute import starting_model
from transferlaws.training.batches import Batches, evaluation_batches
from transferlaws.training.evaluation import Evaluation
from transferlaws.training.loop import Trainer
from transferlaws.training.spec import RunSpec, TrainingRecipe

PATH = Path(__file__).parent.parent / "results" / "trials" / "samples.csv"
BEGIN, END = "<!-- table: samples.py report -->", "<!-- end of samples -->"
GOLDEN = (5**0.5 - 1) / 2
SEEDS = 16
RECIPE = TrainingRecipe(
    averaging=0.4, epsilon=1e-3, weight_decay=3.0, patience_share=1.0, tolerance=0.002, max_tokens=10**9
)


@dataclass(frozen=True)
class Drawing:
    """How excerpts are drawn and how long they are, in characters."""

    spread: bool
    length: int


DRAWINGS = [Drawing(False, 1_000), Drawing(False, 250), *(Drawing(True, n) for n in (1_000, 500, 250))]
CELLS = (
    ("text", 12_768, 3_000, 9.4e-4),
    ("scratch", 12_768, 3_000, 3.1e-3),
    ("text", 50_112, 100_000, 4.7e-4),
    ("scratch", 12_768, 100_000, 8e-3),
    ("text", 12_768, 10_000, 9.4e-4),
    ("scratch", 12_768, 10_000, 5e-3),
)
FEW = 3  # seeds where more data cost more
LOSSES = ["loss_validation", "loss_test"]
KEY = ["arm", "n_params", "d_chars", "spread", "length", "seed"]


def excerpts(corpus: Corpus, drawing: Drawing, d_chars: int, seed: int) -> list[str]:
    """A sample of the training split, as `drawing` draws it."""
    table = corpus._excerpts("train", None)
    parts = max(1, round(1_000 / drawing.length))
    edges = np.concatenate([[0], np.cumsum(table[:, 2])])
    random = np.random.default_rng(seed)
    start, taken, texts, chars = random.random(), set[tuple[int, int]](), [], 0
    i = 0
    with corpus._text("train") as text:
        while chars < d_chars:
            at = (start + i * GOLDEN) % 1 if drawing.spread else random.random()
            i += 1
            place = at * edges[-1]
            row = int(np.searchsorted(edges, place, "right")) - 1
            part = int((place - edges[row]) / table[row, 2] * parts)
            if (row, part) in taken:
                continue
            taken.add((row, part))
            whole = text[table[row, 0] : table[row, 1]].decode()
            piece = whole[part * len(whole) // parts : (part + 1) * len(whole) // parts]
            texts.append(piece[: d_chars - chars])
            chars += len(texts[-1])
    return texts


def train(
    laboratory: Laboratory, cell: tuple[str, int, int, float], drawing: Drawing, seed: int
) -> dict[str, float]:
    """Validation and test loss of one run."""
    arm, n_params, d_chars, rate = cell
    (like, *_) = [
        s
        for s in laboratory.specs
        if (s.arm, s.size.n_params) == (arm, n_params) and s.d_chars == d_chars and not s.is_pretraining
    ]
    recipe = replace(RECIPE, weight_decay=3.0 if d_chars <= 10_000 else 1.0)
    spec: RunSpec = replace(like, recipe=recipe, seed=0, learning_rate=rate)
    if arm != "scratch":
        laboratory.pretrained(arm, n_params)
    model = starting_model(spec, laboratory.study.store, laboratory.bench)
    corpus = laboratory.bench._corpus(spec.data[0].fingerprint)
    tokenizer = laboratory.bench.tokenizer(spec)
    tokens = [
        np.append(t, tokenizer.end_of_text)
        for t in map(tokenizer.encode, excerpts(corpus, drawing, d_chars, seed))
    ]
    stop_chars = min(RECIPE.stop_chars, max(RECIPE.stop_chars_least, d_chars))
    stop_set = evaluation_batches(laboratory.bench.tokens(spec, "validation", stop_chars, 0), spec.context)
    test_set = evaluation_batches(laboratory.bench.tokens(spec, "test", RECIPE.test_chars, 0), spec.context)
    batches = Batches(
        np.concatenate(tokens).astype(np.uint16),
        context=spec.context,
        batch_tokens=RECIPE.batch_tokens,
        batch_share=RECIPE.batch_share,
        seed=0,
    )
    training = Trainer(model, batches, stop_set, rate, recipe).to_early_stop()
    assert training.best is not None
    return {"loss_validation": training.best.loss_validation, "loss_test": Evaluation(model, test_set)()}


def table() -> pd.DataFrame:
    """All runs so far."""
    return pd.read_csv(PATH) if PATH.exists() else pd.DataFrame(columns=KEY)


def run() -> None:
    """Train what is missing, cell by cell."""
    laboratory = Laboratory()
    for cell, seed, drawing in product(CELLS, range(SEEDS), DRAWINGS):
        if cell[2] > 10_000 and not (drawing.spread and seed < FEW):
            continue
        key = (*cell[:3], drawing.spread, drawing.length, seed)
        if key in set(table()[KEY].itertuples(index=False, name=None)):
            continue
        losses = {name: round(loss, 5) for name, loss in train(laboratory, cell, drawing, seed).items()}
        row = pd.DataFrame([dict(zip(KEY, key, strict=True)) | losses])
        row.to_csv(PATH, mode="a", header=not PATH.exists(), index=False)
        print(*key, losses, flush=True)


def report() -> None:
    """Put means, and standard deviations between seeds, by cell and drawing, between the lab book's marks."""
    groups = table().groupby(KEY[:-1])[LOSSES].agg(["count", "mean", "std"])
    head = ["arm", "N", "D", "drawn", "seeds", "validation, mean", "sd", "test, mean", "sd"]
    lines = [head, ["---"] * len(head)]
    for (arm, n, d, spread, length), row in groups.iterrows():
        drawn = f"{'spread' if spread else 'uniform'}, {length}"
        losses = [
            f"{row[name, of]:.3f}" for name in ("loss_validation", "loss_test") for of in ("mean", "std")
        ]
        lines.append([arm, f"{n:,}", f"{d:.0e}", drawn, str(int(row[LOSSES[-1], "count"])), *losses])
    page = PATH.with_name("README.md")
    before, rest = page.read_text().split(BEGIN)
    rows = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    page.write_text(f"{before}{BEGIN}\n\n{rows}\n\n{END}{rest.split(END)[1]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=["run", "report"])
    {"run": run, "report": report}[parser.parse_args().what]()
