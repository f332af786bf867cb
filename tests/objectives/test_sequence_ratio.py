"""GSPO and RLOO by way of sequence-level log-probs, against verl and TRL."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.objectives.grpo import clip_share, clipped_policy_loss, ratio
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.objectives.reduce import sequence_mean, sequence_sum_mean
from nutgraf.objectives.sequence_ratio import sequence_level, sequence_log_ratio


def test_literal():
    # differences 1 and 3: mean 2, sum 4; the third token does not count
    new, old = np.float32([[-1, -3, 9]]), np.float32([[-2, -6, 0]])
    mask = np.array([[True, True, False]])
    assert to_numpy(sequence_log_ratio(new, old, mask)).tolist() == [2.0]
    found = to_numpy(sequence_level(new, old, mask))
    assert found.tolist() == [[0.0, -4.0, 2.0]]
    whole = to_numpy(sequence_level(new, old, mask, average=False))
    assert whole.tolist() == [[2.0, -2.0, 4.0]]


def gspo(given):
    def loss(x):
        old = given["old_log_probs"]
        tokens = clipped_policy_loss(
            sequence_level(x, old, given["mask"]),
            old,
            given["advantages"],
            clip_range=given["clip_range"],
            clip_range_high=given["clip_range_high"],
        )
        return sequence_mean(tokens, given["mask"])

    return loss


@pytest.mark.parametrize("package", ["verl", "trl"])
def test_gspo_equal_to_other_libraries(frozen, gradient, package):
    for case in frozen("gspo", package):
        found = float(gspo(case.inputs)(case.inputs["log_probs"]))
        assert found == pytest.approx(case.expected["loss"], rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(
            gradient(gspo(case.inputs), case.inputs["log_probs"]),
            case.expected["gradient"],
            rtol=1e-4,
            atol=1e-6,
        )


def test_rloo_gradient_equal_to_trl(frozen, gradient):
    for case in frozen("rloo_loss"):
        given = case.inputs

        def loss(x, given=given):
            old = given["old_log_probs"]
            tokens = clipped_policy_loss(
                sequence_level(x, old, given["mask"], average=False),
                old,
                given["advantages"],
                clip_range=given["clip_range"],
            )
            return sequence_sum_mean(tokens, given["mask"])

        np.testing.assert_allclose(
            gradient(loss, given["log_probs"]),
            case.expected["gradient"],
            rtol=1e-4,
            atol=1e-6,
        )


def random_case(seed=0, shape=(2, 3, 4)):
    rng = np.random.default_rng(seed)
    log_probs = -rng.exponential(size=shape).astype("float32")
    advantages = np.repeat(rng.normal(size=shape[:-1])[..., None], shape[-1], -1)
    return log_probs, advantages.astype("float32"), rng.random(shape) < 0.7


@pytest.mark.parametrize("average", [True, False])
def test_first_update_has_the_plain_policy_gradient(gradient, average):
    log_probs, advantages, mask = random_case()
    level = {"average": average}

    def loss(x):
        of_text = sequence_level(x, log_probs, mask, **level)
        return sequence_mean(clipped_policy_loss(of_text, log_probs, advantages), mask)

    plain = gradient(
        lambda x: sequence_mean(policy_gradient_loss(x, advantages), mask), log_probs
    )
    np.testing.assert_allclose(gradient(loss, log_probs), plain, rtol=1e-5)
    same = sequence_level(log_probs, log_probs, mask, **level)
    np.testing.assert_array_equal(to_numpy(same), log_probs)
    total, count = ratio(same, log_probs, mask)
    assert float(total) == float(count) == mask.sum()


def test_a_step_raises_good_texts_and_lowers_bad_ones(gradient, token_log_probs):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 4, 5)).astype("float32")
    actions = rng.integers(0, 5, size=(2, 3, 4))
    _, advantages, mask = random_case()
    old = to_numpy(token_log_probs(ops.convert_to_tensor(logits), actions))

    def loss(x):
        of_text = sequence_level(token_log_probs(x, actions), old, mask)
        return sequence_mean(clipped_policy_loss(of_text, old, advantages), mask)

    after = logits - 0.1 * gradient(loss, logits)
    change = to_numpy(token_log_probs(ops.convert_to_tensor(after), actions)) - old
    assert (np.sign(change[mask]) == np.sign(advantages[mask])).all()
    assert np.abs(change[~mask]).max() < 1e-6


def test_a_text_is_clipped_as_a_whole(gradient):
    # one token rose by 4, the other three fell a little: the mean rose by 0.25
    old = np.full((2, 4), -5.0, "float32")
    new = old + np.float32([[4, -1, -1, -1], [0.1, 0.1, 0, 0]])
    advantages, mask = np.ones_like(old), np.ones_like(old, bool)
    of_text = sequence_level(new, old, mask)
    total, count = clip_share(of_text, old, advantages, mask)
    assert (float(total), float(count)) == (4.0, 8.0)  # e^0.25 > 1.2 > e^0.05
    found = gradient(
        lambda x: ops.sum(
            clipped_policy_loss(sequence_level(x, old, mask), old, advantages)
        ),
        new,
    )
    np.testing.assert_allclose(found[0], 0.0)
    np.testing.assert_allclose(found[1], -np.exp(0.05), rtol=1e-5)


def test_masked_is_dropped_whatever_it_holds():
    log_probs, advantages, mask = random_case()
    old = random_case(1)[0]
    expected = to_numpy(sequence_log_ratio(log_probs, old, mask))
    for poison in (-np.inf, np.nan, 1e30):
        found = sequence_log_ratio(
            np.where(mask, log_probs, poison), np.where(mask, old, poison), mask
        )
        np.testing.assert_array_equal(to_numpy(found), expected)
    for index in np.ndindex(expected.shape):
        difference = (log_probs - old)[index][mask[index]]
        assert expected[index] == pytest.approx(difference.mean(), rel=1e-4)


def test_all_masked_gives_zero(gradient):
    log_probs, advantages, mask = random_case()
    nothing = np.zeros_like(mask)

    def loss(x):
        of_text = sequence_level(x, log_probs - 1, nothing)
        tokens = clipped_policy_loss(of_text, log_probs - 1, advantages)
        return sequence_mean(tokens, nothing)

    assert float(loss(log_probs)) == 0.0
    assert not gradient(loss, log_probs).any()
    assert not to_numpy(sequence_log_ratio(log_probs, log_probs - 1, nothing)).any()


def test_extremes_are_finite_in_value_and_gradient(gradient):
    extreme = np.float32([-np.inf, -1e30, -200.0, 0.0])
    new, old = np.meshgrid(extreme, extreme)
    advantages, mask = np.ones_like(new), np.ones_like(new, bool)
    for average in (True, False):

        def loss(x, average=average):
            of_text = sequence_level(x, old, mask, average=average)
            return ops.sum(clipped_policy_loss(of_text, old, -advantages))

        assert np.isfinite(float(loss(new)))
        assert np.isfinite(gradient(loss, new)).all()


def test_no_gradient_to_the_sampler(gradient):
    log_probs, _, mask = random_case()
    for function in (sequence_level, sequence_log_ratio):
        found = gradient(
            lambda x, function=function: ops.sum(function(log_probs, x, mask)),
            log_probs,
        )
        assert not found.any()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="mask must have the shape"):
        sequence_level(np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 1), bool))
