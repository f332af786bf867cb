"""The names for `gymnasium.make`, one for each task; importing this registers them.

Gymnasium 1.0 and later look for no plug-ins by themselves, so the module is named with
the environment: `gymnasium.make("nutgraf.envs.register:nutgraf/Summarize-v0")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Reward

__all__ = ["NAMES", "make_text", "make_text_vector"]

LENGTH = 32
"""Most actions of a text, unless told."""


def _rows(task: str) -> list[Row]:
    """The rows of a task that are on every machine."""
    from nutgraf.data.sources import DataSettings, load_split

    if task != "summarize":
        raise ConfigError(
            f"rows must be given for the task {task}. Received: none. Read some by "
            "`nutgraf.read_rows`."
        )
    return list(load_split(DataSettings(source="docstrings"), "train"))


def _reward(task: str, rows: Sequence[Row]) -> Reward:
    """ROUGE for summaries; for the others what they are trained for."""
    from nutgraf.rewards.parse import parse_parts
    from nutgraf.rewards.rouge import RougeReward
    from nutgraf.tasks.names import task_of
    from nutgraf.text.words import word_kind

    words = word_kind([text for row in rows[:100] for text in row.references])
    if task == "summarize":
        return RougeReward(words=words)
    return parse_parts(task_of(task).reward, words)


def _given(
    task: str, rows: Sequence[Row] | None, codec: Any, reward: Reward | None
) -> Any:
    """Fill in what was left out: rows, the starter's codec, the task's reward."""
    from nutgraf.models.checkpoint import starter_folder
    from nutgraf.models.codec import TextCodec
    from nutgraf.text.tokenizer import Tokenizer

    rows = _rows(task) if rows is None else rows
    codec = codec or TextCodec(Tokenizer.load(starter_folder()), 128, LENGTH)
    return rows, codec, reward or _reward(task, rows)


def make_text(
    rows: Sequence[Row] | None = None,
    codec: Any = None,
    reward: Reward | None = None,
    task: str = "summarize",
    **settings: Any,
) -> Any:
    """Make the environment of a task.

    Args:
        rows: sources with references; for summaries by default the docstrings of the
            installed packages (which takes a minute the first time).
        codec: a `TextCodec`; by default that of the starter model.
        reward: by default the mean of ROUGE-1, 2 and L for summaries, else the reward
            that the task is trained for (docs/tasks.md).
        task: "summarize", "translate" or "answer"; the name of the environment sets it.
        **settings: `length`, `chunk`, `shaped` of `TextGenerationEnv`.

    Returns:
        A `TextGenerationEnv`.

    Raises:
        ConfigError: there are no rows, and the task has none of its own.
    """
    from nutgraf.envs.text_generation import TextGenerationEnv

    return TextGenerationEnv(*_given(task, rows, codec, reward), **settings)


def make_text_vector(
    num_envs: int = 1,
    rows: Sequence[Row] | None = None,
    codec: Any = None,
    reward: Reward | None = None,
    task: str = "summarize",
    **settings: Any,
) -> Any:
    """Make the vector version of the environment of a task.

    Args:
        num_envs: texts that are written side by side.
        rows: as of `make_text`.
        codec: as of `make_text`.
        reward: as of `make_text`.
        task: as of `make_text`.
        **settings: as of `make_text`.

    Returns:
        A `TextGenerationVectorEnv`.

    Raises:
        ConfigError: there are no rows, and the task has none of its own.
    """
    from nutgraf.envs.vector import TextGenerationVectorEnv

    given = _given(task, rows, codec, reward)
    return TextGenerationVectorEnv(num_envs, *given, **settings)


NAMES = {
    "summarize": "nutgraf/Summarize-v0",
    "translate": "nutgraf/Translate-v0",
    "answer": "nutgraf/Answer-v0",
}
"""Task -> name of its environment."""

for _task, _name in NAMES.items():
    if _name not in gymnasium.registry:
        gymnasium.register(
            _name,
            entry_point=f"{__name__}:make_text",
            vector_entry_point=f"{__name__}:make_text_vector",
            kwargs={"task": _task},
        )
