"""Limits of the ratio: in the loss of a token, and in the share that they touch."""

import numpy as np
import pytest

from nutgraf.backend import to_numpy
from nutgraf.recipes.algorithms import make_recipe
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.ppo import PPO
from nutgraf.rl.algorithm import Experience
from tests.rl.test_trainer_options import SETTINGS, nothing
from tests.rl.tiny import tiny_policy


def tokens(ratios, advantages):
    """Log-probs of a text by its ratios, and what it is compared with."""
    one = np.ones((1, 1, len(ratios)), "float32")
    given = Experience(
        batch=None,
        actions=None,
        mask=one > 0,
        old_log_probs=-3 * one,
        ref_log_probs=-3 * one,
        advantages=np.float32(advantages) * one,
    )
    return np.log(np.float32(ratios)) * one - 3 * one, given


def token_loss(recipe, ratio, advantage):
    """The loss of a token from its ratio and advantage."""
    arrays = tokens([ratio], [advantage])
    return float(to_numpy(recipe.trainer.algorithm.token_loss(*arrays)).item())


@pytest.mark.parametrize(
    ("cls", "options", "ratio", "advantage", "expected"),
    [
        # -min(r A, clip(r) A) for A = 1 is -clip(r); for A = -1 it is r, or the limit
        (GRPO, {}, 1.5, 1, -1.2),
        (GRPO, {"clip_range": 0.1}, 1.5, 1, -1.1),
        (GRPO, {"clip_range": 0.1}, 0.5, -1, 0.9),
        (GRPO, {"clip_range_high": 0.3}, 1.5, 1, -1.3),
        (GRPO, {"clip_range_high": 0.3}, 0.5, -1, 0.8),
        (GRPO, {}, 9.0, -1, 9.0),
        (GRPO, {"dual_clip": 3.0}, 9.0, -1, 3.0),
        (GRPO, {"ratio_limit": 4.0}, 9.0, -1, 4.0),
        (GRPO, {"ratio": "sequence", "dual_clip": 3.0}, 9.0, -1, 3.0),
        (GRPO, {"ratio": "sequence", "ratio_limit": 4.0}, 9.0, -1, 4.0),
        # -min(r, limit) A log p, with log p = log 9 - 3
        (GRPO, {"ratio": "weight", "clip_range_high": 4.0}, 9.0, 1, 5 * 0.8027754),
        (GRPO, {"ratio": "weight", "clip_range": 0.1}, 9.0, 1, 1.1 * 0.8027754),
        (PPO, {}, 1.5, 1, -1.2),
        (PPO, {"clip_range": 0.1}, 1.5, 1, -1.1),
        (PPO, {}, 9.0, -1, 9.0),
        (PPO, {"dual_clip": 3.0}, 9.0, -1, 3.0),
    ],
)
def test_limits_of_the_ratio_reach_the_loss(
    tokenizer, cls, options, ratio, advantage, expected
):
    recipe = cls(tiny_policy(tokenizer), nothing, SETTINGS, **options)
    assert token_loss(recipe, ratio, advantage) == pytest.approx(expected, rel=1e-5)


LIMITS = {
    "grpo": [([], [1.1, 1.3, 0.7, 9], [1, 1, -1, -1], 2)],  # the second and third
    "dapo": [(["resample=0"], [1.1, 1.25, 1.3], [1, 1, 1], 1)],  # up to 1.28
    "ppo": [([], [1.3, 9], [1, -1], 1), (["dual_clip=3"], [1.3, 9], [1, -1], 2)],
    "nlpo": [([], [1.3, 9], [1, -1], 1)],
    "cispo": [([], [1.3, 5.1, 9, 6, 0.1], [1, 1, -1, -1, -1], 3)],  # weights over 5
    # of a text of ratio 1.2 all tokens are stopped, of 1 none
    "gspo": [([], [1.44, 1], [1, 1], 2), ([], [2, 0.5], [1, 1], 0)],
}
LIMITS["grpo"] += [
    (["dual_clip=3"], [9, 2], [-1, -1], 1),
    (["ratio_limit=4"], [9, 3.5], [-1, -1], 1),
]


@pytest.mark.parametrize("name", LIMITS)
def test_the_share_of_clipped_tokens_is_that_of_the_loss(tokenizer, name):
    for options, ratios, advantages, expected in LIMITS[name]:
        policy = tiny_policy(tokenizer)
        recipe = make_recipe(name, policy, nothing, SETTINGS, options=options)
        share = recipe.trainer.algorithm.clip_share(*tokens(ratios, advantages))
        assert to_numpy(share) == (expected, len(ratios))
