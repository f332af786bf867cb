"""From prompts to rewarded samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.arrays import Rollout
from nutgraf.data.rows import Row
from nutgraf.rewards.base import Reward, score_completions

__all__ = ["rewarded", "texts_of"]


def texts_of(policy: Any, rollout: Rollout) -> list[str]:
    """Return the text of each sample.

    Args:
        policy: whose codec writes the texts.
        rollout: P prompts, G samples.

    Returns:
        P·G texts in C order.
    """
    return policy.codec.render(rollout.batch, rollout.actions)


def rewarded(
    rollout: Rollout, texts: Sequence[str], rows: Sequence[Row], reward: Reward
) -> Rollout:
    """Score every sample.

    Args:
        rollout: P prompts, G samples.
        texts: P·G texts, of `texts_of`.
        rows: the P rows.
        reward: the reward.

    Returns:
        The rollout with rewards, components and `valid`; a reward that does not apply
        (None) leaves 0 and valid=False.
    """
    prompts, samples = rollout.ended.shape
    repeated = [row for row in rows for _ in range(samples)]
    totals, parts = score_completions(
        reward,
        [row.document for row in repeated],
        list(texts),
        [row.references for row in repeated],
        repeated,
        update=rollout.version,
    )

    def table(values: Sequence[float | None]) -> np.ndarray:
        filled = [0.0 if value is None else value for value in values]
        return np.asarray(filled, "float32").reshape(prompts, samples)

    valid = np.asarray([value is not None for value in totals]).reshape(
        prompts, samples
    )
    return dataclasses.replace(
        rollout,
        rewards=table(totals),
        components={name: table(values) for name, values in parts.items()},
        valid=valid,
    )
