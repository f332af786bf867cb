"""Write tests/objectives/frozen/*.json: what other libraries compute.

    python3 -m venv /tmp/oracle
    /tmp/oracle/bin/pip install torch==2.13.0 rlax==0.1.9 tensordict==0.10.0 \
        "transformers>=5.5.3,<5.11" omegaconf hydra-core ray codetiming \
        pandas==3.1.1 scikit-learn==1.9.1 datasets accelerate flax
    /tmp/oracle/bin/pip install --no-deps verl==0.9.1 trl==0.28.0 \
        google-tunix==0.1.7 google-metrax jaxtyping wadler-lindig qwix grain clu \
        perfetto importlib_resources tensorboardX sentencepiece pillow
    JAX_PLATFORMS=cpu /tmp/oracle/bin/python tests/oracles/make_objectives.py

It needs its own environment and imports nothing of nutgraf. Each case names the
function that was called, its package and version; inputs are drawn from a fixed seed
and rounded to float32. Where a library has its formula in a method of a trainer, the
method is called with a stand-in that hands it the log-probs.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pair_oracles
import policy_oracles
import return_oracles
import rlax
import torch
import torch.nn.functional as F
from oracle_cases import G, P, T, case, ragged_mask, random_log_probs, write
from verl.trainer.ppo import core_algos
from verl.workers.config import ActorConfig


def reductions(rng: np.random.Generator) -> list[dict]:
    """verl's aggregation of token losses."""
    found = []
    for scale in (1.0, 1e4):
        values = rng.normal(0, scale, size=(P * G, T)).astype("float32").round(3)
        mask = ragged_mask(rng)
        modes = {
            "token_mean": ("token-mean", None),
            "sequence_mean": ("seq-mean-token-mean", None),
            "sequence_sum_mean": ("seq-mean-token-sum", None),
            "fixed_length_mean": ("seq-mean-token-sum-norm", 9),
        }
        expected = {
            ours: core_algos.agg_loss(
                torch.tensor(values),
                torch.tensor(mask).float(),
                mode,
                loss_scale_factor=factor,
            )
            for ours, (mode, factor) in modes.items()
        }
        inputs = {"values": values, "mask": mask}
        found.append(case("verl", "trainer.ppo.core_algos.agg_loss", inputs, expected))
    return found


def supervised(rng: np.random.Generator) -> list[dict]:
    """torch's cross-entropy with label smoothing, padding ignored."""
    found = []
    for smoothing, scale in ((0.0, 1.0), (0.1, 1.0), (0.3, 30.0)):
        logits = torch.tensor(rng.normal(0, scale, size=(5, T, 11)).astype("float32"))
        targets = torch.tensor(rng.integers(0, 11, size=(5, T)))
        log_probs = torch.log_softmax(logits.double(), dim=-1)
        loss = F.cross_entropy(
            logits.transpose(1, 2), targets, reduction="none", label_smoothing=smoothing
        )
        inputs = {
            "target_log_probs": log_probs.gather(-1, targets[..., None])[..., 0],
            "mean_log_probs": log_probs.mean(-1),
            "smoothing": smoothing,
        }
        found.append(
            case("torch", "nn.functional.cross_entropy", inputs, {"loss": loss})
        )
    return found


def kl_estimates(rng: np.random.Generator) -> list[dict]:
    """verl's per-token KL (its k3 is cut at 10, so stay below)."""
    found = []
    for scale in (0.01, 0.3, 1.0):
        log_probs, reference = random_log_probs(rng, scale)
        expected = {
            kind: core_algos.kl_penalty_forward(
                torch.tensor(log_probs), torch.tensor(reference), kind
            )
            for kind in ("k1", "k2")
        }
        # In float32 its k3 of nearly equal policies is mostly rounding error.
        expected["k3"] = core_algos.kl_penalty_forward(
            torch.tensor(log_probs).double(), torch.tensor(reference).double(), "k3"
        )
        inputs = {"log_probs": log_probs, "ref_log_probs": reference}
        name = "trainer.ppo.core_algos.kl_penalty_forward"
        found.append(case("verl", name, inputs, expected))
    return found


def clipped_losses(rng: np.random.Generator) -> list[dict]:
    """The clipped loss of verl and of rlax, with its gradient by torch."""
    found = []
    for scale, low, high in ((0.3, 0.2, 0.2), (0.3, 0.2, 0.28), (40.0, 0.1, 0.1)):
        log_probs, old = random_log_probs(rng, scale)
        advantages = rng.normal(0, 1, size=(P * G, T)).astype("float32").round(4)
        mask = ragged_mask(rng)
        config = ActorConfig(
            strategy="fsdp",
            rollout_n=1,
            ppo_micro_batch_size_per_gpu=1,
            clip_ratio=low,
            clip_ratio_low=low,
            clip_ratio_high=high,
            clip_ratio_c=1e30,  # its second clip ("dual") off
        )
        new = torch.tensor(log_probs, requires_grad=True)
        loss, metrics = core_algos.compute_policy_loss_vanilla(
            torch.tensor(old),
            new,
            torch.tensor(advantages),
            torch.tensor(mask).float(),
            "token-mean",
            config,
        )
        loss.backward()
        inputs = {
            "log_probs": log_probs,
            "old_log_probs": old,
            "advantages": advantages,
            "mask": mask,
            "clip_range": low,
            "clip_range_high": high,
        }
        expected = {
            "token_mean": loss,
            "gradient": new.grad,
            "clip_share": metrics["actor/pg_clipfrac"],
        }
        name = "trainer.ppo.core_algos.compute_policy_loss_vanilla"
        found.append(case("verl", name, inputs, expected))
    log_probs, old = random_log_probs(rng, 0.3)
    advantages = rng.normal(0, 1, size=(P * G, T)).astype("float32").round(4)
    tokens = [
        rlax.clipped_surrogate_pg_loss(
            jnp.exp(jnp.asarray([new - before])), jnp.asarray([advantage]), 0.2
        )
        for new, before, advantage in zip(
            log_probs.ravel(), old.ravel(), advantages.ravel(), strict=True
        )
    ]
    inputs = {"log_probs": log_probs, "old_log_probs": old, "advantages": advantages}
    loss = np.asarray(tokens).reshape(P * G, T)
    found.append(case("rlax", "clipped_surrogate_pg_loss", inputs, {"loss": loss}))
    return found


def policy_gradients(rng: np.random.Generator) -> list[dict]:
    """rlax's REINFORCE loss, one token at a time (it averages over time)."""
    logits = rng.normal(0, 2, size=(P * G * T, 7)).astype("float32")
    actions = rng.integers(0, 7, size=P * G * T)
    advantages = rng.normal(0, 1, size=P * G * T).astype("float32").round(4)
    tokens = [
        rlax.policy_gradient_loss(
            jnp.asarray(logits[i : i + 1]),
            jnp.asarray(actions[i : i + 1]),
            jnp.asarray(advantages[i : i + 1]),
            jnp.ones(1),
        )
        for i in range(P * G * T)
    ]
    log_probs = torch.log_softmax(torch.tensor(logits).double(), -1).numpy()
    inputs = {
        "log_probs": log_probs[np.arange(len(actions)), actions].reshape(P * G, T),
        "advantages": advantages.reshape(P * G, T),
    }
    loss = np.asarray(tokens).reshape(P * G, T)
    return [case("rlax", "policy_gradient_loss", inputs, {"loss": loss})]


def advantages_of_groups(rng: np.random.Generator) -> list[dict]:
    """verl's GRPO, Dr. GRPO, RLOO and ReMax (greedy baseline) advantages."""
    found = []
    for scale, offset in ((1.0, 0.0), (0.01, 0.5), (1e4, 0.0)):
        rewards = (offset + scale * rng.normal(size=(P, G))).astype("float32").round(5)
        rewards[1] = rewards[1, 0]  # a group of equals
        baseline = (offset + scale * rng.normal(size=P)).astype("float32").round(5)
        scores = torch.tensor(rewards).reshape(-1, 1)  # one token per sample
        mask, index = torch.ones(P * G, 1), np.repeat(np.arange(P), G)
        grpo = core_algos.compute_grpo_outcome_advantage
        expected = {
            "grpo": grpo(scores.clone(), mask, index, 1e-4)[0],
            "dr_grpo": grpo(scores.clone(), mask, index, norm_adv_by_std_in_grpo=False)[
                0
            ],
            "rloo": core_algos.compute_rloo_outcome_advantage(
                scores.clone(), mask, index
            )[0],
            "self_critical": core_algos.compute_remax_outcome_advantage(
                scores.clone(), torch.tensor(np.repeat(baseline, G)), mask
            )[0],
        }
        expected = {name: value.reshape(P, G) for name, value in expected.items()}
        inputs = {"rewards": rewards, "baseline": baseline, "epsilon": 1e-4}
        name = "trainer.ppo.core_algos.compute_*_outcome_advantage"
        found.append(case("verl", name, inputs, expected))
    return found


def main() -> None:
    """Write all files."""
    makers = {
        "reduce": reductions,
        "supervised": supervised,
        "kl": kl_estimates,
        "grpo": clipped_losses,
        "policy_gradient": policy_gradients,
        "advantages": advantages_of_groups,
        # The place in this list is the seed: new ones go to its end.
        "second_limit": policy_oracles.second_limits,
        "gspo": policy_oracles.gspo,
        "rloo_loss": policy_oracles.rloo_losses,
        "cispo": policy_oracles.cispo,
        "importance": policy_oracles.importance,
        "minimum_risk": policy_oracles.minimum_risk,
        "kl_penalty": policy_oracles.kl_penalties,
        "returns": return_oracles.returns,
        "whiten": return_oracles.whitened,
        "value": return_oracles.value,
        "running_mean": return_oracles.running_means,
        "group_advantages": return_oracles.group_advantages,
        "reward_model": pair_oracles.reward_models,
        "dpo": pair_oracles.dpo,
        "ipo": pair_oracles.ipo,
        "kl_controller": pair_oracles.kl_controllers,
        "overlong": pair_oracles.overlong,
    }
    for number, (name, make) in enumerate(makers.items()):
        write(name, make(np.random.default_rng(number)))


if __name__ == "__main__":
    main()
