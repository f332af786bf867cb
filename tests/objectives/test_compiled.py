"""Every objective gives the same compiled as run step by step."""

from functools import partial

import numpy as np
import pytest
from keras import tree

from nutgraf.backend import jit, to_numpy, to_tensor
from nutgraf.objectives.advantages import (
    group_advantages,
    leave_one_out_advantages,
    running_mean_advantages,
    self_critical_advantages,
)
from nutgraf.objectives.cispo import cispo_loss
from nutgraf.objectives.dpo import dpo_loss, implicit_rewards, ipo_loss
from nutgraf.objectives.grpo import clip_share, clipped_policy_loss, ratio
from nutgraf.objectives.importance import (
    masked_importance_weights,
    truncated_importance_weights,
)
from nutgraf.objectives.kl import absolute, k1, k2, k3, k3_plus, kl_rewards
from nutgraf.objectives.minimum_risk import minimum_risk_loss
from nutgraf.objectives.overlong import soft_overlong_penalty
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.objectives.returns import discounted_returns, generalized_advantages
from nutgraf.objectives.reward_model import (
    centring_penalty,
    pair_accuracy,
    pairwise_loss,
)
from nutgraf.objectives.sequence_log_prob import sequence_log_prob
from nutgraf.objectives.sequence_ratio import sequence_level, sequence_log_ratio
from nutgraf.objectives.value import explained_variance, value_loss
from nutgraf.objectives.whiten import centred, whiten

RNG = np.random.default_rng(0)
NEW, OLD, ADVANTAGES, VALUES = RNG.normal(-2, 1, size=(4, 2, 3, 5)).astype("float32")
MASK = RNG.random(NEW.shape) < 0.7
REWARDS, VALID = NEW[..., 0], MASK[..., 0]
ONE, PAIRS = np.float32(1), (NEW[0, 0], OLD[0, 0], ADVANTAGES[0, 0], VALUES[0, 0])
limited = {"dual_clip": 3.0, "ratio_limit": 4.0}

CASES = [
    (group_advantages, (REWARDS, VALID)),
    (leave_one_out_advantages, (REWARDS, VALID)),
    (self_critical_advantages, (REWARDS, REWARDS[:, 0], VALID)),
    (running_mean_advantages, (REWARDS, VALID, ONE, ONE)),
    (cispo_loss, (NEW, OLD, ADVANTAGES)),
    (dpo_loss, PAIRS),
    (partial(dpo_loss, label_smoothing=0.1), PAIRS),
    (ipo_loss, PAIRS),
    (implicit_rewards, PAIRS[:2]),
    (partial(clipped_policy_loss, **limited), (NEW, OLD, ADVANTAGES)),
    (partial(clip_share, **limited), (NEW, OLD, ADVANTAGES, MASK)),
    (ratio, (NEW, OLD, MASK)),
    (truncated_importance_weights, (NEW, OLD)),
    (masked_importance_weights, (NEW, OLD)),
    *((estimate, (NEW, OLD)) for estimate in (absolute, k1, k2, k3, k3_plus)),
    (partial(kl_rewards, weight=0.1), (NEW, OLD)),
    (minimum_risk_loss, (NEW, REWARDS, MASK, VALID)),
    (partial(soft_overlong_penalty, limit=9, buffer=4), (np.int32([1, 7, 12]),)),
    (policy_gradient_loss, (NEW, ADVANTAGES)),
    (partial(discounted_returns, discount=0.9), (VALUES, MASK)),
    (generalized_advantages, (VALUES, OLD, MASK)),
    (centring_penalty, PAIRS[:2]),
    (pair_accuracy, PAIRS[:2]),
    (pairwise_loss, PAIRS[:2]),
    (lambda a, b, m: pairwise_loss(a, b, margin=m), PAIRS[:3]),
    (sequence_log_prob, (NEW, MASK)),
    (sequence_level, (NEW, OLD, MASK)),
    (sequence_log_ratio, (NEW, OLD, MASK)),
    (explained_variance, (VALUES, OLD, MASK)),
    (partial(value_loss, clip_range=0.2), (VALUES, OLD, NEW)),
    (centred, (VALUES, MASK)),
    (whiten, (VALUES, MASK)),
]


@pytest.mark.parametrize(("function", "arrays"), CASES)
def test_compiled_is_eager(function, arrays):
    eager = to_numpy(function(*map(to_tensor, arrays)))
    compiled = to_numpy(jit(function)(*arrays))
    for one, other in zip(tree.flatten(compiled), tree.flatten(eager), strict=True):
        assert np.isfinite(one).all() and one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
