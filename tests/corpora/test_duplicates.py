from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from transferlaws.corpora.duplicates import Copies, Sentences, signature, window_hashes

WORDS = [f"word{number}" for number in range(400)]


def document(seed: int, changed: int = 0) -> str:
    """A random text of 400 words; with `changed`, the same text with so many words replaced."""
    words = list(np.random.default_rng(seed).choice(WORDS, 400))
    for place in np.random.default_rng(seed + 1).choice(400, changed, replace=False):
        words[place] = f"new{place}"
    return " ".join(words)


def jaccard(first: str, second: str, width: int = 5) -> float:
    """The exact similarity, from sets of words: what MinHash estimates."""
    sets = [
        {tuple(words[i : i + width]) for i in range(len(words) - width + 1)}
        for words in (first.split(), second.split())
    ]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_windows_are_the_sets_of_words_and_lines() -> None:
    text = document(0)
    assert len(window_hashes(text, "text")) == len({tuple(text.split()[i : i + 5]) for i in range(396)})
    assert len(window_hashes("a\n\n  b\nc\nd\n", "code")) == 2
    assert np.array_equal(window_hashes("a\n\n b\nc", "code"), window_hashes("a\nb  \n\tc\n\n", "code"))


@pytest.mark.parametrize("changed", [2, 10, 30, 80])
def test_signatures_estimate_the_exact_similarity(changed: int) -> None:
    errors = [
        np.mean(signature(document(seed), "text") == signature(document(seed, changed), "text"))
        - jaccard(document(seed), document(seed, changed))
        for seed in range(20)
    ]
    assert abs(np.mean(errors)) < 4 * 0.5 / np.sqrt(
        64 * 20
    )  # four standard errors of 64 permutations, 20 pairs


def test_near_copies_are_found_and_others_kept() -> None:
    copies = Copies()
    originals = [signature(document(seed), "text") for seed in range(50)]
    assert not any(copies.is_copy(original) for original in originals)
    found = [copies.is_copy(signature(document(seed, 4), "text")) for seed in range(50)]
    assert jaccard(document(0), document(0, 4)) > 0.85
    assert all(found)


def test_repeated_sentences_go_short_ones_stay() -> None:
    sentences = Sentences()
    boilerplate = "This notice must be included in all copies of it."
    first = f"One thing is said here for the very first time. {boilerplate} Yes. Yes."
    assert sentences.without_repeats(first) == first
    second = f"{boilerplate.upper()}  Another thing is said here for the first time.\n\nYes."
    assert sentences.without_repeats(second) == "Another thing is said here for the first time.\n\nYes."


def one_line(random: Random) -> str:
    return "export const f = x => " + " + ".join(f"x{random.random()} * {random.random()}" for _ in range(8))


def minified(random: Random) -> str:
    return ";".join(f"var a{random.random()}=b({random.randrange(10**6)})" for _ in range(40)).replace(
        " ", ""
    )


def letters(alphabet: str, length: int) -> Callable[[Random], str]:
    return lambda random: "".join(random.choices(alphabet, k=length))


FEW_SPACES = {
    "one line of code": ("code", one_line),
    "three lines of code": ("code", lambda random: "\n".join(one_line(random) for _ in range(3))),
    "a note": ("text", lambda random: f"Room {random.random()}, quiet night"),
    "a word": ("text", lambda random: f"w{random.random()}"),
    "Chinese": ("text", letters("的一是不了人我在有他这中大来上个国到说们为子和你地出道也时", 140)),
    "Japanese": ("text", letters("あいうえおかきくけこさしすせそたちつてとなにぬねの日本語学校", 120)),
    "Thai": ("text", letters("กขคงจชซญดตถทธนบปผพฟภมยรลวศสหอ", 160)),
    "long Chinese": ("text", letters("的一是不了人我在有他这中大来上个国到说们为子和你地出道也时", 20_000)),
    "DNA": ("text", letters("ACGT", 3_000)),
    "a short sequence of DNA": ("text", letters("ACGT", 60)),
    "protein": ("text", letters("ACDEFGHIKLMNPQRSTVWY", 400)),
    "minified, as text": ("text", minified),
}


@pytest.mark.parametrize("case", FEW_SPACES)
def test_what_has_no_words_is_compared_by_what_it_has(case: str) -> None:
    """Documents drawn apart are all kept; each is its own copy, and a long one that of a near one."""
    kind, make = FEW_SPACES[case]
    texts = [make(Random(seed)) for seed in range(60)]
    copies = Copies()
    assert not any(copies.is_copy(signature(text, kind, 2)) for text in texts)
    assert all(copies.is_copy(signature(text, kind, 2)) for text in texts)
    if kind == "text" and len(texts[0]) > 1_000:
        middle = len(texts[0]) // 2
        near = [text[:middle] + text[middle + 3 :] for text in texts]
        assert all(copies.is_copy(signature(text, kind, 2)) for text in near)


def test_a_sequence_is_the_same_in_lines_of_another_width() -> None:
    text = FEW_SPACES["DNA"][1](Random(0))
    wrapped = ["\n".join(text[i : i + width] for i in range(0, len(text), width)) for width in (60, 70)]
    one, other = (signature(each, "text", 2) for each in wrapped)
    assert np.array_equal(one, other)


def test_the_old_rules_see_words_and_lines_as_the_new_ones_do() -> None:
    """For text with words and code with lines the rules differ in their hashes, not in what is a copy."""
    for kind, text in (("text", document(0)), ("code", document(0).replace(" ", "\n"))):
        assert len(window_hashes(text, kind, None, 1)) == len(window_hashes(text, kind, None, 2))


@pytest.mark.parametrize(
    "said",
    ["这句话在每一份文件里都出现一次，因此不再算数。", "この文はどの書類にも一度は出てくるので数えない。"],
)
def test_repeated_sentences_without_spaces(said: str) -> None:
    sentences = Sentences(2)
    sentences.without_repeats(f"第一份。{said}")
    assert sentences.without_repeats(f"第二份。{said}第三。") == "第二份。第三。"
