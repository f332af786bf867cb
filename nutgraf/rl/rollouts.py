"""From prompts to rewarded samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.arrays import PAD, Batch, Rollout
from nutgraf.data.rows import Row
from nutgraf.rewards.base import OnError, Reward, judge

__all__ = ["refill", "rewarded", "tells_apart", "texts_of"]


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
    rollout: Rollout,
    texts: Sequence[str],
    rows: Sequence[Row],
    reward: Reward,
    on_error: OnError = "stop",
) -> tuple[Rollout, int]:
    """Score every sample.

    Args:
        rollout: P prompts, G samples.
        texts: P·G texts, of `texts_of`.
        rows: the P rows.
        reward: the reward.
        on_error: "stop", or "skip": a sample on which the reward raises is not valid.

    Returns:
        The rollout with rewards, components and `valid` (a reward that does not apply
        leaves 0 and valid=False), and how many samples the reward failed on.
    """
    prompts, samples = rollout.ended.shape
    repeated = [row for row in rows for _ in range(samples)]
    scores = judge(
        reward,
        [row.document for row in repeated],
        list(texts),
        [row.references for row in repeated],
        repeated,
        update=rollout.version,
        on_error=on_error,
    )

    def table(values: Sequence[float | None]) -> np.ndarray:
        filled = [0.0 if value is None else value for value in values]
        return np.asarray(filled, "float32").reshape(prompts, samples)

    known = np.asarray([value is not None for value in scores.values])
    return dataclasses.replace(
        rollout,
        rewards=table(scores.values),
        components={name: table(part) for name, part in scores.components.items()},
        valid=known.reshape(prompts, samples),
    ), len(scores.failures)


def tells_apart(rollout: Rollout) -> np.ndarray:
    """Find the groups whose samples were rewarded differently.

    The others teach a group method nothing: their advantages are all 0.

    Args:
        rollout: rewarded samples.

    Returns:
        (P,) bool.

    Reference: Yu et al. 2025, "DAPO", section 3.2 (dynamic sampling), arXiv 2503.14476.
    """
    high = np.where(rollout.valid, rollout.rewards, -np.inf).max(axis=1)
    low = np.where(rollout.valid, rollout.rewards, np.inf).min(axis=1)
    return high > low


def refill(rollout: Rollout, more: Rollout) -> Rollout:
    """Replace groups that teach nothing by groups of another rollout that do.

    Args:
        rollout: P groups.
        more: P groups of other prompts, sampled alike.

    Returns:
        P groups; those that found no replacement stay.
    """
    empty = np.flatnonzero(~tells_apart(rollout))
    useful = np.flatnonzero(tells_apart(more))
    count = min(len(empty), len(useful))
    length = max(one.batch.source_ids.shape[1] for one in (rollout, more))

    def mixed(old: np.ndarray | None, new: np.ndarray | None) -> np.ndarray | None:
        if old is None or new is None:
            return old
        merged = np.array(old)
        merged[empty[:count]] = np.asarray(new)[useful[:count]]
        return merged

    batches = (_padded(one.batch, length) for one in (rollout, more))
    fields: dict[str, Any] = {"batch": Batch(*map(mixed, *batches))}
    for name in ("actions", "log_probs", "mask", "ended", "truncated", "support"):
        fields[name] = mixed(getattr(rollout, name), getattr(more, name))
    for name in ("rewards", "valid"):
        fields[name] = mixed(getattr(rollout, name), getattr(more, name))
    fields["components"] = {
        name: mixed(values, more.components[name])
        for name, values in rollout.components.items()
    }
    return dataclasses.replace(rollout, **fields)


def _padded(batch: Batch, length: int) -> Batch:
    """Pad the sources to one length."""
    space = [(0, 0), (0, length - batch.source_ids.shape[1])]
    return batch._replace(
        source_ids=np.pad(batch.source_ids, space, constant_values=PAD),
        source_mask=np.pad(batch.source_mask, space),
    )
