import numpy as np

from nutgraf.rl.algorithm import Algorithm, Estimate, Signals, group


def test_a_group_estimate_sees_rewards_and_what_is_valid():
    rewards, valid = np.float32([[1, 3]]), np.array([[True, False]])
    nothing = np.zeros((1, 2, 4), "float32")
    signals = Signals(
        rewards, valid, nothing, nothing > 0, nothing, nothing, None, valid, {}
    )
    found = group(lambda r, v: r * v)(signals)
    assert found.advantages.tolist() == [[1, 0]]
    assert (found.returns, found.keep, dict(found.memory)) == (None, None, {})


def test_the_defaults_add_nothing():
    plain = Algorithm(lambda signals: Estimate(0), lambda log_probs, given: log_probs)
    assert plain.critic is None and not plain.lag and not plain.resample
    assert plain.mask_top_p == 1.0 and plain.clip_share is None
