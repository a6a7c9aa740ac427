"""Where the loss rises though size or data grew, in words."""

from collections.abc import Mapping

import pandas as pd

from transferlaws.design.question import UNTITLED, Titles
from transferlaws.escape import markdown
from transferlaws.prose.numbers import Prose, counted, grid, scientific


def falls(found: Mapping[str, pd.DataFrame], titles: Titles = UNTITLED) -> Prose:
    """Whether the loss falls with size and with data, by arm, and the cells in which it does not.

    `found` is what `laws.rises` says of each arm.
    """
    said, rows = [], []
    for arm, pairs in found.items():
        if pairs.empty:
            continue
        name = markdown(titles.arm(arm))
        up, beyond = pairs[pairs["rise"] > 0], pairs[pairs["beyond"]]
        rising = f"it rises in {len(up)} of {counted(len(pairs), 'pair')} of neighbours"
        by = f"by {up['rise'].max():.3f} nats/token at most"
        if up.empty:
            said.append(f"{name}: it rises in none of {counted(len(pairs), 'pair')} of neighbours")
        elif pairs["p"].isna().all():
            said.append(f"{name}: {rising}, {by}, and no cell was repeated to say how much of that is noise")
        elif beyond.empty:
            said.append(f"{name}: {rising}, {by}, no more than seeds explain")
        else:
            said.append(f"{name}: {rising}, {by}, **{len(beyond)} of them by more than seeds explain**")
        rows += [
            (name, *_where(pair), f"{pair['rise']:.3f}", f"{pair['sd']:.3f}") for _, pair in beyond.iterrows()
        ]
    parts = [
        "At its lowest, the loss of a cell is no higher than a smaller model's, or than with less data; "
        "where it is, that cell could have been trained better. " + "; ".join(said) + ".",
    ]
    if rows:
        parts.append(grid(("arm", "going", "at", "loss rises by", "sd of that"), rows))
    return Prose("\n\n".join(parts))


def _where(pair: pd.Series) -> tuple[str, str]:
    values = {"N": f"{pair['n_params']:,.0f}", "D": scientific(pair["d_chars"], 1)}
    if pair["along"] == "n_params":
        return f"from N = {pair['smaller']:,.0f} to {values['N']}", f"D = {values['D']}"
    return f"from D = {scientific(pair['smaller'], 1)} to {values['D']}", f"N = {values['N']}"
