import json
import math
import os
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transferlaws.corpora import Corpus, CorpusRecipe, Folder, prepare
from transferlaws.errors import TransferLawsError
from transferlaws.tokens import END_OF_TEXT, Tokenizer, encode, load_tokenizer, tokenizer_of, train_tokenizer

TEXTS = Path(__file__).parent / "corpus"
ANY_TEXT = st.text() | st.text(st.sampled_from(" \n\tdefé漢🙂\u0301\x00")) | st.just(f"a{END_OF_TEXT}b")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def english(cache: Path) -> Corpus:
    return prepare(CorpusRecipe("english", (Folder(TEXTS / "english"),)), cache, jobs=1, progress=False)


@pytest.fixture(scope="session")
def bpe(english: Corpus, cache: Path) -> Tokenizer:
    return tokenizer_of(english, "bpe", 512, cache)


@pytest.fixture(scope="session")
def plain() -> Tokenizer:
    return train_tokenizer("bytes", ())


@given(ANY_TEXT)
def test_any_text_comes_back_from_bpe(bpe: Tokenizer, text: str) -> None:
    check_round_trip(bpe, text)


@given(ANY_TEXT)
def test_any_text_comes_back_from_bytes(plain: Tokenizer, text: str) -> None:
    check_round_trip(plain, text)
    assert len(plain.encode(text)) == len(text.encode())


def check_round_trip(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.encode(text)
    assert tokens.dtype == np.uint16
    assert tokenizer.decode(tokens) == text
    assert tokenizer.bytes_per_token[tokens].sum() == len(text.encode())
    assert tokenizer.chars_per_token[tokens].sum() == len(text)
    assert tokenizer.end_of_text not in tokens


def test_vocabularies(bpe: Tokenizer, plain: Tokenizer) -> None:
    assert (bpe.vocabulary_size, plain.vocabulary_size) == (512, 257)
    for tokenizer in (bpe, plain):
        assert sorted(data for data in tokenizer.token_bytes if len(data) == 1) == [
            bytes([byte]) for byte in range(256)
        ]
        assert tokenizer.decode([tokenizer.end_of_text]) == ""
    assert b" the" in bpe.token_bytes


def test_the_first_merge_is_the_most_frequent_pair() -> None:
    """Counted by hand: "ab" stands 6 times, "bc" 3 times, then "ab"+"c" 3 times (Sennrich et al. 2016)."""
    tokenizer = train_tokenizer("bpe", ["abc abc abc abd abe ab"], 259)
    assert tokenizer.token_bytes[257] == b"ab"


def test_training_does_not_depend_on_threads(english: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = english.excerpts("train", None, seed=0)
    prints = []
    for parallel in ("true", "false"):
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", parallel)
        prints.append(train_tokenizer("bpe", iter(texts), 700).fingerprint)
    assert prints[0] == prints[1]


def test_saved_and_loaded(bpe: Tokenizer, tmp_path: Path) -> None:
    bpe.save(tmp_path / "tokenizer.json")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert loaded.fingerprint == bpe.fingerprint
    assert list(loaded.encode(f"the {END_OF_TEXT}")) == list(bpe.encode(f"the {END_OF_TEXT}"))


def test_bits_per_character(bpe: Tokenizer, plain: Tokenizer) -> None:
    """A uniform guess over V tokens costs log2 V bits a token, whatever the text."""
    text = "The cat sat on the mat; naïve 漢字."
    for tokenizer in (bpe, plain):
        tokens = tokenizer.encode(text)
        nats = len(tokens) * math.log(tokenizer.vocabulary_size)
        bits = len(tokens) * math.log2(tokenizer.vocabulary_size) / len(text)
        assert tokenizer.bits_per_character(nats, tokens) == pytest.approx(bits)
    with pytest.raises(TransferLawsError, match="at least one character"):
        bpe.bits_per_character(1.0, np.array([bpe.end_of_text]))


def test_encoded_samples_are_the_excerpts(english: Corpus, bpe: Tokenizer, cache: Path) -> None:
    data = encode(english, "train", 20_000, 3, bpe, cache)
    excerpts = english.excerpts("train", 20_000, 3)
    assert (data.n_chars, data.n_excerpts, data.n_tokens) == (20_000, len(excerpts), len(data.tokens))
    assert data.n_bytes == len("".join(excerpts).encode())
    assert data.tokens[-1] == bpe.end_of_text
    ends = np.flatnonzero(data.tokens == bpe.end_of_text)
    assert [bpe.decode(part) for part in np.split(data.tokens, ends + 1)[:-1]] == excerpts
    assert data.tokens_per_char == pytest.approx(sum(len(bpe.encode(text)) for text in excerpts) / 20_000)


def test_encoded_samples_are_cached_and_mended(english: Corpus, bpe: Tokenizer, tmp_path: Path) -> None:
    first = encode(english, "test", 5_000, 0, bpe, tmp_path)
    before = first.path.read_bytes()
    stamp = first.path.stat().st_mtime_ns
    assert encode(english, "test", 5_000, 0, bpe, tmp_path) == first
    assert first.path.stat().st_mtime_ns == stamp
    first.path.write_bytes(before[:100])
    assert encode(english, "test", 5_000, 0, bpe, tmp_path).path.read_bytes() == before
    assert encode(english, "test", 5_000, 1, bpe, tmp_path).path != first.path


def damaged(path: Path, how: str) -> None:
    """Damage that leaves the size, the JSON and the vocabulary as plausible as they were."""
    data = path.read_bytes()
    times = path.stat()
    if how == "bits":
        chance, changed = random.Random(0), bytearray(data)
        for at in chance.sample(range(len(data)), len(data) // 100 + 1):
            changed[at] ^= 1 << chance.randrange(8)
        data = bytes(changed)
    elif how == "halves":
        data = data[len(data) // 4 * 2 :] + data[: len(data) // 4 * 2]
    elif how == "truncated":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = b""
    else:
        backend = json.loads(data)
        vocabulary = backend["model"]["vocab"]
        if how == "ids swapped":
            one, other = list(vocabulary)[100:102]
            vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
        elif how == "merges cut":
            backend["model"]["merges"] = backend["model"]["merges"][:-100]
        elif how == "normaliser":
            backend["normalizer"] = {"type": "Lowercase"}
        data = json.dumps(backend).encode()
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize(
    "how", ["ids swapped", "merges cut", "normaliser", "bits", "truncated", "empty", "halves"]
)
def test_a_damaged_tokenizer_is_made_again_and_said(
    english: Corpus, tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    whole = tokenizer_of(english, "bpe", 512, tmp_path)
    (path,) = tmp_path.glob("tokenizers/*.json")
    before = path.read_bytes()
    damaged(path, how)
    assert tokenizer_of(english, "bpe", 512, tmp_path).fingerprint == whole.fingerprint
    assert path.read_bytes() == before
    assert [record.getMessage() for record in caplog.records] == [
        f"tokenizer {path} is damaged; it is made again"
    ]


@pytest.mark.parametrize("how", ["bits", "halves", "truncated", "empty"])
@pytest.mark.parametrize("which", ["u16", "seal"])
def test_a_damaged_token_file_is_made_again_and_said(
    english: Corpus, bpe: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture, which: str, how: str
) -> None:
    first = encode(english, "test", 5_000, 0, bpe, tmp_path)
    tokens, path = first.path.read_bytes(), first.path.with_suffix(f".{which}")
    damaged(path, how)
    again = encode(english, "test", 5_000, 0, bpe, tmp_path)
    assert again == first and again.path.read_bytes() == tokens
    assert [record.getMessage() for record in caplog.records] == [
        f"token file {first.path} is damaged; it is made again"
    ]


def test_what_an_earlier_version_left_in_the_cache_is_made_again_quietly(
    english: Corpus, bpe: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = encode(english, "test", 5_000, 0, bpe, tmp_path)
    first.path.with_suffix(".seal").unlink()
    first.path.write_bytes(bytes(10))
    assert len(encode(english, "test", 5_000, 0, bpe, tmp_path).tokens) == first.n_tokens
    assert caplog.records == []


def test_what_cannot_be(english: Corpus, bpe: Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(TransferLawsError, match="a tokenizer is bpe or bytes, not 'words'"):
        train_tokenizer("words", ["x"], 500)
    with pytest.raises(TransferLawsError, match="257 to 65536 tokens, not 100"):
        train_tokenizer("bpe", ["x"], 100)
    with pytest.raises(TransferLawsError, match="no tokenizer in"):
        load_tokenizer(tmp_path / "gone.json")
    (tmp_path / "half.json").write_text("{")
    with pytest.raises(TransferLawsError, match="no tokenizer in"):
        load_tokenizer(tmp_path / "half.json")
    with pytest.raises(TransferLawsError, match="holds"):
        encode(english, "train", 10**9, 0, bpe, tmp_path)
    assert list(tmp_path.glob("tokens/*")) == []
