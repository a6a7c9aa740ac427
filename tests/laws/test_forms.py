"""The paper's printed numbers come out of the library's own law objects, to the precision it prints."""

import numpy as np
import pytest

from transferlaws import laws
from transferlaws.errors import TransferLawsError
from transferlaws.laws import LOSS_FORMS, Hernandez
from transferlaws.laws.paper import PRINTED, TABLE_1

TEXT, MIX = TABLE_1["text"], TABLE_1["mix"]


def test_few_shot_factors() -> None:
    for law, expected in ((TEXT, 2.79), (MIX, 1.73)):
        ratio = law.d_transferred(n_params=1e9, d_chars=300) / law.d_transferred(n_params=1e9, d_chars=1)
        assert ratio == pytest.approx(expected, abs=0.005)


def test_one_character_at_175_billion_parameters() -> None:
    assert TEXT.d_transferred(n_params=1.75e11, d_chars=1) == pytest.approx(3.56e8, rel=0.002)
    assert MIX.d_transferred(n_params=1.75e11, d_chars=1) == pytest.approx(3.93e9, rel=0.002)


def test_headline_point_and_what_ten_times_is_worth() -> None:
    assert TEXT.data_multiplier(n_params=4e7, d_chars=3e5) - 1 == pytest.approx(475, abs=0.5)
    assert TEXT.data_worth(10) == pytest.approx(129, abs=0.5)
    assert MIX.data_worth(10) == pytest.approx(9000, rel=0.02)
    at = {"n_params": 1e8, "d_chars": 1e6}
    base = TEXT.d_transferred(**at)
    assert TEXT.d_transferred(n_params=1e8, d_chars=1e7) / base == pytest.approx(1.51, abs=0.005)
    assert TEXT.d_transferred(n_params=1e9, d_chars=1e6) / base == pytest.approx(2.40, abs=0.005)


def test_laws_agree_with_what_the_paper_prints_within_its_own_rounding() -> None:
    computed = [
        300**TEXT.alpha,
        300**MIX.alpha,
        TEXT.d_transferred(n_params=1.75e11, d_chars=1),
        MIX.d_transferred(n_params=1.75e11, d_chars=1),
    ]
    for number, value in zip(PRINTED, computed, strict=False):
        assert value == pytest.approx(number.printed, rel=0.05), number.name


def test_n_star_is_where_half_is_transferred() -> None:
    d = np.array([1e4, 1e6])
    assert TEXT.fraction(n_params=TEXT.n_star(d), d_chars=d) == pytest.approx(0.5)
    assert TEXT.fraction(n_params=1e7, d_chars=1e6) == pytest.approx(
        1 / (1 + (TEXT.n_star(1e6) / 1e7) ** TEXT.beta)  # eq. C.1
    )


def test_a_law_refuses_numbers_it_cannot_hold() -> None:
    with pytest.raises(TransferLawsError, match=r"Hernandez\.k is -1"):
        Hernandez(k=-1, alpha=0.2, beta=0.3)


@pytest.mark.parametrize("name", LOSS_FORMS)
def test_every_form_of_loss_survives_being_taken_apart(name: str) -> None:
    form = LOSS_FORMS[name]
    middle = {key: np.sqrt(abs(low * high)) + 0.2 for key, (low, high) in form.exponents.items()}
    law = form.assemble(middle, dict.fromkeys(form.terms, 2.0))
    exponents, terms = law.disassemble()
    assert exponents == pytest.approx(list(middle.values()))
    assert terms == pytest.approx(2.0)
    assert np.all(np.diff(law.loss(n_params=2.0, d_chars=np.geomspace(0.1, 10, 5))) < 0)


def test_every_name_of_the_front_door_opens() -> None:
    assert all(getattr(laws, name) is not None for name in laws.__all__)
    with pytest.raises(ImportError, match="cannot import name 'fit_transfer'"):
        exec("from transferlaws.laws import fit_transfer")
