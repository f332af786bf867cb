import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.rl.actor_critic import actor_critic_estimate, mean_kl, token_rewards
from nutgraf.rl.algorithm import Signals

MASK = np.array([[[True, True, True], [True, False, False]]])


def signals(values=None, **changes):
    zeros = np.zeros((1, 2, 3), "float32")
    found = Signals(
        rewards=np.float32([[1, 2]]),
        valid=np.ones((1, 2), bool),
        actions=zeros.astype("int32"),
        mask=MASK,
        log_probs=zeros,
        ref_log_probs=zeros - 0.5,
        values=zeros if values is None else values,
        truncated=np.zeros((1, 2), bool),
        memory={},
    )
    return found._replace(**changes)


def test_the_reward_is_paid_at_the_last_action():
    assert token_rewards(signals()).tolist() == [[[0, 0, 1], [2, 0, 0]]]


def test_the_kl_is_charged_at_each_action():
    found = token_rewards(signals(), kl_weight=0.1)
    # half a nat each: 0.05
    np.testing.assert_allclose(found, [[[-0.05, -0.05, 0.95], [1.95, 0, 0]]], atol=1e-6)
    assert mean_kl(signals()) == pytest.approx((1.5 + 0.5) / 2)
    assert mean_kl(signals(valid=np.array([[True, False]]))) == pytest.approx(1.5)
    assert mean_kl(signals(valid=np.zeros((1, 2), bool))) == 0.0


def test_advantages_are_what_the_critic_did_not_expect():
    values = np.float32([[[0.25, 0.5, 1.0], [2.0, 9.0, 9.0]]])
    found = actor_critic_estimate(signals(values), trace=0.0)
    # one step each: the next value, or the reward, minus the value
    np.testing.assert_allclose(
        to_numpy(found.advantages), [[[0.25, 0.5, 0], [0, 0, 0]]], atol=1e-6
    )
    far = actor_critic_estimate(signals(values), trace=1.0)
    np.testing.assert_allclose(
        to_numpy(far.advantages), [[[0.75, 0.5, 0], [0, 0, 0]]], atol=1e-6
    )
    assert to_numpy(far.returns)[0, 0].tolist() == [1, 1, 1]


def test_whitened_advantages_leave_out_what_is_not_valid():
    valid = np.array([[True, False]])
    found = actor_critic_estimate(
        signals(valid=valid, rewards=np.float32([[1, 99]])), trace=0.5, whitened=True
    )
    counted = to_numpy(found.advantages)[0, 0]
    assert counted.mean() == pytest.approx(0, abs=1e-6)
    assert counted.std(ddof=1) == pytest.approx(1, rel=1e-4)
