import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transferlaws.corpora.splits import EXCERPT_CHARS, cut, draw, draw_spread, hold_out, within

SIZES = st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 10**6), min_size=3, max_size=40)


@given(SIZES)
def test_every_split_gets_a_project(sizes: dict[str, int]) -> None:
    splits = hold_out(sizes)
    assert set(splits) == set(sizes)
    assert set(splits.values()) == {"train", "validation", "test"}
    assert splits == hold_out(dict(reversed(sizes.items())))


def test_about_a_tenth_each_is_held_out() -> None:
    sizes = {f"project {number}": 1_000 for number in range(100)}
    splits = list(hold_out(sizes).values())
    assert (splits.count("test"), splits.count("validation")) == (10, 10)


def test_the_giant_stays_in_training() -> None:
    assert hold_out({"giant": 10**6, **{f"p{n}": 1_000 for n in range(9)}})["giant"] == "train"


@given(st.dictionaries(st.text(), st.integers(1, 1_000), max_size=30), st.integers(1, 20_000))
def test_caps_stop_at_the_first_document_past_them(sizes: dict[str, int], most: int) -> None:
    kept = within(sizes, most)
    total = sum(sizes[name] for name in kept)
    assert total >= min(most, sum(sizes.values()))
    assert total < most + 1_000


@given(st.lists(st.text(st.sampled_from("ab é\n"), max_size=900), max_size=12).map("".join))
def test_excerpts_join_to_the_document(text: str) -> None:
    excerpts = list(cut(text))
    assert "".join(excerpts) == text
    if len(text) >= EXCERPT_CHARS:
        assert all(EXCERPT_CHARS / 4 <= len(excerpt) <= 2 * EXCERPT_CHARS for excerpt in excerpts)


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=200), st.integers(0, 9), st.data())
def test_draws_are_exact_and_nested(chars: list[int], seed: int, data: st.DataObject) -> None:
    sizes = np.array(chars)
    larger = data.draw(st.integers(1, sum(chars)))
    smaller = data.draw(st.integers(1, larger))
    chosen, last = draw(sizes, larger, seed)
    assert sizes[chosen[:-1]].sum() + last == larger
    assert 1 <= last <= sizes[chosen[-1]]
    inside, _ = draw(sizes, smaller, seed)
    assert list(inside) == list(chosen[: len(inside)])


def test_draws_are_uniform() -> None:
    """Each of 100 equal excerpts is among 20 drawn with probability 1/5: within 5 sigma over 1,000 seeds."""
    counts = np.zeros(100)
    for seed in range(1_000):
        counts[draw(np.full(100, 1_000), 20_000, seed)[0]] += 1
    assert np.abs(counts - 200).max() < 5 * np.sqrt(1_000 * 0.2 * 0.8)


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=50), st.integers(0, 9), st.data())
def test_spread_draws_are_exact_and_nested_and_take_nothing_twice(
    chars: list[int], seed: int, data: st.DataObject
) -> None:
    sizes, length = np.array(chars), data.draw(st.integers(50, 3_000))
    larger = data.draw(st.integers(1, sum(chars)))
    smaller = data.draw(st.integers(1, larger))
    rows, js, ns, last = draw_spread(sizes, larger, seed, length)
    starts, stops = js * sizes[rows] // ns, (js + 1) * sizes[rows] // ns
    assert (stops - starts)[:-1].sum() + last == larger
    assert 1 <= last <= (stops - starts)[-1]
    assert len(set(zip(rows, starts, strict=True))) == len(rows) and (stops <= sizes[rows]).all()
    assert all(abs(c - min(length, c)) <= length for c in stops - starts)
    inside, *_ = draw_spread(sizes, smaller, seed, length)
    assert list(inside) == list(rows[: len(inside)])


def test_spread_draws_are_divided_as_the_split_is() -> None:
    """Ten projects of unequal size: each has its share of 40 pieces within two, whatever the seed."""
    excerpts = np.full(1_000, 1_000)
    share = np.cumsum([1, 2, 3, 4, 8, 12, 20, 50, 300, 600])
    for seed in range(200):
        rows, *_ = draw_spread(excerpts, 10_000, seed, 250)
        counts = np.bincount(np.searchsorted(share, rows, "right"), minlength=10)
        assert np.abs(counts - 40 * np.diff(share, prepend=0) / 1_000).max() < 3
    firsts = [draw_spread(excerpts, 250, seed, 250)[0][0] for seed in range(2_000)]
    assert abs(np.mean(firsts) - 500) < 5 * 1_000 / np.sqrt(12 * 2_000)  # uniform over seeds
