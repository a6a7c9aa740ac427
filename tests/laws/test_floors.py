"""A floor that runs come near is found with its D(N); one they never approach is called open."""

import numpy as np
import pytest

from transferlaws.laws import Design, Scratch, floors, plant

NEAR = Scratch(E=2.0, A=0.0, a=0.3, B=400.0, b=0.6, D0=100.0)
FAR = Scratch(E=0.0, A=0.0, a=0.3, B=12.0, b=0.08, D0=100.0)


def design(decades: int) -> Design:
    return Design(
        n_params=(3e3,), d_chars=tuple(np.geomspace(1e3, 10.0 ** (3 + decades), 2 * decades + 1)), seeds=4
    )


def test_a_floor_that_was_reached_is_known_and_so_is_d_n() -> None:
    enough = (NEAR.B / (NEAR.E / 0.99 - NEAR.E)) ** (1 / NEAR.b) - NEAR.D0  # by hand
    held = 0
    for seed in range(20):
        (found,) = floors(plant(design(5), noise=0.02, seed=seed, scratch=NEAR))
        assert found.known and found.d_n.low is not None and found.d_n.high is not None
        held += found.floor.covers(2.0) and found.d_n.low <= enough <= found.d_n.high
    assert held >= 17


def test_without_a_floor_in_sight_d_n_has_no_end() -> None:
    (found,) = floors(plant(design(2), noise=0.03, scratch=FAR))
    assert found.floor.low is None and found.d_n.high is None and not found.known
    assert found.profile["rise"].min() == pytest.approx(0.0)
