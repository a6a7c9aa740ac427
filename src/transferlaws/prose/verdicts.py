"""Every number that the paper prints beside ours, with a verdict: holds, differs, or cannot be asked here.

A verdict compares like with like: our number by the same arithmetic, from a law by the same method. Where the
paper's number lies far outside our runs, no extrapolation is printed in its place.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from transferlaws.laws import Fit, Hernandez, Interval
from transferlaws.laws.paper import PRINTED, PrintedNumber
from transferlaws.prose.numbers import Prose, grid, interval, scientific

REACH = 0.5
"""Decades outside the runs up to which a number of the paper is asked of our law."""
HOLDS, DIFFERS, OPEN, OUTSIDE = "holds", "differs", "not identified", "cannot be asked here"


def verdict(found: Interval, printed: float) -> str:
    """How a printed value stands to our interval."""
    if not found.closed:
        return OPEN
    return HOLDS if found.covers(printed) else DIFFERS


def table_1(by_method: Mapping[str, Mapping[str, Fit]], paper: Mapping[str, Hernandez]) -> Prose:
    """alpha, beta and k of Table 1 beside ours, the paper's own method first; a row a source and parameter.

    `by_method` maps a method to fits by source; a source without a law by a method has a dash.
    """
    rows = []
    for source, law in paper.items():
        for name in ("alpha", "beta", "k"):
            printed = getattr(law, name)
            row = [f"${'k' if name == 'k' else chr(92) + name}$, {source}", f"{printed:g}"]
            for fits in by_method.values():
                fit = fits.get(source)
                if fit is None:
                    row.append("–")
                    continue
                found = getattr(fit, name)
                doubt = "" if fit.quotable else " (not quotable)"
                row.append(f"{interval(found)}: {verdict(found, printed)}{doubt}")
            rows.append(row)
    heads = (f"ours, {method.replace('_', ' ')}" for method in by_method)
    return Prose(
        grid(("parameter", "Table 1", *heads), rows)
        + "\n\n*Holds* says that our interval has the printed value in it, and no more: a wide one has many. "
        "*Not quotable*: the law misses its runs, so its exponents sum up a range. $k$ depends on the "
        "tokenizer and the units, and is not expected to agree."
    )


def numbers(fits: Mapping[str, Fit], paper: Mapping[str, Hernandez]) -> Prose:
    """The numbers in the paper's text: what its own Table 1 gives, what ours gives, and the verdict."""
    rows = []
    for fact, source in _facts(paper):
        by_law, ours = _asked(fact, paper[source], fits.get(source))
        printed = scientific(fact.printed)
        rows.append((fact.name, fact.place, printed, scientific(by_law), *ours))
    return grid(("number", "where", "printed", "by its Table 1", "ours", "verdict"), rows)


def _facts(paper: Mapping[str, Hernandez]) -> Iterator[tuple[PrintedNumber, str]]:
    """The printed numbers with the source that each is about."""
    for fact in PRINTED:
        for source in paper:
            if source in fact.name.replace(",", " ").split():
                yield fact, source


def _asked(fact: PrintedNumber, law: Hernandez, fit: Fit | None) -> tuple[float, tuple[str, str]]:
    """A printed number by the paper's law, and ours with its verdict."""
    if fact.name.startswith("factor in D_T"):
        by_law, name, base = 300**law.alpha, "alpha", 300.0
    elif fact.name.startswith("factor of D_F"):
        by_law, name, base = 10 ** (law.beta / law.alpha), "beta_over_alpha", 10.0
    else:
        few = "D_F = 1 " in fact.name
        n_params, d_chars = (1.75e11, 1.0) if few else (4e7, 3e5)
        transferred = float(law.d_transferred(n_params=n_params, d_chars=d_chars))
        by_law = transferred if few else transferred / d_chars
        return by_law, _outside(fit, n_params, d_chars)
    if fit is None:
        return by_law, ("no law for this source", OUTSIDE)
    found = getattr(fit, name)
    low, high = (None if end is None else float(base**end) for end in (found.low, found.high))
    ours = Interval(float(base**found.value), low, high)
    return by_law, (interval(ours), verdict(ours, float(by_law)))  # not as it was rounded for print


def _outside(fit: Fit | None, n_params: float, d_chars: float) -> tuple[str, str]:
    """Why a place of the paper is not asked of our law."""
    if fit is None:
        return "no law for this source", OUTSIDE
    away = 0.0
    for value, name in ((n_params, "n_params"), (d_chars, "d_chars")):
        low, high = fit.range[name]
        away = max(away, float(np.log10(low / value)), float(np.log10(value / high)))
    if away > REACH:
        return f"{away:.1f} decades outside our runs", OUTSIDE
    value = float(fit.law.d_transferred(n_params=n_params, d_chars=d_chars))
    return f"{scientific(value / d_chars)} times $D_F$, by the law", "a value without an interval"
