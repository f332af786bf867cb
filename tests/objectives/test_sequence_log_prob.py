import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.objectives.reduce import token_sum_count
from nutgraf.objectives.sequence_log_prob import sequence_log_prob


def random_case(seed=0, shape=(2, 3, 5)):
    rng = np.random.default_rng(seed)
    return -rng.exponential(size=shape).astype("float32"), rng.random(shape) < 0.6


def test_literal():
    log_probs = np.float32([[-1, -3, 99], [-5, 99, 99]])
    mask = np.array([[1, 1, 0], [1, 0, 0]], bool)
    assert to_numpy(sequence_log_prob(log_probs, mask)).tolist() == [-4, -5]
    average = sequence_log_prob(log_probs, mask, average=True)
    assert to_numpy(average).tolist() == [-2, -5]


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("poison", [np.nan, -np.inf])
def test_masked_is_dropped_whatever_it_holds(average, poison):
    log_probs, mask = random_case()
    found = to_numpy(
        sequence_log_prob(np.where(mask, log_probs, poison), mask, average=average)
    )
    for index in np.ndindex(found.shape):
        total, count = token_sum_count(log_probs[index], mask[index])
        expected = float(total) / (float(count) if average else 1)
        assert found[index] == pytest.approx(expected, rel=1e-5)


def test_all_masked_gives_zero_and_impossible_stays_finite():
    log_probs, mask = random_case()
    for average in (False, True):
        nothing = sequence_log_prob(log_probs, np.zeros_like(mask), average=average)
        assert not to_numpy(nothing).any()
        never = sequence_log_prob(np.full_like(log_probs, -np.inf), mask)
        assert np.isfinite(to_numpy(never)).all() and to_numpy(never).max() < -1e8


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="mask must have the shape"):
        sequence_log_prob(np.ones((2, 3)), np.ones((2, 1), bool))
