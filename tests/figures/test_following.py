"""Chapters 11 and later: sentences and figures say what the runs show, also where the opposite is true."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from transferlaws.design.presets import TO_PYTHON
from transferlaws.figures import Drawing
from transferlaws.figures import sources as source_figures
from transferlaws.laws import Design, Fit, Hernandez, effective_data, fit, plant
from transferlaws.prose import pairs, sources

TITLES = TO_PYTHON.titles
DESIGN = Design(
    n_params=(3_312, 12_768, 50_112), d_chars=(1e3, 1e4, 1e5), seeds=3, d_scratch=(1e3, 1e4, 1e5, 1e6)
)
NEAR, FAR = Hernandez(k=400.0, alpha=0.3, beta=0.4), Hernandez(k=20.0, alpha=0.4, beta=0.4)


def planted(
    near: str = "mix", far: str = "text", design: Design = DESIGN, noise: float = 0.005
) -> pd.DataFrame:
    """A study in which one source is worth much more than another, and a control hurts."""
    table = plant(design, {near: NEAR, far: FAR}, noise=noise)
    harmed = table[table["arm"] == "scratch"].assign(arm="shuffled", loss=lambda rows: rows["loss"] + 0.3)
    harmed = harmed[harmed["d_chars"].isin(design.d_chars)]
    table = pd.concat([table, harmed], ignore_index=True)
    return table.assign(
        ended="stalled", pretrain_chars=30_000_000, key=[f"run{i:04d}" for i in range(len(table))]
    )


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return planted()


@pytest.fixture(scope="module")
def law(table: pd.DataFrame) -> Fit:
    return fit(table, "text", bootstrap=50)


def same_twice(draw: "type[Drawing] | object") -> None:
    """A figure is drawn to the same bytes."""
    svg = draw().svg()  # type: ignore[operator]
    assert svg == draw().svg() and svg.startswith(b"<?xml")  # type: ignore[operator]


def test_sources_are_put_in_the_order_of_what_they_are_worth(table: pd.DataFrame) -> None:
    said = sources.order(table, ["text", "shuffled", "mix"], TITLES)
    assert "**text and code, text, shuffled text**" in said and "holds in every cell" in said
    said = sources.order(planted(near="text", far="mix"), ["text", "shuffled", "mix"], TITLES)
    assert "**text, text and code, shuffled text**" in said
    said = sources.order(planted(noise=1.0), ["text", "mix"], TITLES)
    assert "Not in every cell" in said
    assert "nothing to put in order" in sources.order(table, ["text", "absent"], TITLES)


def test_help_and_harm_are_said_as_they_are(table: pd.DataFrame) -> None:
    assert "hurts in every cell" in sources.against_scratch(table, "shuffled", TITLES)
    assert "helps in every cell" in sources.against_scratch(table, "mix", TITLES)
    assert "the runs cannot say" in sources.against_scratch(planted(noise=1.0), "text", TITLES)
    assert "was fine-tuned in this study" in sources.against_scratch(table, "python", TITLES)


def test_a_capped_cell_is_not_firm(table: pd.DataFrame) -> None:
    limited = table.assign(ended=np.where(table["d_chars"] == 1e5, "limit", "stalled"))
    found = pairs.differences(limited, "shuffled")
    assert found.loc[found["d_chars"] == 1e5, "capped"].all()
    assert set(pairs.firm(found)["d_chars"]) == {1e3, 1e4}
    assert pairs.counts(pairs.differences(table, "nowhere")) == "no cell was run with both"


def test_a_direction_is_decided_only_where_intervals_do_not_meet() -> None:
    there = effective_data(planted(noise=0.001), "mix")
    back = effective_data(planted(noise=0.001), "text")
    said = sources.directions(sources.both_ways(there, back), "there", "back")
    assert "there is worth more in 3 of 3 cells" in said and "comparison, no law" not in said
    said = sources.directions(sources.both_ways(back, there), "there", "back")
    assert "back in 3" in said
    said = sources.directions(sources.both_ways(there, there), "there", "back")
    assert "in 3 the intervals meet" in said
    assert "cannot be compared" in sources.directions(sources.both_ways(there, back.head(0)), "a", "b")


def test_two_sizes_are_a_comparison_and_no_law(law: Fit) -> None:
    two = replace(law, cells=law.cells[law.cells["n_params"] < 50_000])
    said = sources.law_or_comparison({"one": two, "two": law})
    assert "*one*: 2 sizes, which is a comparison and no law" in said
    assert "*two*: 3 sizes, $\\alpha$" in said


def test_a_drop_of_the_target_is_compared_with_the_law(table: pd.DataFrame, law: Fit) -> None:
    loss = float(law.curves[50_112].loss(180_000.0))
    zero = table.head(1).assign(arm="text+python", n_params=50_112, d_chars=0, loss=loss)
    with_zero = pd.concat([table, zero])
    shares = sources.drops(TO_PYTHON, with_zero)
    assert shares == {"text+python": pytest.approx(0.003)}
    found = sources.drop(with_zero, law, shares, TITLES)
    assert found["known"].iloc[0] == pytest.approx(90_000)
    assert found["measured"].iloc[0] == pytest.approx(2.0, rel=1e-3)
    assert "2.0-fold of" in next(iter(sources.drop_rows(found)))[2]
    assert "not run here" in next(iter(sources.drop_rows(found.head(0))))[2]


def test_figures_of_sources_draw_whatever_is_there(table: pd.DataFrame) -> None:
    worth = sources.worth(table, ["text", "mix", "shuffled", "absent"])
    assert set(worth["arm"]) == {"text", "mix", "shuffled"}
    both = sources.both_ways(effective_data(table, "mix"), effective_data(table, "text"))
    shades = {"there": "#0072b2", "back": "#009e73"}
    for draw in (
        lambda: source_figures.proximity(worth, titles=TITLES),
        lambda: source_figures.proximity(worth.head(0)),
        lambda: source_figures.directions(both, {"there": "a", "back": "b"}, shades),
        lambda: source_figures.directions(both.head(0), {"there": "a", "back": "b"}, shades),
    ):
        same_twice(draw)
