"""The settings of `nutgraf choose`; they load no framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.models.recurrent_config import RECURRENT
from nutgraf.ranges import check_ranges
from nutgraf.recipes.settings import ModelSettings, TrainSettings
from nutgraf.tasks.names import TaskName
from nutgraf.text.nearest import nearest
from nutgraf.training.settings import SupervisedSettings

__all__ = ["MODELS", "ChooseSettings", "CommonSettings"]

MODELS: dict[str, Any] = {
    "transformer": "encoder-decoder",
    "gpt": "decoder-only",
    **{name: name for name in RECURRENT},
}
"""What the models are called here, and their architecture."""


@dataclass(frozen=True)
class CommonSettings:
    """What all models have in common."""

    size: str = "small"
    """Named size of the first model: tiny, mini, small, base or article."""
    vocabulary_size: int = 30_000
    """Word pieces of the tokenizer."""
    tokenizer: Literal["bpe", "unigram"] = "bpe"
    """How the word pieces are learned: merged pairs, or the likeliest cuts."""
    copy_head: bool = True
    """Whether the models can copy words of the source; gpt cannot."""
    coverage: bool = False
    """Whether the attention of lstm, gru and rnn remembers where it looked."""
    max_source: int = 0
    """Longest source in tokens, what is longer is cut; 0 = as the task has it."""
    max_target: int = 0
    """Longest text in actions, the end among them; 0 = as the task has it."""


@dataclass(frozen=True)
class ChooseSettings:
    """Settings of `nutgraf choose`."""

    models: tuple[str, ...] = tuple(MODELS)
    """What to compare: transformer, gpt, lstm, gru, rnn. The first is the measure of
    the others."""
    match: Literal["parameters", "flops"] = "parameters"
    """What all models have in common, by their width: the number of weights, or the
    FLOPs of the training."""
    out: str = "runs/choose"
    """Folder with a run folder for each model; interrupted runs are resumed."""
    task: TaskName = "summarize"
    """What is written; fields, limits and metrics follow from it."""
    data: DataSettings = field(default_factory=DataSettings)
    """Where the rows come from; those of the split test decide."""
    model: CommonSettings = field(default_factory=CommonSettings)
    """The models."""
    training: SupervisedSettings = field(default_factory=SupervisedSettings)
    """The training of each."""
    tokens_per_batch: int = 8192
    """Source and target tokens of a batch, padding counted."""
    num_shapes: int = 4
    """At most so many batch shapes are compiled."""
    max_minutes: float = 0.0
    """Stop each training, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the names, and the settings of each training."""
        names = tuple(name for part in self.models for name in part.split(",") if name)
        object.__setattr__(self, "models", names)
        unknown = [name for name in names if name not in MODELS]
        if unknown or not names or len(set(names)) < len(names):
            guess = nearest(unknown[0], MODELS) if unknown else "Name each once."
            raise ConfigError(
                f"models must be some of {', '.join(MODELS)}. Received: "
                f"{', '.join(names) or 'none'}. {guess}"
            )
        if self.task == "extract":
            raise ConfigError(
                "task must be one for models that write texts. Received: task=extract. "
                "`--task answer` has the same rows."
            )
        check_ranges(self, max_minutes=">= 0")
        found = [self.train_settings(name) for name in names]
        object.__setattr__(self, "data", found[0].data)
        self.data.require("test")

    def train_settings(
        self, name: str, width: int = 0, feed_forward: int = 0
    ) -> TrainSettings:
        """Return the settings of one model's training.

        Args:
            name: one of `models`.
            width: of the model; 0 = as the size has it.
            feed_forward: of the model; 0 = as the size has it.

        Returns:
            The settings of `nutgraf train`.

        Raises:
            ConfigError: a value is out of range.
        """
        common = self.model
        return TrainSettings(
            out=str(Path(self.out) / name),
            task=self.task,
            data=self.data,
            model=ModelSettings(
                architecture=MODELS[name],
                size=common.size,
                vocabulary_size=common.vocabulary_size,
                tokenizer=common.tokenizer,
                width=width,
                feed_forward=feed_forward,
                copy_head=common.copy_head or name == "gpt",  # which has none
                coverage=common.coverage and name in RECURRENT,
                max_source=common.max_source,
                max_target=common.max_target,
            ),
            training=self.training,
            tokens_per_batch=self.tokens_per_batch,
            num_shapes=self.num_shapes,
            sample_rows=0,
            max_minutes=self.max_minutes,
        )
