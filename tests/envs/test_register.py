import subprocess
import sys

import gymnasium
import pytest

from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings
from nutgraf.envs.register import NAMES
from nutgraf.envs.text_generation import TextGenerationEnv
from nutgraf.envs.vector import TextGenerationVectorEnv
from nutgraf.errors import ConfigError

NAME = NAMES["summarize"]


def test_make_and_make_vec_find_it(codec, rows, reward):
    given = {"rows": rows, "codec": codec, "reward": reward}
    env = gymnasium.make(NAME, **given, shaped=True)
    assert isinstance(env.unwrapped, TextGenerationEnv)
    assert env.spec.id == NAME
    env.reset(seed=0)
    envs = gymnasium.make_vec(NAME, num_envs=3, **given, length=4)
    assert isinstance(envs.unwrapped, TextGenerationVectorEnv)
    assert envs.reset(seed=0)[0]["actions"].shape == (3, 4)


def test_without_rows_it_reads_docstrings_and_the_starter_codec(rows, monkeypatch):
    asked = []

    def load(settings, split):
        asked.append((settings, split))
        return iter(rows)

    monkeypatch.setattr("nutgraf.data.sources.load_split", load)
    env = gymnasium.make(NAME)
    seen, _ = env.reset(seed=0)
    assert asked == [(DataSettings(source="docstrings"), "train")]
    assert seen["source"].shape == (128,) and seen["actions"].shape == (32,)
    assert env.action_space.n == 8000


@pytest.mark.parametrize(
    ("task", "right", "reward"),
    [("translate", "ein Hund", 1.0), ("answer", "Ein Hund!", 1.0)],
)
def test_each_task_has_its_environment_and_its_reward(task, right, reward, codec):
    rows = [Row("1", "a dog", ("ein Hund",))]
    envs = gymnasium.make_vec(NAMES[task], num_envs=2, rows=rows, codec=codec)
    env = gymnasium.make(NAMES[task], rows=rows, codec=codec).unwrapped
    found = env._episodes.reward(["a dog"], [right], [rows[0].references])
    assert found == [pytest.approx(reward)]
    assert envs.reset(seed=0)[0]["actions"].shape[0] == 2
    with pytest.raises(ConfigError, match=f"given for the task {task}"):
        gymnasium.make(NAMES[task])


@pytest.mark.parametrize("task", list(NAMES))
@pytest.mark.parametrize("reference", ["the dogs run", "今天天气好"])
def test_a_text_like_its_reference_earns_most_in_any_script(task, reference, codec):
    rows = [Row("1", reference, (reference,))]
    env = gymnasium.make(NAMES[task], rows=rows, codec=codec).unwrapped
    texts = [reference, "zzz"]
    found = env._episodes.reward(texts, texts, [rows[0].references] * 2)
    assert found[0] == pytest.approx(1.0) and found[1] <= 0


def test_the_name_alone_loads_the_module_and_no_framework():
    name = f"nutgraf.envs.register:{NAME}"
    code = (
        "import sys, gymnasium\n"
        f"try:\n    gymnasium.make({name!r}, rows=[])\n"
        "except Exception as error:\n    assert 'at least one row' in str(error)\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
