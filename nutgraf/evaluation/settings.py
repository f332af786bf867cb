"""The settings of `nutgraf evaluate`; they load no framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nutgraf.data.sources import DataSettings
from nutgraf.defaults import changed
from nutgraf.errors import ConfigError
from nutgraf.ranges import check_ranges
from nutgraf.tasks.names import TaskName, task_of

__all__ = ["EvaluateSettings"]

STARTER = "starter"


@dataclass(frozen=True)
class EvaluateSettings:
    """Settings of `nutgraf evaluate`."""

    model: str = STARTER
    """Model folder; "starter" for the one in the package. Needs no flag."""
    task: TaskName = "summarize"
    """What the texts are; fields, metrics and baselines follow from it."""
    data: DataSettings = field(default_factory=DataSettings)
    """Where the rows come from."""
    split: Literal["train", "valid", "test"] = "test"
    """Rows to write and score texts for."""
    beams: int = 1
    """1 = greedy, more = beam search."""
    length_penalty: float = 1.0
    """Of beam search: 0 favours short texts, 1 is nearly neutral, more favours long."""
    min_length: int = 0
    """Least word pieces of a text."""
    no_repeat_ngram: int = 0
    """No n-gram of this size occurs twice in a text; 0 = off."""
    best_of: int = 0
    """Draw so many texts of each row and keep the one that `reward` likes best."""
    reward: tuple[str, ...] = ()
    """With best_of: rewards as name=weight that need no reference (docs/rewards.md)."""
    no_answer: bool = False
    """For extract: the answer may be that the text has none."""
    threshold: float = 0.0
    """With no_answer: an answer must be so many nats likelier than none."""
    lead: int = 0
    """For summaries: add the first so many sentences as a baseline; 3 is usual for
    news; 0 = none."""
    oracle: bool = False
    """For summaries: add the sentences of the document that suit the reference best, a
    ceiling."""
    out: str = ""
    """Folder for evaluation.json and texts.jsonl, perhaps a run folder; "" = none."""
    predictions: str = ""
    """Score the field `text` of this jsonl file instead of a model; `id` matches."""

    def __post_init__(self) -> None:
        """Check the ranges, that rows are named, and that one thing is evaluated."""
        counts = "lead", "best_of", "min_length", "no_repeat_ngram"
        check_ranges(
            self, beams=">= 1", **dict.fromkeys((*counts, "length_penalty"), ">= 0")
        )
        object.__setattr__(self, "data", task_of(self.task).data(self.data))
        self.data.require(self.split)
        if self.task != "summarize" and (self.lead or self.oracle):
            raise ConfigError(
                "lead and oracle must be left out: they are baselines of summaries. "
                f"Received: lead={self.lead}, oracle={self.oracle} for the task "
                f"{self.task}. It has a baseline of its own."
            )
        if bool(self.best_of) != bool(self.reward) or self.best_of == 1:
            raise ConfigError(
                "best_of must be at least 2 and have a reward that chooses. Received: "
                f"best_of={self.best_of}, reward={list(self.reward)}. For example: "
                "--best_of 8 --reward coverage=1 repetition=1."
            )
        if self.best_of and (self.beams > 1 or self.predictions):
            raise ConfigError(
                "Texts are found by beam search, or are the best of samples, or are "
                f"read. Received: best_of={self.best_of}, beams={self.beams}, "
                f"predictions={self.predictions!r}. Leave all but one out."
            )
        self._check_extract()
        if self.predictions and self.model != STARTER:
            raise ConfigError(
                "Either a model or --predictions is scored. Received: "
                f"model={self.model} and --predictions {self.predictions}. Leave one "
                "out."
            )

    def _check_extract(self) -> None:
        """Refuse what a model that finds answers does not read, or it alone reads."""
        names = {
            True: ("beams", "best_of", "length_penalty", "min_length")
            + ("no_repeat_ngram",),
            False: ("no_answer", "threshold"),
        }[self.task == "extract"]
        idle = [f"{name}={value}" for name, value in changed(self, *names).items()]
        if idle:
            raise ConfigError(
                f"The task {self.task} reads no such setting. Received: "
                f"{', '.join(idle)}. Leave it out."
            )
        if self.task == "extract" and not self.predictions and self.model == STARTER:
            raise ConfigError(
                "model must be one that finds answers for the task extract. Received: "
                f"{self.model}. Give what `nutgraf train --task extract` wrote."
            )

    @property
    def name(self) -> str:
        """Name of what is evaluated, for tables."""
        if self.predictions:
            return self.predictions
        if self.best_of:
            return f"{self.model}, best of {self.best_of}"
        return f"{self.model}, beam {self.beams}" if self.beams > 1 else self.model
