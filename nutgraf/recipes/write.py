"""Texts of a policy for use, not for scores: settings checked, cut sources counted.

What `nutgraf summarize`, `translate` and `answer` write with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nutgraf.arrays import Processors
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.evaluation.generate import Generator

__all__ = ["Writer"]


class Writer:
    """Writes a text per row and counts the rows that the model could not read whole.

    Args:
        policy: the policy, with a `TextCodec`.
        beams: 1 = greedy, more = beam search.
        length: most word pieces of a text; 0 = the model's limit.
        min_length: least word pieces of a text.
        no_repeat_ngram: no n-gram of this size occurs twice; 0 = off.
        rows: rows per batch.
        length_penalty: of beam search: 0 favours short texts, more favours long ones.

    Attributes:
        tokenizer: of the policy.
        cut: rows so far whose source was longer than the model reads.
        unread: word pieces of those sources that it did not read.
        longest: word pieces that the model reads.

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(
        self,
        policy: Any,
        beams: int = 4,
        length: int = 0,
        min_length: int = 0,
        no_repeat_ngram: int = 3,
        rows: int = 16,
        length_penalty: float = 1.0,
    ) -> None:
        """Check the settings; the search compiles at the first batch of each shape."""
        codec = policy.codec
        if beams < 1 or length_penalty < 0:
            raise ConfigError(
                "beams must be >= 1 (greedy) and length_penalty >= 0. Received: "
                f"beams={beams}, length_penalty={length_penalty}. 4 and 1 "
                "are usual."
            )
        if not 0 <= length <= codec.max_target:
            raise ConfigError(
                f"length must be at most {codec.max_target}, the longest text that "
                f"this model learned. Received: length={length}. 0 = that limit."
            )
        if min_length >= (length or codec.max_target):
            raise ConfigError(
                f"min_length must be below the length limit of "
                f"{length or codec.max_target}. Received: min_length={min_length}. "
                "Lower it."
            )
        self.cut = self.unread = 0
        self.longest = codec.max_source
        self.tokenizer = codec.tokenizer
        self._generator = Generator(
            policy,
            beams,
            rows,
            length or None,
            length_penalty,
            processors=Processors(
                min_length=min_length, no_repeat_ngram=no_repeat_ngram
            ),
        )

    def __call__(self, rows: Sequence[Row]) -> list[str]:
        """Write the texts.

        Args:
            rows: what to read.

        Returns:
            One text per row, in order.
        """
        sources = self.tokenizer.encode_batch([row.document for row in rows])
        over = [len(ids) - self.longest for ids in sources if len(ids) > self.longest]
        self.cut += len(over)
        self.unread += sum(over)
        return self._generator(rows)
