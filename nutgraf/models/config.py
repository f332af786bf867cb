"""The settings of a model and its named sizes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from nutgraf.errors import ConfigError

__all__ = ["SIZES", "ModelConfig", "named_config"]


@dataclass(frozen=True)
class ModelConfig:
    """Settings of the encoder-decoder Transformer.

    Attributes:
        vocabulary_size: V, number of word pieces, the special tokens among them.
        width: D, size of the states; a multiple of `heads`, even.
        heads: H, attention heads.
        feed_forward: size between the two feed-forward layers.
        encoder_layers: number of encoder blocks.
        decoder_layers: number of decoder blocks.
        dropout: float in [0, 1), in supervised training.
        copy: whether the copy head is there.
        max_source: longest source in tokens; what is longer is cut.
        max_target: longest text in actions, the end among them.

    Raises:
        ConfigError: a value is out of range.
    """

    vocabulary_size: int
    width: int = 256
    heads: int = 4
    feed_forward: int = 512
    encoder_layers: int = 4
    decoder_layers: int = 2
    dropout: float = 0.1
    copy: bool = True
    max_source: int = 512
    max_target: int = 96

    def __post_init__(self) -> None:
        """Check the ranges."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type == "int" and (not isinstance(value, int) or value < 1):
                raise ConfigError(
                    f"{field.name} must be an integer >= 1. Received: "
                    f"{field.name}={value!r}."
                )
        if self.vocabulary_size < 4:
            raise ConfigError(
                "vocabulary_size must be at least 4: three special tokens and a word "
                f"piece. Received: vocabulary_size={self.vocabulary_size}."
            )
        if self.width % self.heads or self.width % 2:
            raise ConfigError(
                "width must be even and a multiple of heads. Received: "
                f"width={self.width}, heads={self.heads}."
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(
                f"dropout must be in [0, 1). Received: dropout={self.dropout}."
            )

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> ModelConfig:
        """Make a config of a dictionary, as read from a model folder.

        Args:
            settings: field name -> value.

        Returns:
            The config.

        Raises:
            ConfigError: a key is unknown or missing.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(settings) - known)
        if unknown or "vocabulary_size" not in settings:
            raise ConfigError(
                f"A model config has the keys {', '.join(sorted(known))}. Received: "
                f"{', '.join(sorted(settings)) or 'nothing'}."
            )
        return cls(**settings)


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "width": 64,
        "heads": 2,
        "feed_forward": 128,
        "encoder_layers": 2,
        "decoder_layers": 1,
    },
    "small": {
        "width": 256,
        "heads": 4,
        "feed_forward": 1024,
        "encoder_layers": 4,
        "decoder_layers": 4,
    },
    "base": {
        "width": 512,
        "heads": 8,
        "feed_forward": 2048,
        "encoder_layers": 6,
        "decoder_layers": 6,
    },
    "article": {
        "vocabulary_size": 30_000,
        "width": 512,
        "heads": 8,
        "feed_forward": 2048,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "dropout": 0.1,
        "copy": False,
    },
}
"""Named sizes; what a size does not name has the default of `ModelConfig`."""


def named_config(size: str, **changes: Any) -> ModelConfig:
    """Return the config of a named size, with changes.

    Args:
        size: a key of `SIZES`.
        **changes: fields of `ModelConfig`.

    Returns:
        The config.

    Raises:
        ConfigError: the size is unknown.

    Example:
        >>> named_config("tiny", vocabulary_size=500).width
        64
    """
    if size not in SIZES:
        raise ConfigError(
            f"size must be one of {', '.join(SIZES)}. Received: size={size!r}."
        )
    return ModelConfig(**{"vocabulary_size": 30_000, **SIZES[size], **changes})
