"""A study for so many core-hours: a pilot, a design written down before it is spent, and its rounds of seeds.

The pilot trains the next to smallest model from scratch on two small data sets, three seeds each: how long
runs take here, and how far seeds lie apart. Of the studies that the data allow and that take up to half of
the hours with two seeds a cell, the one is made that would leave the exponents of a law least uncertain; a
law planted on it (`laws.power`) says what it can see. Then `design.md` is written, and only then the study
run. What is left of the hours buys seeds, round by round, the largest data first: the cost decides when to
stop, never a result.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from transferlaws.design.question import BASELINE
from transferlaws.design.sized import (
    CONTEXT,
    FEWEST_DATA,
    FEWEST_SIZES,
    LEAST_SEEDS,
    MOST_PASSES,
    MOST_SEEDS,
    PRETRAIN_TOKENS,
    PRETRAINING_SHARE,
    VOCABULARY,
    Dials,
    candidates,
    data_grid,
)
from transferlaws.errors import TransferLawsError
from transferlaws.escape import markdown
from transferlaws.files import write_atomic
from transferlaws.laws import Design, Hernandez, Power, Scratch, expected_sd, power
from transferlaws.models.ladder import LADDER, Size
from transferlaws.prose.numbers import grid
from transferlaws.reports.own import Folders
from transferlaws.runs.cost import CostModel, expected_runs
from transferlaws.runs.plan import Plan
from transferlaws.runs.record import Record
from transferlaws.runs.store import Store
from transferlaws.study import Study

SCHEMA = 1
CORE_SHARE = 0.5  # of the hours, for the study with two seeds a cell; the rest buys seeds
PILOT_SEEDS = 3
PILOT_SHARE = 0.15  # of the hours: where the pilot alone would take more, they are too few
STUDIES, REDRAWN = 12, 50  # planted, to see what the design can tell
ALPHA, BETA, WORTH = 0.3, 0.3, 3.0
"""The law that is planted: mild exponents, and data transferred of three times those given, in the middle."""
CHARS_PER_TOKEN = 1.4  # of a vocabulary of 512
PRETRAINED = "pretrain"


@dataclass(frozen=True)
class Prices:
    """What runs take here: measured FLOP/s by size, and what the pilot's took beside what was expected.

    `length` is the ratio of tokens to the end of a run, `slowness` of seconds for so many tokens.
    """

    flops_per_second: dict[Size, float]
    length: float
    slowness: float

    def core_seconds(self, plan: Plan, nothing: Store) -> float:
        """Core-seconds of all runs of a plan; `nothing` is a store without records."""
        cost = CostModel(plan, nothing, self.flops_per_second)
        total = 0.0
        for cell in expected_runs(plan.cells(nothing), plan.scale, lambda _: False):
            seconds = cost.estimate(cell).seconds
            assert seconds is not None  # the speed of every size was measured
            total += self.slowness * seconds * (1.0 if cell.role == PRETRAINED else self.length)
        return total


@dataclass(frozen=True)
class Pilot:
    """What was measured before the design: prices, the noise of a run in nats/token and its cost."""

    prices: Prices
    noise: float
    noise_runs: int
    seconds: float


def study_for_hours(folders: Folders, hours: float, *, jobs: int | None, say: Callable[[str], None]) -> Study:
    """Size, write down and run the study of some folders that takes `hours` core-hours; returns it finished.

    A folder that holds a design goes on with it. Raises TransferLawsError where the hours or the data are
    too few for any answer, where runs fail, and for a folder that holds the design of another study.
    """
    if not (math.isfinite(hours) and hours > 0):
        raise TransferLawsError(f"--core-hours is {hours}; it takes a positive number")
    path = folders.out / "design.json"
    known = _read(path, folders, hours)
    if known is None:
        dials = _write(folders, hours, jobs)
        say(f"the design, written before it is spent: {folders.out / 'design.md'}")
    else:
        dials = known
        say(f"going on with the design in {folders.out / 'design.md'}")
    return _spend(folders, dials, hours, jobs, say)


def _write(folders: Folders, hours: float, jobs: int | None) -> Dials:
    """Measure, choose, and write down `design.json` and `design.md`."""
    available = folders.corpora[folders.question.target].characters("train")
    data_grid(available)  # too little is said before anything is trained
    pilot = _pilot(folders, hours, jobs)
    dials, core, table = _choose(folders, hours, pilot)
    seen = _power(dials, pilot.noise)
    document = _document(folders, hours, pilot, dials, core, table, seen)
    write_atomic(folders.out / "design.md", _in_words(document))
    write_atomic(folders.out / "design.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    return dials


def _nothing(folders: Folders) -> Store:
    return Store(folders.out / "runs" / "nothing")


def _pilot(folders: Folders, hours: float, jobs: int | None) -> Pilot:
    """Train the pilot, or take what an interrupted study left of it."""
    from transferlaws.runs.sweep import require_training

    require_training()
    from transferlaws.training.throughput import measured_flops_per_second

    data = data_grid(folders.corpora[folders.question.target].characters("train"))[:2]
    dials = Dials(LADDER[1:2], data, PRETRAIN_TOKENS[0], (PILOT_SEEDS,) * 2)
    whole = dials.scale(folders.pretrain_chars)
    tuning = replace(whole.tuning, d_chars=data[:1], most_rates=3, smooth=False)
    study = folders.at_scale(replace(whole, name="pilot", tuning=tuning), least=1)
    speeds = measured_flops_per_second(LADDER, vocabulary_size=VOCABULARY, context=CONTEXT)
    plan, nothing = study.plan, _nothing(folders)
    alone = plan.cells(nothing, [BASELINE])
    blind = sum(_seconds(CostModel(plan, nothing, speeds), alone, plan))
    if blind > PILOT_SHARE * 3600 * hours:
        raise TransferLawsError(
            f"--core-hours {hours:g} is too little for any answer: the pilot alone, {len(alone)} small runs, "
            f"takes about {blind / 3600:.2g} core-hours; {blind / 3600 / PILOT_SHARE:.2g} are the least"
        )
    swept = study.ensure([BASELINE], jobs=jobs)
    if swept.failed:
        raise TransferLawsError(f"the pilot failed: {'; '.join(swept.failed.values())}")
    spent = sum(map(core_seconds, study.store))
    known = sum(_seconds(CostModel(plan, study.store, speeds), plan.cells(study.store, [BASELINE]), plan))
    slowness = spent / known
    noise, count = _noise(study.table())
    return Pilot(Prices(speeds, known / blind, slowness), noise, count, spent)


def _seconds(cost: CostModel, cells: Any, plan: Plan) -> list[float]:
    runs = expected_runs(cells, plan.scale, cost.done)
    return [cost.estimate(cell).seconds or 0.0 for cell in runs]


def _noise(table: pd.DataFrame) -> tuple[float, int]:
    """Standard deviation of a run about its cell's mean, in nats/token, and of how many runs."""
    groups = table.groupby(["arm", "n_params", "d_chars"])["loss"]
    deviations = table["loss"] - groups.transform("mean")
    dof = len(table) - groups.ngroups
    return float(np.sqrt(np.sum(deviations**2) / max(dof, 1))), len(table)


def _choose(folders: Folders, hours: float, pilot: Pilot) -> tuple[Dials, float, list[dict[str, Any]]]:
    """The candidate that tells most of those the hours allow, its core-seconds, and all candidates."""
    available = folders.corpora[folders.question.target].characters("train")
    tokens = _pretrain_tokens(folders, hours, pilot.prices)
    affordable = CORE_SHARE * 3600 * hours
    rows: list[dict[str, Any]] = []
    best: tuple[float, Dials, float] | None = None
    cheapest = math.inf
    for dials in candidates(available, tokens):
        core = _core_seconds(folders, dials, pilot.prices)
        cheapest = min(cheapest, core)
        row: dict[str, Any] = {
            "sizes": len(dials.sizes),
            "d_chars": [dials.d_chars[0], dials.d_chars[-1]],
            "core_hours": core / 3600,
            "sd": None,
        }
        rows.append(row)
        if core > affordable:
            continue
        spare = (3600 * hours - pilot.seconds - core) / max(
            _round_seconds(folders, dials, pilot.prices), 1e-9
        )
        seeds = int(np.clip(LEAST_SEEDS + spare, LEAST_SEEDS, MOST_SEEDS))
        sd = expected_sd(_design(dials, seeds), _law(dials), pilot.noise, Scratch())
        row["sd"] = sd
        score = sd["alpha"] * sd["beta"]
        if best is None or score < best[0]:
            best = score, dials, core
    if best is None:
        raise TransferLawsError(
            f"--core-hours {hours:g} is too little for any answer: the smallest study of these folders "
            f"({FEWEST_SIZES} sizes, {FEWEST_DATA} amounts of data, {LEAST_SEEDS} seeds) takes about "
            f"{cheapest / 3600:.2g}, more seeds as much again: {cheapest / 3600 / CORE_SHARE:.2g} would do"
        )
    return best[1], best[2], rows


def _pretrain_tokens(folders: Folders, hours: float, prices: Prices) -> dict[int, int]:
    """Tokens of pre-training, by number of sizes: a share of the hours, within what the sources hold."""
    most = MOST_PASSES * folders.pretrain_chars / CHARS_PER_TOKEN
    found = {}
    for count in range(1, len(LADDER) + 1):
        per_token = sum(
            size.flops_per_token(VOCABULARY, CONTEXT) / prices.flops_per_second[size]
            for size in LADDER[:count]
        )
        affordable = PRETRAINING_SHARE * 3600 * hours / len(folders.question.sources)
        tokens = affordable / (per_token * prices.slowness)
        found[count] = int(float(f"{np.clip(min(tokens, most), *PRETRAIN_TOKENS):.2g}"))
    return found


def _core_seconds(folders: Folders, dials: Dials, prices: Prices) -> float:
    plan = folders.at_scale(dials.scale(folders.pretrain_chars)).plan
    return prices.core_seconds(plan, _nothing(folders))


def _round_seconds(folders: Folders, dials: Dials, prices: Prices) -> float:
    """What one seed more of every cell takes."""
    more = replace(dials, seeds=tuple(n + 1 for n in dials.seeds))
    return _core_seconds(folders, more, prices) - _core_seconds(folders, dials, prices)


def _design(dials: Dials, seeds: int) -> Design:
    return Design(
        tuple(float(size.n_params) for size in dials.sizes), tuple(map(float, dials.d_chars)), seeds
    )


def _law(dials: Dials) -> Hernandez:
    """The planted law: in the middle of the design, WORTH times the data given are transferred."""
    n = float(np.exp(np.mean(np.log([size.n_params for size in dials.sizes]))))
    d = float(np.exp(np.mean(np.log(dials.d_chars))))
    return Hernandez(k=WORTH * d ** (1 - ALPHA) / n**BETA, alpha=ALPHA, beta=BETA)


def _power(dials: Dials, noise: float) -> Power | None:
    """What the design with its first seeds sees of a planted law; None where too little to fit."""
    try:
        return power(_design(dials, min(dials.seeds)), _law(dials), noise, STUDIES, bootstrap=REDRAWN)
    except TransferLawsError:
        return None


def _spend(
    folders: Folders, dials: Dials, hours: float, jobs: int | None, say: Callable[[str], None]
) -> Study:
    """Run the study, then seeds as long as the hours last."""
    while True:
        study = folders.at_scale(dials.scale(folders.pretrain_chars))
        swept = study.ensure(study.plan.arms, jobs=jobs)
        if swept.failed:
            raise TransferLawsError(f"{len(swept.failed)} runs failed: {'; '.join(swept.failed.values())}")
        _note(folders, study, dials)
        left = 3600 * hours - _spent(folders, study)
        more = _seeds_for(timed(study), dials, left)
        if more == dials:
            return study
        say(f"{left / 3600:.2g} core-hours are left: seeds by amount of data {more.seeds}")
        dials = more


def _seeds_for(table: pd.DataFrame, dials: Dials, left: float) -> Dials:
    """The dials with the seeds that `left` core-seconds buy: the fewest first, then the largest data."""
    runs = table[table["d_chars"] > 0].groupby("d_chars")
    spent, counts = runs["seconds"].sum(), runs["seed"].nunique()
    prices = {d: float(spent[d]) / int(counts[d]) if d in counts else math.inf for d in dials.d_chars}
    while True:
        places = [
            at for at, d in enumerate(dials.d_chars) if prices[d] <= left and dials.seeds[at] < MOST_SEEDS
        ]
        if not places:
            return dials
        place = min(places, key=lambda at: (dials.seeds[at], -dials.d_chars[at]))
        left -= prices[dials.d_chars[place]]
        dials = dials.one_more_seed(place)


def _spent(folders: Folders, study: Study) -> float:
    """Core-seconds of everything that was trained here, pilot included."""
    stores = (study.store, Store(folders.out / "runs" / "pilot"))
    return sum(core_seconds(record) for store in stores for record in store)


def core_seconds(record: Record) -> float:
    """What a run took of a core: on a busy machine, less than went by."""
    outcome = record.outcome
    return float(outcome.get("core_seconds", outcome.get("seconds", 0.0)))


def timed(study: Study, *, everything: bool = False) -> pd.DataFrame:
    """The table of a study with its runs' core-seconds as `seconds`."""
    table = study.table(everything=everything)
    records = map(study.store.read, table["key"])
    return table.assign(seconds=[core_seconds(record) for record in records if record is not None])


def _document(
    folders: Folders,
    hours: float,
    pilot: Pilot,
    dials: Dials,
    core: float,
    tried: list[dict[str, Any]],
    seen: Power | None,
) -> dict[str, Any]:
    """The design as JSON."""
    seeds = min(dials.seeds)
    dof = max(len(dials.sizes) * len(dials.d_chars) * (seeds - 1), 1)
    reach = float(student.ppf(0.975, dof)) * pilot.noise * math.sqrt(2 / seeds)
    scale = dials.scale(folders.pretrain_chars)
    summary = None if seen is None else json.loads(seen.summary.to_json(orient="index"))
    return {
        "schema": SCHEMA,
        "core_hours": hours,
        "target": folders.question.target,
        "sources": list(folders.question.sources),
        "fingerprints": {name: corpus.fingerprint for name, corpus in sorted(folders.corpora.items())},
        "target_chars": folders.corpora[folders.question.target].characters("train"),
        "tokenizer": f"{folders.question.tokenization.kind}, {scale.vocabulary_size} tokens, learnt from "
        f"{folders.question.tokenization.corpus}",
        "pilot": {
            "core_seconds": pilot.seconds,
            "noise_nats": pilot.noise,
            "runs": pilot.noise_runs,
            "length": pilot.prices.length,
            "slowness": pilot.prices.slowness,
            "flops_per_second": {str(size): s for size, s in pilot.prices.flops_per_second.items()},
        },
        "candidates": tried,
        "sizes": [[size.n_layer, size.d_model, size.n_head] for size in dials.sizes],
        "n_params": [size.n_params for size in dials.sizes],
        "d_chars": list(dials.d_chars),
        "seeds": list(dials.seeds),
        "pretrain_tokens": dials.pretrain_tokens,
        "pretrain_chars": folders.pretrain_chars,
        "core_hours_expected": core / 3600,
        "gain_half_width_expected": reach,
        "power": summary,
        "rounds": [],
        "core_hours_spent": None,
    }


def _in_words(document: dict[str, Any]) -> str:
    """The design for a reader."""
    hours, pilot = document["core_hours"], document["pilot"]
    counts, sources = document["d_chars"], ", ".join(map(markdown, document["sources"]))
    tried = [
        (
            row["sizes"],
            f"{row['d_chars'][0]:,} to {row['d_chars'][1]:,}",
            f"{row['core_hours']:.2g}",
            "too dear" if row["sd"] is None else f"{row['sd']['alpha']:.2g}, {row['sd']['beta']:.2g}",
        )
        for row in document["candidates"]
    ]
    beyond = document["target_chars"] / counts[-1]
    reach = (
        "that is all there is"
        if beyond < 1.1
        else f"there are {document['target_chars']:,}: these hours do not reach them, and no law is believed "
        "more than half a decade beyond its runs"
    )
    seen = document["power"]
    saw = "The planted law could not be fitted on this design: it measures cells, and gives no law."
    if seen is not None:
        saw = grid(
            ("exponent", "planted", "mean error", "intervals that hold it", "closed", "median width"),
            (
                (
                    name,
                    f"{seen[name]['truth']:g}",
                    f"{seen[name]['bias']:+.2g}",
                    f"{100 * seen[name]['coverage']:.0f} %",
                    f"{100 * seen[name]['identified']:.0f} %",
                    "–" if seen[name]["width"] is None else f"{seen[name]['width']:.2g}",
                )
                for name in ("alpha", "beta")
            ),
        )
    parts = [
        "# The design, written before it was spent",
        f"What is pre-training on {sources} worth for {markdown(document['target'])}? "
        f"{hours:g} core-hours are given. Sizes, data, seeds and the rule by which they grow stand here "
        "before the first run of the study.",
        "## Pilot",
        f"{pilot['runs']} runs from scratch took {pilot['core_seconds'] / 3600:.2g} core-hours. Runs of one "
        f"cell lie {pilot['noise_nats']:.2g} nats/token apart (standard deviation). They were "
        f"{pilot['length']:.2g} times as long as the table of such runs has it, and a step took "
        f"{pilot['slowness']:.2g} times as long as measured by itself.",
        "## What is run",
        grid(
            ("what", "how much"),
            [
                (
                    "sizes N (parameters without embeddings)",
                    ", ".join(f"{n:,}" for n in document["n_params"]),
                ),
                ("characters of the target", ", ".join(f"{d:,}" for d in counts)),
                ("the most of them", f"{counts[-1]:,}; {reach}"),
                ("arms", f"{BASELINE}, {sources}"),
                ("seeds a cell, to begin with", min(document["seeds"])),
                ("pre-training, each size and source", f"{document['pretrain_tokens']:,} tokens"),
                ("tokenizer", markdown(document["tokenizer"])),
                ("expected with these seeds", f"{document['core_hours_expected']:.2g} core-hours"),
            ],
        ),
        "Rate and weight decay are searched at the least and the second largest amount of data of every size "
        "and arm, and read off one smooth surface.",
        f"**What is left buys seeds.** Until {hours:g} core-hours are spent, each amount of data gets a seed "
        "more in both arms and at all sizes: the one with the fewest seeds first, of these the largest, if "
        f"its price, as its runs so far took, still fits; up to {MOST_SEEDS}. What the runs find does not "
        "enter.",
        "## What it can see",
        f"With these first seeds the gain of one cell would be known to about "
        f"± {document['gain_half_width_expected']:.2g} nats/token, or less where arms share their seeds' "
        "samples; n seeds divide that by the square root of n/2.",
        f"{STUDIES} studies of this design were planted with a law of alpha {ALPHA:g} and beta {BETA:g} that "
        f"transfers {WORTH:g} times the data given in its middle, on from-scratch curves of ordinary shape, "
        "with the pilot's noise:",
        saw,
        "## What was weighed",
        "Every study of these data that was thought of, with the core-hours expected and the standard "
        "deviations of alpha and beta that its runs would leave; of those up to "
        f"{CORE_SHARE * hours:.2g} core-hours, the one with the least product is made.",
        grid(("sizes", "characters", "core-hours", "sd of alpha, beta"), tried),
    ]
    return "\n\n".join(map(str, parts)) + "\n"


def _read(path: Path, folders: Folders, hours: float) -> Dials | None:
    """The dials of a design that is written already, with the seeds it had reached; None if there is none."""
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text("utf-8"))
        seeds = (document["rounds"] or [document["seeds"]])[-1]
        dials = Dials(
            tuple(Size(*shape) for shape in document["sizes"]),
            tuple(document["d_chars"]),
            document["pretrain_tokens"],
            tuple(seeds),
        )
        same = {name: corpus.fingerprint for name, corpus in folders.corpora.items()}
        other = document["fingerprints"] != same or document["schema"] != SCHEMA
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise TransferLawsError(f"{path} is no design of this program ({error}); remove it") from error
    if other:
        raise TransferLawsError(f"{path} is the design of other folders; give --out a folder of its own")
    if document["core_hours"] > hours:
        raise TransferLawsError(
            f"{path} is a design for {document['core_hours']:g} core-hours; --core-hours may only grow"
        )
    return dials


def _note(folders: Folders, study: Study, dials: Dials) -> None:
    """Add to `design.json` the seeds that were reached and what has been spent."""
    path = folders.out / "design.json"
    document = json.loads(path.read_text("utf-8"))
    document["rounds"].append(list(dials.seeds))
    document["core_hours_spent"] = _spent(folders, study) / 3600
    write_atomic(path, json.dumps(document, indent=1, allow_nan=False) + "\n")
