"""The settings of `nutgraf train`, `rl` and `demo`; they load no framework."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.models.config import named_config
from nutgraf.ranges import check_ranges
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.training.settings import SupervisedSettings

__all__ = ["AlgorithmName", "DemoSettings", "ModelSettings", "ImproveSettings"]
__all__ += ["RewardSettings", "TrainSettings"]

AlgorithmName = Literal[
    "grpo",
    "dr-grpo",
    "dapo",
    "gspo",
    "cispo",
    "rloo",
    "self-critical",
    "reinforce",
    "minimum-risk",
    "a2c",
    "ppo",
    "nlpo",
    "dpo",
    "ipo",
    "rejection",
    "supervised",
]
"""The algorithms of `nutgraf rl`; `recipes/algorithms.py` says what they are."""


_SIZES = ("width", "heads", "feed_forward", "encoder_layers", "decoder_layers")


@dataclass(frozen=True)
class ModelSettings:
    """Settings of the model; 0 means: as the size has it."""

    start: str = ""
    """Model folder to go on from ("starter" for the one in the package), which brings
    all settings below; "" = new."""
    architecture: Literal["encoder-decoder", "decoder-only"] = "encoder-decoder"
    """Transformer with an encoder, or a decoder that goes on from its source."""
    size: str = "small"
    """Named size: tiny, small, base or article."""
    vocabulary_size: int = 30_000
    """Word pieces of the tokenizer."""
    width: int = 0
    """Size of the states."""
    heads: int = 0
    """Attention heads."""
    feed_forward: int = 0
    """Size between the feed-forward layers."""
    encoder_layers: int = 0
    """Encoder blocks; a decoder-only model has none."""
    decoder_layers: int = 0
    """Decoder blocks."""
    copy_head: bool = True
    """Whether the model can copy words of the source; a decoder-only one cannot."""
    max_source: int = 400
    """Longest source in tokens; what is longer is cut."""
    max_target: int = 100
    """Longest summary in actions, the end among them."""

    def __post_init__(self) -> None:
        """Check the ranges, and that there can be such a model."""
        check_ranges(
            self,
            **dict.fromkeys(("vocabulary_size", "max_source", "max_target"), ">= 1"),
            **dict.fromkeys(_SIZES, ">= 0"),
        )
        given = [
            f"model.{item.name}={value!r}"
            for item in fields(self)
            if item.name != "start"
            and (value := getattr(self, item.name)) != item.default
        ]
        if self.start and given:
            raise ConfigError(
                f"model.start brings its own sizes and limits. Received: model.start="
                f"{self.start} and {', '.join(given)}. Leave one or the other out."
            )
        named_config(self.size, **self.changes)

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the named size, as `named_config` takes it."""
        changes = {name: value for name in _SIZES if (value := getattr(self, name))}
        changes |= {"max_source": self.max_source, "max_target": self.max_target}
        changes |= {} if self.copy_head else {"copy": False}
        return {**changes, "architecture": self.architecture}


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `nutgraf train`."""

    out: str = "runs/train"
    """Run folder; an interrupted run in it is resumed."""
    data: DataSettings = field(default_factory=DataSettings)
    """Where the rows come from."""
    model: ModelSettings = field(default_factory=ModelSettings)
    """The model."""
    training: SupervisedSettings = field(default_factory=SupervisedSettings)
    """The training."""
    tokens_per_batch: int = 8192
    """Source and target tokens of a batch, padding counted."""
    num_shapes: int = 4
    """At most so many batch shapes are compiled."""
    sample_rows: int = 200
    """Validation rows that are summarised for ROUGE at each validation; 0 = none."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the ranges, that a row fits into a batch, and that files are named."""
        check_ranges(
            self,
            tokens_per_batch=">= 1",
            num_shapes=">= 1",
            sample_rows=">= 0",
            max_minutes=">= 0",
        )
        self.data.require("train", "valid")
        if not self.model.start:
            self.check_room(self.model.max_source, self.model.max_target)

    def check_room(self, max_source: int, max_target: int) -> None:
        """Refuse batches that do not hold a longest row.

        Args:
            max_source: longest source of the model.
            max_target: longest target of the model.

        Raises:
            ConfigError: `tokens_per_batch` is too low.
        """
        least = max_source + max_target
        if self.tokens_per_batch < least:
            raise ConfigError(
                f"tokens_per_batch must be at least {least}, model.max_source + "
                f"model.max_target. Received: {self.tokens_per_batch}. Raise it, or "
                "lower these."
            )


@dataclass(frozen=True)
class RewardSettings:
    """What a summary is rewarded for: a weighted sum of parts."""

    parts: tuple[str, ...] = (
        "rouge=1",
        "length(low=0.8, high=1.5)=0.2",
        "repetition=0.5",
    )
    """Rewards as name=weight, with options in parentheses (docs/rewards.md lists them);
    file.py:function=weight for one of your own; random alone is the control arm."""
    processes: int = 0
    """Processes that compute the reward beside the training; 0 = none."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, processes=">= 0")


@dataclass(frozen=True)
class ImproveSettings:
    """Settings of `nutgraf rl`."""

    start: str = "starter"
    """Model folder to improve; "starter" for the one in the package."""
    out: str = "runs/rl"
    """Run folder; an interrupted run in it is resumed."""
    algorithm: AlgorithmName = "grpo"
    """How it learns; supervised, on the references, is the control arm of RL."""
    options: tuple[str, ...] = ()
    """What the algorithm's own options are, such as clip_range=0.1."""
    data: DataSettings = field(default_factory=DataSettings)
    """Where the prompts and references come from."""
    reward: RewardSettings = field(default_factory=RewardSettings)
    """The reward."""
    rl: RLSettings = field(default_factory=RLSettings)
    """The updates."""
    guard: GuardSettings = field(default_factory=GuardSettings)
    """The guard against reward hacking (docs/guard.md)."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the ranges, and that a file is named."""
        check_ranges(self, max_minutes=">= 0")
        self.data.require("train")


@dataclass(frozen=True)
class DemoSettings:
    """Settings of `nutgraf demo`."""

    out: str = "nutgraf-demo"
    """Folder for report.html, result.json and the run; a finished one is replaced."""
    minutes: float = 9.0
    """Stop RL early enough to be done after about so many minutes in all."""
    seed: int = 0
    """Seed of prompts and samples."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, minutes="> 0")
