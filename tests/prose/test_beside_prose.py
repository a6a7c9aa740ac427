"""Two studies beside each other: on planted ones, of the same law and of another."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from transferlaws import laws, prose
from transferlaws.figures import beside as drawings
from transferlaws.figures import recipes as trial_drawings
from transferlaws.laws import Design, Fit, Hernandez, Interval, check_table, plant
from transferlaws.prose.beside import Reading

DESIGN = Design(n_params=(3e3, 1e4, 4e4), d_chars=(1e3, 1e4, 1e5), seeds=3, d_scratch=(1e3, 1e4, 1e5, 1e6))


def study(k: float, seed: int) -> Reading:
    """A study that took 1,000 tokens a run, an hour each, and of which one run met its limit."""
    runs = check_table(plant(DESIGN, {"text": Hernandez(k=k, alpha=0.4, beta=0.5)}, 0.01, seed=seed))
    runs = runs.assign(tokens_seen=1000, seconds=3600.0)
    runs.loc[0, "tokens_seen"] = 5000
    return Reading(runs, 5000, laws.fit(runs, bootstrap=50))


@pytest.fixture(scope="module")
def two() -> tuple[Reading, Reading]:
    """The second with an arrow half as long, and no worse cell."""
    return study(40.0, 1), study(20.0, 2)


def test_readings_are_counted_for_each_study(two: tuple[Reading, Reading]) -> None:
    first, second = two
    risen = first.runs.copy()
    worse = (risen["arm"] == "scratch") & (risen["d_chars"] == 1e6)
    risen.loc[worse, "loss"] += 1.0  # more data than its neighbour, and a higher loss, at all three sizes
    said = prose.beside.table({"old": replace(first, runs=risen), "new": second})
    rows = {line.split(" | ")[0].strip("| "): line for line in said.splitlines()}
    assert rows["runs"].endswith(f"| {len(first.runs)} | {len(second.runs)} |")
    assert rows["core-hours of these"].endswith(f"| {len(first.runs)}.0 | {len(second.runs)}.0 |")
    assert rows["ended by their token limit"].endswith("| 1 | 1 |")
    (rising,) = (line for start, line in rows.items() if start.startswith("neighbours"))
    pairs = 3 * 3 + 4 * 2 + 3 * 2 + 3 * 2
    assert f"of {pairs}, 3 |" in rising and f"of {pairs}, 0 |" in rising


def test_only_cells_of_both_studies_are_set_beside_each_other(two: tuple[Reading, Reading]) -> None:
    first, second = two
    one, other = prose.beside.shared(first.runs[first.runs["d_chars"] < 1e5], second.runs)
    assert one["d_chars"].max() == other["d_chars"].max() == 1e4
    assert len(one) == (first.runs["d_chars"] < 1e5).sum() and list(one.columns) == list(first.runs.columns)


def moved(fit: Fit, alpha: Interval) -> Fit:
    return replace(fit, alpha=alpha)


def test_what_moved_beyond_both_intervals_is_said_and_nothing_else(two: tuple[Reading, Reading]) -> None:
    fit = two[0].fit
    before, after = moved(fit, Interval(0.4, 0.3, 0.5)), moved(fit, Interval(0.7, 0.6, 0.8))
    said = prose.beside.moved(before, after)
    low, high = 0.3 - np.hypot(0.1, 0.1), 0.3 + np.hypot(0.1, 0.1)
    assert f"$\\alpha$ moved by +0.30 [{low:+.2f}, {high:+.2f}], and **no value lies in both" in said
    assert "for $\\alpha$ the first study was surer" in said
    assert "contradicts neither" in prose.beside.moved(before, moved(fit, Interval(0.5, 0.4, 0.6)))
    assert "contradicts neither" in prose.beside.moved(before, moved(fit, Interval(0.9, None, 1.0)))


def test_arrows_of_both_studies_are_compared_cell_by_cell(two: tuple[Reading, Reading]) -> None:
    first, second = (reading.fit for reading in two)
    cells = prose.beside.both_read(first, second)
    said = prose.beside.arrows(cells)
    assert f"less of it in {len(cells)} and more in 0" in said and len(cells) > 4
    assert f"less of it in 0 and more in {len(cells)}" in prose.beside.arrows(
        prose.beside.both_read(second, first)
    )
    assert "In 0 of them the two" in prose.beside.arrows(prose.beside.both_read(first, first))
    assert "No cell" in prose.beside.arrows(cells[:0])
    assert b"<svg" in drawings.arrows(cells, ("old", "new")).svg()
    assert b"<svg" in drawings.arrows(cells[:0], ("old", "new")).svg()


def test_changes_of_a_recipe_are_read_at_the_setting_that_validation_chose() -> None:
    def trial(epsilon: float, weight_decay: float, *losses: tuple[float, float]) -> list[dict[str, object]]:
        cell = {"seed": 0, "arm": "scratch", "n_params": 100, "d_chars": 1000, "dropout": 0.0, "anchored": 0}
        fixed = {"batch_tokens": 2048, "candidate": "published+decay", "epsilon": epsilon}
        return [
            cell | fixed | {"weight_decay": weight_decay, "loss_validation": one, "loss_test": other}
            for one, other in losses
        ]

    rows = (
        trial(1e-8, 0.1, (5.0, 4.0), (5.1, 3.0)) + trial(1e-3, 0.1, (4.9, 3.8)) + trial(1e-8, 3.0, (5.0, 3.9))
    )
    trials = pd.DataFrame(rows + trial(1e-3, 3.0, (4.5, 3.4)))
    losses = prose.recipes.changed(trials)
    assert losses.to_numpy().tolist() == [[4.0, 3.9, 3.8, 3.4]]
    assert "more than the sum of the two alone in 1 of 1" in prose.recipes.knobs(losses)
    worse = prose.recipes.changed(pd.DataFrame(rows + trial(1e-3, 3.0, (4.5, 3.85))))
    said = prose.recipes.knobs(worse)
    assert "the two alone in 0 of 1, and more than the better of them in 0" in said
    assert "No cell" in prose.recipes.knobs(losses[:0])
    assert (
        b"<svg" in trial_drawings.changes(losses).svg()
        and b"<svg" in trial_drawings.changes(losses[:0]).svg()
    )
