"""Floors of from-scratch curves in words, and how much data are enough for a size."""

from collections.abc import Sequence

from transferlaws.laws import Floor
from transferlaws.prose.numbers import Prose, counted, grid, interval, scientific


def known(found: Sequence[Floor]) -> Prose:
    """For how many sizes the floor is bounded on both sides, for which best, and for which not at all."""
    closed = [floor for floor in found if floor.floor.closed]
    open_ended = [floor for floor in found if not floor.floor.closed]
    said = f"the floor has two ends for {len(closed)} of {counted(len(found), 'size')}"
    if closed:
        best = min(closed, key=lambda floor: floor.floor.width)
        said += f", best for N = {scientific(best.n_params)}: {interval(best.floor)} nats/token"
    if open_ended:
        named = ", ".join(f"N = {scientific(floor.n_params)}" for floor in open_ended)
        said += f". **No floor at all** is among the answers for {named}"
    return Prose(f"{said}.")


def enough(found: Sequence[Floor], looser: Sequence[Floor]) -> Prose:
    """D(N) of every size with its interval, or that it is not identified; beside it what 95 % would say."""
    other = {floor.n_params: floor for floor in looser}

    def said(floor: Floor) -> str:
        d_n = floor.d_n
        if floor.known:
            return interval(d_n)
        ends = ("open" if end is None else scientific(end, 1) for end in (d_n.low, d_n.high))
        return f"**not identified** [{', '.join(ends)}]"

    rows = (
        (scientific(f.n_params), interval(f.floor), said(f), said(other[f.n_params]), scientific(f.d_max))
        for f in found
    )
    columns = ("N", "floor E (nats/token)", "D(N) at 99 %", "at 95 %", "largest data set trained on")
    known = sum(floor.known for floor in found)
    return Prose(
        f"{grid(columns, rows)}\n\nD(N) is identified, within a factor of a hundred, for {known or 'none'} "
        f"of {counted(len(found), 'size')}. Compare the ends with the last column: an end many decades "
        "beyond the runs is what the form of the curve says there, and not what was measured."
    )
