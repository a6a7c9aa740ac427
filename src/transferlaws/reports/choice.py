"""Which study so many core-hours are spent on: of those the data allow, the one whose runs would tell most.

Of the studies that take up to half of the hours with two seeds a cell, the one is chosen that would leave the
exponents of a law least uncertain. Where the hours are too few for any, more of them go into the runs that no
study can do without, and less into pre-training (`SHARES`). A law planted on it (`laws.power`) says what it
can see. Models that are given are all asked about; one alone has no law, and its study reaches the most data.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from transferlaws.design.sized import (
    CONTEXT,
    FEWEST_DATA,
    LEAST_SEEDS,
    MOST_PASSES,
    MOST_SEEDS,
    PRETRAIN_TOKENS,
    VOCABULARY,
    Dials,
    candidates,
    families,
)
from transferlaws.errors import TransferLawsError
from transferlaws.laws import Design, Hernandez, Power, Scratch, expected_sd, power
from transferlaws.models.ladder import Size
from transferlaws.reports.own import Folders
from transferlaws.reports.pilot import Pilot, Prices, no_records

SHARES = ((0.5, 0.2), (0.8, 0.1), (0.8, 0.05))
"""Shares of the hours: for the study with two seeds a cell (the rest buys seeds), for pre-training in it.

The first that allows any study is taken. What it leaves is for runs that take longer than the pilot's, too.
"""
STUDIES, REDRAWN = 12, 50  # planted, to see what the design can tell
ALPHA, BETA, WORTH = 0.3, 0.3, 3.0
"""The law that is planted: mild exponents, and data transferred of three times those given, in the middle."""
CHARS_PER_TOKEN = 1.4  # of a vocabulary of 512


def choose(folders: Folders, hours: float, pilot: Pilot) -> tuple[Dials, float, list[dict[str, Any]]]:
    """The candidate that tells most of those the hours allow, its core-seconds, and all candidates."""
    left, rows = 3600 * hours - pilot.seconds, list[dict[str, Any]]()
    for core_share, pretraining_share in SHARES:
        tokens = _pretrain_tokens(folders, pretraining_share * 3600 * hours, pilot.prices)
        best, rows = _most_telling(folders, pilot, tokens, core_share * left, left)
        if best is not None:
            return *best, rows
    least = min(float(row["core_hours"]) for row in rows)
    sizes = min((row["sizes"] for row in rows), default=1)
    said = "one size" if sizes == 1 else f"{sizes} sizes"
    fewer = ", or a study without the largest of these models" if len(folders.models) > 1 else ""
    raise TransferLawsError(
        f"--core-hours {hours:g} is too little for any answer: the smallest study of these folders ({said}, "
        f"{FEWEST_DATA} amounts of data, {LEAST_SEEDS} seeds) takes about {least:.2g}; "
        f"{least / SHARES[-1][0] + pilot.seconds / 3600:.2g} would do{fewer}"
    )


def _most_telling(
    folders: Folders, pilot: Pilot, tokens: dict[tuple[Size, ...], int], affordable: float, left: float
) -> tuple[tuple[Dials, float] | None, list[dict[str, Any]]]:
    """The best candidate of up to `affordable` core-seconds with its own, if any, and all candidates."""
    available = folders.corpora[folders.question.target].characters("train")
    rows: list[dict[str, Any]] = []
    best: tuple[float, Dials, float] | None = None
    for dials in candidates(available, tokens):
        core = _core_seconds(folders, dials, pilot.prices)
        row: dict[str, Any] = {
            "sizes": len(dials.sizes),
            "d_chars": [dials.d_chars[0], dials.d_chars[-1]],
            "core_hours": core / 3600,
            "affordable": core <= affordable,
            "sd": None,
        }
        rows.append(row)
        if core > affordable:
            continue
        spare = (left - core) / max(_round_seconds(folders, dials, pilot.prices), 1e-9)
        seeds = int(np.clip(LEAST_SEEDS + spare, LEAST_SEEDS, MOST_SEEDS))
        if len(dials.sizes) > 1:
            row["sd"] = expected_sd(_design(dials, seeds), _law(dials), pilot.noise, Scratch())
        score = row["sd"]["alpha"] * row["sd"]["beta"] if row["sd"] else 1 / dials.d_chars[-1]
        if best is None or score < best[0]:
            best = score, dials, core
    return (None if best is None else best[1:]), rows


def _pretrain_tokens(folders: Folders, seconds: float, prices: Prices) -> dict[tuple[Size, ...], int]:
    """Tokens of pre-training that core-seconds buy, by the sizes of a study, within what the sources hold.

    None for models that are given.
    """
    if folders.models:
        return dict.fromkeys(families(tuple(folders.models)), 0)
    most = MOST_PASSES * folders.pretrain_chars / CHARS_PER_TOKEN
    found = {}
    for sizes in families():
        per_token = sum(
            size.flops_per_token(VOCABULARY, CONTEXT) / prices.flops_per_second[size] for size in sizes
        )
        affordable = seconds / len(folders.question.sources)
        tokens = affordable / (per_token * prices.slowness)
        found[sizes] = int(float(f"{np.clip(min(tokens, most), *PRETRAIN_TOKENS):.2g}"))
    return found


def _core_seconds(folders: Folders, dials: Dials, prices: Prices) -> float:
    plan = folders.at_scale(dials.scale(folders.pretrain_chars)).plan
    return prices.core_seconds(plan, no_records(folders))


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


def seen(dials: Dials, noise: float) -> Power | None:
    """What the design with its first seeds sees of a planted law; None where too little to fit one."""
    if len(dials.sizes) == 1:
        return None
    try:
        return power(_design(dials, min(dials.seeds)), _law(dials), noise, STUDIES, bootstrap=REDRAWN)
    except TransferLawsError:
        return None
