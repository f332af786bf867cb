"""The settings of `nutgraf pretrain`; they load no framework."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from nutgraf.data.documents import DocumentSettings
from nutgraf.errors import ConfigError
from nutgraf.models.config import named_config
from nutgraf.ranges import check_ranges
from nutgraf.training.settings import TrainingSettings

__all__ = ["LanguageModelSettings", "PretrainSettings"]

_SIZES = ("width", "heads", "key_value_heads", "feed_forward", "decoder_layers")
_LIMITS = ("max_source", "max_target")


@dataclass(frozen=True)
class LanguageModelSettings:
    """Settings of the model; 0 means: as the size has it."""

    start: str = ""
    """Model folder to go on from, which brings all settings below; "" = new."""
    architecture: Literal["decoder-only"] = "decoder-only"
    """A decoder-only model predicts each next token."""
    block: Literal["llama", "gpt2"] = "llama"
    """Rotary positions, RMSNorm and SwiGLU; or learned positions, LayerNorm, GELU."""
    size: str = "small"
    """Named size: tiny, small, base or article."""
    vocabulary_size: int = 30_000
    """Word pieces of the tokenizer."""
    width: int = 0
    """Size of the states."""
    heads: int = 0
    """Attention heads."""
    key_value_heads: int = 0
    """Heads of keys and values, a divisor of heads; 0 = as many."""
    feed_forward: int = 0
    """Size between the feed-forward layers."""
    decoder_layers: int = 0
    """Blocks."""
    max_source: int = 384
    """Longest prompt in tokens; with max_target the length of a row of documents."""
    max_target: int = 128
    """Longest continuation of a prompt in tokens."""

    def __post_init__(self) -> None:
        """Check the ranges, and that there can be such a model."""
        check_ranges(
            self,
            **dict.fromkeys(("vocabulary_size", *_LIMITS), ">= 1"),
            **dict.fromkeys(_SIZES, ">= 0"),
        )
        given = [
            f"model.{item.name}={value!r}"
            for item in fields(self)
            if item.name not in ("start", "architecture")
            and (value := getattr(self, item.name)) != item.default
        ]
        if self.start and given:
            raise ConfigError(
                "model.start brings its own sizes and limits. Received: model.start="
                f"{self.start} and {', '.join(given)}. Leave one or the other out."
            )
        named_config(self.size, **self.changes)

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the named size, as `named_config` takes it."""
        names = (*_SIZES, *_LIMITS)
        changes = {name: value for name in names if (value := getattr(self, name))}
        form = {"architecture": self.architecture, "block": self.block}
        return {**changes, **form, "separator": False}


@dataclass(frozen=True)
class PretrainSettings:
    """Settings of `nutgraf pretrain`."""

    out: str = "runs/pretrain"
    """Run folder; an interrupted run in it is resumed."""
    data: DocumentSettings = field(default_factory=DocumentSettings)
    """Where the documents come from."""
    model: LanguageModelSettings = field(default_factory=LanguageModelSettings)
    """The model."""
    training: TrainingSettings = field(default_factory=TrainingSettings)
    """The training."""
    tokens_per_batch: int = 8192
    """Tokens of a batch, at least one row's."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, tokens_per_batch=">= 1", max_minutes=">= 0")
