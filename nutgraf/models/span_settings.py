"""How texts are cut into windows for a model that finds answers; loads no framework."""

from __future__ import annotations

from dataclasses import dataclass

from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges

__all__ = ["WindowSettings"]


@dataclass(frozen=True)
class WindowSettings:
    """How the model reads; a model folder keeps it."""

    length: int = 384
    """Word pieces that the model reads at once: question, text, three special ones."""
    overlap: int = 128
    """Word pieces that a window of a long text shares with the one before, at most half
    of a window's text."""
    answer: int = 30
    """Longest answer in word pieces."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, length=">= 8", overlap=">= 0", answer=">= 1")

    def fitted(self, longest: int) -> WindowSettings:
        """Refuse windows that a model has no positions for.

        Args:
            longest: positions of the model.

        Returns:
            These settings.

        Raises:
            ConfigError: the windows are longer.
        """
        if self.length > longest:
            raise ConfigError(
                f"windows.length must be at most {longest}, the positions of this "
                f"model. Received: windows.length={self.length}. Lower it."
            )
        return self
