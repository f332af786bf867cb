"""The settings of `nutgraf train`, `rl` and `demo`; they load no framework."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nutgraf.data.augment import AugmentSettings
from nutgraf.data.sources import DataSettings
from nutgraf.defaults import changed
from nutgraf.errors import ConfigError
from nutgraf.models.bert_config import sized_bert_config
from nutgraf.models.config import named_config
from nutgraf.models.recurrent_config import RECURRENT
from nutgraf.models.span_settings import WindowSettings
from nutgraf.ranges import check_ranges
from nutgraf.rl.guard import GuardSettings
from nutgraf.rl.settings import RLSettings
from nutgraf.tasks.names import TaskName, task_of
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


_SIZES: tuple[str, ...] = ("width", "heads", "key_value_heads", "feed_forward")
_SIZES += ("encoder_layers", "decoder_layers")
_LIMITS = ("max_source", "max_target")
_IDLE: dict[str, tuple[str, ...]] = {
    "encoder-decoder": ("key_value_heads", "block", "coverage"),
    "decoder-only": ("encoder_layers", "positions", "copy_head", "coverage"),
    **dict.fromkeys(
        RECURRENT, ("heads", "key_value_heads", "feed_forward", "positions", "block")
    ),
    "bert": ("tokenizer", "key_value_heads", "decoder_layers", "positions", "block")
    + ("copy_head", "coverage", *_LIMITS),
}
"""Settings that an architecture does not read."""


def _fill(settings: Any, **values: Any) -> None:
    """Set what follows from other settings, while an instance is made."""
    for name, value in values.items():
        object.__setattr__(settings, name, value)


@dataclass(frozen=True)
class ModelSettings:
    """Settings of the model; 0 means: as the size has it."""

    start: str = ""
    """Model folder to go on from ("starter" for the one in the package), which brings
    all settings below; "" = new."""
    architecture: Literal[
        "", "encoder-decoder", "decoder-only", "lstm", "gru", "rnn", "bert"
    ] = ""
    """Transformer with an encoder, a decoder that goes on from its source, or recurrent
    encoder and decoder (docs/models.md); a bert, which reads, for --task extract; "" =
    bert for that task, else encoder-decoder."""
    size: str = "small"
    """Named size: tiny, mini, small, base or article; for bert: tiny, mini, small,
    minilm, medium or base."""
    vocabulary_size: int = 30_000
    """Word pieces of the tokenizer."""
    tokenizer: Literal["bpe", "unigram"] = "bpe"
    """How the word pieces are learned: merged pairs, or the likeliest cuts; a bert has
    its own."""
    width: int = 0
    """Size of the states."""
    heads: int = 0
    """Attention heads."""
    key_value_heads: int = 0
    """Of a decoder-only model: heads of keys and values, a divisor of heads; 0 = as
    many."""
    feed_forward: int = 0
    """Size between the feed-forward layers."""
    encoder_layers: int = 0
    """Encoder blocks or bidirectional layers; a decoder-only model has none."""
    decoder_layers: int = 0
    """Decoder blocks or recurrent layers."""
    positions: Literal["sinusoidal", "learned", "rotary"] = "sinusoidal"
    """How an encoder-decoder knows the place of a token."""
    block: Literal["llama", "gpt2"] = "llama"
    """Of a decoder-only model: rotary positions, RMSNorm and SwiGLU, or learned
    positions, LayerNorm and GELU."""
    copy_head: bool = True
    """Whether the model can copy words of the source; a decoder-only one cannot."""
    coverage: bool = False
    """Whether the attention of lstm, gru or rnn remembers where it looked."""
    max_source: int = 0
    """Longest source in tokens, what is longer is cut; 0 = as the task has it."""
    max_target: int = 0
    """Longest text in actions, the end among them; 0 = as the task has it."""

    def __post_init__(self) -> None:
        """Check the ranges, and that there can be such a model once it is known."""
        check_ranges(
            self,
            vocabulary_size=">= 1",
            **dict.fromkeys((*_SIZES, *_LIMITS), ">= 0"),
        )
        given = {
            name: f"model.{name}={value!r}" for name, value in changed(self).items()
        }
        given.pop("start", None)
        if self.start and given:
            raise ConfigError(
                f"model.start brings its own sizes and limits. Received: model.start="
                f"{self.start} and {', '.join(given.values())}. Leave one or the other "
                "out."
            )
        if not self.architecture:
            return
        self._refuse_idle(given)
        if self.architecture == "bert":
            sized_bert_config(self)
        else:
            named_config(self.size, **self.changes)

    def _refuse_idle(self, given: dict[str, str]) -> None:
        """Refuse what the architecture does not read."""
        idle = {
            name: text
            for name, text in given.items()
            if name in _IDLE[self.architecture]
        }
        if idle:
            readers = [
                kind for kind, names in _IDLE.items() if not set(idle) & set(names)
            ]
            advice = f", or set model.architecture={readers[0]}" if readers else ""
            raise ConfigError(
                f"The architecture {self.architecture} reads no such setting. Received:"
                f" {', '.join(idle.values())}. Leave it out{advice}."
            )

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the named size, as `named_config` takes it."""
        names = (*_SIZES, *_LIMITS)
        changes = {name: value for name in names if (value := getattr(self, name))}
        changes |= {} if self.copy_head else {"copy": False}
        for name in ("architecture", "positions", "block", "coverage"):
            changes[name] = getattr(self, name)
        return changes


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `nutgraf train`."""

    out: str = "runs/train"
    """Run folder; an interrupted run in it is resumed."""
    task: TaskName = "summarize"
    """What is written; fields, limits and validation metrics follow from it."""
    data: DataSettings = field(default_factory=DataSettings)
    """Where the rows come from."""
    model: ModelSettings = field(default_factory=ModelSettings)
    """The model."""
    training: SupervisedSettings = field(default_factory=SupervisedSettings)
    """The training."""
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    """What is changed in the sources of training rows."""
    windows: WindowSettings = field(default_factory=WindowSettings)
    """For --task extract: how texts are read."""
    tokens_per_batch: int = 8192
    """Source and target tokens of a batch, padding counted."""
    num_shapes: int = 4
    """At most so many batch shapes are compiled."""
    sample_rows: int = 200
    """Validation rows whose greedy texts are scored at each validation; 0 = none."""
    mixed_precision: bool = False
    """Compute in bfloat16, keep weights in float32: for GPUs and TPUs."""
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
        task = task_of(self.task)
        _fill(self, data=task.data(self.data))
        self.data.require("train", "valid")
        if self.task == "extract":
            self._check_extract()
        elif self.model.architecture == "bert" or self.windows != WindowSettings():
            given = f"model.architecture={self.model.architecture or repr('')}"
            raise ConfigError(
                "A bert and its windows are for the task extract. Received: "
                f"{given} and {self.windows} for the task {self.task}. Leave them out, "
                "or set `--task extract`."
            )
        elif not self.model.start:
            model = replace(
                self.model,
                architecture=self.model.architecture or "encoder-decoder",
                max_source=self.model.max_source or task.max_source,
                max_target=self.model.max_target or task.max_target,
            )
            _fill(self, model=model)
            self.check_room(self.model.max_source, self.model.max_target)

    def _check_extract(self) -> None:
        """Make the model a BERT; refuse what moves the places of answers."""
        kind = self.model.architecture
        if kind not in ("bert", ""):
            raise ConfigError(
                "model.architecture must be bert for the task extract. Received: "
                f"model.architecture={kind}. Leave it out, or take `--task answer`, "
                "which writes answers."
            )
        if self.augment.active:
            raise ConfigError(
                "augment must be left out for the task extract: it moves the answers. "
                f"Received: {self.augment}. Leave it out."
            )
        if not self.model.start:
            _fill(self, model=replace(self.model, architecture="bert"))
        self.check_room(self.windows.length, 0)

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
            parts = "model.max_source + model.max_target"
            parts = "windows.length" if self.task == "extract" else parts
            raise ConfigError(
                f"tokens_per_batch must be at least {least}, {parts}. Received: "
                f"{self.tokens_per_batch}. Raise it, or lower these."
            )


@dataclass(frozen=True)
class RewardSettings:
    """What a text is rewarded for: a weighted sum of parts."""

    parts: tuple[str, ...] = ()
    """Rewards as name=weight, with options in parentheses (docs/rewards.md lists them);
    file.py:function=weight for one of your own; put together by sum, product,
    threshold, clipped, normalized, annealed, as in "clipped(rouge1, low=0,
    high=0.5)=1"; random alone is the control arm; none = those of the task
    (docs/tasks.md)."""
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
    task: TaskName = "summarize"
    """What is written; fields, reward and the guard's metrics follow from it."""
    data: DataSettings = field(default_factory=DataSettings)
    """Where the prompts and references come from."""
    reward: RewardSettings = field(default_factory=RewardSettings)
    """The reward."""
    rl: RLSettings = field(default_factory=RLSettings)
    """The updates."""
    guard: GuardSettings = field(default_factory=GuardSettings)
    """The guard against reward hacking (docs/guard.md)."""
    mixed_precision: bool = False
    """Compute in bfloat16, keep weights in float32: for GPUs and TPUs."""
    max_minutes: float = 0.0
    """Stop, ready to resume, after so many minutes; 0 = no limit."""

    def __post_init__(self) -> None:
        """Check the ranges, and that a file is named."""
        check_ranges(self, max_minutes=">= 0")
        task = task_of(self.task)
        _fill(self, data=task.data(self.data))
        self.data.require("train")
        if self.task == "extract":
            if self.start == ImproveSettings.start:
                raise ConfigError(
                    "start must be a model that finds answers for the task extract. "
                    f"Received: {self.start}. Give what `nutgraf train --task extract` "
                    "wrote as `best`."
                )
            if self.rl.length not in (RLSettings.length, task.max_target):
                raise ConfigError(
                    f"rl.length must be {task.max_target} for the task extract: start, "
                    f"end and the end action. Received: rl.length={self.rl.length}. "
                    "Leave it out; windows.answer of `nutgraf train` limits answers."
                )
            _fill(self, rl=replace(self.rl, length=task.max_target))
        if not self.reward.parts:
            _fill(self, reward=replace(self.reward, parts=task.reward))
        if not self.guard.metrics:
            _fill(self, guard=replace(self.guard, metrics=task.watched))


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
