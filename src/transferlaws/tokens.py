"""Characters to tokens and back: byte-level BPE (Sennrich et al. 2016; Radford et al. 2019), and plain bytes.

Any string comes back unchanged, and every token knows how many bytes and characters it stands for, so that
bits per character = nats / (ln 2 x characters) is exact for any stretch of tokens, whatever the tokenizer.
The tokenizer that a saved model brings need do neither: its characters are those of the text itself.

Tokenizers and token files lie in the cache with the SHA-256 of their content. If it is another,
they are made again.
"""

import json
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from transferlaws.corpora import Corpus
from transferlaws.errors import TransferLawsError
from transferlaws.files import read_sealed, replace_atomic, sha256_once, write_atomic, write_sealed
from transferlaws.places import cache_dir

logger = logging.getLogger(__name__)

END_OF_TEXT = "<|endoftext|>"
BYTES_VOCABULARY = 257  # 256 bytes and the end of a text
TRAINING_CHARS = 20_000_000  # a tokenizer is trained on a sample of this size; more changes few merges
KINDS = ("bpe", "bytes")
_BATCH = 1_000  # excerpts encoded at a time


@dataclass(frozen=True)
class Encoder:
    """Text to tokens; `end_of_text` stands between excerpts and in no encoded string.

    `opens` says that it stands before the first excerpt as well.
    """

    backend: tokenizers.Tokenizer
    end_of_text: int = 0
    opens: ClassVar[bool] = False

    def __post_init__(self) -> None:
        # A text that happens to contain "<|endoftext|>" is text like any other.
        self.backend.encode_special_tokens = True

    @property
    def vocabulary_size(self) -> int:
        """How many tokens there are, with the end of a text."""
        return int(self.backend.get_vocab_size())

    @property
    def dtype(self) -> np.dtype:
        """What holds a token, little-endian: uint16, or uint32 for a vocabulary that needs it."""
        return np.dtype("<u2" if self.vocabulary_size <= 2**16 else "<u4")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the vocabulary and the merges."""
        return sha256(self.backend.to_str().encode()).hexdigest()

    def encode(self, text: str) -> np.ndarray:
        """The tokens of `text`, shape (n_tokens,)."""
        return np.array(self.backend.encode(text, add_special_tokens=False).ids, self.dtype)

    def encode_all(self, texts: Sequence[str]) -> list[np.ndarray]:
        """The tokens of each text, on all cores."""
        encodings = self.backend.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, self.dtype) for encoding in encodings]


class Tokenizer(Encoder):
    """A tokenizer trained here; the end of a text is token 0."""

    def decode(self, tokens: np.ndarray | Sequence[int]) -> str:
        """The text of `tokens`; the end of a text is nothing, half a character U+FFFD."""
        return b"".join(self.token_bytes[token] for token in np.asarray(tokens).tolist()).decode(
            "utf-8", "replace"
        )

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes each token stands for, by id (the end of a text: none)."""
        alphabet = _byte_of_symbol()
        names = {token: name for name, token in self.backend.get_vocab().items()}
        return [
            b"",
            *(bytes(alphabet[symbol] for symbol in names[token]) for token in range(1, self.vocabulary_size)),
        ]

    @cached_property
    def bytes_per_token(self) -> np.ndarray:
        """Bytes of each token, by id; int64, shape (vocabulary_size,)."""
        return np.array([len(data) for data in self.token_bytes])

    @cached_property
    def chars_per_token(self) -> np.ndarray:
        """Characters that begin in each token, by id (the sum over a text is its length in characters)."""
        return np.array([sum(byte & 0xC0 != 0x80 for byte in data) for data in self.token_bytes])

    def bits_per_character(self, nats: float, tokens: np.ndarray) -> float:
        """The loss in bits/character of predicting `tokens` at `nats` in all (not per token).

        Raises TransferLawsError if no character begins in `tokens`.
        """
        chars = int(self.chars_per_token[np.asarray(tokens)].sum())
        if chars == 0:
            raise TransferLawsError("bits per character need tokens in which at least one character begins")
        return nats / (math.log(2) * chars)

    def save(self, path: Path) -> None:
        """Write it as Hugging Face `tokenizers` JSON."""
        write_atomic(path, self.backend.to_str(pretty=True))


@dataclass(frozen=True)
class GivenTokenizer(Encoder):
    """The tokenizer of a saved model.

    Models expect the end of a text before one as well; then every token of the text is predicted, so that the
    characters of a loss are those of the text, whatever a token stands for.
    """

    opens: ClassVar[bool] = True

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the tokenizer's file and of the token that ends a text."""
        return sha256(f"{self.end_of_text} {self.backend.to_str()}".encode()).hexdigest()

    def unchanged(self, texts: Sequence[str]) -> float:
        """The share of texts that come back as they were, but for white space at their ends.

        Letters a tokenizer does not know, or makes small, are text that no loss is counted for.
        """
        back = self.backend.decode_batch([tokens.tolist() for tokens in self.encode_all(texts)])
        return sum(a.strip() == b.strip() for a, b in zip(texts, back, strict=True)) / max(len(texts), 1)


def given_tokenizer(folder: Path) -> GivenTokenizer:
    """The tokenizer in a saved model's folder: `tokenizer.json`, and the end of a text its settings name.

    Raises TransferLawsError if there is none, or no token that ends a text.
    """
    files = (folder / name for name in ("tokenizer_config.json", "config.json"))
    try:
        backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        settings, config = (dict(json.loads(f.read_text("utf-8"))) if f.is_file() else {} for f in files)
    except Exception as error:  # the library raises a bare Exception for a broken file
        raise TransferLawsError(f"no tokenizer in {folder}: {error}") from error
    backend.no_truncation()
    backend.no_padding()
    for name in ("eos", "bos", "sep"):
        token, end = settings.get(f"{name}_token"), config.get(f"{name}_token_id")
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str) and backend.token_to_id(token) is not None:
            end = backend.token_to_id(token)
        end = end[0] if isinstance(end, list) and end else end
        if isinstance(end, int) and 0 <= end < backend.get_vocab_size():
            return GivenTokenizer(backend, end)
    raise TransferLawsError(
        f"no token ends a text in {folder}: name one of the vocabulary as eos_token in tokenizer_config.json"
    )


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer saved at `path`; raises TransferLawsError if there is none."""
    try:
        return Tokenizer(tokenizers.Tokenizer.from_str(Path(path).read_text("utf-8")))
    except Exception as error:  # the library raises a bare Exception for a broken file
        raise TransferLawsError(f"no tokenizer in {path}: {error}") from error


def train_tokenizer(kind: str, texts: Iterable[str], vocabulary_size: int = BYTES_VOCABULARY) -> Tokenizer:
    """A tokenizer trained on `texts`: the same texts give the same tokenizer, on any number of cores.

    `bpe` merges up to `vocabulary_size` tokens (257 to 65,536; fewer if the texts run out of pairs); `bytes`
    needs no training and always has 257.
    """
    if kind not in KINDS:
        raise TransferLawsError(f"a tokenizer is {' or '.join(KINDS)}, not {kind!r}")
    if kind == "bytes":
        texts, vocabulary_size = (), BYTES_VOCABULARY
    if not BYTES_VOCABULARY <= vocabulary_size <= 2**16:
        raise TransferLawsError(f"a vocabulary has {BYTES_VOCABULARY} to 65536 tokens, not {vocabulary_size}")
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return Tokenizer(backend)


def tokenizer_of(
    corpus: Corpus, kind: str = "bpe", vocabulary_size: int = 1_024, cache: Path | None = None
) -> Tokenizer:
    """The tokenizer trained on the training split of `corpus` (a sample of it), cached."""
    name = _key(corpus.fingerprint, kind, vocabulary_size, TRAINING_CHARS, tokenizers.__version__)
    path = (cache or cache_dir()) / "tokenizers" / f"{corpus.name}-{kind}-{vocabulary_size}-{name}.json"
    seal = path.with_suffix(".seal")
    if _intact(path, seal, "tokenizer") is None:
        chars = min(TRAINING_CHARS, corpus.characters("train"))
        texts = corpus.excerpts("train", chars, seed=0) if kind == "bpe" else ()
        train_tokenizer(kind, texts, vocabulary_size).save(path)
        write_sealed(seal, {"sha256": sha256_once(path)})
    return load_tokenizer(path)


def _intact(path: Path, seal: Path, what: str) -> dict[str, Any] | None:
    """What the seal of a cached file says, if that is the file; else a line says why it is made again."""
    try:
        digest = sha256_once(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TransferLawsError(f"cannot read {path}: {error.strerror or error}") from error
    sealed = read_sealed(seal)
    if isinstance(sealed, dict) and sealed.get("sha256") == digest:
        return sealed
    if seal.exists():  # those of earlier versions had none
        logger.warning("%s %s is damaged; it is made again", what, path)
    return None


@dataclass(frozen=True)
class Encoded:
    """A data set as a file of tokens: excerpts, each followed by the end of a text.

    `n_tokens` counts those ends, `n_chars` and `n_bytes` the text alone.
    """

    path: Path
    n_tokens: int
    n_chars: int
    n_bytes: int
    n_excerpts: int

    @property
    def tokens(self) -> np.ndarray:
        """The tokens, mapped from the file; uint16 or, in a file so named, uint32, shape (n_tokens,)."""
        return np.memmap(self.path, "<u4" if self.path.suffix == ".u32" else "<u2", "r")

    @property
    def tokens_per_char(self) -> float:
        """Fertility: tokens for each character of text, without the ends."""
        return (self.n_tokens - self.n_excerpts) / self.n_chars


def encode(
    corpus: Corpus,
    split: str,
    d_chars: int | None,
    seed: int,
    tokenizer: Encoder,
    cache: Path | None = None,
    parts: Sequence[str] | None = None,
    spread: int | None = None,
) -> Encoded:
    """The sample `corpus.excerpts(split, d_chars, seed, parts, spread)` as tokens, from the cache or new.

    Raises TransferLawsError if the split holds less than `d_chars` characters, or the disk is full.
    """
    drawn = () if spread is None else (spread,)
    key = _key(corpus.fingerprint, split, d_chars, seed, sorted(parts or ()), tokenizer.fingerprint, *drawn)
    path = (cache or cache_dir()) / "tokens" / f"{corpus.name}-{split}-{d_chars or 'all'}-{seed}-{key}"
    path = path.with_name(f"{path.name}.u{8 * tokenizer.dtype.itemsize}")
    seal = path.with_suffix(".seal")
    sealed = _intact(path, seal, "token file")
    counts = dict.fromkeys(("n_tokens", "n_chars", "n_bytes", "n_excerpts"), 0)
    if sealed is not None:
        return Encoded(path, **{name: sealed[name] for name in counts})
    excerpts = corpus.stream_excerpts(split, d_chars, seed, parts, spread)
    end = np.array([tokenizer.end_of_text], tokenizer.dtype).tobytes()
    with replace_atomic(path) as temporary, temporary.open("wb") as file:
        if tokenizer.opens:
            counts["n_tokens"] += file.write(end) // len(end)
        while texts := list(islice(excerpts, _BATCH)):
            for text, tokens in zip(texts, tokenizer.encode_all(texts), strict=True):
                counts["n_tokens"] += len(tokens) + 1
                counts["n_chars"] += len(text)
                counts["n_bytes"] += len(text.encode())
                counts["n_excerpts"] += 1
                file.write(tokens.tobytes() + end)
    write_sealed(seal, counts | {"sha256": sha256_once(path)})
    return Encoded(path, **counts)


def _key(*parts: object) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _byte_of_symbol() -> dict[str, int]:
    """GPT-2's alphabet: which byte each printable symbol of a byte-level vocabulary stands for."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(rest)}
