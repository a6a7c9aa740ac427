"""Figures from a planted study: every one draws, twice to the same bytes, whatever happened in its cells."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from transferlaws import laws, prose
from transferlaws.design.presets import TO_PYTHON
from transferlaws.design.question import Titles
from transferlaws.figures import (
    Drawing,
    canvas,
    charts,
    effective,
    law,
    losses,
    scratch,
    training,
    uncertainty,
)
from transferlaws.laws import Design, Fit, Floor, Hernandez, Interval, plant
from transferlaws.laws.paper import TABLE_1
from transferlaws.models.ladder import LADDER

BOOK = Path(__file__).parents[2] / "book"
DESIGN = Design(
    n_params=(3_312, 12_768, 50_112), d_chars=(1e3, 1e4, 1e5), seeds=2, d_scratch=(1e3, 1e4, 1e5, 3e5)
)


@dataclass(frozen=True)
class Planted:
    """A planted study, its fit, and its cells with one of every status, as a small study has them."""

    table: pd.DataFrame
    fit: Fit
    cells: pd.DataFrame
    floors: list[Floor]


@pytest.fixture(scope="module")
def study() -> Planted:
    table = plant(DESIGN, {"text": Hernandez(k=40.0, alpha=0.4, beta=0.5)}, noise=0.02, ossify=1.5)
    table["key"] = [f"run{number:03d}" for number in range(len(table))]
    fit = laws.fit(table, bootstrap=50)
    cells = fit.cells.copy()
    changes: list[dict[str, str | float]] = [
        {"status": "below_floor", "d_effective": np.nan, "amplification": np.nan},
        {"status": "no_transfer", "d_effective": 500.0, "fraction": -1.0},
        {"status": "extrapolated", "d_effective_high": np.inf},
    ]
    for index, change in zip(cells.index, changes, strict=False):
        for column, value in change.items():
            cells.loc[index, column] = value
    table = table.assign(learning_rate=1e-3, epochs_best=3.0, loss_validation=table["loss"])
    return Planted(table, fit, cells, laws.floors(table))


def curves_of(table: pd.DataFrame) -> pd.DataFrame:
    points = [(key, e, 5.0 - e, 5.0 - e + e * e / 4) for key in table["key"] for e in (0.0, 1.0, 2.0, 3.0)]
    columns = ["key", "epochs", "loss_train", "loss_validation"]
    return pd.DataFrame(points, columns=columns).assign(phase="hold")


def tried(table: pd.DataFrame) -> pd.DataFrame:
    """Three rates a cell: the best from scratch, the best for fine-tuning, and one that diverged."""
    tuned = table["arm"] == "text"
    losses: dict[float, pd.Series[float] | float] = {
        1e-3: table["loss"] + 0.15 * tuned,
        2e-3: table["loss"] + 0.1,
        4e-3: np.nan,
    }
    return pd.concat(
        [table.assign(learning_rate=rate, loss_validation=loss) for rate, loss in losses.items()],
        ignore_index=True,
    )


FIGURES: dict[str, Callable[[Planted], Drawing]] = {
    "hero": lambda study: losses.hero(study.table, study.fit),
    "hero below the floor": lambda study: losses.hero(study.table, study.fit, cell=study.cells.iloc[0]),
    "hero without transfer": lambda study: losses.hero(study.table, study.fit, cell=study.cells.iloc[1]),
    "loss against data": lambda study: losses.loss_against_data(study.table, study.fit.curves),
    "loss against size": lambda study: losses.loss_against_size(study.table, ["scratch", "text"]),
    "data limits": lambda study: scratch.data_limits(study.floors, study.cells),
    "floors": lambda study: scratch.floor_profiles(study.floors),
    "arrows": lambda study: losses.arrows(replace(study.fit, cells=study.cells), marked=study.cells.iloc[4]),
    "slopes": lambda study: losses.slopes(prose.slopes.measured(study.table, ["scratch", "text"])),
    "one rate": lambda study: training.one_rate(prose.tuned.one_rate(tried(study.table), "text")),
    "no shared rate": lambda study: training.one_rate(prose.tuned.one_rate(study.table[:0], "text")),
    "local alphas": lambda study: law.local_alphas(
        {"text": laws.local_alpha(study.table, "text", bootstrap=50)}, [study.fit]
    ),
    "medium": lambda study: law.medium(replace(study.fit, cells=study.cells), study.fit.law),
    "noises": lambda study: uncertainty.noises(laws.noise_of(study.table, "text"), ["scratch", "text"], 0.01),
    "individual fits": lambda study: law.individual_fits(study.fit),
    "inversion": lambda study: effective.inversion(study.table, study.fit),
    "handout": lambda study: effective.handout(study.fit, prose.cells.to_read_off(study.fit.cells)),
    "no handout": lambda study: effective.handout(study.fit, prose.cells.to_read_off(study.fit.cells[:0])),
    "statuses": lambda study: effective.status_map(study.cells),
    "amplification": lambda study: effective.amplification_map(study.cells),
    "fractions": lambda study: law.fractions({"text": study.fit, "mix": study.fit}),
    "n star": lambda study: law.n_star({"text": study.fit}, TABLE_1),
    "representations": lambda study: law.representations(study.fit),
    "coefficients": lambda study: law.coefficients([study.fit], TABLE_1),
    "ladder": lambda _: training.ladder(LADDER, 512, 128),
    "learning curves": lambda study: training.learning_curves(curves_of(study.table), study.table, 12_768),
    "learning rates": lambda study: training.learning_rates(study.table),
    "tuning": lambda study: training.tuning_curves(tried(study.table), 10_000),
    "no tuning": lambda study: training.tuning_curves(tried(study.table), 7),
    "throughput": lambda study: training.throughput(
        study.table.assign(seconds=9.0, flops=study.table["loss"])
    ),
    "epochs": lambda study: training.epochs_to_best(study.table),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_the_same_to_the_byte(name: str, study: Planted) -> None:
    svg = FIGURES[name](study).svg()
    assert svg == FIGURES[name](study).svg()
    assert svg.startswith(b"<?xml") and b"<dc:date>" not in svg


def test_every_figure_of_the_book_has_a_caption_and_a_text_for_those_who_cannot_see_it() -> None:
    figures = 0
    for page in sorted(BOOK.glob("*.md")):
        for head in re.findall(r"```\{code-cell\}[^\n]*\n---\n(.*?)\n---", page.read_text(), re.DOTALL):
            if "figure:" in head:
                figures += 1
                assert re.search(r"caption: .{20}", head), f"{page.name}: a figure without a caption"
                assert re.search(r"alt: .{20}", head), f"{page.name}: a figure without an alternative text"
    assert figures > 10


def test_the_calculator_knows_the_paper_and_says_what_it_is() -> None:
    chart = charts.calculator(TABLE_1, n_params=4e7, d_chars=3e5)
    html = chart._repr_html_()
    assert 'role="figure"' in html and 'aria-label="Calculator' in html
    sliders = {each["name"]: each for each in chart.spec()["params"]}
    assert set(sliders) == {"log_n", "log_d"}
    for name, start in (("log_n", 4e7), ("log_d", 3e5)):  # where the page computes, to three digits
        bind, value = sliders[name]["bind"], sliders[name]["value"]
        steps = (value - bind["min"]) / bind["step"]
        assert abs(steps - round(steps)) < 1e-6
        at = bind["min"] + round(steps) * bind["step"]
        assert abs(10**at / start - 1) < 1e-9


def test_the_calculator_dashes_what_no_run_reached() -> None:
    laws_ = {"ours": TABLE_1["text"], "theirs": TABLE_1["mix"]}
    ends = {"ours": {"n_params": (3e3, 3e6), "d_chars": (1e3, 1e6)}}
    chart = charts.calculator(laws_, n_params=1e5, d_chars=3e5, measured=ends)
    data = [row for rows in chart.spec()["datasets"].values() for row in rows if "part" in row]
    assert not any(row["inside"] for row in data if row["law"] == "theirs")
    ours = [row for row in data if row["law"] == "ours"]
    assert {row["inside"] for row in ours if 3 < row["log_x"] < 6} == {True}
    assert {row["inside"] for row in ours if not 3 <= row["log_x"] <= 6} == {False}


def test_words_say_no_more_than_the_numbers(study: Planted) -> None:
    assert prose.law.against(Interval(0.5, None, None), 0.38).startswith("open on both sides")
    assert "below our interval" in prose.law.against(Interval(0.5, 0.4, 0.6), 0.38)
    assert "contains" in prose.law.against(Interval(0.3, 0.2, None), 0.38)
    below, worse = (prose.cells.cell(study.cells.iloc[i], "text", TO_PYTHON.titles) for i in (0, 1))
    assert "no amount of Python" in below and "times the data" not in below
    assert "nothing, or worse" in worse
    assert "1 cell:" in prose.cells.ossified(study.cells.iloc[:2])
    assert prose.numbers.scientific(1.5e-3) == r"$1.5\times 10^{-3}$"
    assert prose.numbers.scientific(1234.0) == "1,234"
    assert prose.numbers.scientific(float("inf")) == "unbounded"
    endless = prose.numbers.listing(pd.DataFrame({"a": [np.inf], "b": [12345.0]}))
    assert endless.endswith("| unbounded | 12,345 |")


OWN = Titles(target="Verilog", sources={"german": "German", "notes": "my notes"})


def in_own_names(study: Planted) -> Iterator[str]:
    """What a page says of a study that is about German and Verilog."""
    table = study.table.replace({"arm": {"text": "german"}}).assign(scale="own", seconds=60.0)
    fit, cells = replace(study.fit, source="german"), study.cells
    pictures = (
        losses.hero(table, fit, OWN),
        losses.loss_against_data(table, fit.curves, titles=OWN),
        losses.loss_against_size(table, ["scratch", "german"], titles=OWN),
        scratch.data_limits(study.floors, cells, titles=OWN),
        effective.inversion(table, fit, titles=OWN),
        law.fractions({"german": fit}, titles=OWN),
        law.n_star({"german": fit}, titles=OWN),
        law.coefficients([fit], {}, titles=OWN),
        training.learning_rates(table, titles=OWN),
        training.epochs_to_best(table, titles=OWN),
        uncertainty.region({"german": fit}, {}, titles=OWN),
    )
    for picture in pictures:
        yield from (artist.get_text() for artist in picture.findobj(Text))
    chart = charts.runs(table, titles=OWN)
    yield chart.label + json.dumps(chart.spec())
    yield from (prose.cells.cell(row, "german", OWN) for _, row in cells.iterrows())
    yield prose.law.table([fit], {}) + prose.law.verdicts({"german": fit})
    yield prose.cells.misfit(fit, table) + prose.cells.controls("german", ["notes"], table)
    yield prose.study.size(table, "own", OWN) + prose.slopes.saturation(
        prose.slopes.measured(table, ["scratch", "german"])
    )
    yield prose.noise.between_seeds(table) + prose.tuned.rates(table) + prose.evidence.region({"german": fit})


def test_a_study_of_other_corpora_is_told_in_their_names(study: Planted) -> None:
    said = "\n".join(in_own_names(study))
    for name in ("Verilog seen in training (characters)", "pre-trained on German", "characters of Verilog"):
        assert name in said
    assert not re.search(r"python|english|(pre-trained on|arm|source)\W+(the )?text\b", said, re.IGNORECASE)
    untitled = "\n".join(prose.cells.cell(row, "german") for _, row in study.cells.iterrows())
    assert "pre-trained on german and fine-tuned on" in untitled and "characters of the target" in untitled


def test_a_source_has_one_colour_and_an_arm_without_a_title_keeps_its_own() -> None:
    titles = TO_PYTHON.titles
    shades = [
        canvas.colour(arm, titles) for arm in ("text", "mix", "prose", "python", "shuffled", "text+python")
    ]
    assert shades == ["#0072b2", "#d55e00", "#cc79a7", "#009e73", "#e69f00", "#56b4e9"]
    assert canvas.colour("text-2M", titles) not in shades
    assert canvas.colour("german") == canvas.colour("german", Titles()) != canvas.colour("scratch")
    assert canvas.colour("german", OWN) != canvas.colour("notes", OWN)
