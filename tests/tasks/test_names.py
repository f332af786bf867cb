from typing import get_args

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.rewards.parse import parse_parts
from nutgraf.rl.watch import unoptimised
from nutgraf.tasks.names import TASKS, TaskName, task_of

ROWS = [Row("1", "Who sat?\nA cat sat.", ("a cat sat", "the cat"))]


def test_every_name_is_a_task():
    assert tuple(TASKS) == get_args(TaskName)
    assert all(task_of(name).name == name for name in TASKS)
    with pytest.raises(
        ConfigError, match="translate, answer, extract. Received: 'chat'"
    ):
        task_of("chat")


@pytest.mark.parametrize("words", ["english", "cjk"])
@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_names_is_there(name, words):
    task = TASKS[name]
    scored = task.score(ROWS, ["a cat sat"], words)
    assert {task.main, *task.validation} <= set(scored.statistics)
    assert scored.statistics[task.main].total == pytest.approx(100)
    assert f"version:{'2.' if name == 'translate' else '0.'}" in scored.signature
    for texts in task.baselines(ROWS, words).values():
        assert len(texts) == 1 and task.score(ROWS, texts, words)
    reward = parse_parts(task.reward, words)
    (value,) = reward([ROWS[0].document], ["a cat sat"], [ROWS[0].references])
    assert value == pytest.approx(1.0)
    left = unoptimised(task.watched, words, reward)
    assert 0 < len(left) < len(task.watched)  # what is paid for is not watched
