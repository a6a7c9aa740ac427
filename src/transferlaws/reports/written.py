"""The design of a study for so many core-hours, written before it is spent: `design.json`, `design.md`."""

import json
import math
from dataclasses import asdict
from typing import Any

from scipy.stats import t as student

from transferlaws.design.question import BASELINE
from transferlaws.design.sized import MOST_SEEDS, Dials
from transferlaws.errors import TransferLawsError
from transferlaws.escape import markdown
from transferlaws.files import write_atomic
from transferlaws.laws import Power
from transferlaws.models.ladder import size_from_json
from transferlaws.prose.numbers import grid
from transferlaws.reports.choice import ALPHA, BETA, STUDIES, WORTH
from transferlaws.reports.own import Folders
from transferlaws.reports.pilot import Pilot

SCHEMA = 3  # raised when what is written, or how runs of such a study are trained, becomes another


def write_design(
    folders: Folders,
    hours: float,
    pilot: Pilot,
    dials: Dials,
    core: float,
    tried: list[dict[str, Any]],
    seen: Power | None,
) -> None:
    """Write both files: the dials, their `core` core-seconds, what was `tried`, and what would be `seen`."""
    seeds = min(dials.seeds)
    dof = max(len(dials.sizes) * len(dials.d_chars) * (seeds - 1), 1)
    reach = float(student.ppf(0.975, dof)) * pilot.noise * math.sqrt(2 / seeds)
    study, text = folders.at_scale(dials.scale(folders.pretrain_chars)), folders.question.tokenization
    said = "those of the given models" if folders.models else f"{text.kind}, learnt from {text.corpus}"
    summary = None if seen is None else json.loads(seen.summary.to_json(orient="index"))
    document = {
        "schema": SCHEMA,
        "core_hours": hours,
        "target": folders.question.target,
        "sources": list(folders.question.sources),
        "fingerprints": _fingerprints(folders),
        "target_chars": folders.corpora[folders.question.target].characters("train"),
        "tokenizer": f"{study.plan.vocabulary_size:,} tokens, {said}",
        "pilot": {
            "core_seconds": pilot.seconds,
            "noise_nats": pilot.noise,
            "noise_runs": pilot.noise_runs,
            "runs": pilot.runs,
            "length": pilot.prices.length,
            "slowness": pilot.prices.slowness,
            "flops_per_second": {str(size): s for size, s in pilot.prices.flops_per_second.items()},
        },
        "candidates": tried,
        "sizes": [asdict(size) for size in dials.sizes],
        "n_params": [size.n_params for size in dials.sizes],
        "d_chars": list(dials.d_chars),
        "searched": list(study.scale.tuning.d_chars),
        "seeds": list(dials.seeds),
        "pretrain_tokens": dials.pretrain_tokens,
        "pretrain_chars": folders.pretrain_chars,
        "core_hours_expected": core / 3600,
        "gain_half_width_expected": reach,
        "power": summary,
        "rounds": [],
        "core_hours_spent": None,
    }
    write_atomic(folders.out / "design.md", _in_words(document))
    write_atomic(folders.out / "design.json", json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_design(folders: Folders, hours: float) -> Dials | None:
    """The dials of a design that is written already, with the seeds it had reached; None if there is none.

    Raises TransferLawsError for a file that is none, or the design of other folders or of more hours.
    """
    path = folders.out / "design.json"
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text("utf-8"))
        seeds = (document["rounds"] or [document["seeds"]])[-1]
        dials = Dials(
            tuple(map(size_from_json, document["sizes"])),
            tuple(document["d_chars"]),
            document["pretrain_tokens"],
            tuple(seeds),
        )
        earlier, other = document["schema"] != SCHEMA, document["fingerprints"] != _fingerprints(folders)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise TransferLawsError(f"{path} is no design of this program ({error}); remove it") from error
    if earlier:
        raise TransferLawsError(
            f"{path} is a design of another version of this program, which trained otherwise; give --out "
            "another folder, or remove this one"
        )
    if other:
        raise TransferLawsError(f"{path} is the design of other folders; give --out a folder of its own")
    if document["core_hours"] > hours:
        raise TransferLawsError(
            f"{path} is a design for {document['core_hours']:g} core-hours; --core-hours may only grow"
        )
    return dials


def _fingerprints(folders: Folders) -> dict[str, str]:
    """What names the texts and the given models that a design is for."""
    texts = {name: corpus.fingerprint for name, corpus in folders.corpora.items()}
    return texts | {f"model of {size.n_params}": size.checkpoint for size in folders.models}


def note_round(folders: Folders, dials: Dials, seconds: float) -> None:
    """Add to `design.json` the seeds that were reached and the core-seconds that have been spent."""
    path = folders.out / "design.json"
    document = json.loads(path.read_text("utf-8"))
    document["rounds"].append(list(dials.seeds))
    document["core_hours_spent"] = seconds / 3600
    write_atomic(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def _in_words(document: dict[str, Any]) -> str:
    """The design for a reader."""
    hours, pilot = document["core_hours"], document["pilot"]
    counts, sources = document["d_chars"], ", ".join(map(markdown, document["sources"]))
    given = not document["pretrain_tokens"]
    tried = [
        (
            row["sizes"],
            f"{row['d_chars'][0]:,} to {row['d_chars'][1]:,}",
            f"{row['core_hours']:.2g}",
            "too dear"
            if not row["affordable"]
            else f"{row['sd']['alpha']:.2g}, {row['sd']['beta']:.2g}"
            if row["sd"]
            else "one size, no law",
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
    saw = ["No law can be fitted on this design: it measures cells, whose gains stand for themselves."]
    if seen is not None:
        saw = [
            f"{STUDIES} studies of this design were planted with a law of alpha {ALPHA:g} and beta "
            f"{BETA:g} that transfers {WORTH:g} times the data given in its middle, on from-scratch curves "
            "of ordinary shape, with the pilot's noise:",
            grid(
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
            ),
        ]
    parts = [
        "# The design, written before it was spent",
        f"What is {'starting from' if given else 'pre-training on'} {sources} worth for "
        f"{markdown(document['target'])}? "
        f"{hours:g} core-hours are given. Sizes, data, seeds and the rule by which they grow stand here "
        "before the first run of the study.",
        "## Pilot",
        f"{pilot['runs']} runs from scratch took {pilot['core_seconds'] / 3600:.2g} core-hours. Runs of one "
        f"cell lie {pilot['noise_nats']:.2g} nats/token apart (standard deviation, by {pilot['noise_runs']} "
        "that differ in their seeds alone). The runs were "
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
                (
                    "pre-training, each size and source",
                    "none here: the models are given" if given else f"{document['pretrain_tokens']:,} tokens",
                ),
                ("tokenizer", markdown(document["tokenizer"])),
                ("expected with these seeds", f"{document['core_hours_expected']:.2g} core-hours"),
            ],
        ),
        f"Rate and weight decay are searched with {' and '.join(f'{d:,}' for d in document['searched'])} "
        "characters, in every arm and at every size for which that is not too dear, and read off one smooth "
        "surface.",
        f"**What is left buys seeds.** Until {hours:g} core-hours are spent, each amount of data gets a seed "
        "more in both arms and at all sizes: the one with the fewest seeds first, of these the largest, if "
        f"its price, as its runs so far took, still fits; up to {MOST_SEEDS}. What the runs find does not "
        "enter.",
        "## What it can see",
        f"With these first seeds the gain of one cell would be known to about "
        f"± {document['gain_half_width_expected']:.2g} nats/token, or less where arms share their seeds' "
        "samples; n seeds divide that by the square root of n/2.",
        *saw,
        "## What was weighed",
        "Every study of these data that was thought of, with the core-hours expected and the standard "
        "deviations of alpha and beta that its runs would leave. Of those that fit, with something to spare "
        "for runs longer than the pilot's, the one with the least product is made; of one size, which has no "
        "law, the one that reaches most data.",
        grid(("sizes", "characters", "core-hours", "sd of alpha, beta"), tried),
    ]
    return "\n\n".join(map(str, parts)) + "\n"
