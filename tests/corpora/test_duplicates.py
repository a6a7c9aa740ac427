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
