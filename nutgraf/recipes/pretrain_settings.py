"""The settings of `nutgraf pretrain`; they load no framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from nutgraf.data.documents import DocumentSettings
from nutgraf.defaults import changed
from nutgraf.errors import ConfigError
from nutgraf.models.bert_config import sized_bert_config
from nutgraf.models.config import named_config
from nutgraf.ranges import check_ranges
from nutgraf.training.settings import TrainingSettings

__all__ = ["LanguageModelSettings", "PretrainSettings"]

_SIZES = ("width", "heads", "key_value_heads", "feed_forward", "decoder_layers")
_LIMITS = ("max_source", "max_target")
_CAUSAL = ("tokenizer", "block", "key_value_heads", "decoder_layers")
_ALONE = {
    "decoder-only": (*_CAUSAL, *_LIMITS),
    "bert": ("encoder_layers", "max_length", "hidden_share", "lower"),
}
"""Settings that one architecture alone reads."""


@dataclass(frozen=True)
class LanguageModelSettings:
    """Settings of the model; 0 means: as the size has it."""

    start: str = ""
    """Model folder to go on from, which brings all settings below; "" = new."""
    architecture: Literal["decoder-only", "bert"] = "decoder-only"
    """A decoder-only model predicts each next token; a bert, which reads in both
    directions, tells words that were hidden."""
    block: Literal["llama", "gpt2"] = "llama"
    """For decoder-only: rotary positions, RMSNorm and SwiGLU; or learned positions,
    LayerNorm, GELU."""
    size: str = "small"
    """Named size: tiny, mini, small, base or article; for bert: tiny, mini, small,
    minilm, medium or base."""
    vocabulary_size: int = 30_000
    """Word pieces of the tokenizer."""
    tokenizer: Literal["bpe", "unigram"] = "bpe"
    """For decoder-only: how the word pieces are learned: merged pairs, or the likeliest
    cuts."""
    width: int = 0
    """Size of the states."""
    heads: int = 0
    """Attention heads."""
    key_value_heads: int = 0
    """For decoder-only: heads of keys and values, a divisor of heads; 0 = as many."""
    feed_forward: int = 0
    """Size between the feed-forward layers."""
    decoder_layers: int = 0
    """For decoder-only: blocks."""
    encoder_layers: int = 0
    """For bert: blocks."""
    max_source: int = 384
    """For decoder-only: longest prompt in tokens; with max_target the length of a row
    of documents."""
    max_target: int = 128
    """For decoder-only: longest continuation of a prompt in tokens."""
    max_length: int = 128
    """For bert: longest text in tokens, and the length of a row of documents."""
    hidden_share: float = 0.15
    """For bert: share of the tokens that are hidden, whole words together."""
    lower: bool = True
    """For bert: whether the tokenizer reads all in lower case, without accents."""

    def __post_init__(self) -> None:
        """Check the ranges, and that there can be such a model."""
        check_ranges(
            self,
            **dict.fromkeys(("vocabulary_size", *_LIMITS), ">= 1"),
            **dict.fromkeys((*_SIZES, "encoder_layers"), ">= 0"),
            max_length=">= 3",
            hidden_share="(0, 1)",
        )
        given = {
            name: f"model.{name}={value!r}" for name, value in changed(self).items()
        }
        (other,) = set(_ALONE) - {self.architecture}
        idle = [text for name, text in given.items() if name in _ALONE[other]]
        if idle:
            raise ConfigError(
                f"The architecture {self.architecture} reads no such setting. Received:"
                f" {', '.join(idle)}. Leave it out, or set model.architecture={other}."
            )
        free = ("start", "architecture", "max_length", "hidden_share")
        sizes = [text for name, text in given.items() if name not in free]
        if self.start and sizes:
            raise ConfigError(
                "model.start brings its own sizes and limits. Received: model.start="
                f"{self.start} and {', '.join(sizes)}. Leave one or the other out."
            )
        if self.architecture == "bert":
            sized_bert_config(self, max_length=self.max_length)
        else:
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
