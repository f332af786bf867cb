"""Reductions: literal numbers, verl's numbers, and what masks must mean."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.reduce import (
    fixed_length_mean,
    fixed_length_sum_count,
    mean_of,
    sequence_mean,
    sequence_sum_count,
    sequence_sum_mean,
    sequence_sum_sum_count,
    token_mean,
    token_sum_count,
)


def fixed_mean(values, mask):
    return fixed_length_mean(values, mask, 9)


def fixed_sum_count(values, mask):
    return fixed_length_sum_count(values, mask, 9)


MEANS = {
    "token_mean": token_mean,
    "sequence_mean": sequence_mean,
    "sequence_sum_mean": sequence_sum_mean,
    "fixed_length_mean": fixed_mean,
}
PAIRS = {
    token_mean: token_sum_count,
    sequence_mean: sequence_sum_count,
    sequence_sum_mean: sequence_sum_sum_count,
    fixed_mean: fixed_sum_count,
}
every_mean = pytest.mark.parametrize("mean", MEANS.values(), ids=MEANS.keys())


def ragged(seed=0, shape=(4, 2, 5)):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, shape[-1] + 1, size=shape[:-1])
    lengths.flat[0] = 0
    values = rng.normal(size=shape).astype("float32")
    return values, np.arange(shape[-1]) < lengths[..., None]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("token_mean", 21 / 5),  # (1 + 2 + 3) + (5 + 10), five tokens
        ("sequence_mean", (2 + 7.5) / 2),
        ("sequence_sum_mean", (6 + 15) / 2),
        ("fixed_length_mean", (6 + 15) / 2 / 9),
    ],
)
def test_literal(name, expected):
    values = np.float32([[1, 2, 3, 99], [5, 10, 99, 99], [99, 99, 99, 99]])
    mask = np.arange(4) < np.array([[3], [2], [0]])
    assert float(MEANS[name](values, mask)) == pytest.approx(expected, rel=1e-6)


def test_equal_to_verl(frozen):
    for case in frozen("reduce"):
        for name, expected in case.expected.items():
            found = float(MEANS[name](**case.inputs))
            assert found == pytest.approx(expected, rel=1e-5, abs=1e-5), name


@every_mean
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_masked_is_dropped_whatever_it_holds(mean, poison):
    values, mask = ragged()
    expected = float(mean(values, mask))
    assert np.isfinite(expected)
    assert float(mean(np.where(mask, values, poison), mask)) == expected
    longer = [(0, 0), (0, 0), (0, 3)]
    padded = mean(np.pad(values, longer), np.pad(mask, longer))
    assert float(padded) == pytest.approx(expected, rel=1e-6)


@every_mean
def test_all_masked_gives_zero_and_no_gradient(mean, gradient):
    values, mask = ragged()
    nothing = np.zeros_like(mask)
    assert float(mean(values, nothing)) == 0.0
    assert not gradient(lambda x: mean(x, nothing), values).any()


@every_mean
def test_order_of_sequences_changes_nothing(mean):
    values, mask = ragged()
    order = np.random.default_rng(1).permutation(len(values))
    found = float(mean(values[order], mask[order]))
    assert found == pytest.approx(float(mean(values, mask)), rel=1e-6)


@every_mean
def test_gradient_reaches_counting_tokens_only(mean, gradient):
    values, mask = ragged()
    assert ((gradient(lambda x: mean(x, mask), values) > 0) == mask).all()


@every_mean
def test_micro_batches_add_up_to_the_batch(mean):
    # Whole numbers and lengths that are powers of two: every sum is exact.
    rng = np.random.default_rng(2)
    lengths = np.array([1, 2, 4, 8, 0, 1, 8, 2])
    values = rng.integers(-64, 64, size=(8, 8)).astype("float32")
    mask = np.arange(8) < lengths[:, None]
    parts = [PAIRS[mean](values[i : i + 1], mask[i : i + 1]) for i in range(8)]
    total = sum(float(part) for part, _ in parts)
    count = sum(float(part) for _, part in parts)
    whole = [float(part) for part in PAIRS[mean](values, mask)]
    assert [total, count] == whole
    assert float(mean_of(*np.float32([total, count]))) == float(mean(values, mask))
    # The mean of the means is another number: the pairs are needed.
    means = [float(mean(values[i : i + 1], mask[i : i + 1])) for i in range(8)]
    near = pytest.approx(float(mean(values, mask)), rel=1e-3)  # not even near
    assert np.mean(means) != near


def test_gradients_of_micro_batches_add_up(gradient):
    values, mask = ragged(shape=(8, 5))
    whole = gradient(lambda x: token_mean(x, mask), values)
    _, count = token_sum_count(values, mask)
    parts = [
        gradient(
            lambda x, i=i: token_sum_count(x, mask[i : i + 1])[0] / count,
            values[i : i + 1],
        )
        for i in range(8)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_bfloat16_is_summed_in_float32():
    values = ops.cast(np.ones((1, 1000), "float32"), "bfloat16")
    assert float(token_sum_count(values, np.ones((1, 1000), bool))[0]) == 1000.0


def test_mean_of_elementwise():
    found = to_numpy(mean_of(np.float32([2, 5, 0]), np.float32([4, 0, 0])))
    assert found.tolist() == [0.5, 0.0, 0.0]


@every_mean
def test_shapes_must_agree(mean):
    with pytest.raises(ValueError, match="mask must have the shape"):
        mean(np.ones((2, 3), "float32"), np.ones((2, 1), bool))


def test_length_must_be_positive():
    with pytest.raises(ConfigError, match=r"at least 1 token. Received: length=0"):
        fixed_length_mean(np.ones((1, 1)), np.ones((1, 1), bool), 0)
