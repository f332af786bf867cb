"""The settings of a BERT and its named sizes; importing them loads no framework."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from nutgraf.errors import ConfigError, ModelError
from nutgraf.ranges import check_ranges
from nutgraf.text.nearest import nearest

__all__ = ["BERT_SIZES", "BertConfig", "named_bert_config", "sized_bert_config"]

# Our fields under the names of a Hugging Face config.json.
_NAMES = {
    "vocabulary_size": "vocab_size",
    "width": "hidden_size",
    "heads": "num_attention_heads",
    "feed_forward": "intermediate_size",
    "layers": "num_hidden_layers",
    "max_length": "max_position_embeddings",
    "segments": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
    "epsilon": "layer_norm_eps",
}
# What a BERT here always is; other values of these keys are other models.
_FIXED = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "pad_token_id": 0,
}


@dataclass(frozen=True)
class BertConfig:
    """Settings of a `nutgraf.models.bert.Bert`.

    Attributes:
        vocabulary_size: V, number of word pieces, the special tokens among them.
        width: D, size of the states; a multiple of `heads`.
        heads: H, attention heads.
        feed_forward: size between the two feed-forward layers.
        layers: number of blocks.
        max_length: longest input in tokens, the special ones among them.
        segments: kinds of segment, such as question and context.
        dropout: float in [0, 1), of the states, in training.
        epsilon: > 0, added to the variance in LayerNorm.

    Raises:
        ConfigError: a value is out of range.
    """

    vocabulary_size: int
    width: int = 384
    heads: int = 12
    feed_forward: int = 1536
    layers: int = 6
    max_length: int = 512
    segments: int = 2
    dropout: float = 0.1
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        """Check the ranges."""
        sizes = ("width", "heads", "feed_forward", "layers", "segments")
        check_ranges(
            self,
            **dict.fromkeys(sizes, ">= 1"),
            max_length=">= 3",
            dropout="[0, 1)",
            epsilon="> 0",
        )
        if self.vocabulary_size < 6:
            raise ConfigError(
                "vocabulary_size must be at least 6: five special tokens and a word "
                f"piece. Received: vocabulary_size={self.vocabulary_size}. 30000 is "
                "usual."
            )
        if self.width % self.heads:
            raise ConfigError(
                f"width must be a multiple of heads. Received: width={self.width}, "
                f"heads={self.heads}. Use width="
                f"{-(-self.width // self.heads) * self.heads}."
            )

    @classmethod
    def from_hugging_face(cls, settings: dict[str, Any]) -> BertConfig:
        """Read the content of a Hugging Face config.json.

        Args:
            settings: its keys and values.

        Returns:
            The config.

        Raises:
            ModelError: it describes another kind of model, or lacks a size.
            ConfigError: a value is out of range.

        Example:
            >>> config = BertConfig(vocabulary_size=100, width=24)
            >>> BertConfig.from_hugging_face(config.to_hugging_face()) == config
            True
        """
        for key, expected in _FIXED.items():
            found = settings.get(key, expected)
            if found != expected or (key == "model_type" and key not in settings):
                raise ModelError(
                    f"A BERT must have {key}={expected!r} in its config.json. "
                    f"Received: {settings.get(key)!r}. Give the folder of a BERT, such "
                    "as all-MiniLM-L6-v2."
                )
        given: dict[str, Any] = {
            ours: settings.get(name) for ours, name in _NAMES.items()
        }
        missing = [_NAMES[ours] for ours, value in given.items() if value is None]
        if missing:
            raise ModelError(
                "The config.json of a BERT must hold its sizes. Received: no "
                f"{', no '.join(missing)}. Copy the model folder again."
            )
        return cls(**given)

    def to_hugging_face(self) -> dict[str, Any]:
        """Return the settings as a Hugging Face config.json has them."""
        named = {
            _NAMES[name]: value for name, value in dataclasses.asdict(self).items()
        }
        dropout = {"attention_probs_dropout_prob": 0.0}
        return {**_FIXED, "architectures": ["BertModel"], **named, **dropout}


def _size(layers: int, width: int, heads: int = 0) -> dict[str, int]:
    """The shape of the BERT family: heads of 64, feed-forward of 4 · width."""
    sizes = {"layers": layers, "width": width, "heads": heads or width // 64}
    return {**sizes, "feed_forward": 4 * width}


BERT_SIZES: dict[str, dict[str, int]] = {
    "tiny": _size(2, 128),
    "mini": _size(4, 256),
    "small": _size(4, 512),
    "minilm": _size(6, 384, 12),
    "medium": _size(8, 512),
    "base": _size(12, 768),
}
"""Named sizes: those of Turc et al. 2019, arXiv 1908.08962, table 1, and of MiniLM-L6
(Wang et al. 2020, arXiv 2002.10957)."""


def named_bert_config(size: str, **changes: Any) -> BertConfig:
    """Return the config of a named size, with changes.

    Args:
        size: a key of `BERT_SIZES`.
        **changes: fields of `BertConfig`.

    Returns:
        The config.

    Raises:
        ConfigError: the size is unknown, or a value out of range.

    Example:
        >>> named_bert_config("tiny", vocabulary_size=500).feed_forward
        512
    """
    if size not in BERT_SIZES:
        raise ConfigError(
            f"size must be one of {', '.join(BERT_SIZES)}. Received: size={size!r}. "
            f"{nearest(str(size), BERT_SIZES)}"
        )
    settings: dict[str, Any] = {"vocabulary_size": 30_000, **BERT_SIZES[size]}
    return BertConfig(**{**settings, **changes})


def sized_bert_config(settings: Any, **changes: Any) -> BertConfig:
    """Return the config of a new BERT from the settings of a command.

    Args:
        settings: has `size`, a key of `BERT_SIZES`; `vocabulary_size`; and `width`,
            `heads`, `feed_forward` and `encoder_layers`, each 0 = as the size has it.
        **changes: fields of `BertConfig` that override these, or are not among them.

    Returns:
        The config.

    Raises:
        ConfigError: the size is unknown, or a value out of range.
    """
    sizes = {
        "width": settings.width,
        "heads": settings.heads,
        "feed_forward": settings.feed_forward,
        "layers": settings.encoder_layers,
    }
    given = {name: value for name, value in sizes.items() if value}
    given["vocabulary_size"] = settings.vocabulary_size
    return named_bert_config(settings.size, **{**given, **changes})
