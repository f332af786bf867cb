"""A penalty for numbers and names that the source does not have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.metrics.faithfulness import claims
from nutgraf.rewards.base import Values

__all__ = ["FaithfulnessPenalty"]


@dataclass(frozen=True)
class FaithfulnessPenalty:
    """Share of a text's numbers and names that the source lacks, negated.

    Numbers are those in digits (1,000 == 1000; spelled ones in the source support
    them), names are words with a capital that does not come from opening a sentence;
    see `nutgraf.metrics.faithfulness` for the rules. It reads no reference. Chinese
    names have no capital: there it sees numbers and Latin names only.

    Range: [-1, 0]; 0 for a text without numbers and names.

    Example:
        >>> source = "Rome, 1 May: the shop of anna sold 1,000 cakes."
        >>> # Anna and 1000 are there, Paris is not
        >>> found = FaithfulnessPenalty()([source], ["In Paris Anna sold 1000."], [[]])
        >>> [round(value, 3) for value in found]
        [-0.333]
    """

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        found, missing = claims(completions, prompts)
        pairs = zip(found.tolist(), missing.tolist(), strict=True)
        return [0.0 - lacking / count if count else 0.0 for count, lacking in pairs]
