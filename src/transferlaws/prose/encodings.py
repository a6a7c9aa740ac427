"""The same text cut into tokens in several ways: which makes the target hard, which makes transfer useful.

Losses are bits per character, the one unit that survives a change of tokenizer. Seeds draw the same
characters whatever cuts them, so that runs of two studies pair by seed.
"""

from collections.abc import Mapping

import pandas as pd

from transferlaws.design.question import BASELINE
from transferlaws.laws import effective_data
from transferlaws.prose import pairs
from transferlaws.prose.numbers import Prose, counted, grid, scientific
from transferlaws.prose.sources import FEWEST_SIZES

CELL = ["n_params", "d_chars"]


def common(tables: Mapping[str, pd.DataFrame], source: str) -> dict[str, pd.DataFrame]:
    """Runs of both arms in the sizes that every table has, with bits per character as their loss.

    Tables without runs of both arms are left out.
    """
    found = {}
    for title, table in tables.items():
        runs = table[table["arm"].isin([BASELINE, source]) & (table["d_chars"] > 0)]
        if set(runs["arm"]) == {BASELINE, source}:
            found[title] = runs.assign(loss=runs["bits_per_char"])
    if not found:
        return {}
    sizes = set.intersection(*(set(runs["n_params"]) for runs in found.values()))
    return {title: runs[runs["n_params"].isin(sizes)] for title, runs in found.items()}


def beside(found: Mapping[str, pd.DataFrame], first: str, second: str, arm: str) -> pd.DataFrame:
    """`pairs.differences` of one arm under two tokenizers, in bits per character."""
    frames = []
    for title, name in ((first, "first"), (second, BASELINE)):
        frames.append(found[title][found[title]["arm"] == arm].assign(arm=name))
    return pairs.differences(pd.concat(frames, ignore_index=True), "first")


def gains(found: Mapping[str, pd.DataFrame], first: str, second: str, source: str) -> pd.DataFrame:
    """What pre-training saves under `first` less what it saves under `second`, in bits per character.

    A difference of differences, paired by seed; better is where `first` gains more from pre-training.
    """
    rows = []
    for title, arm in ((first, "first"), (second, BASELINE)):
        runs = found[title]
        wide = runs.pivot_table(index=[*CELL, "seed"], columns="arm", values="loss").dropna().reset_index()
        saved = (wide[BASELINE] - wide[source]).to_numpy(float)
        # A larger saving as a lower loss, from a height that keeps every loss positive.
        rows.append(wide[[*CELL, "seed"]].assign(arm=arm, loss=10.0 - saved))
    table = pd.concat(rows, ignore_index=True)
    limited = [
        set(zip(*(runs.loc[runs["ended"] == "limit", name] for name in CELL), strict=True))
        for runs in (found[first], found[second])
        if "ended" in runs
    ]
    capped = set().union(*limited)
    ended = ["limit" if cell in capped else "" for cell in zip(table[CELL[0]], table[CELL[1]], strict=True)]
    return pairs.differences(table.assign(ended=ended), "first")


def conjecture(harder: pd.DataFrame, useful: pd.DataFrame, foreign: str, own: str) -> Prose:
    """Both halves of the reader's note: code is harder under the foreign tokenizer, pre-training worth more.

    `harder` are the differences of the from-scratch arms, foreign first; `useful` those of the gains.
    """
    halves = (
        (
            _verdict(harder, pairs.WORSE, pairs.BETTER),
            f"from scratch, {foreign} makes the target harder than {own}",
        ),
        (
            _verdict(useful, pairs.BETTER, pairs.WORSE),
            f"pre-training saves more under {foreign} than under {own}",
        ),
    )
    lines = [f"- {claim}: **{verdict}** ({pairs_counted})." for (verdict, pairs_counted), claim in halves]
    both = [verdict for (verdict, _), _ in halves]
    if both == ["yes", "yes"]:
        end = "Both halves of the conjecture hold in these runs."
    elif "no" in both:
        end = "So the conjecture does not hold in these runs."
    else:
        end = "So these runs do not decide the conjecture."
    return Prose("\n".join([*lines, "", end]))


def _verdict(found: pd.DataFrame, yes: str, no: str) -> tuple[str, str]:
    """Whether most cells say yes, most say no, or neither, and the counts."""
    if found.empty:
        return "not known", "no cell in common"
    for_it, against = int((found["verdict"] == yes).sum()), int((found["verdict"] == no).sum())
    size, undecided = found["gain"].abs(), len(found) - for_it - against
    left = f", {undecided} undecided" if undecided else ""
    said = (
        f"{for_it} of {counted(len(found), 'cell')} for it, {against} against{left}; differences of "
        f"{size.min():.2f} to {size.max():.2f} bits per character"
    )
    if for_it > len(found) / 2 and not against:
        return "yes", said
    if against > len(found) / 2 and not for_it:
        return "no", said
    return "not decided", said


def worth(tables: Mapping[str, pd.DataFrame], source: str, *, seed: int = 0) -> pd.DataFrame:
    """Effective data of the source in the cells that all tokenizers have; the column arm is the title."""
    frames = [
        effective_data(runs, source, seed=seed).assign(arm=title)
        for title, runs in common(tables, source).items()
    ]
    if not frames:
        return pd.DataFrame(columns=["arm", *CELL])
    both = pd.concat(frames, ignore_index=True)
    return both[both.groupby(CELL)["arm"].transform("nunique") == len(frames)]


def read(tables: Mapping[str, pd.DataFrame], source: str) -> Prose:
    """What each tokenizer's models read: characters of pre-training, and tokens per character of target."""
    rows: list[tuple[object, ...]] = []
    sizes: list[int] = []
    for title, table in tables.items():
        runs = table[(table["arm"] == source) & (table["d_chars"] > 0)]
        if runs.empty:
            rows.append((title, "not run", "–", "–"))
            continue
        per_char = float((runs["d_tokens"] / runs["d_chars"]).median())
        sizes.append(runs["n_params"].nunique())
        chars = scientific(float(runs["pretrain_chars"].max()))
        rows.append((title, chars, f"{per_char:.2f}", sizes[-1]))
    columns = ("tokenizer", "characters read in pre-training", "tokens per character of target", "sizes")
    fewest = min(sizes, default=0)
    note = (
        f"\n\nAt {counted(fewest, 'size')} this is a comparison, and no law in N."
        if 0 < fewest < FEWEST_SIZES
        else ""
    )
    return Prose(grid(columns, rows) + note)


def lowest(found: Mapping[str, pd.DataFrame], source: str) -> Prose:
    """Which tokenizer reaches the fewest bits per character, with and without pre-training, cell by cell."""
    if len(found) < 2:
        return Prose("One tokenizer only: nothing to compare yet.")
    said = []
    for arm, where in ((BASELINE, "From scratch"), (source, "After pre-training")):
        means = {
            title: runs[runs["arm"] == arm].groupby(CELL)["loss"].mean() for title, runs in found.items()
        }
        frame = pd.DataFrame(means).dropna()
        if frame.empty:
            continue
        won = frame.columns[frame.to_numpy().argmin(axis=1)].value_counts()
        spread = float((frame.max(axis=1) - frame.min(axis=1)).max())
        listed = ", ".join(f"{title} in {count}" for title, count in won.items())
        said.append(
            f"{where}, the fewest bits per character of {counted(len(frame), 'cell')}: {listed}; means lie "
            f"up to {spread:.2f} bits per character apart{_with_data(frame)}."
        )
    return Prose(" ".join(said))


def _with_data(means: pd.DataFrame) -> str:
    """How far the means of the tokenizers (columns) lie apart at the least and at the most data."""
    apart = (means.max(axis=1) - means.min(axis=1)).groupby("d_chars").mean()
    if len(apart) < 2:
        return ""
    least, most = (f"{apart.iloc[end]:.2f} at {scientific(float(apart.index[end]), 1)}" for end in (0, -1))
    return f", on average {least} characters and {most}"
