"""Best-of-n: draw n texts of each row, keep the one that a reward likes best.

No training, n times the work at each use; what a reward gains this way is a mark that
training on it should reach. Stiennon et al. 2020, "Learning to summarize from human
feedback", arXiv 2009.01325.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nutgraf.arrays import Batch, Processors
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.evaluation.generate import Generator
from nutgraf.rewards.base import Reward, score_completions
from nutgraf.sampling.sample import Sampler

__all__ = ["BestOf"]


class BestOf(Generator):
    """Writes the best of n samples of each row.

    The reward sees the document and the text; references are kept from it, for at use
    there are none.

    Args:
        policy: the policy.
        reward: the reward; a text it does not apply to is taken last.
        samples: n >= 2.
        rows: rows per batch.
        length: most actions per text; None = the model's limit.
        processors: of the samples.
        seed: of the samples.

    Raises:
        ConfigError: `samples` is less than 2.
    """

    def __init__(
        self,
        policy: Any,
        reward: Reward,
        samples: int,
        rows: int = 32,
        length: int | None = None,
        processors: Processors = Processors(),  # noqa: B008 - frozen
        seed: int = 0,
    ) -> None:
        """Build the sampler; it compiles at the first batch of each shape."""
        if samples < 2:
            raise ConfigError(
                f"samples must be an integer >= 2. Received: samples={samples}. Use 8."
            )
        super().__init__(policy, rows=rows, length=length, seed=seed)
        length = length or policy.codec.max_target
        self._sampler = Sampler(policy, samples, length, processors)
        self.reward = reward
        self.samples = samples

    def write(
        self, values: Sequence[Any], batch: Batch, rows: Sequence[Row]
    ) -> list[str]:
        """Write the texts of one batch; see `Generator.write`.

        Args:
            values: weights.
            batch: the rows as arrays.
            rows: what is read.

        Returns:
            One text per row.
        """
        rollout = self._sampler(values, batch, self.seed)
        texts = self.policy.codec.render(batch, rollout.actions)
        repeated = [
            row._replace(references=()) for row in rows for _ in range(self.samples)
        ]
        documents = [row.document for row in repeated]
        nothing: list[Sequence[str]] = [()] * len(texts)
        found, _ = score_completions(self.reward, documents, texts, nothing, repeated)
        filled = [-np.inf if value is None else value for value in found]
        best = np.reshape(filled, (len(rows), self.samples)).argmax(axis=1)
        return [texts[row * self.samples + int(b)] for row, b in enumerate(best)]
