"""A penalty for texts that break off: rewards of overlap do not care how one ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.rewards.base import Values

__all__ = ["MissingEndPenalty"]

# A stop, question or exclamation mark of any script, then closing quotes and brackets.
_END = re.compile(r"[.!?…。！？．｡؟۔।՜։][\s\"'`)\]}”’»›」』）】》〉]*\Z")


@dataclass(frozen=True)
class MissingEndPenalty:
    """-1 for a text that does not end in the punctuation that ends a sentence.

    `. ! ? …` and `。！？` count (also Arabic, Devanagari and Armenian ones), with
    closing quotes and brackets after them; a comma or colon does not. It reads no
    reference. Leave it out for headlines and answers, which need no stop.

    Range: -1 or 0; -1 for an empty text.

    Example:
        >>> texts = ["It rained.", 'He said: "No!"', "It rained and", "下雨了。"]
        >>> MissingEndPenalty()([""] * 4, texts, [[]] * 4)
        [0.0, 0.0, -1.0, 0.0]
    """

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        return [0.0 if _END.search(text) else -1.0 for text in completions]
