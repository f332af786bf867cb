"""Frozen numbers of returns, critics and baselines: verl, rlax, TRL, Tunix, others."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pandas as pd
import rlax
import torch
from oracle_cases import G, P, T, case, normal, ragged_mask
from sklearn.metrics import explained_variance_score
from trl.experimental.ppo import ppo_trainer
from tunix.rl import algo_core
from verl.trainer.ppo import core_algos
from verl.utils import torch_functional

CORE = "trainer.ppo.core_algos."


def returns(rng: np.random.Generator) -> list[dict]:
    """GAE of verl (with whitening) and of rlax, discounted returns of rlax."""
    found = []
    for discount, trace, holes in ((1.0, 0.95, False), (0.9, 0.8, True)):
        rewards, values = normal(rng, P * G, T), normal(rng, P * G, T)
        mask = ragged_mask(rng)
        if holes:
            mask &= rng.random(mask.shape) < 0.8
        whitened, target = core_algos.compute_gae_advantage_return(
            torch.tensor(rewards),
            torch.tensor(values),
            torch.tensor(mask).float(),
            discount,
            trace,
        )
        inputs = {"rewards": rewards, "values": values, "mask": mask}
        inputs |= {"discount": discount, "trace": trace}
        expected = {"returns": target, "whitened_advantages": whitened}
        name = CORE + "compute_gae_advantage_return"
        found.append(case("verl", name, inputs, expected))
        found += rlax_returns(rng, rewards, values, mask, discount, trace)
    return found


def rlax_returns(
    rng: np.random.Generator,
    rewards: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray,
    discount: float,
    trace: float,
) -> list[dict]:
    """Row by row, over the tokens that count, with a value behind the last."""
    last = normal(rng, len(mask))
    advantages, sums = np.zeros_like(rewards), np.zeros_like(rewards)
    for row in np.flatnonzero(mask.any(1)):
        keep = mask[row]
        discounts = jnp.full(keep.sum(), discount)
        advantages[row, keep] = rlax.truncated_generalized_advantage_estimation(
            jnp.asarray(rewards[row, keep]),
            discounts,
            trace,
            jnp.asarray([*values[row, keep], last[row]]),
        )
        sums[row, keep] = rlax.discounted_returns(
            jnp.asarray(rewards[row, keep]), discounts, jnp.zeros(keep.sum())
        )
    given = {"rewards": rewards, "mask": mask, "discount": discount}
    inputs = {**given, "values": values, "trace": trace, "last_values": last}
    name = "truncated_generalized_advantage_estimation"
    return [
        case("rlax", name, inputs, {"advantages": advantages}),
        case("rlax", "discounted_returns", given, {"returns": sums}),
    ]


def whitened(rng: np.random.Generator) -> list[dict]:
    """Masked whitening of verl and of TRL, with and without the mean."""
    found = []
    for scale, offset in ((1.0, 0.0), (100.0, 30.0)):
        values = normal(rng, P * G, T, scale=scale) + np.float32(offset)
        mask = ragged_mask(rng)
        for package, name, function in (
            ("verl", "utils.torch_functional.masked_whiten", torch_functional),
            ("trl", "experimental.ppo.ppo_trainer.masked_whiten", ppo_trainer),
        ):
            expected = {
                ours: function.masked_whiten(
                    torch.tensor(values), torch.tensor(mask).float(), shift
                )
                for ours, shift in (("centred", True), ("mean_kept", False))
            }
            inputs = {"values": values, "mask": mask}
            found.append(case(package, name, inputs, expected))
    return found


def value(rng: np.random.Generator) -> list[dict]:
    """verl's clipped value loss; scikit-learn's explained variance."""
    found = []
    for clip_range in (0.2, 1.0, None):
        values, target, old = (normal(rng, P * G, T) for _ in range(3))
        mask = ragged_mask(rng)
        new = torch.tensor(values, requires_grad=True)
        loss, _ = core_algos.compute_value_loss(
            new,
            torch.tensor(target),
            torch.tensor(old),
            torch.tensor(mask).float(),
            1e9 if clip_range is None else clip_range,
        )
        loss.backward()
        inputs = {"values": values, "returns": target, "old_values": old}
        inputs |= {"mask": mask, "clip_range": clip_range}
        expected = {"token_mean": loss, "gradient": new.grad}
        found.append(case("verl", CORE + "compute_value_loss", inputs, expected))
    for noise in (0.1, 3.0):
        target, mask = normal(rng, P * G, T), ragged_mask(rng)
        values = (0.5 + target + normal(rng, P * G, T, scale=noise)).round(4)
        share = explained_variance_score(target[mask], values[mask])
        inputs = {"values": values, "returns": target, "mask": mask}
        name, expected = "explained_variance_score", {"explained_variance": share}
        found.append(case("scikit-learn", name, inputs, expected))
    return found


def running_means(rng: np.random.Generator) -> list[dict]:
    """pandas' exponentially weighted sums of rewards and of counts."""
    found = []
    for decay in (0.9, 0.5):
        rewards = 3 + normal(rng, 8, P, G)
        valid = rng.random(rewards.shape) < 0.6
        valid[3] = False
        sums = pd.Series((rewards.astype("float64") * valid).sum((1, 2)))
        counts = pd.Series(valid.sum((1, 2)).astype("float64"))
        means = sums.ewm(alpha=1 - decay).sum() / counts.ewm(alpha=1 - decay).sum()
        inputs = {"rewards": rewards, "valid": valid, "decay": decay}
        expected = {"means": means.to_numpy()}
        found.append(case("pandas", "Series.ewm(adjust=True).sum", inputs, expected))
    return found


def group_advantages(rng: np.random.Generator) -> list[dict]:
    """Tunix' GRPO, Dr. GRPO and RLOO advantages."""
    found = []
    for scale in (1.0, 0.1):
        rewards = normal(rng, P, G, scale=scale)
        flat = jnp.asarray(rewards.ravel())
        expected = {
            "grpo": algo_core.compute_advantages(rewards.ravel(), G),
            "dr_grpo": algo_core.compute_drgrpo_advantages(flat, G),
            "rloo": algo_core.compute_rloo_advantages(flat, G),
        }
        expected = {name: each.reshape(P, G) for name, each in expected.items()}
        inputs = {"rewards": rewards, "epsilon": 1e-6}
        name = "tunix.rl.algo_core.compute_*advantages"
        found.append(case("google-tunix", name, inputs, expected))
    return found
