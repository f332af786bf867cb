"""The settings of a model and its named sizes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from nutgraf.errors import ConfigError
from nutgraf.models.recurrent_config import (
    RECURRENT,
    check_recurrent,
    recurrent_sizes,
)
from nutgraf.text.nearest import nearest

__all__ = ["ARCHITECTURES", "SIZES", "ModelConfig", "named_config"]

ARCHITECTURES = ("encoder-decoder", "decoder-only", *RECURRENT)
POSITIONS = ("sinusoidal", "learned", "rotary")
BLOCKS = ("llama", "gpt2")


@dataclass(frozen=True)
class ModelConfig:
    """Settings of a Transformer, encoder-decoder or decoder-only, or a recurrent model.

    Attributes:
        vocabulary_size: V, number of word pieces, the special tokens among them.
        width: D, size of the states; a multiple of `heads`, even.
        heads: H, attention heads; 1 in a recurrent model.
        feed_forward: size between the two feed-forward layers; 0 in a recurrent model.
        encoder_layers: number of encoder blocks, in a recurrent model of bidirectional
            layers with half of the width for each direction; 0 in a decoder-only model.
        decoder_layers: number of decoder blocks or recurrent layers.
        dropout: float in [0, 1), in supervised training.
        copy: whether the copy head is there; a decoder-only model has none.
        max_source: longest source in tokens; what is longer is cut.
        max_target: longest text in actions, the end among them.
        architecture: one of `ARCHITECTURES`.
        tied: whether the output weights are the embeddings; always so but in a
            decoder-only model.
        positions: of an encoder-decoder, one of `POSITIONS`.
        block: of a decoder-only model, one of `BLOCKS`; "gpt2" has learned positions.
        key_value_heads: of a decoder-only model, heads of keys and values, a divisor
            of `heads`; 0 = as many.
        separator: whether `<bos>` stands between source and text; a decoder-only model
            without it goes on from its source, as a language model does.
        coverage: whether the attention of a recurrent model remembers where it looked,
            and is trained not to look there again.

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
    architecture: str = "encoder-decoder"
    tied: bool = True
    positions: str = "sinusoidal"
    block: str = "llama"
    key_value_heads: int = 0
    separator: bool = True
    coverage: bool = False

    def __post_init__(self) -> None:
        """Check the ranges."""
        may_be_zero = {"key_value_heads"}  # see below
        if self.architecture == "decoder-only":
            may_be_zero |= {"encoder_layers"}
        elif self.architecture in RECURRENT:
            may_be_zero |= {"feed_forward"}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name in may_be_zero:
                continue
            if field.type == "int" and (not isinstance(value, int) or value < 1):
                raise ConfigError(
                    f"{field.name} must be an integer >= 1. Received: "
                    f"{field.name}={value!r}. The named sizes set it."
                )
        if self.vocabulary_size < 4:
            raise ConfigError(
                "vocabulary_size must be at least 4: three special tokens and a word "
                f"piece. Received: vocabulary_size={self.vocabulary_size}. 30000 is "
                "usual."
            )
        if self.width % self.heads or self.width % 2:
            raise ConfigError(
                "width must be even and a multiple of heads. Received: "
                f"width={self.width}, heads={self.heads}. Use a multiple of "
                f"{math.lcm(2, self.heads)}."
            )
        _check_positions(self)
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigError(
                f"dropout must be in [0, 1). Received: dropout={self.dropout}. Leave "
                f"it out for {type(self).dropout}."
            )
        _check_architecture(self)
        _check_blocks(self)
        check_recurrent(self)

    @property
    def context(self) -> int:
        """Most tokens of source and text together."""
        return self.max_source + self.max_target

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
                f"{', '.join(sorted(settings)) or 'nothing'}. Give vocabulary_size, "
                "and others of these keys only."
            )
        return cls(**settings)


def _check_positions(config: ModelConfig) -> None:
    """Check that there are such positions, and that heads can be turned."""
    allowed = POSITIONS if config.architecture == "encoder-decoder" else POSITIONS[:1]
    if config.positions not in allowed:
        raise ConfigError(
            f"positions must be one of {', '.join(POSITIONS)}, in an encoder-decoder. "
            f"Received: positions={config.positions!r} with architecture="
            f"{config.architecture!r}. Leave it out for {POSITIONS[0]}."
        )
    llama = config.architecture == "decoder-only" and config.block == "llama"
    rotary = config.positions == "rotary" or llama
    if rotary and config.width % (2 * config.heads):
        raise ConfigError(
            "width must be a multiple of 2 · heads for rotary positions. Received: "
            f"width={config.width}, heads={config.heads}. Use a multiple of "
            f"{2 * config.heads}."
        )


def _check_architecture(config: ModelConfig) -> None:
    """Check what one architecture has and the other has not."""
    if config.architecture not in ARCHITECTURES:
        raise ConfigError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}. Received: "
            f"architecture={config.architecture!r}. Leave it out for the first."
        )
    if config.architecture != "decoder-only":
        if not config.tied and config.architecture not in RECURRENT:
            raise ConfigError(
                "tied must be True in an encoder-decoder: source, target and output "
                "share one table. Received: tied=False. Leave it out."
            )
        return
    if config.encoder_layers != 0 or config.copy:
        raise ConfigError(
            "A decoder-only model has no encoder and no copy head: encoder_layers must "
            f"be 0 and copy False. Received: encoder_layers={config.encoder_layers}, "
            f"copy={config.copy}. The named sizes set them."
        )


def _check_blocks(config: ModelConfig) -> None:
    """Check what a decoder-only model alone has."""
    given = (config.block, config.key_value_heads, config.separator)
    if config.architecture != "decoder-only" and given != ("llama", 0, True):
        raise ConfigError(
            "block, key_value_heads and separator are settings of decoder-only models. "
            f"Received: block={config.block!r}, key_value_heads="
            f"{config.key_value_heads}, separator={config.separator} with architecture="
            f"{config.architecture!r}. Leave them out."
        )
    if config.block not in BLOCKS:
        raise ConfigError(
            f"block must be one of {', '.join(BLOCKS)}. Received: block="
            f"{config.block!r}. {nearest(str(config.block), BLOCKS)}"
        )
    shared = config.key_value_heads
    if not isinstance(shared, int) or shared < 0 or config.heads % (shared or 1):
        raise ConfigError(
            "key_value_heads must be a divisor of heads, or 0 for as many. Received: "
            f"key_value_heads={shared!r}, heads={config.heads}. 1 is the least."
        )


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "width": 64,
        "heads": 2,
        "feed_forward": 128,
        "encoder_layers": 2,
        "decoder_layers": 1,
    },
    "mini": {
        "width": 128,
        "heads": 4,
        "feed_forward": 512,
        "encoder_layers": 2,
        "decoder_layers": 2,
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

    A decoder-only model has the blocks of encoder and decoder in one stack; with
    "llama" blocks, 2/3 of the feed-forward size, rounded up to a multiple of 32: their
    feed-forward network has three matrices, not two. A recurrent model has half of the
    layers, rounded up, and the width at which it has about as many weights.

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
        >>> named_config("tiny", architecture="decoder-only").decoder_layers
        3
    """
    if size not in SIZES:
        raise ConfigError(
            f"size must be one of {', '.join(SIZES)}. Received: size={size!r}. "
            f"{nearest(str(size), SIZES)}"
        )
    settings: dict[str, Any] = {"vocabulary_size": 30_000, **SIZES[size]}
    if changes.get("architecture") == "decoder-only":
        settings["decoder_layers"] += settings["encoder_layers"]
        if changes.get("block", "llama") == "llama":
            settings["feed_forward"] = -(-2 * settings["feed_forward"] // 96) * 32
        settings |= {"encoder_layers": 0, "copy": False}
    if changes.get("architecture") in RECURRENT:
        size_of = changes.get("vocabulary_size", settings["vocabulary_size"])
        settings |= recurrent_sizes(
            changes["architecture"], {**settings, "vocabulary_size": size_of}
        )
    return ModelConfig(**{**settings, **changes})
