"""Figures and numbers of the chapters on corpora and tokens, on the tiny corpus and on planted text."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferlaws import prose
from transferlaws.corpora import Corpus, CorpusRecipe, Folder, prepare
from transferlaws.corpora.card import card
from transferlaws.figures import Drawing, corpora, tokens
from transferlaws.prose.tokens import pieces, shown
from transferlaws.tokens import train_tokenizer

TEXTS = Path(__file__).parent.parent / "corpus"
KINDS = {"english": "text", "python": "code", "othercode": "code"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Corpus]:
    cache = tmp_path_factory.mktemp("cache")
    licences = {"english": "public domain", "python": "the owner's", "othercode": "MIT"}
    return {
        name: prepare(
            CorpusRecipe(name, (Folder(TEXTS / name, licence=licences[name]),), kind=kind),
            cache,
            jobs=1,
            progress=False,
        )
        for name, kind in KINDS.items()
    }


@pytest.fixture(scope="module")
def cards(prepared: Mapping[str, Corpus]) -> dict[str, Any]:
    made = {name: card(corpus) for name, corpus in prepared.items()}
    made["python"]["projects"][0]["dropped"] = {"copy of another document": {"documents": 3, "chars": 9_000}}
    made["python"]["removed"] = [
        {"reason": "copy of another document", "documents": 3, "characters": 9_000},
        {"reason": "beyond the cap on code", "documents": 1, "characters": 500},
        {"reason": "generated", "documents": 1, "characters": 70},
    ]
    return made


CARD_FIGURES: dict[str, Callable[[corpora.Cards], Drawing]] = {
    "composition": corpora.composition,
    "fate": corpora.fate,
    "held out": corpora.held_out_map,
    "code": corpora.code_share,
}


@pytest.mark.parametrize("name", CARD_FIGURES)
def test_a_card_is_drawn_the_same_to_the_byte(name: str, cards: dict[str, Any]) -> None:
    assert CARD_FIGURES[name](cards).svg() == CARD_FIGURES[name](cards).svg()


def test_fates_add_up_to_what_was_read(cards: dict[str, Any], prepared: dict[str, Corpus]) -> None:
    found = corpora.fates(cards["python"])
    assert (found["repeats"], found["beyond a cap"], found["generated, too long, too short"]) == (
        9_000,
        500,
        70,
    )
    kept = sum(prepared["python"].characters(split) for split in ("train", "validation", "test"))
    assert found.total() == kept + 9_570


def test_passages_come_only_from_what_may_be_printed(prepared: dict[str, Corpus]) -> None:
    refused = prose.corpora.passages([prepared["python"]])
    assert "~~~" not in refused and "licence" in refused
    assert "none in the documents" in prose.corpora.lines_like_code(prepared["python"])
    quoted = prose.corpora.passages([prepared["othercode"]], count=1)
    body = quoted.split("~~~~~~")[1].removeprefix("text").strip("\n")
    assert len(body) >= 80
    assert any(body in document.text for document in prepared["othercode"].documents("train"))
    assert "(folder; MIT)" in quoted


def test_fertility_of_bytes_is_bytes_per_character(prepared: dict[str, Corpus]) -> None:
    measured = tokens.fertility(prepared, {"bytes": train_tokenizer("bytes", [])}, d_chars=3_000)
    assert (measured["tokens"] == measured["bytes"]).all()
    assert measured.groupby("corpus")["chars"].sum().to_dict() == dict.fromkeys(KINDS, 3_000)


def test_a_shorter_vocabulary_is_the_one_that_training_would_have_given(prepared: dict[str, Corpus]) -> None:
    for name in ("english", "python"):
        texts = prepared[name].excerpts("train", 20_000, seed=0)
        long, short = (train_tokenizer("bpe", texts, size) for size in (600, 400))
        assert tokens.shorter(long, 400).token_bytes == short.token_bytes
        held_out = "".join(prepared[name].excerpts("test", 3_000, seed=0))
        assert (tokens.shorter(long, 400).encode(held_out) == short.encode(held_out)).all()


def test_counting_loss_is_the_formula_and_a_probability() -> None:
    train, test = [0, 1, 2, 1, 2, 0, 1, 1], [1, 2, 2, 0]
    pairs, single = Counter(pairwise(train)), Counter(train)
    q = {b: (single[b] + 1) / (len(train) + 4) for b in range(4)}

    def p(b: int, a: int) -> float:
        followed = sum(count for (first, _), count in pairs.items() if first == a)
        return (pairs[a, b] + 2 * q[b]) / (followed + 2)

    wanted = [-math.log(p(b, a)) for a, b in pairwise(test)]
    assert tokens.counting_loss(np.array(train), np.array(test), 4, weight=2) == pytest.approx(wanted)
    after = [
        math.exp(-float(tokens.counting_loss(np.array(train), np.array([1, b]), 4)[0])) for b in range(4)
    ]
    assert sum(after) == pytest.approx(1)


def test_tokens_lean_to_where_they_are_used() -> None:
    tokenizer = train_tokenizer("bpe", ["def self " * 50, "the whale " * 50], 300)
    lean = tokens.leaning(tokenizer, ["the whale " * 9], ["def self " * 9])
    ids = {shown(tokenizer, token): token for token in range(tokenizer.vocabulary_size)}
    assert lean[ids["␣self"]] > 1 and lean[ids["␣whale"]] < -1


def test_tokens_are_shown_so_that_they_can_be_seen() -> None:
    tokenizer = train_tokenizer("bpe", ["\n        x"] * 99, 280)
    assert "".join(pieces(tokenizer, "a\tb c")) == "a⇥b␣c"
    assert any("⏎␣×" in shown(tokenizer, token) for token in range(257, tokenizer.vocabulary_size))
    assert shown(train_tokenizer("bytes", []), train_tokenizer("bytes", []).encode("é")[0]) == "c3"


def test_token_figures_are_the_same_to_the_byte(prepared: dict[str, Corpus]) -> None:
    texts = {name: prepared[name].excerpts("train", 20_000, seed=0) for name in ("english", "python")}
    bpe = {name: train_tokenizer("bpe", sample, 600) for name, sample in texts.items()}
    measured = tokens.fertility(prepared, bpe, d_chars=3_000)
    grown = tokens.by_vocabulary(prepared, bpe, d_chars=3_000)
    leanings = {name: tokens.leaning(made, *texts.values()) for name, made in bpe.items()}
    table = tokens.totals(measured).head(2).assign(nats_per_token=[3.0, 2.0], bits_per_char=[2.0, 3.0])
    assert sorted(set(grown["vocabulary_size"])) == [257, 512, 600]
    draws: list[Callable[[], Drawing]] = [
        lambda: tokens.fertilities(measured),
        lambda: tokens.fertility_by_vocabulary(grown),
        lambda: tokens.first_merges(bpe, leanings, rows=3),
        lambda: tokens.two_units(table),
    ]
    for draw in draws:
        assert draw().svg() == draw().svg()
