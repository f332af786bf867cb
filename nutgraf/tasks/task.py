"""What a task is: the names of its fields, its scores, baselines and reward."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nutgraf.data.files import Fields
from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings
from nutgraf.errors import ConfigError
from nutgraf.metrics.overlap import length_ratio, repetition
from nutgraf.metrics.statistics import Statistics, mean_of, ratio_of
from nutgraf.text.words import WordKind

__all__ = ["Scored", "Task", "style_of"]


class Scored(NamedTuple):
    """The scores of texts.

    Attributes:
        statistics: metric -> its numbers, for each of the task's metrics.
        signature: the settings behind the scores, to be printed beside them.
    """

    statistics: dict[str, Statistics]
    signature: str


def style_of(
    texts: Sequence[str], rows: Sequence[Row], words: WordKind
) -> dict[str, Statistics]:
    """Count what every task looks at: length and repetition.

    Args:
        texts: one per row.
        rows: the rows, each with a reference.
        words: "english" or "cjk".

    Returns:
        `length_ratio`, all words over all words of the first references, and
        `repetition`, the share of bigrams said before, 0-100.
    """
    lengths = length_ratio(texts, [row.references for row in rows], words)
    return {
        "length_ratio": ratio_of(lengths.predicted, lengths.wanted),
        "repetition": mean_of(repetition(texts, 2, words)),
    }


@dataclass(frozen=True)
class Task:
    """A kind of text to write.

    Attributes:
        name: as typed after `--task`.
        fields: of a file's records, unless told otherwise.
        score: `(rows, texts, words) -> Scored`.
        baselines: `(rows, words) -> name -> texts`, what needs no model.
        main: the metric that decides.
        validation: metrics of the greedy texts at each validation of a training.
        reward: default parts of the reward, see docs/rewards.md.
        watched: default metrics of the guard, those in the reward left out there.
        max_source: default limit of the source, in tokens.
        max_target: default limit of the text, in actions.
        sources: sources of rows that have this task's rows.
    """

    name: str
    fields: Fields
    score: Callable[[Sequence[Row], Sequence[str], WordKind], Scored]
    baselines: Callable[[Sequence[Row], WordKind], dict[str, list[str]]]
    main: str
    validation: tuple[str, ...]
    reward: tuple[str, ...]
    watched: tuple[str, ...]
    max_source: int
    max_target: int
    sources: tuple[str, ...] = ("files",)

    def data(self, settings: DataSettings) -> DataSettings:
        """Name the fields of the rows where the settings do not.

        Args:
            settings: where the rows come from.

        Returns:
            The settings, the names of fields filled in for a source that is files.

        Raises:
            ConfigError: the source has no rows of this task, or a question is named
                for a task without questions.
        """
        if settings.source not in self.sources:
            raise ConfigError(
                f"data.source must be {' or '.join(self.sources)} for the task "
                f"{self.name}. Received: {settings.source}. Add `--data.source files` "
                "and name the files."
            )
        if settings.question_field and self.fields.question is None:
            raise ConfigError(
                f"data.question_field must be left out for the task {self.name}. "
                f"Received: data.question_field={settings.question_field!r}. Set "
                "`--task answer`, or leave it out."
            )
        if settings.source != "files":
            return settings
        return dataclasses.replace(
            settings,
            source_field=settings.source_field or self.fields.source,
            target_field=settings.target_field or self.fields.target or "",
            question_field=settings.question_field or self.fields.question or "",
        )
