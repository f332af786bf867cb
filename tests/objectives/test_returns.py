"""Returns and GAE against verl and rlax; holes, cut texts, extremes."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.returns import discounted_returns, generalized_advantages
from nutgraf.objectives.whiten import whiten

FULL = np.ones((1, 3), bool)


def test_literal_returns():
    # 1 + 0.5 * (0 + 0.5 * 2), 0 + 0.5 * 2, 2; the last token does not count
    rewards, mask = np.float32([[1, 0, 2, 99]]), np.array([[1, 1, 1, 0]], bool)
    found = to_numpy(discounted_returns(rewards, mask, 0.5))
    assert found.tolist() == [[1.5, 1.0, 2.0, 0.0]]


def test_literal_advantages():
    # errors 0 + 0.5 - 0.5, 0 + 0.75 - 0.5, 1 - 0.75 = 0, 0.25, 0.25; trace 0.5
    rewards, values = np.float32([[0, 0, 1]]), np.float32([[0.5, 0.5, 0.75]])
    advantages, returns = generalized_advantages(rewards, values, FULL, trace=0.5)
    assert to_numpy(advantages).tolist() == [[0.1875, 0.375, 0.25]]
    assert to_numpy(returns).tolist() == [[0.6875, 0.875, 1.0]]
    # cut by the limit, 3 more expected, discount 0.5: last error 1 + 1.5 - 0.75
    cut = generalized_advantages(
        rewards, values, FULL, discount=0.5, trace=0.0, last_values=np.float32([3])
    )
    assert to_numpy(cut[0]).tolist() == [[-0.25, -0.125, 1.75]]


def test_returns_equal_to_rlax(frozen):
    for case in frozen("returns", "rlax"):
        if "values" in case.inputs:
            continue
        found = to_numpy(discounted_returns(**case.inputs))
        np.testing.assert_allclose(
            found, case.expected["returns"], rtol=1e-5, atol=1e-5
        )


def test_advantages_equal_to_rlax(frozen):
    for case in frozen("returns", "rlax"):
        if "values" not in case.inputs:
            continue
        found = to_numpy(generalized_advantages(**case.inputs)[0])
        np.testing.assert_allclose(
            found, case.expected["advantages"], rtol=1e-5, atol=1e-5
        )


def test_advantages_equal_to_verl(frozen):
    for case in frozen("returns", "verl"):
        advantages, returns = generalized_advantages(**case.inputs)
        mask = case.inputs["mask"]
        for found, name in (
            (returns, "returns"),
            (whiten(advantages, mask), "whitened_advantages"),
        ):
            expected = case.expected[name]  # verl leaves numbers where it masks
            np.testing.assert_allclose(
                to_numpy(found)[mask], expected[mask], rtol=1e-5, atol=1e-5
            )


def random_case(seed=0, shape=(3, 2, 7)):
    rng = np.random.default_rng(seed)
    rewards, values = rng.normal(size=(2, *shape)).astype("float32")
    mask = rng.random(shape) < 0.7  # with holes
    mask[0, 0] = False
    return rewards, values, mask, rng.normal(size=shape[:-1]).astype("float32")


def one_by_one(rewards, values, mask, last, discount, trace):
    """The recursion of the paper over the tokens that count."""
    found = np.zeros_like(rewards)
    advantage, following = 0.0, last
    for t in np.flatnonzero(mask)[::-1]:
        error = rewards[t] + discount * following - values[t]
        advantage = error + discount * trace * advantage
        following, found[t] = values[t], advantage
    return found


@pytest.mark.parametrize(("discount", "trace"), [(1, 0.95), (0.9, 1), (0.8, 0), (0, 0)])
def test_equal_to_the_recursion_also_with_holes(discount, trace):
    rewards, values, mask, last = random_case()
    found = generalized_advantages(
        rewards, values, mask, discount=discount, trace=trace, last_values=last
    )
    for index in np.ndindex(mask.shape[:-1]):
        expected = one_by_one(
            rewards[index], values[index], mask[index], last[index], discount, trace
        )
        np.testing.assert_allclose(
            to_numpy(found[0])[index], expected, rtol=1e-5, atol=1e-5
        )
    returns = np.where(mask, to_numpy(found[0]) + values, 0)
    np.testing.assert_allclose(to_numpy(found[1]), returns, rtol=1e-6)


def test_trace_one_is_returns_minus_values():
    rewards, values, mask, _ = random_case()
    advantages, _ = generalized_advantages(
        rewards, values, mask, discount=0.9, trace=1.0
    )
    plain = to_numpy(discounted_returns(rewards, mask, 0.9))
    expected = np.where(mask, plain - values, 0)
    np.testing.assert_allclose(to_numpy(advantages), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
def test_masked_is_dropped_whatever_it_holds(poison):
    rewards, values, mask, last = random_case()
    expected = generalized_advantages(rewards, values, mask, last_values=last)
    poisoned = [np.where(mask, array, poison) for array in (rewards, values)]
    found = generalized_advantages(*poisoned, mask, last_values=last)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(to_numpy(one), to_numpy(other))
    sums = [discounted_returns(r, mask, 0.9) for r in (poisoned[0], rewards)]
    np.testing.assert_array_equal(to_numpy(sums[0]), to_numpy(sums[1]))


def test_all_masked_gives_zero():
    rewards, values, mask, last = random_case()
    found = generalized_advantages(
        rewards, values, np.zeros_like(mask), last_values=last
    )
    assert not any(to_numpy(part).any() for part in found)
    assert not to_numpy(discounted_returns(rewards, np.zeros_like(mask), 1.0)).any()


def test_a_higher_reward_raises_what_came_before_and_nothing_else():
    rewards, values, mask, _ = random_case()
    mask[:] = True
    more = rewards.copy()
    more[..., 4] += 1
    change = to_numpy(generalized_advantages(more, values, mask)[0]) - to_numpy(
        generalized_advantages(rewards, values, mask)[0]
    )
    np.testing.assert_allclose(change[..., 4], 1.0, rtol=1e-5)
    assert (change[..., :4] > 0).all() and not change[..., 5:].any()


def test_long_texts_and_one_token():
    length = 1000
    rewards = np.zeros((1, length), "float32")
    rewards[0, -1] = 1.0
    mask = np.ones_like(rewards, bool)
    found = to_numpy(discounted_returns(rewards, mask, 0.99))[0]
    expected = 0.99 ** np.arange(length)[::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert to_numpy(
        discounted_returns(rewards[:, -1:], mask[:, -1:], 0.5)
    ).tolist() == [[1.0]]


def test_no_gradient_to_the_critic(gradient):
    rewards, values, mask, _ = random_case()

    def of_values(x):
        advantages, returns = generalized_advantages(rewards, x, mask)
        return ops.sum(advantages) + ops.sum(returns)

    assert not gradient(of_values, values).any()


def test_discount_and_trace_are_fractions():
    zero = np.zeros((1, 3), "float32")
    with pytest.raises(ConfigError, match=r"discount must be in \[0, 1\]. Received"):
        discounted_returns(zero, FULL, 1.1)
    with pytest.raises(ConfigError, match=r"trace must be in \[0, 1\]. Received"):
        generalized_advantages(zero, zero, FULL, trace=-0.1)


def test_shapes_must_agree():
    zero = np.zeros((2, 3), "float32")
    mask = np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="values must have the shape"):
        generalized_advantages(zero, zero[:1], mask)
    with pytest.raises(ValueError, match="mask must have the shape"):
        discounted_returns(zero, mask[:, :1], 1.0)
    with pytest.raises(ValueError, match="last_values must have the shape"):
        generalized_advantages(zero, zero, mask, last_values=np.zeros(3))
