"""A reward for the wanted language: policies drift into that of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.metrics.language import LANGUAGES, language_share
from nutgraf.rewards.base import Values
from nutgraf.text.nearest import nearest

__all__ = ["LanguageReward"]


@dataclass(frozen=True)
class LanguageReward:
    """Share of letters in the language's script, times how far its words are used.

    A rule without a model, see `nutgraf.metrics.language` for what it cannot tell. It
    reads no reference.

    Range: [0, 1]; 0 for a text without letters.

    Attributes:
        language: one of `nutgraf.metrics.language.LANGUAGES`, such as "en" or "zh".

    Raises:
        ConfigError: the language is unknown.

    Example:
        >>> reward = LanguageReward("de")
        >>> # der, im: German; the, the: English, against one der; Chinese letters
        >>> texts = ["Der Hund im Park", "the dog der the park", "公园里的狗"]
        >>> reward([""] * 3, texts, [[]] * 3)
        [1.0, 0.5, 0.0]
    """

    language: str

    def __post_init__(self) -> None:
        """Check the language."""
        if self.language not in LANGUAGES:
            raise ConfigError(
                "language must be a code of ISO 639-1 that is known here. Received: "
                f"{self.language!r}. {nearest(self.language, LANGUAGES)} For others "
                "give a function of your own, see docs/rewards.md."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        shares = language_share(completions, self.language)
        return [share / 100.0 for share in shares.tolist()]
