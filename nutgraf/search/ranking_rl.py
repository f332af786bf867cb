"""RL on ranking: a ranker learns from the nDCG of rankings that it draws itself.

Each update draws G rankings of a query's candidates from Plackett-Luce with the
ranker's scores, and raises the log-prob of each placement by the nDCG that came from
its place on, compared with the other rankings. Draw, reward and gradient are one
compiled step on the same scores: the samples are always on-policy.

Reference: see `objectives/plackett_luce.py`; Oosterhuis 2021, arXiv 2105.00855.

Differences from the paper:

1. Plain policy gradient with a leave-one-out baseline, not PL-Rank's expectation over
   the placement that comes next.
2. It starts from a ranker that was trained from grades.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from keras import ops

from nutgraf.backend.random import uniform
from nutgraf.objectives.listwise import listwise_loss
from nutgraf.objectives.plackett_luce import (
    placed,
    ranking_gains,
    ranking_log_probs,
    sample_rankings,
    to_go_advantages,
)
from nutgraf.objectives.policy_gradient import policy_gradient_loss
from nutgraf.search.loop import batch_of
from nutgraf.search.ranking import RankingRow, TrainableRanker, row_arrays

__all__ = ["RankingRL"]

Array = Any

_RANDOM_REWARD = 0x7A4D
"""Tells the draws of the control's reward from those of the rankings."""


class RankingRL:
    """The lesson of a ranker from the nDCG of its own rankings.

    Args:
        ranker: what is trained; without dropout.
        rows: the training rows.
        width: C.
        batch: queries per update.
        seed: of the order of the rows.
        samples: G >= 2, rankings drawn per query.
        places: the k of nDCG@k, the reward; beyond `width` all is missed.
        reward: "ndcg", or "random" numbers in (0, 1): the control arm.
        supervised_weight: >= 0, of the listwise loss that is mixed in.
    """

    def __init__(
        self,
        ranker: TrainableRanker,
        rows: Sequence[RankingRow],
        width: int,
        batch: int,
        seed: int,
        *,
        samples: int = 16,
        places: int = 10,
        reward: Literal["ndcg", "random"] = "ndcg",
        supervised_weight: float = 0.0,
    ) -> None:
        """Keep all."""
        self.ranker = ranker
        self.rows = rows
        self.width = width
        self.batch = batch
        self.seed = seed
        self.samples = samples
        self.places = places
        self.random_reward = reward == "random"
        self.supervised_weight = supervised_weight

    def arrays(self, step: int) -> dict[str, Any]:
        """See `Lesson.arrays`."""
        chosen = batch_of(len(self.rows), self.batch, self.seed, step)
        rows = [self.rows[number] for number in chosen]
        ideal = np.array([row.ideal(self.places) for row in rows], np.float32)
        found = row_arrays(self.ranker, rows, self.width)
        return {**found, "ideal": ideal, "rows": chosen.astype("int32")}

    def loss(
        self, values: list[Array], arrays: dict[str, Any], seed: Array
    ) -> tuple[Array, dict[str, tuple[Array, Array]]]:
        """See `Lesson.loss`."""
        inputs, grades = arrays["inputs"], arrays["grades"]
        mask = inputs["mask"]
        scores = self.ranker.scores(values, inputs)  # (P, C)
        row = arrays["rows"][:, None, None]
        sample = ops.arange(self.samples, dtype="int32")[None, :, None]
        candidate = ops.arange(self.width, dtype="int32")[None, None, :]
        uniforms = uniform(seed, row, sample, candidate)  # (P, G, C)
        places = min(self.places, self.width)  # K
        rankings = sample_rankings(scores, uniforms, places, mask)
        gains = ranking_gains(grades, arrays["ideal"], rankings)  # (P, G, K)
        reward = ops.sum(gains, axis=-1)
        if self.random_reward:
            drawn = uniform(seed, _RANDOM_REWARD, row, sample)  # (P, G, 1)
            last = ops.arange(places) == places - 1
            gains = drawn * ops.cast(last, "float32")
        log_probs = ranking_log_probs(scores, rankings, mask)
        losses = policy_gradient_loss(log_probs, to_go_advantages(gains))
        losses = ops.where(placed(rankings, mask), losses, 0.0)
        count = ops.cast(ops.shape(reward)[0] * self.samples, "float32")
        loss = ops.sum(losses) / count
        found = {"reward/ndcg": (ops.sum(reward), count)}
        if self.supervised_weight:
            anchor = ops.mean(listwise_loss(scores, grades, mask))
            loss = loss + self.supervised_weight * anchor
            found["loss/ranking"] = (anchor, ops.ones_like(anchor))
        return loss, found
