"""The tasks by their names."""

from __future__ import annotations

from typing import Literal, TypeAlias

from nutgraf.errors import ConfigError
from nutgraf.tasks.answer import ANSWER
from nutgraf.tasks.extract import EXTRACT
from nutgraf.tasks.summarize import SUMMARIZE
from nutgraf.tasks.task import Task
from nutgraf.tasks.translate import TRANSLATE

__all__ = ["TASKS", "TaskName", "task_of"]

TaskName: TypeAlias = Literal["summarize", "translate", "answer", "extract"]

TASKS: dict[str, Task] = {
    task.name: task for task in (SUMMARIZE, TRANSLATE, ANSWER, EXTRACT)
}


def task_of(name: str) -> Task:
    """Return a task by its name.

    Args:
        name: one of `TASKS`.

    Returns:
        The task.

    Raises:
        ConfigError: the name is unknown.

    Example:
        >>> task_of("translate").main
        'chrf'
    """
    if name not in TASKS:
        raise ConfigError(
            f"task must be one of {', '.join(TASKS)}. Received: {name!r}. Leave it out "
            "for summarize."
        )
    return TASKS[name]
