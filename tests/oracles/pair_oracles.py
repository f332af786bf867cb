"""Frozen numbers of preferences and penalties: TRL, Tunix, verl."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import torch
from oracle_cases import case, normal
from policy_oracles import CORE  # first: it mends TRL's look-up of packages
from trl.rewards import get_soft_overlong_punishment
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.reward_trainer import RewardTrainer
from tunix.sft.dpo import dpo_trainer
from verl.trainer.ppo import core_algos

PAIRS = 8
NAMES = ["chosen", "rejected", "ref_chosen", "ref_rejected"]


def reward_models(rng: np.random.Generator) -> list[dict]:
    """TRL's pairwise loss with margin and centring, and its gradients."""
    found = []
    for scale, weight in ((1.0, 0.0), (3.0, 0.01), (100.0, 0.1)):
        chosen, rejected = (normal(rng, PAIRS, scale=scale) for _ in range(2))
        margin = np.abs(normal(rng, PAIRS))
        logits = torch.tensor([*chosen, *rejected])[:, None].requires_grad_()
        fake = SimpleNamespace(
            _metrics=defaultdict(lambda: defaultdict(list)),
            _total_train_tokens=0,
            accelerator=SimpleNamespace(
                gather=lambda x: x, gather_for_metrics=lambda x: x
            ),
            args=SimpleNamespace(center_rewards_coefficient=weight),
            model=SimpleNamespace(training=False),
        )
        loss = RewardTrainer.compute_loss(
            fake,
            lambda logits=logits, **_: SimpleNamespace(logits=logits),
            {"margin": torch.tensor(margin)},
        )
        loss.backward()
        inputs = {"chosen": chosen, "rejected": rejected}
        inputs |= {"margin": margin, "weight": weight}
        expected = {
            "loss": loss,
            "chosen_gradient": logits.grad[:PAIRS, 0],
            "rejected_gradient": logits.grad[PAIRS:, 0],
        }
        found.append(case("trl", "RewardTrainer.compute_loss", inputs, expected))
    return found


def random_pairs(rng: np.random.Generator, scale: float) -> list[np.ndarray]:
    """Return log-probs of both texts under both policies, `scale` nats apart."""
    reference = [-rng.exponential(30, PAIRS).astype("float32") for _ in range(2)]
    policy = [each + normal(rng, PAIRS, scale=scale) for each in reference]
    return [each.round(4) for each in [*policy, *reference]]


def trl_pairs(arrays: list[np.ndarray], kind: str, beta: float, smoothing: float):
    """Return what TRL computes of four log-probs, with gradients."""
    fake = SimpleNamespace(
        accelerator=SimpleNamespace(device="cpu"),
        beta=beta,
        f_divergence_params=None,
        f_divergence_type="reverse_kl",
        label_smoothing=smoothing,
        reference_free=False,
    )
    given = [torch.tensor(array).requires_grad_() for array in arrays]
    loss, chosen, rejected = DPOTrainer.dpo_loss(fake, *given, kind)
    loss.sum().backward()
    return {
        "loss": loss,
        "chosen_rewards": chosen,
        "rejected_rewards": rejected,
        "chosen_gradient": given[0].grad,
        "rejected_gradient": given[1].grad,
    }


def tunix_pairs(arrays: list[np.ndarray], beta: float, smoothing: float) -> dict:
    """Return what Tunix computes of four log-probs, pair by pair, with gradients."""

    def of_pair(chosen, rejected, ref_chosen, ref_rejected):
        dpo_trainer.compute_logps = lambda *_, **__: (chosen, rejected)
        example = SimpleNamespace(
            ref_chosen_logps=ref_chosen,
            ref_rejected_logps=ref_rejected,
            **dict.fromkeys(["input_ids", "positions", "attention_mask", "images"]),
            **dict.fromkeys(["logits_to_keep", "completion_mask"]),
        )
        return dpo_trainer.dpo_loss_fn(
            None, example, beta=beta, label_smoothing=smoothing
        )

    pairs = [jnp.asarray(array) for array in arrays]
    both = jax.vmap(jax.value_and_grad(of_pair, argnums=(0, 1), has_aux=True))
    (loss, extra), (chosen, rejected) = both(*pairs)
    return {
        "loss": loss,
        "chosen_rewards": extra["rewards/chosen"],
        "rejected_rewards": extra["rewards/rejected"],
        "chosen_gradient": chosen,
        "rejected_gradient": rejected,
    }


def dpo(rng: np.random.Generator) -> list[dict]:
    """DPO, plain and with label smoothing, of TRL and of Tunix."""
    found = []
    for scale, beta, smoothing in ((3.0, 0.1, 0.0), (3.0, 0.5, 0.1), (300.0, 1.0, 0.0)):
        arrays = random_pairs(rng, scale)
        inputs = dict(zip(NAMES, arrays, strict=True))
        inputs |= {"beta": beta, "label_smoothing": smoothing}
        expected = trl_pairs(arrays, "sigmoid", beta, smoothing)
        found.append(case("trl", "DPOTrainer.dpo_loss", inputs, expected))
        expected = tunix_pairs(arrays, beta, smoothing)
        name = "tunix.sft.dpo.dpo_trainer.dpo_loss_fn"
        found.append(case("google-tunix", name, inputs, expected))
    return found


def ipo(rng: np.random.Generator) -> list[dict]:
    """TRL's IPO."""
    found = []
    for scale, beta in ((0.3, 0.1), (3.0, 0.5)):
        arrays = random_pairs(rng, scale)
        inputs = {**dict(zip(NAMES, arrays, strict=True)), "beta": beta}
        expected = {"loss": trl_pairs(arrays, "ipo", beta, 0.0)["loss"]}
        found.append(case("trl", "DPOTrainer.dpo_loss('ipo')", inputs, expected))
    return found


def kl_controllers(rng: np.random.Generator) -> list[dict]:
    """verl's adaptive KL weight over a number of updates."""
    controller = core_algos.AdaptiveKLController(0.1, 6.0, 10_000)
    kls, weights = rng.exponential(6.0, size=12).round(4), []
    for kl in kls:
        controller.update(float(kl), 512)
        weights.append(controller.value)
    inputs = {"weight": 0.1, "kl": kls, "target": 6.0, "horizon": 10_000, "steps": 512}
    name = CORE + "AdaptiveKLController.update"
    return [case("verl", name, inputs, {"weights": weights})]


def overlong(rng: np.random.Generator) -> list[dict]:
    """TRL's soft overlong punishment."""
    found = []
    for limit, buffer in ((100, 20), (64, 64)):
        lengths = [0, limit - buffer, limit, limit + 1, *rng.integers(0, 130, size=8)]
        reward = get_soft_overlong_punishment(limit, buffer)
        expected = {"penalty": reward([[1] * int(length) for length in lengths])}
        inputs = {"length": lengths, "limit": limit, "buffer": buffer}
        found.append(case("trl", "get_soft_overlong_punishment", inputs, expected))
    return found
