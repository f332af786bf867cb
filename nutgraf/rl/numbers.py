"""The numbers of an update that are logged, by their names in `metrics.jsonl`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.arrays import Rollout
from nutgraf.backend import to_numpy
from nutgraf.objectives.value import explained_variance
from nutgraf.rl.algorithm import Experience

__all__ = ["averages", "critic_numbers", "rollout_numbers"]


def averages(statistics: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Add (sum, count) pairs up over micro-batches, then divide.

    Args:
        statistics: name -> (sum, count), of each micro-batch.

    Returns:
        Name -> mean; 0 where nothing counts.

    Example:
        >>> averages([{"a": (1.0, 1.0)}, {"a": (3.0, 1.0)}])
        {'a': 2.0}
    """
    found = {}
    for name in statistics[0]:
        total = sum(float(part[name][0]) for part in statistics)
        count = sum(float(part[name][1]) for part in statistics)
        found[name] = total / max(count, 1.0)
    return found


def rollout_numbers(rollout: Rollout, first: int = 0) -> dict[str, float]:
    """Return the numbers of the samples themselves.

    Args:
        rollout: rewarded samples.
        first: number of leading greedy samples of each group, which are told apart.

    Returns:
        Rewards (mean, spread within groups, each component), length, shares.
    """
    valid = rollout.valid[:, first:]
    rewards = rollout.rewards[:, first:]
    counted = rewards[valid]
    lengths = rollout.mask[:, first:].sum(axis=-1)
    numbers = {
        "reward/mean": float(counted.mean()) if counted.size else 0.0,
        "reward/spread": _spread(rewards, valid),
        "sample/length": float(lengths.mean()),
        "sample/truncated": float(rollout.truncated[:, first:].mean()),
        "sample/valid": float(valid.mean()),
    }
    for name, values in rollout.components.items():
        own = values[:, first:][valid]
        numbers[f"reward/{name}"] = float(own.mean()) if own.size else 0.0
    if first:
        greedy = rollout.rewards[:, :first][rollout.valid[:, :first]]
        numbers["reward/greedy"] = float(greedy.mean()) if greedy.size else 0.0
    return numbers


def _spread(rewards: np.ndarray, valid: np.ndarray) -> float:
    """Mean over groups of the standard deviation within the group."""
    some = valid.any(axis=1)
    groups = np.where(valid, rewards, np.nan)[some]
    return float(np.nanstd(groups, axis=1).mean()) if some.any() else 0.0


def critic_numbers(given: Experience) -> dict[str, float]:
    """Return how well the critic knew the returns before the update.

    Args:
        given: the experience of the update.

    Returns:
        Its explained variance, at most 1; empty without a critic.
    """
    if given.values is None or given.returns is None:
        return {}
    share = explained_variance(given.values, given.returns, given.mask)
    return {"critic/explained_variance": float(to_numpy(share))}
