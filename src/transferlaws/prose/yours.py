"""A study of one's own beside the published one: do they agree, and how would one know?"""

from collections.abc import Mapping
from pathlib import Path

from transferlaws.laws import Fit, read_laws
from transferlaws.planner import measured_cells, should_pretrain
from transferlaws.prose.decisions import verdict
from transferlaws.prose.law import EXPONENTS
from transferlaws.prose.numbers import Prose, grid, interval, scientific


def apart(published: Fit, mine: Fit) -> Prose:
    """Whether the intervals of two studies meet, exponent by exponent, and what a miss would mean."""
    if published is mine:
        return Prose("One study in both places: nothing to compare. `-p live=smoke` trains another.")
    rows, misses, opened = [], [], []
    for name in EXPONENTS:
        there, here = getattr(published, name), getattr(mine, name)
        if not (there.closed and here.closed):
            opened.append(f"$\\{name}$")
            said = "an end is open: they cannot be told apart"
        elif max(there.low, here.low) > min(there.high, here.high):
            misses.append(f"$\\{name}$")
            said = "**do not meet**"
        else:
            said = "meet"
        rows.append((f"$\\{name}$", interval(there), interval(here), said))
    table = grid(("exponent", "published", "this machine", "intervals"), rows)
    if misses:
        end = (
            f"The intervals of {' and '.join(misses)} do not meet, though each is closed. An interval says "
            "how far a law could have moved with other seeds, on the sizes, the data and the recipe of its "
            f"own study. It says nothing of other ones: this machine's law is of N up to {_largest(mine)}, "
            f"the published one of N up to {_largest(published)}. **A closed interval can still miss.**"
        )
    elif opened:
        end = (
            f"The smaller study leaves {' and '.join(opened)} open, so it neither confirms nor contradicts "
            "the published law. That is what few sizes and seeds buy."
        )
    else:
        end = (
            "Both agree, for what that is worth: where intervals are wide, many laws agree with them. The "
            "narrower one says more."
        )
    return Prose(f"{table}\n\n{end}")


def _largest(fit: Fit) -> str:
    return scientific(float(fit.range["n_params"][1]))


def decision(folder: str, source: str = "") -> Prose:
    """What a study in the folder that `transferlaws study --out` wrote says of its middle cell.

    Without a folder, or a folder without laws, it says how to get one.
    """
    path = Path(folder) / "laws.json" if folder else None
    if path is None or not path.is_file():
        return Prose(
            "No study of your own was given to this page. After the command above, `-p own=OUT` shows its "
            "decision here."
        )
    laws: Mapping[str, object] = read_laws(path)
    cells = measured_cells(laws, source or None)
    if not cells:
        return Prose("This study measured no cell in both arms, so there is nothing to decide by.")
    middle = sorted(cells, key=lambda cell: (cell.n_params, cell.d_chars))[len(cells) // 2]
    found = should_pretrain(laws, source or None, middle.n_params, middle.d_chars)
    return Prose(
        f"At N = {middle.n_params:,.0f} with {scientific(middle.d_chars)} characters: {verdict(found)}"
    )
