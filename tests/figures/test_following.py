"""Chapters 11 and later: sentences and figures say what the runs show, also where the opposite is true."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from transferlaws.design.presets import TO_PYTHON
from transferlaws.figures import Drawing
from transferlaws.figures import compute as compute_figures
from transferlaws.figures import encodings as encoding_figures
from transferlaws.figures import moat as moat_figures
from transferlaws.figures import ossification as ossification_figures
from transferlaws.figures import pretraining as pretraining_figures
from transferlaws.figures import sources as source_figures
from transferlaws.laws import (
    Design,
    Fit,
    Floor,
    Hernandez,
    Interval,
    effective_data,
    fit,
    laws_document,
    plant,
)
from transferlaws.prose import (
    checklist,
    compute,
    encodings,
    moat,
    ossification,
    pairs,
    pretraining,
    since,
    sources,
    verdicts,
    yours,
)

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
    assert "**a mix of text and code, text, shuffled text**" in said and "holds in every cell" in said
    said = sources.order(planted(near="text", far="mix"), ["text", "shuffled", "mix"], TITLES)
    assert "**text, a mix of text and code, shuffled text**" in said
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
    assert "counted 2.0 times" in next(iter(sources.drop_rows(found)))[2]
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


def lengths_planted(step: float) -> tuple[pd.DataFrame, dict[str, int]]:
    """Four budgets of pre-training of which each lowers the loss by `step` nats against the one before."""
    base = plant(DESIGN, {"text": FAR}, noise=0.002)
    table = [base.assign(ended="stalled")]
    arms = {"text-2M": 2_000_000, "text-6M": 6_000_000, "text": 14_000_000, "text-22M": 22_000_000}
    for place, arm in enumerate(arms):
        if arm != "text":
            own = base[base["arm"] == "text"]
            table.append(own.assign(arm=arm, loss=own["loss"] - step * (place - 2), ended="stalled"))
    return pd.concat(table, ignore_index=True).assign(pretrain_chars=1e7), arms


def test_more_pretraining_is_better_worse_or_neither() -> None:
    better, arms = lengths_planted(0.1)
    said = pretraining.steps(better, arms)
    assert "(the table below counts all), 27 lowered" in said
    assert "got worse in none of 9 repeated cells" in since.longer(better, arms)
    worse, _ = lengths_planted(-0.1)
    said = pretraining.steps(worse, arms)
    assert "none lowered the fine-tuned loss and 27 raised it: N =" in said
    assert "got worse in 9 of 9" in since.longer(worse, arms)
    assert "cannot say" in pretraining.steps(lengths_planted(0.0)[0], arms)
    assert "has not been measured yet" in pretraining.steps(better, {"text": 1})
    assert since.longer(better, {"text": 1}).startswith("silent")


def test_a_transfer_gap_takes_four_budgets_and_a_curve_that_bends() -> None:
    table, arms = lengths_planted(0.1)
    three = {arm: arms[arm] for arm in list(arms)[:3]}
    assert "3 budgets of pre-training" in pretraining.gaps(table, three)
    assert "no transfer gap is fitted" in pretraining.gaps(table, three)
    tokens = np.geomspace(1e5, 1e8, 6)
    seen = pretraining.limit(tokens, 2.0 + 40 * tokens**-0.4, np.full(6, 1e-3))
    assert seen.closed and seen.covers(2.0)
    even = pretraining.limit(
        np.array([2e6, 6e6, 14e6, 22e6]), np.array([3.2, 3.1, 3.03, 3.0]), np.full(4, 0.03)
    )
    assert even.low is None


def test_an_exponent_of_pretraining_has_an_interval_or_no_number() -> None:
    table, arms = lengths_planted(0.1)
    found = pretraining.by_budget(table, arms)
    assert "$d\\ln D_T/d\\ln T$" in pretraining.exponents(found)
    lost = found.assign(d_transferred=-1.0)
    assert "no number: $D_T$ is not positive" in pretraining.exponents(lost)
    assert "these runs have one" in pretraining.exponents(found[found["arm"] == "text"])


def cut(table: pd.DataFrame, shift: float, saved: float) -> pd.DataFrame:
    """A study whose tokenizer costs `shift` bits per character, of which pre-training regains `saved`."""
    tuned = (table["arm"] == "text").to_numpy()
    bits = table["loss"] + shift - np.where(tuned, saved, 0.0)
    return table.assign(bits_per_char=bits, d_tokens=table["d_chars"] / 2)


@pytest.mark.parametrize(
    ("shift", "saved", "end"),
    [
        (0.5, 0.3, "Both halves of the conjecture hold"),
        (-0.5, 0.3, "does not hold"),
        (0.5, -0.3, "does not hold"),
        (0.0, 0.0, "do not decide the conjecture"),
    ],
)
def test_the_conjecture_is_decided_by_both_halves(
    table: pd.DataFrame, shift: float, saved: float, end: str
) -> None:
    found = encodings.common({"foreign": cut(table, shift, saved), "own": cut(table, 0.0, 0.0)}, "text")
    harder = encodings.beside(found, "foreign", "own", "scratch")
    useful = encodings.gains(found, "foreign", "own", "text")
    assert end in encodings.conjecture(harder, useful, "foreign", "own")
    if shift:
        winner = "own" if shift > 0 else "foreign"
        assert f"{winner} in 9" in encodings.lowest(
            {k: v[v["d_chars"] < 1e6] for k, v in found.items()}, "text"
        )


def test_tokenizers_without_runs_are_left_out(table: pd.DataFrame) -> None:
    tables = {"here": cut(table, 0.0, 0.0), "empty": cut(table, 0.0, 0.0).head(0)}
    assert list(encodings.common(tables, "text")) == ["here"]
    assert "nothing to compare" in encodings.lowest(encodings.common(tables, "text"), "text")
    assert "not run" in encodings.read(tables, "text")


def test_ossified_takes_repeated_uncapped_pairs() -> None:
    hurt = plant(DESIGN, {"text": FAR}, noise=0.002).assign(ended="stalled")
    hurt.loc[(hurt["arm"] == "text") & (hurt["d_chars"] == 1e5), "loss"] += 2.0
    found = ossification.cells(hurt, "text")
    assert "**Ossified in 3 cells of 9" in ossification.verdict(found, TITLES, "text")
    healthy = plant(DESIGN, {"text": FAR}, noise=0.002).assign(ended="stalled")
    said = ossification.verdict(ossification.cells(healthy, "text"), TITLES, "text")
    assert said.startswith("**Not seen.**") and "beyond it nothing has been shown" in said
    single = ossification.cells(hurt[hurt["seed"] == 0], "text")
    assert ossification.verdict(single).startswith("**Not measured yet.**")
    capped = ossification.cells(hurt.assign(ended="limit"), "text")
    assert set(capped["judged"]) == {"capped"}
    assert ossification.verdict(capped).startswith("**Not measured yet.**")
    assert "9 judged *capped*" in next(iter(ossification.beside_paper(capped)))[2]


def test_data_are_divided_by_a_d_n_that_is_known_only() -> None:
    table = plant(DESIGN, {"text": FAR}, noise=0.002).assign(ended="stalled")

    def floor(n: float, low: float | None, high: float | None) -> Floor:
        return Floor(n, Interval(2.0, 1.9, 2.1), Interval(1e6, low, high), 4.0, 1e6, pd.DataFrame())

    known = ossification.cells(
        table, "text", [floor(3_312, 5e5, 2e6), floor(12_768, 1e5, 1e9), floor(50_112, 1e5, None)]
    )
    assert set(known.loc[known["share"].notna(), "n_params"]) == {3_312}
    assert "not pinned down" in ossification.most_data(known)


def billed(tuned_cost: float, lower: float, bill: float = 1e13) -> pd.DataFrame:
    """One size: from scratch costs 1e12, fine-tuning `tuned_cost`, and that ends `lower` nats lower."""
    rows = [
        (3_312, arm, d, seed, loss, flops, bill if arm == "text" else 0.0)
        for d in (1e4, 1e5)
        for seed in (0, 1)
        for arm, loss, flops in (("scratch", 4.0, 1e12), ("text", 4.0 - lower, tuned_cost))
    ]
    columns = ["n_params", "arm", "d_chars", "seed", "loss", "flops", "bill"]
    return pd.DataFrame(rows, columns=columns).assign(ended="stalled")


def test_pretraining_is_paid_back_after_its_bill_over_what_a_use_spares() -> None:
    cheap = compute.payback(billed(5e11, 0.2), "text")
    assert cheap["uses"].to_numpy() == pytest.approx(20.0)  # 1e13 / (1e12 - 5e11)
    assert "| 20 |" in compute.paid_back(cheap)
    assert "did not buy" in compute.beyond_compute(cheap)
    dear = compute.payback(billed(2e12, 0.2), "text")
    assert "never: a fine-tuning costs no less" in compute.paid_back(dear)
    high = compute.payback(billed(5e11, -0.2), "text")
    assert "no fine-tuned model gets that low" in compute.paid_back(high)
    assert "At 0 of 2 data sizes" in compute.beyond_compute(high)
    assert "at no data size" in list(compute.beside_paper(high, billed(5e11, -0.2), "text"))[1][2]
    half = pd.concat([cheap[cheap["d_chars"] == 1e4], high[high["d_chars"] == 1e5]])
    assert "never at 1 of 2 data sizes" in list(compute.beside_paper(half, billed(5e11, 0.2), "text"))[1][2]
    single = compute.beyond_compute(cheap.drop_duplicates("d_chars"))
    assert "with every seed (2 data sizes had one only)" in single
    assert "met a token limit" in compute.limited(billed(5e11, 0.2).assign(ended="limit"), "text")
    assert "ended by itself" in compute.limited(billed(5e11, 0.2), "text")


def test_the_frontier_never_rises() -> None:
    line = compute.frontier(pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([5.0, 6.0, 4.0, 4.5]))
    assert line["flops"].tolist() == [1.0, 3.0] and line["loss"].tolist() == [5.0, 4.0]


def test_the_bill_moves_fine_tuned_cells_off_the_frontier() -> None:
    said = compute.touches(billed(5e11, 0.2), "text", TITLES).splitlines()
    assert "| 0 of 2 | 1 of 2 |" in said[2] or "| 0 of 2 | 2 of 2 |" in said[2]
    assert said[3].startswith("| with its pre-training | 1 of 2") or "2 of 2" in said[3]


def test_ten_times_the_size_is_worth_ten_to_the_ratio_in_transfer_only(law: Fit, table: pd.DataFrame) -> None:
    exact = replace(law, beta_over_alpha=Interval(2.0, 1.0, None))
    found = moat.in_transfer(exact)
    assert (found.value, found.low, found.high) == (100.0, 10.0, None)
    laws = laws_document([law], table=table[table["arm"].isin(["scratch", "text"])])
    in_loss = moat.in_loss(laws, law, 10.0)
    assert len(in_loss) == len(law.cells)
    assert in_loss["factor"].isna().any() and (in_loss["why"] != "").sum() == in_loss["factor"].isna().sum()
    said = moat.both_senses(law, in_loss)
    assert "**In data transferred**" in said and "elsewhere" in said
    none = moat.both_senses(
        law, in_loss.assign(factor=np.nan, low=np.nan, high=np.nan, why="no d_chars up to")
    )
    assert "answers in none of the cells" in none and "no data within reach get there (9)" in none
    assert "no answer" in list(moat.beside_paper(law, in_loss.assign(factor=np.nan)))[1][2]


def test_a_rival_with_more_data_is_ahead_or_is_not(law: Fit, table: pd.DataFrame) -> None:
    both = table[table["arm"].isin(["scratch", "text"])]
    laws = laws_document([law], table=both)
    worth_much = moat.rivals(both.assign(loss=both["loss"] - 2.0 * (both["arm"] == "text")), laws, "text")
    assert worth_much["ahead"].all() and "caught up" in moat.moat(worth_much)
    worth_nothing = moat.rivals(both.assign(loss=both["loss"] + 2.0 * (both["arm"] == "text")), laws, "text")
    assert not worth_nothing["ahead"].any() and "At none of 3 data sizes" in moat.moat(worth_nothing)
    assert "No pair of data sizes" in moat.moat(worth_much.head(0))


def test_two_studies_agree_miss_or_cannot_tell(law: Fit) -> None:
    sure = replace(law, alpha=Interval(0.4, 0.3, 0.5), beta=Interval(0.5, 0.4, 0.6))
    far = replace(sure, beta=Interval(0.9, 0.8, 1.0))
    said = yours.apart(sure, far)
    assert "**do not meet**" in said and "A closed interval can still miss" in said
    assert "do not contradict" in yours.apart(sure, replace(sure))
    assert "nothing to compare" in yours.apart(sure, sure)
    assert "leaves $\\beta$ open" in yours.apart(sure, replace(sure, beta=Interval(0.5, None, 0.6)))
    assert "No study of your own" in yours.decision("") and "No study of your own" in yours.decision(
        "/nowhere"
    )


def test_later_work_is_answered_by_runs_or_by_silence(table: pd.DataFrame) -> None:
    every = table.assign(role="run")
    one = dict.fromkeys(every["key"], 0.1)
    assert since.decayed(every, one) == "silent: one weight decay for every run (0.1)"
    scarce = every.loc[every["d_chars"] == 1e3, "key"]
    said = since.decayed(every, one | dict.fromkeys(scarce, 3.0))
    assert "the runs took 0.1 to 3, at the least data 3 (median)" in said
    assert since.cells(pairs.differences(table, "nowhere"), "a", "b").startswith("silent")
    assert "the loss is lower in 9" in since.cells(pairs.differences(table, "mix", "text"), "a", "b")
    assert since.later_data(pairs.differences(table, "nowhere")).startswith("silent")
    shrinks = pairs.differences(table, "text")
    assert "less where there is more target data" in since.later_data(shrinks)
    assert "more where" in since.later_data(shrinks.assign(d_chars=1e8 / shrinks["d_chars"]))
    assert "cannot tell apart" in since.later_data(shrinks.assign(gain=0.1, low=0.0, high=0.2))


def test_figures_of_part_four_draw_whatever_is_there(table: pd.DataFrame) -> None:
    budgets, arms = lengths_planted(0.1)
    by_budget = pretraining.by_budget(budgets, arms)
    found = encodings.common({"a": cut(table, 0.5, 0.3), "b": cut(table, 0.0, 0.0)}, "text")
    worth = encodings.worth({"a": cut(table, 0.5, 0.3), "b": cut(table, 0.0, 0.0)}, "text")
    cells = ossification.cells(table, "text")
    paid = compute.payback(billed(5e11, 0.2), "text")
    curves = pd.DataFrame(
        [
            (key, tokens, loss, "hold")
            for key in ("a", "b")
            for tokens, loss in ((0, 6.0), (3_000_000_000, 4.0))
        ],
        columns=["key", "tokens_seen", "loss_validation", "phase"],
    )
    runs = billed(6e12, 0.2).head(2).assign(key=["a", "b"], tokens_seen=6_000_000_000)
    in_loss = pd.DataFrame(
        {"n_params": [3_312, 3_312], "d_chars": [1e3, 1e4], "factor": [4.0, np.nan], "low": 2.0, "high": 9.0}
    )
    spent = compute_figures.curves_in_flops(curves, runs)["spent"]
    assert spent.iloc[0] == pytest.approx(0.5e12)  # half the tokens, half the FLOPs, beyond 2^63 between
    for draw in (
        lambda: pretraining_figures.transferred(by_budget),
        lambda: pretraining_figures.transferred(by_budget.head(0)),
        lambda: pretraining_figures.losses(budgets, arms),
        lambda: pretraining_figures.losses(budgets, {"text": 1}),
        lambda: encoding_figures.bits(found, "text", titles=TITLES),
        lambda: encoding_figures.bits({}, "text"),
        lambda: encoding_figures.worth(worth),
        lambda: ossification_figures.small_model(table, "text", titles=TITLES),
        lambda: ossification_figures.differences(cells),
        lambda: ossification_figures.differences(cells.head(0)),
        lambda: compute_figures.at_one_data_size(curves, runs, "text"),
        lambda: compute_figures.converged(billed(5e11, 0.2), "text"),
        lambda: compute_figures.payback(paid),
        lambda: compute_figures.payback(paid.assign(uses=np.nan)),
        lambda: moat_figures.larger_or_more(in_loss, Interval(8.0, 5.0, 12.0), 10.0, 100.0),
        lambda: moat_figures.larger_or_more(in_loss.assign(factor=np.nan), Interval(8.0, None, None), 10.0),
    ):
        same_twice(draw)


def test_a_printed_number_holds_differs_or_cannot_be_asked(law: Fit) -> None:
    exact = replace(law, alpha=Interval(0.18, 0.15, 0.2), beta_over_alpha=Interval(2.0, 1.9, 2.1))
    rows = verdicts.numbers({"text": exact}, {"text": TO_PYTHON.paper["text"]}).splitlines()
    # 300^0.18 = 2.79, printed 2.8; 3.56e8 characters, printed 3.7e8; 475 by the law, about 1000 measured
    assert "| 2.8 | 2.8 | 2.8 [2.4, 3.1] | holds |" in rows[2]
    assert "3.6\\times 10^{8}" in rows[3] and "decades outside our runs | cannot be asked here" in rows[3]
    assert "| 1,000 | 475 |" in rows[4] or "| 1,000 | 480 |" in rows[4]
    far = replace(law, alpha=Interval(0.6, 0.5, 0.7), beta_over_alpha=Interval(0.5, None, 0.6))
    said = verdicts.numbers({"text": far}, {"text": TO_PYTHON.paper["text"]})
    assert "differs" in said and "not identified" in said
    by_method = {"paper": {"text": exact}, "loss_space": {"text": far}}
    rows = verdicts.table_1(by_method, {"text": TO_PYTHON.paper["text"]}).splitlines()
    assert "0.18 [0.15, 0.20]: holds" in rows[2] and "0.60 [0.50, 0.70]: differs" in rows[2]
    assert "no law for this source" in verdicts.numbers({}, {"text": TO_PYTHON.paper["text"]})


def test_the_checklist_is_filled_from_the_study_or_says_what_is_missing(
    law: Fit, table: pd.DataFrame
) -> None:
    every = pd.concat([table.assign(role="run"), table.head(5).assign(role="tune")])
    provenance = {
        "code_version": "9.9",
        "corpora": {"python": "abcdef0123456789"},
        "core_hours": {"run": 2.0, "tune": 0.5},
    }
    found = dict(checklist.items(law, table.assign(ended="limit"), every, provenance))
    assert found["points"] == f"{law.n_runs} runs, 9 fine-tuned cells at 3 sizes"
    assert found["seeds per cell"] == "3 to 3"
    assert found["runs cut short"] == "63 of 63 met a token limit"  # 9 + 12 cells, three seeds each
    assert found["tuning"].startswith("5 runs") and "at 2 data sizes" in found["tuning"]
    assert found["code"] == "version 9.9, MIT" and found["data"] == "python abcdef012345"
    assert found["compute"].startswith("2.5 core-hours")
    bare = dict(checklist.items(law, table, every[every["role"] == "run"], None))
    assert [item for item, answer in bare.items() if answer == checklist.MISSING] == [
        "tuning",
        "code",
        "data",
        "compute",
    ]
    assert all(answer for answer in found.values())
