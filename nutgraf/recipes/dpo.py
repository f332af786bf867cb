"""Direct preference optimisation on the policy's own samples.

The best and the worst sample of each prompt, by the reward, are a preference pair; the
policy learns to prefer as the reward does, against its reference. Rafailov et al. 2023,
"Direct Preference Optimization", arXiv 2305.18290; drawn afresh in each update as in
Guo et al. 2024, "Direct Language Model Alignment from Online AI Feedback", arXiv
2402.04792. `loss="ipo"` is Azar et al. 2024, arXiv 2310.12036.

Differences from the papers:
1. The pair comes from G samples and a reward; samples in between are not learned from.
2. A prompt whose samples were all rewarded alike has no pair.

Pairs that people have chosen train a reward model (`reward_model.py`) or a policy
(`preferences.py`).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from keras import ops

from nutgraf.errors import ConfigError
from nutgraf.objectives.dpo import dpo_loss, ipo_loss
from nutgraf.objectives.sequence_log_prob import sequence_log_prob
from nutgraf.ranges import check_options
from nutgraf.recipes.recipe import Recipe
from nutgraf.rewards.base import Reward
from nutgraf.rl.algorithm import Algorithm, Estimate, Experience, Signals
from nutgraf.rl.per_prompt import for_each_token, prompt_sum_count
from nutgraf.rl.settings import RLSettings

__all__ = ["DPO", "preference_algorithm"]

Array = Any
LOSSES = ("dpo", "ipo")


def _estimate(signals: Signals) -> Estimate:
    """1 for the best text of each prompt, -1 for the worst; only they are kept."""
    rewards, valid = signals.rewards, signals.valid
    best = np.where(valid, rewards, -np.inf).argmax(axis=1)
    worst = np.where(valid, rewards, np.inf).argmin(axis=1)
    rows = np.arange(len(rewards))
    differ = rewards[rows, best] > rewards[rows, worst]
    signs = np.zeros(rewards.shape, "float32")
    signs[rows, best] = 1.0
    signs[rows, worst] -= 1.0
    return Estimate(signs, keep=(signs != 0) & differ[:, None])


def _token_loss(
    log_probs: Array, given: Experience, loss: str, beta: float, smoothing: float
) -> Array:
    """The loss of each pair, at each of its tokens."""
    average = loss == "ipo"

    def of(values: Array, sign: float) -> Array:
        chosen = ops.logical_and(given.mask, given.advantages * sign > 0)
        texts = sequence_log_prob(values, chosen, average=average)  # (P, G), 0 = none
        return ops.sum(texts, axis=-1)

    ref = given.ref_log_probs
    pair = of(log_probs, 1.0), of(log_probs, -1.0), of(ref, 1.0), of(ref, -1.0)
    if average:
        return for_each_token(ipo_loss(*pair, beta=beta), given.mask)
    return for_each_token(
        dpo_loss(*pair, beta=beta, label_smoothing=smoothing), given.mask
    )


def preference_algorithm(
    loss: Literal["dpo", "ipo"], beta: float, label_smoothing: float
) -> Algorithm:
    """Return preference training as an `Algorithm`.

    Args:
        loss: "dpo" or "ipo".
        beta: > 0.
        label_smoothing: in [0, 0.5), of DPO.

    Returns:
        The algorithm; its advantages are 1 for chosen texts, -1 for rejected ones.

    Raises:
        ConfigError: an unknown loss, a number out of range, or label smoothing with
            IPO.
    """
    given = {"loss": loss, "beta": beta, "label_smoothing": label_smoothing}
    check_options(given, loss=LOSSES, beta="> 0", label_smoothing="[0, 0.5)")
    if loss == "ipo" and label_smoothing:
        raise ConfigError(
            "label_smoothing must be 0 with IPO, whose target is a margin already. "
            f"Received: label_smoothing={label_smoothing}. Leave it out."
        )
    return Algorithm(
        estimate=_estimate,
        token_loss=partial(
            _token_loss, loss=loss, beta=beta, smoothing=label_smoothing
        ),
        reduce=prompt_sum_count,
        kl_in_loss=False,
    )


class DPO(Recipe):
    """Direct preference optimisation, online.

    Args:
        policy: what to improve; its weights now are the reference.
        reward: the reward that chooses.
        settings: see `RLSettings`; `kl_weight` has no part in it, `beta` has.
        loss: "dpo", or "ipo" (a target for the margin; per-token log-probs).
        beta: > 0, how much the policy is held to its reference.
        label_smoothing: in [0, 0.5), share of pairs taken to be wrong; DPO only.
        folder: run folder; None keeps nothing on disk.

    Reference: Rafailov et al. 2023, arXiv 2305.18290, eq. 7; Azar et al. 2024, arXiv
    2310.12036, eq. 17.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        settings: RLSettings = RLSettings(),  # noqa: B008 - frozen
        *,
        loss: Literal["dpo", "ipo"] = "dpo",
        beta: float = 0.1,
        label_smoothing: float = 0.0,
        folder: str | Path | None = None,
    ) -> None:
        """Build the trainer."""
        algorithm = preference_algorithm(loss, beta, label_smoothing)
        options = {"loss": loss, "beta": beta, "label_smoothing": label_smoothing}
        super().__init__(policy, reward, algorithm, settings, folder, options=options)
