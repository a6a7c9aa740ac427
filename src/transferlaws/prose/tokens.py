"""Tokenizers in words: what a character costs under each, what they learnt, which unit of loss decides."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from transferlaws.escape import code
from transferlaws.prose.numbers import Prose, grid
from transferlaws.tokens import BYTES_VOCABULARY, Tokenizer

MOST = 6


def shown(tokenizer: Tokenizer, token: int) -> str:
    """A token as a reader can see it: spaces, tabs and line ends drawn, stray bytes in hexadecimal."""
    data = tokenizer.token_bytes[token]
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data.hex(" ")
    text = re.sub(" {4,}", lambda run: f"␣×{len(run[0])}", text)
    return text.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")


def pieces(tokenizer: Tokenizer, text: str) -> Sequence[str]:
    """The tokens of `text` as a reader can see them."""
    return [shown(tokenizer, token) for token in tokenizer.encode(text).tolist()]


def rises(ratio: pd.Series, source: str, target: str) -> Prose:
    """What a larger vocabulary does to tokens per character, target over source: a `ratio` for each size."""
    (small, before), (large, after) = ratio.iloc[[0, -1]].items()
    more = f"What a larger vocabulary adds is more {source}."
    return Prose(
        f"With {small:,} tokens learnt from {source}, {target} takes {before:.2f} times the tokens per "
        f"character that {source} takes; with {large:,}, {after:.2f} times. "
        + (more if after > before else "Here the larger vocabulary serves both.")
    )


def extremes(
    tokenizers: Mapping[str, Tokenizer], leanings: Mapping[str, np.ndarray], source: str, target: str
) -> Prose:
    """The learnt tokens that lean most to either side, and the longest, of each tokenizer."""
    rows = []
    for title, tokenizer in tokenizers.items():
        order = BYTES_VOCABULARY + np.argsort(leanings[title][BYTES_VOCABULARY:])
        lengths = np.asarray(tokenizer.bytes_per_token[BYTES_VOCABULARY:])
        longest = BYTES_VOCABULARY + np.argsort(-lengths, kind="stable")
        picked = (order[:MOST], order[: -MOST - 1 : -1], longest[:MOST])
        rows.append((title, *(" ".join(_quoted(shown(tokenizer, int(t))) for t in some) for some in picked)))
    return grid(("tokenizer", f"leaning most to {source}", f"leaning most to {target}", "longest"), rows)


def _quoted(token: str) -> str:
    return code(token, in_cell=True)


def units(counted: pd.DataFrame) -> Prose:
    """Which tokenizer looks best in each unit, and the conversion of the first on a napkin."""
    cut = counted.set_index("tokenizer")
    by_nats, by_bits = (cut[unit].idxmin() for unit in ("nats_per_token", "bits_per_char"))
    changed = ". The unit alone changed the answer." if by_nats != by_bits else ", too, this time."
    first, each, nats = counted.iloc[0][["tokenizer", "tokens_per_char", "nats_per_token"]]
    return Prose(
        f"By nats per token, *{by_nats}* looks best; by bits per character, *{by_bits}* is{changed}\n\nOn a "
        f"napkin, for {first}: {nats:.3f} nats/token ÷ 0.693 × {each:.3f} tokens/character = "
        f"{nats / np.log(2) * each:.3f} bits/character."
    )


def one_factor(table: pd.DataFrame, scale: str) -> Prose:
    """By what factor nats per token and bits per character differ in the runs of a study."""
    if table.empty:
        return Prose(
            f"This study has no runs yet at scale `{scale}`; every run that is trained records both."
        )
    factor = table["bits_per_char"] / table["loss"]
    least, most = f"{factor.min():.4f}", f"{factor.max():.4f}"
    if least == most:
        said = f"are {least} times the nats per token: one factor for all"
    else:
        said = f"are between {least} and {most} times the nats per token: not all saw text cut alike"
    return Prose(f"In the {len(table)} runs of this study, bits per character {said}.")
