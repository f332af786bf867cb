"""Frozen numbers of the policy losses beyond PPO's clip: verl, TRL, torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
import trl.import_utils as trl_packages
from oracle_cases import G, P, T, case, full_mask, normal, ragged_mask, random_log_probs
from verl.trainer.ppo import core_algos, rollout_corr_helper
from verl.workers.config import ActorConfig

_found = trl_packages._is_package_available


def _available(name: str, return_version: bool = False) -> object:
    """Undo what newer transformers changed: a tuple (False, ...) is true to TRL."""
    return _found(name, return_version=True) if return_version else _found(name)[0]


trl_packages._is_package_available = _available

from trl.trainer.grpo_trainer import GRPOTrainer  # noqa: E402
from trl.trainer.rloo_trainer import RLOOTrainer  # noqa: E402

CORE = "trainer.ppo.core_algos."


def verl_config(low: float, high: float, dual: float) -> ActorConfig:
    """Return the settings that verl's policy losses read."""
    return ActorConfig(
        strategy="fsdp",
        rollout_n=1,
        ppo_micro_batch_size_per_gpu=1,
        clip_ratio=low,
        clip_ratio_low=low,
        clip_ratio_high=high,
        clip_ratio_c=dual,
    )


def verl_loss(function: Callable, arrays: dict, mode: str, config: ActorConfig) -> dict:
    """Return loss and gradient of a policy loss of verl."""
    new = torch.tensor(arrays["log_probs"], requires_grad=True)
    loss, _ = function(
        torch.tensor(arrays["old_log_probs"]),
        new,
        torch.tensor(arrays["advantages"]),
        torch.tensor(arrays["mask"]).float(),
        mode,
        config,
    )
    loss.backward()
    return {"loss": loss, "gradient": new.grad}


def trl_loss(trainer: type, arrays: dict, advantages: np.ndarray, **settings) -> dict:
    """Return loss and gradient of a TRL trainer that is given log-probs."""
    new = torch.tensor(arrays["log_probs"], requires_grad=True)
    old, mask = torch.tensor(arrays["old_log_probs"]), torch.tensor(arrays["mask"])
    one = torch.ones(len(new), 1, dtype=torch.int64)
    fake = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (new, 0 * new.detach()),
        _metrics=defaultdict(lambda: defaultdict(list)),
        accelerator=SimpleNamespace(gather=lambda x: x, num_processes=1),
        args=SimpleNamespace(delta=settings.pop("delta", None)),
        beta=0.0,
        importance_sampling_level=settings.pop("level", "token"),
        model=SimpleNamespace(training=False),
        off_policy_mask_threshold=None,
        top_entropy_quantile=1.0,
        use_vllm=False,
        **settings,
    )
    inputs = {
        "prompt_ids": one,
        "prompt_mask": one,
        "completion_ids": mask.long(),
        "completion_mask": mask.float(),
        "advantages": torch.tensor(advantages),
        "old_per_token_logps": old,
        "old_logps": (old * mask).sum(1),
        "num_items_in_batch": mask.sum(),
    }
    loss = trainer._compute_loss(fake, None, inputs)
    loss.backward()
    return {"loss": loss, "gradient": new.grad}


def random_arrays(rng: np.random.Generator, scale: float, mask: np.ndarray) -> dict:
    """Return log-probs, advantages per token and a mask."""
    log_probs, old = random_log_probs(rng, scale)
    return {
        "log_probs": log_probs,
        "old_log_probs": old,
        "advantages": normal(rng, P * G, T),
        "mask": mask,
    }


def per_text(rng: np.random.Generator, scale: float) -> dict:
    """Return the same with one advantage for all tokens of a text, none empty."""
    arrays = random_arrays(rng, scale, full_mask(rng))
    arrays["advantages"] = arrays["advantages"][:, :1].repeat(T, 1)
    return arrays


def token_mean(found: dict) -> dict:
    """Name the loss by its reduction."""
    return {"token_mean": found["loss"], "gradient": found["gradient"]}


def second_limits(rng: np.random.Generator) -> list[dict]:
    """The dual clip of verl and the two-sided clip of TRL."""
    found = []
    for scale, low, high, limit in ((1.0, 0.2, 0.2, 3.0), (40.0, 0.1, 0.28, 1.5)):
        band = {"clip_range": low, "clip_range_high": high}
        arrays = random_arrays(rng, scale, ragged_mask(rng))
        function = core_algos.compute_policy_loss_vanilla
        config = verl_config(low, high, limit)
        expected = token_mean(verl_loss(function, arrays, "token-mean", config))
        inputs = {**arrays, **band, "dual_clip": limit}
        name = CORE + "compute_policy_loss_vanilla"
        found.append(case("verl", name, inputs, expected))

        arrays = random_arrays(rng, min(scale, 2.0), ragged_mask(rng))
        loss = trl_loss(
            GRPOTrainer,
            arrays,
            arrays["advantages"],
            loss_type="bnpo",
            epsilon_low=low,
            epsilon_high=high,
            delta=limit,
        )
        inputs = {**arrays, **band, "ratio_limit": limit}
        name = "GRPOTrainer._compute_loss(delta)"
        found.append(case("trl", name, inputs, token_mean(loss)))
    return found


def gspo(rng: np.random.Generator) -> list[dict]:
    """The sequence-level ratio of verl (token form) and of TRL (sequence form)."""
    found = []
    for scale, low, high in ((0.01, 3e-4, 4e-4), (0.5, 0.2, 0.28), (3.0, 0.2, 0.2)):
        inputs_of = {"clip_range": low, "clip_range_high": high}
        arrays = random_arrays(rng, scale, ragged_mask(rng))
        function = core_algos.compute_policy_loss_gspo
        mode, config = "seq-mean-token-mean", verl_config(low, high, 3.0)
        expected = verl_loss(function, arrays, mode, config)
        name = CORE + "compute_policy_loss_gspo"
        found.append(case("verl", name, {**arrays, **inputs_of}, expected))

        arrays = per_text(rng, scale)
        expected = trl_loss(
            GRPOTrainer,
            arrays,
            arrays["advantages"][:, 0],
            loss_type="grpo",
            level="sequence",
            epsilon_low=low,
            epsilon_high=high,
        )
        name = "GRPOTrainer._compute_loss(importance_sampling_level='sequence')"
        found.append(case("trl", name, {**arrays, **inputs_of}, expected))
    return found


def rloo_losses(rng: np.random.Generator) -> list[dict]:
    """TRL's RLOO: the ratio of the whole text."""
    found = []
    for scale in (0.05, 0.3):
        arrays = per_text(rng, scale)
        expected = trl_loss(
            RLOOTrainer,
            arrays,
            arrays["advantages"][:, 0],
            epsilon_low=0.2,
            epsilon_high=0.2,
        )
        inputs = {**arrays, "clip_range": 0.2}
        found.append(case("trl", "RLOOTrainer._compute_loss", inputs, expected))
    return found


def cispo(rng: np.random.Generator) -> list[dict]:
    """Clipped importance weights of verl (1 + epsilon) and of TRL (the ratio)."""
    found = []
    for scale in (1.0, 40.0):
        arrays = random_arrays(rng, scale, ragged_mask(rng))
        function = core_algos.compute_policy_loss_cispo
        config = verl_config(0.8, 1.0, 3.0)
        expected = token_mean(verl_loss(function, arrays, "token-mean", config))
        inputs = {**arrays, "ratio_low": 0.2, "ratio_high": 2.0}
        name = CORE + "compute_policy_loss_cispo"
        found.append(case("verl", name, inputs, expected))

        arrays = random_arrays(rng, scale, ragged_mask(rng))
        expected = trl_loss(
            GRPOTrainer,
            arrays,
            arrays["advantages"],
            loss_type="cispo",
            epsilon_high=5.0,
        )
        inputs = {**arrays, "ratio_low": 0.0, "ratio_high": 5.0}
        name = "GRPOTrainer._compute_loss(loss_type='cispo')"
        found.append(case("trl", name, inputs, token_mean(expected)))
    return found


def importance(rng: np.random.Generator) -> list[dict]:
    """verl's correction of rollouts: truncated, and IcePop."""
    found = []
    for scale in (1.0, 40.0):
        log_probs, behaviour = random_log_probs(rng, scale)
        mask = ragged_mask(rng)
        ratio = torch.tensor(log_probs) - torch.tensor(behaviour)
        expected = {
            name: rollout_corr_helper.compute_rollout_correction_weights(
                ratio,
                torch.tensor(mask).float(),
                rollout_is_threshold=threshold,
            )[0]
            for name, threshold in (("truncated", 2.0), ("masked", "0.5_5.0"))
        }
        inputs = {
            "log_probs": log_probs,
            "behaviour_log_probs": behaviour,
            "mask": mask,
            "limit": 2.0,
            "low": 0.5,
            "high": 5.0,
        }
        name = "trainer.ppo.rollout_corr_helper.compute_rollout_correction_weights"
        found.append(case("verl", name, inputs, expected))
    return found


def minimum_risk(rng: np.random.Generator) -> list[dict]:
    """The expected reward under torch's categorical distribution over the group."""
    found = []
    for sharpness, scale in ((5e-3, 2.0), (1.0, 2.0), (0.1, 200.0)):
        log_probs = -rng.exponential(scale, size=(P, G, T)).astype("float32").round(4)
        mask = ragged_mask(rng).reshape(P, G, T)
        valid = rng.random((P, G)) < 0.7
        valid[0] = True
        rewards = normal(rng, P, G)
        given = torch.tensor(log_probs, requires_grad=True)
        totals = (given * torch.tensor(mask)).sum(-1).double()
        losses = [
            -(
                torch.distributions.Categorical(
                    logits=sharpness * totals[row][torch.tensor(valid[row])]
                ).probs
                @ torch.tensor(rewards[row][valid[row]]).double()
            )
            for row in range(P)
        ]
        loss = torch.stack(losses)
        loss.sum().backward()
        inputs = {
            "log_probs": log_probs,
            "rewards": rewards,
            "mask": mask,
            "valid": valid,
            "sharpness": sharpness,
        }
        expected = {"loss": loss, "gradient": given.grad}
        found.append(case("torch", "distributions.Categorical", inputs, expected))
    return found


def kl_penalties(rng: np.random.Generator) -> list[dict]:
    """verl's absolute log-ratio, and k3 with the gradient of k2, with gradients."""
    found = []
    for scale in (0.3, 1.0):
        log_probs, reference = random_log_probs(rng, scale)
        expected = {}
        for ours, kind in (("absolute", "abs"), ("k3_plus", "k3+")):
            new = torch.tensor(log_probs, dtype=torch.float64, requires_grad=True)
            values = core_algos.kl_penalty(new, torch.tensor(reference), kind)
            values.sum().backward()
            expected |= {ours: values, f"{ours}_gradient": new.grad}
        inputs = {"log_probs": log_probs, "ref_log_probs": reference}
        found.append(case("verl", CORE + "kl_penalty", inputs, expected))
    return found
