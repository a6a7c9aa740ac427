"""What tokenizers do to text, drawn: tokens a character, the vocabulary as a picture, and two units of loss.

Fertility is tokens per character. A loss in nats/token becomes bits/character through it:
bits/character = nats/token x tokens/character / ln 2, the only one of the two that means the same for all.
"""

import json
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import tokenizers
from matplotlib import colormaps
from matplotlib.patches import Rectangle

from transferlaws.corpora import Corpus
from transferlaws.design.question import UNTITLED, Titles
from transferlaws.figures.canvas import Drawing, canvas, corpus_colour, drawn
from transferlaws.prose.tokens import shown
from transferlaws.tokens import BYTES_VOCABULARY, Tokenizer

COLOURS = ("#0072b2", "#009e73", "#999999", "#cc79a7")
HATCHES = ("", "//", "..", "xx")
LEAN = 6.0  # powers of two at which the colour of a leaning token is full


def fertility(
    corpora: Mapping[str, Corpus], tokenizers: Mapping[str, Tokenizer], *, d_chars: int, seed: int = 0
) -> pd.DataFrame:
    """One row an excerpt of the test split: corpus, tokenizer, chars, bytes, tokens.

    `d_chars` characters of each corpus, or all of a smaller split.
    """
    rows = []
    for name, corpus in corpora.items():
        texts = corpus.excerpts("test", min(d_chars, corpus.characters("test")), seed)
        for title, tokenizer in tokenizers.items():
            for text, tokens in zip(texts, tokenizer.encode_all(texts), strict=True):
                rows.append((name, title, len(text), len(text.encode()), len(tokens)))
    return pd.DataFrame(rows, columns=["corpus", "tokenizer", "chars", "bytes", "tokens"])


def totals(measured: pd.DataFrame) -> pd.DataFrame:
    """Characters, bytes and tokens of each corpus under each tokenizer, with tokens per character."""
    sums = measured.groupby(["corpus", "tokenizer"], sort=False)[["chars", "bytes", "tokens"]].sum()
    return sums.assign(tokens_per_char=sums["tokens"] / sums["chars"]).reset_index()


@drawn
def fertilities(measured: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """Tokens per character of each corpus under each tokenizer; lines span the middle 80 % of excerpts."""
    figure, ((axes,),) = canvas(width=7.2, height=4.0)
    corpora, cutters = (list(dict.fromkeys(measured[column])) for column in ("corpus", "tokenizer"))
    width = 0.8 / len(cutters)
    overall = totals(measured).set_index(["corpus", "tokenizer"])["tokens_per_char"]
    single = measured["tokens"] / measured["chars"]
    spread = single.groupby([measured["corpus"], measured["tokenizer"]]).quantile(np.array([0.1, 0.9]))
    for number, title in enumerate(cutters):
        at = np.arange(len(corpora)) + (number - (len(cutters) - 1) / 2) * width
        shade, hatch = COLOURS[number % len(COLOURS)], HATCHES[number % len(HATCHES)]
        heights = [overall[corpus, title] for corpus in corpora]
        bars = axes.bar(at, heights, 0.9 * width, color=shade, edgecolor="0.2", hatch=hatch, label=title)
        for bar in bars:
            bar.set_linewidth(0.6)
        low, high = ([spread[corpus, title, end] for corpus in corpora] for end in (0.1, 0.9))
        axes.vlines(at, low, high, color="0.1", linewidth=1.4)
    axes.set_xticks(range(len(corpora)), [titles.corpus(corpus) for corpus in corpora])
    axes.grid(axis="x", visible=False)
    axes.set_ylabel("tokens per character")
    figure.legend(loc="outside upper center", ncols=len(cutters))
    return figure


def shorter(tokenizer: Tokenizer, vocabulary_size: int) -> Tokenizer:
    """The BPE tokenizer of the first `vocabulary_size` tokens: what training to that size would have given.

    Merges are learnt one by one, each from the text as the earlier ones left it, so a smaller vocabulary is
    the beginning of a larger one (Sennrich et al. 2016, algorithm 1).
    """
    document = json.loads(tokenizer.backend.to_str())
    model = document["model"]
    model["vocab"] = {token: number for token, number in model["vocab"].items() if number < vocabulary_size}
    model["merges"] = [pair for pair in model["merges"] if "".join(pair) in model["vocab"]]
    return Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(document)))


def by_vocabulary(
    corpora: Mapping[str, Corpus], largest: Mapping[str, Tokenizer], *, d_chars: int, seed: int = 0
) -> pd.DataFrame:
    """Tokens per character at every doubling of the vocabulary up to the `largest` tokenizers'."""
    rows = []
    for title, tokenizer in largest.items():
        top = tokenizer.vocabulary_size
        for size in [BYTES_VOCABULARY, *(2**k for k in range(9, 16) if 2**k < top), top]:
            found = totals(fertility(corpora, {title: shorter(tokenizer, size)}, d_chars=d_chars, seed=seed))
            rows.append(found.assign(vocabulary_size=size))
    return pd.concat(rows, ignore_index=True)


@drawn
def fertility_by_vocabulary(grown: pd.DataFrame, *, titles: Titles = UNTITLED) -> Drawing:
    """Tokens per character against the size of the vocabulary: colour by corpus, dashes by tokenizer."""
    figure, ((axes,),) = canvas(width=7.2, height=4.2)
    for title, look in zip(dict.fromkeys(grown["tokenizer"]), ("o-", "s--", "^:"), strict=False):
        for corpus in dict.fromkeys(grown["corpus"]):
            line = grown[(grown["tokenizer"] == title) & (grown["corpus"] == corpus)]
            shade, label = corpus_colour(corpus, titles), f"{title} on {titles.corpus(corpus)}"
            axes.plot(line["vocabulary_size"], line["tokens_per_char"], look, color=shade, label=label)
    sizes = sorted(set(grown["vocabulary_size"]))
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.set(xlabel="vocabulary (tokens)", ylabel="tokens per character")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def leaning(tokenizer: Tokenizer, source: Iterable[str], target: Iterable[str]) -> np.ndarray:
    """How many times more often a token occurs in the target than in the source, as a power of two, by id.

    Each rate is of all tokens of its text, with one half added to every count.
    """
    rates = []
    for texts in (source, target):
        tokens = np.concatenate(tokenizer.encode_all(list(texts)))
        counts = np.bincount(tokens, minlength=tokenizer.vocabulary_size) + 0.5
        rates.append(counts / counts.sum())
    return np.log2(rates[1] / rates[0])


@drawn
def first_merges(
    tokenizers: Mapping[str, Tokenizer],
    leanings: Mapping[str, np.ndarray],
    source: str = "the source",
    target: str = "the target",
    *,
    columns: int = 7,
    rows: int = 16,
) -> Drawing:
    """The first tokens that tokenizers learnt, row by row, coloured by where they lean: source or target."""
    figure, axes = canvas(len(tokenizers), width=4.0 * len(tokenizers), height=0.9 + 0.27 * rows)
    palette = colormaps["PuOr"]
    for panel, (title, tokenizer) in zip(axes[0], tokenizers.items(), strict=True):
        last = min(BYTES_VOCABULARY + rows * columns, tokenizer.vocabulary_size)
        for number, token in enumerate(range(BYTES_VOCABULARY, last)):
            row, column = divmod(number, columns)
            lean = np.clip(leanings[title][token] / LEAN, -1, 1)
            shade, text = palette(0.5 - 0.32 * lean), shown(tokenizer, token)
            panel.add_patch(Rectangle((column, row), 0.96, 0.92, facecolor=shade, linewidth=0))
            look = {"fontsize": min(7.5, 52 / len(text)), "color": "black", "parse_math": False}
            panel.text(column + 0.48, row + 0.46, text, ha="center", va="center", **look)
        panel.set(xlim=(0, columns), ylim=(rows, 0))
        panel.set_axis_off()
        panel.set_title(title)
    labels = (f"used more in {source}", "in both alike", f"used more in {target}")
    for lean, label in zip((-1.0, 0.0, 1.0), labels, strict=True):
        axes[0][0].plot([], [], "s", color=palette(0.5 - 0.32 * lean), markersize=9, label=label)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def counting_loss(
    train: np.ndarray, test: np.ndarray, vocabulary_size: int, weight: float = 20.0
) -> np.ndarray:
    """Nats at which each token of `test` but the first is predicted from the one before, by counting.

    p(b | a) = (n(a, b) + weight q(b)) / (n(a) + weight), with counts n of `train` and q the smoothed
    share of b: Dirichlet smoothing of a bigram by its unigram (MacKay and Peto 1995).
    """
    train, test = np.asarray(train, np.int64), np.asarray(test, np.int64)
    single = np.bincount(train, minlength=vocabulary_size) + 1.0
    single /= single.sum()
    before = np.bincount(train[:-1], minlength=vocabulary_size)
    pairs, counts = np.unique(train[:-1] * vocabulary_size + train[1:], return_counts=True)
    asked = test[:-1] * vocabulary_size + test[1:]
    places = np.minimum(np.searchsorted(pairs, asked), len(pairs) - 1)
    together = np.where(pairs[places] == asked, counts[places], 0)
    return -np.log((together + weight * single[test[1:]]) / (before[test[:-1]] + weight))


@drawn
def two_units(table: pd.DataFrame) -> Drawing:
    """The same predictions in nats/token and in bits/character, one bar a tokenizer."""
    figure, axes = canvas(2, width=8.0, height=1.5 + 0.42 * len(table))
    units = {"nats_per_token": "loss (nats/token)", "bits_per_char": "loss (bits/character)"}
    for panel, (column, unit) in zip(axes[0], units.items(), strict=True):
        at = np.arange(len(table))
        bars = panel.barh(at, table[column], color=COLOURS[: len(table)], edgecolor="0.2", linewidth=0.6)
        for bar, hatch, value in zip(bars, HATCHES, table[column], strict=False):
            bar.set_hatch(hatch)
            panel.text(value, bar.get_y() + bar.get_height() / 2, f" {value:.2f}", va="center")
        panel.set_yticks(at, table["tokenizer"])
        panel.set_xlim(0, 1.2 * table[column].max())
        panel.invert_yaxis()
        panel.grid(axis="y", visible=False)
        panel.set_xlabel(unit)
    axes[0][1].tick_params(labelleft=False)
    return figure
