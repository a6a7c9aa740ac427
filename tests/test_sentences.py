"""Twenty sentences of the book, each number in them once more from `runs.csv` by pandas alone.

What is expected shares no code with what is said: the published table is read as a stranger would read it,
and formulas stand here as they stand in a textbook. The sentences are those of the default study, whichever
it is; one about an arm that was not run says so and is passed over.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferlaws import Study, prose
from transferlaws.design.presets import study_named

ARMS = ("scratch", "text", "mix", "prose")
FOLDER = Path(__file__).parents[1] / "results" / "laptop"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The published study, whatever this machine has trained."""
    question, scale = study_named("laptop")
    return Study(question, scale, runs=tmp_path_factory.mktemp("runs"), results=FOLDER.parent)


@pytest.fixture(scope="module")
def table(study: Study) -> pd.DataFrame:
    """What pages read, of the arms that laws are about."""
    found = study.table()
    return found[found["arm"].isin(ARMS)]


@pytest.fixture(scope="module")
def every() -> pd.DataFrame:
    """The published table with each run's token limit, and nothing of the library in it."""
    table = pd.read_csv(FOLDER / "runs.csv", dtype={"key": str})
    specs = [json.loads(line) for line in (FOLDER / "specs.jsonl").read_text("utf-8").splitlines()]
    limits = {each["key"]: each["spec"]["recipe"]["max_tokens"] for each in specs}
    return table.assign(limit=table["key"].map(limits))


@pytest.fixture(scope="module")
def runs(every: pd.DataFrame) -> pd.DataFrame:
    """Counted runs that succeeded, of the arms that laws are about."""
    return every[(every["role"] == "run") & (every["status"] == "ok") & every["arm"].isin(ARMS)]


@pytest.fixture(scope="module")
def tuned(runs: pd.DataFrame) -> pd.DataFrame:
    """Of those, the ones with data of the target."""
    return runs[runs["d_chars"] > 0]


def holds(sentence: str, *expected: str) -> None:
    """A sentence has all that is expected of it."""
    assert [words for words in expected if words not in sentence] == [], sentence


def test_what_a_study_holds_and_took(
    study: Study, table: pd.DataFrame, every: pd.DataFrame, runs: pd.DataFrame
) -> None:
    cells = runs[runs["d_chars"] > 0].groupby(["arm", "n_params", "d_chars"]).ngroups
    minutes = runs["seconds"].sum() / 60
    said = prose.study.size(table, "laptop")
    holds(said, f"holds {len(runs)} models in {cells} cells: {runs['n_params'].nunique()} sizes")
    holds(said, f"from {runs['n_params'].min():,} to {runs['n_params'].max():,} parameters")
    holds(said, f"{minutes:.1f} core-minutes")
    holds(prose.study.rerun("00", table), f"The {len(runs)} runs of `laptop` behind it took {minutes:.1f}")
    own = every[every["arm"].isin(ARMS)]
    shown = study.table(everything=True)
    trained = prose.study.trained_with(shown[shown["arm"].isin(ARMS)])
    holds(trained, f"{own['seconds'].sum() / 60:.1f}", f"ok: {(own['status'] == 'ok').sum()}")


def test_embeddings_take_their_share_of_the_smallest_and_largest(study: Study, runs: pd.DataFrame) -> None:
    share = (1 - runs["n_params"] / runs["n_params_total"]).groupby(runs["n_params"]).first()
    least, most = share.iloc[0], share.iloc[-1]
    vocabulary, context = study.scale.vocabulary_size, study.scale.context
    shares = [1 - size.n_params / size.n_params_total(vocabulary, context) for size in study.scale.sizes]
    holds(prose.models.embedded(shares), f"**{100 * least:.0f} %**", f"and {100 * most:.0f} % of the largest")


def test_slopes_against_size(table: pd.DataFrame, tuned: pd.DataFrame) -> None:
    own = tuned[(tuned["arm"] == "scratch")]
    least = own["d_chars"].min()
    wide = own[own["d_chars"] == least].pivot(index="seed", columns="n_params", values="loss").dropna()
    x = np.log10(wide.columns.to_numpy(float))
    slopes = wide.to_numpy() @ (x - x.mean()) / ((x - x.mean()) ** 2).sum()  # least squares, by hand
    found = prose.slopes.measured(table, ["scratch"]).set_index("d_chars")
    assert found.loc[least, "slope"] == pytest.approx(slopes.mean(), abs=1e-9)
    holds(prose.slopes.beside_paper(found.reset_index()), f"{slopes.mean():+.3f} [")


def test_passes_and_token_limits(table: pd.DataFrame, tuned: pd.DataFrame) -> None:
    least = tuned["d_chars"].min()
    median = tuned[tuned["d_chars"] == least].groupby("arm")["epochs_best"].median()
    said = prose.passes.fewer(table)
    holds(said, f"{median['text']:.1f} against {median['scratch']:.1f} at the least data")
    box = prose.numbers.box(prose.passes.least_data(table))
    holds(box, f"a factor of {median['scratch'] / median['text']:.1f} |")
    met = int((tuned["tokens_seen"] >= tuned["limit"]).sum())
    holds(prose.passes.at_limit(table), f"{met} run" if met else "none met its token limit")


def test_learning_rates(study: Study, table: pd.DataFrame, tuned: pd.DataFrame) -> None:
    rate = tuned["learning_rate"]
    holds(prose.tuned.rates(table), f"by a factor of {rate.max() / rate.min():.1f}, between")
    searched = study.scale.tuning.d_chars
    outside = int((~tuned["d_chars"].between(min(searched), max(searched))).sum())
    holds(
        prose.tuned.unsearched(table, study.scale.tuning),
        f"Of {len(tuned)} runs, {outside} have less",
    )


def paired(tuned: pd.DataFrame, one: str, other: str) -> pd.Series:
    """Mean loss of `other` less that of `one` over the seeds that both have, a cell each, in nats/token."""
    wide = tuned.pivot_table(index=["n_params", "d_chars", "seed"], columns="arm", values="loss")
    return (wide[other] - wide[one]).dropna().groupby(["n_params", "d_chars"]).mean()


def test_an_order_of_sources_and_harm(study: Study, tuned: pd.DataFrame) -> None:
    arms = set(tuned["arm"])
    if "prose" in arms:
        gain = paired(tuned, "text", "prose")
        said = prose.sources.order(study.table(), ["text", "prose"], study.question.titles)
        holds(said, f"{len(gain)} |", f"{gain.min():+.3f} to {gain.max():+.3f}")
    if "shuffled" in arms:
        change = -paired(tuned, "shuffled", "scratch")
        said = prose.sources.against_scratch(study.table(), "shuffled", study.question.titles)
        holds(said, f"of {len(change)} cells", f"{change.min():+.2f} to {change.max():+.2f} nats/token")
    if {"text-2M", "text-6M"} <= arms:
        gain = paired(tuned, "text-6M", "text-2M")
        lengths = {"text-2M": 2_000_000, "text-6M": 6_000_000}
        holds(prose.pretraining.steps(study.table(), lengths), f"{gain.min():+.3f} to {gain.max():+.3f}")


def test_compute_and_when_it_is_paid_back(study: Study, every: pd.DataFrame, tuned: pd.DataFrame) -> None:
    flops = every[every["arm"] == "scratch"].groupby("role")["flops"].sum()
    said = prose.compute.spent(study.table(everything=True), {"scratch": "from scratch"})
    for role in ("tune", "run"):
        mantissa, power = f"{flops[role]:.1e}".split("e")
        holds(said, rf"${mantissa}\times 10^{{{int(power)}}}$")
    priced = prose.compute.priced(study.table(), study.table(everything=True))
    found = prose.compute.payback(priced, "text")
    both = tuned[tuned["arm"].isin(["scratch", "text"])]
    for (d_chars, seed), own in both.groupby(["d_chars", "seed"]):
        sizes = own.groupby("n_params")["arm"].nunique()
        best = own[own["n_params"].isin(sizes[sizes == 2].index)].groupby("arm")["loss"].min()
        if len(best) == 2:
            row = found[(found["d_chars"] == d_chars) & (found["seed"] == seed)]
            assert row["further"].item() == pytest.approx(best["scratch"] - best["text"], abs=1e-9)
    met = both[both["tokens_seen"] >= both["limit"]]
    expected = f"{len(met)} runs of {len(both)} met a token limit" if len(met) > 1 else ""
    holds(prose.compute.limited(priced, "text"), expected)


def test_a_rival_with_ten_times_the_data(table: pd.DataFrame, tuned: pd.DataFrame) -> None:
    mean = tuned.groupby(["arm", "n_params", "d_chars"])["loss"].mean()
    best = mean.groupby(["arm", "d_chars"]).min()
    rows = [(d, best["text"][d], best["scratch"].get(10 * d)) for d in best["text"].index]
    rows = [row for row in rows if row[2] is not None]
    ahead = sum(own <= rival for _, own, rival in rows)
    laws = json.loads((FOLDER / "laws.json").read_text("utf-8"))
    said = prose.moat.moat(prose.moat.rivals(table, laws, "text", 10), 10)
    holds(said, f"At {ahead} of {len(rows)} data sizes", *(f"{rival:.3f} (N" for _, _, rival in rows))


def test_which_vocabulary_needs_the_fewest_bits(tuned: pd.DataFrame) -> None:
    names = {"English BPE": "laptop", "Python BPE": "laptop-python-bpe", "bytes": "laptop-bytes"}
    tables = {title: Study.open(name).table() for title, name in names.items()}
    bits = {"English BPE": tuned}
    for title in list(names)[1:]:
        other = pd.read_csv(FOLDER.parent / names[title] / "runs.csv")
        bits[title] = other[(other["role"] == "run") & (other["status"] == "ok") & (other["d_chars"] > 0)]
    every = pd.concat(bits, names=["cut"]).reset_index("cut")
    cell = ["n_params", "d_chars"]
    means = every[every["arm"] == "text"].pivot_table("bits_per_char", cell, "cut").dropna()
    least = means.idxmin(axis=1).value_counts()
    said = prose.encodings.lowest(prose.encodings.common(tables, "text"), "text")
    counts = ", ".join(f"{title} in {least[title]}" for title in names if title in least)
    holds(said, f"After pre-training, the fewest bits per character of {len(means)} cells: {counts}")
