"""The clipped loss against verl and rlax, and its sign, band and extremes."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.objectives.grpo import clip_share, clipped_policy_loss, ratio
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.objectives.reduce import token_mean

ZERO = np.zeros((1, 3), "float32")


def test_literal():
    # ratio 1.5, advantage 1: cut at 1.2; ratio 0.5, advantage -1: cut at 0.8;
    # ratio 1, advantage 2: untouched. All negated, for minimising.
    found = clipped_policy_loss(
        np.log(np.float32([[1.5, 0.5, 1.0]])), ZERO, np.float32([[1, -1, 2]])
    )
    np.testing.assert_allclose(to_numpy(found), [[-1.2, 0.8, -2.0]], rtol=1e-6)


def test_literal_on_the_side_that_is_not_cut():
    # ratio 1.5, advantage -1: the full 1.5; ratio 0.5, advantage 1: the full 0.5;
    # clip higher: ratio 1.5 against 1.28.
    found = clipped_policy_loss(
        np.log(np.float32([[1.5, 0.5, 1.5]])),
        ZERO,
        np.float32([[-1, 1, 1]]),
        clip_range_high=0.28,
    )
    np.testing.assert_allclose(to_numpy(found), [[1.5, -0.5, -1.28]], rtol=1e-6)


def settings(inputs):
    return {name: inputs[name] for name in ("clip_range", "clip_range_high")}


def test_loss_and_gradient_equal_to_verl(frozen, gradient):
    for case in frozen("grpo", "verl"):
        given = case.inputs
        rest = (given["old_log_probs"], given["advantages"])

        def loss(x, rest=rest, given=given):
            tokens = clipped_policy_loss(x, *rest, **settings(given))
            return token_mean(tokens, given["mask"])

        found = float(loss(given["log_probs"]))
        assert found == pytest.approx(case.expected["token_mean"], rel=1e-5)
        np.testing.assert_allclose(
            gradient(loss, given["log_probs"]),
            case.expected["gradient"],
            rtol=1e-4,
            atol=1e-6,
        )


def test_clip_share_equal_to_verl(frozen):
    for case in frozen("grpo", "verl"):
        given = case.inputs
        total, count = clip_share(
            given["log_probs"],
            given["old_log_probs"],
            given["advantages"],
            given["mask"],
            **settings(given),
        )
        assert float(count) == given["mask"].sum()
        share = float(total) / float(count)
        assert 0 < share < 1
        assert share == pytest.approx(case.expected["clip_share"], rel=1e-5)


def test_loss_equal_to_rlax(frozen):
    for case in frozen("grpo", "rlax"):
        found = to_numpy(clipped_policy_loss(**case.inputs))
        np.testing.assert_allclose(found, case.expected["loss"], rtol=1e-5, atol=1e-5)


def random_case(seed=0, shape=(2, 3, 4)):
    rng = np.random.default_rng(seed)
    log_probs = -rng.exponential(size=shape).astype("float32")
    advantages = rng.normal(size=shape).astype("float32")
    return log_probs, advantages, rng.random(shape) < 0.7


def test_first_update_has_the_plain_policy_gradient(gradient):
    log_probs, advantages, mask = random_case()
    clipped = gradient(
        lambda x: token_mean(clipped_policy_loss(x, log_probs, advantages), mask),
        log_probs,
    )
    plain = gradient(
        lambda x: token_mean(policy_gradient_loss(x, advantages), mask), log_probs
    )
    np.testing.assert_allclose(clipped, plain, rtol=1e-5)
    assert plain[mask].all()
    total, count = ratio(log_probs, log_probs, mask)
    assert float(total) == float(count) == mask.sum()


def test_a_step_raises_good_tokens_and_lowers_bad_ones(gradient, token_log_probs):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    actions = rng.integers(0, 5, size=(2, 3, 4))
    _, advantages, mask = random_case()
    old = to_numpy(token_log_probs(ops.convert_to_tensor(logits), actions))

    def loss(x):
        log_probs = token_log_probs(x, actions)
        return token_mean(clipped_policy_loss(log_probs, old, advantages), mask)

    after = logits - 0.1 * gradient(loss, logits)
    change = to_numpy(token_log_probs(ops.convert_to_tensor(after), actions)) - old
    assert (np.sign(change[mask]) == np.sign(advantages[mask])).all()
    assert np.abs(change[~mask]).max() < 1e-6


def test_clipped_tokens_give_no_gradient_the_others_pull_back(gradient):
    log_probs = np.log(np.float32([[1.5, 0.5, 1.5, 0.5]]))
    advantages = np.float32([[1, -1, -1, 1]])
    old, mask = np.zeros_like(log_probs), np.ones((1, 4), bool)
    found = gradient(
        lambda x: ops.sum(clipped_policy_loss(x, old, advantages)), log_probs
    )
    # -ratio * advantage where it is not clipped
    np.testing.assert_allclose(found, [[0, 0, 1.5, -0.5]], rtol=1e-6)
    total, count = clip_share(log_probs, old, advantages, mask)
    assert (float(total), float(count)) == (2.0, 4.0)


def test_no_gradient_to_the_sampler_or_the_advantages(gradient):
    log_probs, advantages, _ = random_case()

    def of_old(x):
        return ops.sum(clipped_policy_loss(log_probs, x, advantages))

    def of_advantages(x):
        return ops.sum(clipped_policy_loss(log_probs, log_probs, x))

    assert not gradient(of_old, log_probs).any()
    assert not gradient(of_advantages, advantages).any()


EXTREME = np.float32([-np.inf, -1e30, -200.0, 0.0])


@pytest.mark.parametrize("sign", [-1.0, 0.0, 1.0])
def test_extremes_are_finite_in_value_and_gradient(gradient, sign):
    new, old = (part.ravel() for part in np.meshgrid(EXTREME, EXTREME))
    advantages = np.full_like(new, sign)
    everything = np.ones(new.shape, bool)
    assert np.isfinite(to_numpy(clipped_policy_loss(new, old, advantages))).all()
    assert np.isfinite(float(ratio(new, old, everything)[0]))
    for mask in (everything, ~everything):
        found = gradient(
            lambda x, mask=mask: token_mean(
                clipped_policy_loss(x, old, advantages), mask
            ),
            new,
        )
        assert np.isfinite(found).all()


def test_masked_is_dropped_and_order_changes_nothing():
    log_probs, advantages, mask = random_case()
    old = random_case(1)[0]

    def measured(pick):
        arrays = [a[pick] for a in (log_probs, old, advantages, mask)]
        values = clipped_policy_loss(*arrays[:3])
        pairs = [clip_share(*arrays), ratio(*arrays[:2], arrays[3])]
        return [float(token_mean(values, arrays[3]))] + [
            float(part) for pair in pairs for part in pair
        ]

    expected = measured(slice(None))
    np.testing.assert_allclose(measured(mask), expected, rtol=1e-5)
    np.testing.assert_allclose(measured(slice(None, None, -1)), expected, rtol=1e-5)


def test_all_masked_counts_nothing():
    log_probs, advantages, mask = random_case()
    nothing = np.zeros_like(mask)
    for pair in (
        ratio(log_probs, log_probs, nothing),
        clip_share(log_probs, log_probs, advantages, nothing),
    ):
        assert [float(part) for part in pair] == [0.0, 0.0]


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.2, 1.5])
def test_clip_range_is_in_the_open_unit_interval(bad):
    with pytest.raises(ConfigError, match=r"clip_range must be in \(0, 1\). Received"):
        clipped_policy_loss(ZERO, ZERO, ZERO, clip_range=bad)


def test_clip_range_high_is_positive():
    with pytest.raises(ConfigError, match="clip_range_high must be greater than 0"):
        clip_share(ZERO, ZERO, ZERO, ZERO, clip_range_high=0.0)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="advantages must have the shape"):
        clipped_policy_loss(ZERO, ZERO, ZERO[:, :1])
    with pytest.raises(ValueError, match="mask must have the shape"):
        ratio(ZERO, ZERO, ZERO[:, :1])


LIMITS = [{"dual_clip": 3.0}, {"ratio_limit": 3.0}]
limited = pytest.mark.parametrize("limit", LIMITS, ids=["dual_clip", "ratio_limit"])


@limited
def test_literal_of_the_second_limit(limit):
    # ratio 5: with advantage -2 cut at 3, with 2 at 1.2; ratios 2 and 0.5 as before
    found = clipped_policy_loss(
        np.log(np.float32([[5, 5, 2, 0.5]])),
        np.zeros((1, 4), "float32"),
        np.float32([[-2, 2, -2, -2]]),
        **limit,
    )
    np.testing.assert_allclose(to_numpy(found), [[6.0, -2.4, 4.0, 1.6]], rtol=1e-6)


@pytest.mark.parametrize("package", ["verl", "trl"])
def test_second_limit_equal_to_other_libraries(frozen, gradient, package):
    for case in frozen("second_limit", package):
        given = dict(case.inputs)
        log_probs, mask = given.pop("log_probs"), given.pop("mask")

        def loss(x, given=given, mask=mask):
            return token_mean(clipped_policy_loss(x, **given), mask)

        found = float(loss(log_probs))
        assert found == pytest.approx(case.expected["token_mean"], rel=1e-5)
        np.testing.assert_allclose(
            gradient(loss, log_probs), case.expected["gradient"], rtol=1e-4, atol=1e-6
        )


@limited
def test_a_runaway_token_gives_no_gradient_and_counts_as_clipped(gradient, limit):
    log_probs = np.log(np.float32([[5.0, 2.0, 5.0]]))
    advantages, mask = np.float32([[-1, -1, 1]]), np.ones((1, 3), bool)
    found = gradient(
        lambda x: ops.sum(clipped_policy_loss(x, ZERO, advantages, **limit)), log_probs
    )
    np.testing.assert_allclose(found, [[0, 2, 0]], rtol=1e-6)
    total, count = clip_share(log_probs, ZERO, advantages, mask, **limit)
    assert (float(total), float(count)) == (2.0, 3.0)


def test_both_names_are_one_limit_and_the_lower_counts():
    log_probs, advantages, _ = random_case()
    old = log_probs + random_case(1)[0]
    one = clipped_policy_loss(log_probs, old, advantages, dual_clip=2.0)
    for limits in ({"ratio_limit": 2.0}, {"ratio_limit": 2.0, "dual_clip": 3.0}):
        other = clipped_policy_loss(log_probs, old, advantages, **limits)
        np.testing.assert_array_equal(to_numpy(one), to_numpy(other))
    without = clipped_policy_loss(log_probs, old, advantages)
    assert (to_numpy(one) <= to_numpy(without)).all()
    assert (to_numpy(one) < to_numpy(without)).any()


def test_second_limits_are_in_range():
    with pytest.raises(ConfigError, match="dual_clip must be greater than 1"):
        clipped_policy_loss(ZERO, ZERO, ZERO, dual_clip=1.0)
    with pytest.raises(ConfigError, match="ratio_limit must be greater than the"):
        clip_share(ZERO, ZERO, ZERO, ZERO, ratio_limit=1.2)
