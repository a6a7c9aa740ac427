"""Every token once an epoch, every evaluation token once, and a batch that fits its data set."""

import numpy as np
import pytest

from transferlaws.errors import TransferLawsError
from transferlaws.training.batches import Batches, evaluation_batches


def batches(n_tokens: int) -> Batches:
    tokens = np.arange(n_tokens, dtype=np.uint16)
    return Batches(tokens, context=128, batch_tokens=2048, batch_share=0.125, seed=7)


@pytest.mark.parametrize("n_tokens", [5, 60, 480, 4_800, 48_000])
def test_an_epoch_predicts_nearly_every_token_once_and_none_twice(n_tokens: int) -> None:
    data = batches(n_tokens)
    for epoch in range(2):
        targets = np.concatenate(
            [data(epoch * data.steps_per_epoch + i)[1].flatten() for i in range(data.steps_per_epoch)]
        )
        assert len(set(targets.tolist())) == len(targets)
        assert len(targets) >= 0.75 * (n_tokens - data.length - 1)


def test_inputs_precede_their_targets_and_a_batch_is_a_function_of_its_number() -> None:
    data = batches(48_000)
    x, y = data(30)
    assert bool((y == x + 1).all())
    data(5)
    assert bool((data(30)[0] == x).all())


@pytest.mark.parametrize("n_tokens", [480, 4_800, 48_000])
def test_a_batch_is_at_most_an_eighth_of_the_data_or_one_window(n_tokens: int) -> None:
    data = batches(n_tokens)
    assert data.tokens_per_step <= max(n_tokens / 8, data.length)
    assert data.tokens_per_step <= 2048


@pytest.mark.parametrize("n_tokens", [2, 33, 64, 65, 5_000])
def test_evaluation_predicts_every_token_but_the_first_exactly_once(n_tokens: int) -> None:
    tokens = np.arange(n_tokens, dtype=np.uint16)
    targets = [y for _, ys in evaluation_batches(tokens, 32) for y in ys.flatten().tolist()]
    assert targets == list(range(1, n_tokens))


def test_too_little_data_is_an_error_that_says_so() -> None:
    with pytest.raises(TransferLawsError, match="at least 3 tokens, got 2"):
        batches(2)
