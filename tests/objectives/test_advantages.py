"""Advantages against verl, and what invalid samples and equal rewards must give."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.advantages import (
    group_advantages,
    leave_one_out_advantages,
    running_mean_advantages,
    self_critical_advantages,
)


def dr_grpo(rewards, valid=None):
    return group_advantages(rewards, valid, scale=False)


GROUPED = {"grpo": group_advantages, "dr_grpo": dr_grpo}
GROUPED["rloo"] = leave_one_out_advantages
grouped = pytest.mark.parametrize("function", GROUPED.values(), ids=GROUPED.keys())


def test_literal():
    # mean 3, deviations -2 0 2, std (n - 1) = 2
    rewards = np.float32([[1, 3, 5]])
    found = to_numpy(group_advantages(rewards, epsilon=1e-9))
    np.testing.assert_allclose(found, [[-1, 0, 1]], rtol=1e-6)
    assert to_numpy(dr_grpo(rewards)).tolist() == [[-2, 0, 2]]
    # others' means 4, 3, 2
    assert to_numpy(leave_one_out_advantages(rewards)).tolist() == [[-3, 0, 3]]
    greedy = self_critical_advantages(rewards, np.float32([4]))
    assert to_numpy(greedy).tolist() == [[-3, -1, 1]]


def test_equal_to_verl(frozen):
    for case in frozen("advantages"):
        rewards, baseline = case.inputs["rewards"], case.inputs["baseline"]
        found = {
            "grpo": group_advantages(rewards, epsilon=case.inputs["epsilon"]),
            "dr_grpo": dr_grpo(rewards),
            "rloo": leave_one_out_advantages(rewards),
            "self_critical": self_critical_advantages(rewards, baseline),
        }
        unit = np.abs(rewards).max()  # float32 keeps 7 digits of the largest reward
        for name, expected in case.expected.items():
            atol = 1e-5 if name == "grpo" else 1e-6 * unit
            # verl leaves rounding errors in groups of equals; we give 0.
            np.testing.assert_allclose(
                to_numpy(found[name]), expected, rtol=1e-4, atol=max(atol, 1e-5)
            )


@grouped
def test_invalid_samples_get_zero_and_count_for_nobody(function):
    rewards = np.float32([[1, 99, 3, 8], [2, 4, 99, -99], [7, 7, 7, 1]])
    valid = np.array([[1, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]], bool)
    found = to_numpy(function(rewards, valid))
    assert not found[~valid].any()
    for row, keep in enumerate(valid[:2]):
        dropped = to_numpy(function(rewards[row : row + 1, keep]))[0]
        np.testing.assert_allclose(found[row, keep], dropped, rtol=1e-5, atol=1e-6)
    assert not found[2].any()  # one valid sample: nothing to compare with
    with_nan = np.where(valid, rewards, np.nan)
    np.testing.assert_array_equal(to_numpy(function(with_nan, valid)), found)


@grouped
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, -1e6, 1e30])
def test_equal_rewards_give_exactly_zero(function, value):
    assert not to_numpy(function(np.full((2, 7), value, "float32"))).any()


@grouped
def test_all_invalid_or_single_samples_give_zero(function):
    rewards = np.float32([[1, 2, 3]])
    assert not to_numpy(function(rewards, np.zeros((1, 3), bool))).any()
    assert not to_numpy(function(rewards[:, :1])).any()


@grouped
def test_groups_sum_to_zero_and_keep_the_order_of_rewards(function):
    rewards = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    found = to_numpy(function(rewards))
    np.testing.assert_allclose(found.sum(axis=1), 0, atol=1e-5)
    np.testing.assert_array_equal(found.argsort(axis=1), rewards.argsort(axis=1))


@grouped
def test_groups_and_samples_may_come_in_any_order(function):
    rng = np.random.default_rng(0)
    rewards, valid = rng.normal(size=(5, 8)).astype("float32"), rng.random((5, 8)) < 0.7
    rows, samples = rng.permutation(5)[:, None], rng.permutation(8)
    shuffled = to_numpy(function(rewards[rows, samples], valid[rows, samples]))
    expected = to_numpy(function(rewards, valid))[rows, samples]
    np.testing.assert_allclose(shuffled, expected, rtol=1e-5, atol=1e-6)


def test_scale_removes_the_unit_of_the_reward():
    rewards = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    small = to_numpy(group_advantages(rewards, epsilon=1e-9))
    large = to_numpy(group_advantages(100 * rewards + 5, epsilon=1e-9))
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(small.std(axis=1, ddof=1), 1.0, rtol=1e-4)


@grouped
def test_huge_rewards_stay_finite(function):
    found = to_numpy(function(np.float32([[1e30, -1e30, 0], [1e-30, 0, 0]])))
    assert np.isfinite(found).all()


def test_self_critical_leaves_invalid_samples_out():
    rewards, greedy = np.float32([[1, 5], [1, 5]]), np.float32([2, np.nan])
    valid = np.array([[True, False], [False, False]])
    found = to_numpy(self_critical_advantages(rewards, greedy, valid))
    assert found.tolist() == [[-1, 0], [0, 0]]


def test_shapes_must_agree():
    rewards = np.ones((2, 3), "float32")
    for function in GROUPED.values():
        with pytest.raises(ValueError, match="valid must have the shape"):
            function(rewards, np.ones((2, 1), bool))
        with pytest.raises(ValueError, match="rewards must have the shape"):
            function(rewards[0])
    with pytest.raises(ValueError, match="baseline must have the shape"):
        self_critical_advantages(rewards, np.ones(3, "float32"))


def run_over(batches, valid, decay):
    """Feed batch after batch; return all advantages and all means."""
    mean, count, advantages, means = 0.0, 0.0, [], []
    for rewards, counts in zip(batches, valid, strict=True):
        found, mean, count = running_mean_advantages(
            rewards, counts, mean, count, decay=decay
        )
        advantages.append(to_numpy(found))
        means.append(float(mean))
    return advantages, means


def test_literal_running_mean():
    # means 2; then (0.5 * 2 * 2 + 6) / (1 + 1) = 4, then (1 * 4 + 1) / (1 + 1) = 2.5
    batches = np.float32([[[1, 3]], [[6, 99]], [[1, 99]]])
    valid = np.array([[[1, 1]], [[1, 0]], [[1, 0]]], bool)
    advantages, means = run_over(batches, valid, 0.5)
    assert means == [2.0, 4.0, 2.5]
    assert [found.tolist() for found in advantages] == [
        [[0, 0]],  # nothing to compare with yet
        [[4, 0]],
        [[-3, 0]],
    ]


def test_running_mean_equal_to_pandas(frozen):
    for case in frozen("running_mean"):
        given = case.inputs
        _, means = run_over(given["rewards"], given["valid"], given["decay"])
        np.testing.assert_allclose(means, case.expected["means"], rtol=1e-5, atol=1e-6)


def test_running_mean_without_decay_is_the_mean_of_all():
    rng = np.random.default_rng(0)
    batches = (1e4 + rng.normal(size=(20, 3, 4))).astype("float32")
    valid = rng.random(batches.shape) < 0.7
    _, means = run_over(batches, valid, 1.0)
    for last, mean in enumerate(means):
        seen = batches[: last + 1][valid[: last + 1]]
        assert mean == pytest.approx(seen.astype("float64").mean(), rel=1e-6)


def test_running_mean_raises_what_beats_earlier_rewards():
    rewards = np.float32([[1, 3], [0, 5]])
    found, _, _ = running_mean_advantages(rewards, None, 2.0, 10.0)
    assert to_numpy(found).tolist() == [[-1, 1], [-2, 3]]


def test_running_mean_leaves_invalid_samples_out():
    rewards = np.float32([[1, np.nan], [np.inf, 3]])
    valid = np.array([[1, 0], [0, 1]], bool)
    found, mean, count = running_mean_advantages(rewards, valid, 2.0, 2.0, decay=1.0)
    assert to_numpy(found).tolist() == [[-1, 0], [0, 1]]
    assert (float(mean), float(count)) == (2.0, 4.0)
    nothing = np.zeros_like(valid)
    found, mean, count = running_mean_advantages(rewards, nothing, 2.0, 0.0)
    assert not to_numpy(found).any() and (float(mean), float(count)) == (2.0, 0.0)


@pytest.mark.parametrize("decay", [0.0, 1.1])
def test_decay_is_in_range(decay):
    with pytest.raises(ConfigError, match=r"decay must be in \(0, 1\]. Received"):
        running_mean_advantages(np.ones((1, 1)), None, 0.0, 0.0, decay=decay)


def test_equal_to_a_second_library(frozen):
    for case in frozen("group_advantages"):
        rewards = case.inputs["rewards"]
        found = {
            "grpo": group_advantages(rewards, epsilon=case.inputs["epsilon"]),
            "dr_grpo": dr_grpo(rewards),
            "rloo": leave_one_out_advantages(rewards),
        }
        for name, expected in case.expected.items():
            np.testing.assert_allclose(
                to_numpy(found[name]), expected, rtol=1e-5, atol=1e-5
            )
