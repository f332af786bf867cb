"""A user's function from a file: what it gets, how it travels, what is told."""

import pickle
import subprocess
import sys

import pytest

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, RunError
from nutgraf.rewards.base import score_completions
from nutgraf.rewards.calls import name_of
from nutgraf.rewards.function import FunctionReward, function_reward

SOURCE = '''
from dataclasses import dataclass

from neighbour import FACTOR


@dataclass
class Score:
    value: float


def short(completions):
    """Only what it needs."""
    return [Score(-FACTOR * len(text)).value for text in completions]


def everything(rows, references, completions, prompts, bonus=0.5):
    """In another order, with a default."""
    return [
        bonus + len(row.id) + len(wanted) + len(text) + len(prompt)
        for row, wanted, text, prompt in zip(rows, references, completions, prompts)
    ]


def loose(completions, *rest, **more):
    return [0.0 for _ in completions]


def single(prompt, completion):
    return 1.0


def sources(prompts):
    return [0.0 for _ in prompts]


def broken(completions):
    return [1 / len(text) for text in completions]


class Judge:
    def __call__(self, completions):
        return [1.0 for _ in completions]


judge = Judge()
text = "no function"
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "neighbour.py").write_text("FACTOR = 2\n")
    (tmp_path / "my_reward.py").write_text(SOURCE)
    return tmp_path


def load(folder, name):
    return function_reward(f"{folder / 'my_reward.py'}:{name}")


def test_parameters_are_given_by_name(folder):
    assert load(folder, "short")(["p"], ["abc"], [[]]) == [-6.0]
    rows = [Row("id", "")]
    found = load(folder, "everything")(["pp"], ["abc"], [["x"]], rows)
    assert found == [0.5 + 2 + 1 + 3 + 2]
    assert load(folder, "loose")(["p"], ["a"], [[]]) == [0.0]
    assert load(folder, "judge")(["p"], ["a"], [[]]) == [1.0]


def test_the_path_is_that_of_the_current_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    reward = function_reward("my_reward.py:short")
    monkeypatch.chdir("/")
    assert reward(["p"], ["a"], [[]]) == [-2.0]
    assert reward == FunctionReward(str(folder / "my_reward.py"), "short")


def test_it_is_called_by_its_name(folder):
    reward = load(folder, "broken")
    assert name_of(reward) == "broken"
    with pytest.raises(RunError) as caught:
        score_completions(reward, ["p"] * 2, ["a", ""], [[]] * 2)
    message = str(caught.value)
    assert "the reward broken must not raise. Received: ZeroDivisionError" in message
    assert "(my_reward.py:" in message and "sample 1, text ''" in message


def test_it_travels_as_path_and_name(folder, tmp_path):
    reward = load(folder, "short")
    (tmp_path / "reward.pickle").write_bytes(pickle.dumps(reward))
    assert pickle.loads(pickle.dumps(reward)) == reward
    program = (
        "import pickle, pathlib, sys\n"
        "reward = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print(reward(['p'], ['abc'], [[]]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "reward.pickle")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[-6]"


def test_the_search_path_is_left_as_it_was(folder):
    before = list(sys.path)
    load(folder, "short")
    assert sys.path == before


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("my_reward.py", "file.py:function. Received: 'my_reward.py'"),
        (":short", "file.py:function"),
        ("my_reward.py:2x", "file.py:function"),
        ("my_rewards.py:short", "which does not exist. Did you mean `my_reward.py`"),
        ("nowhere/x.py:short", "nowhere/x.py, which does not exist. Check the path"),
        ("notes.txt:short", "ends in .py. Received: .*notes.txt"),
        ("my_reward.py:shorts", "'shorts' of .*is not there. Did you mean `short`"),
        ("my_reward.py:text", "'text' of .*is no function. Known are: short, every"),
        ("empty.py:score", "'score' of .*is not there. The file has no function"),
        ("my_reward.py:single", r"completions`.*:single\(prompt, completion\). Rename"),
        ("my_reward.py:sources", r"must take `completions`.*:sources\(prompts\)"),
        ("bad.py:score", r"without an error. Received: SyntaxError: .*bad.py. Mend"),
        ("raises.py:score", r"Received: KeyError: 'x' \(raises.py:2\) in .*raises.py"),
    ],
)
def test_mistakes_are_named(folder, monkeypatch, spec, message):
    (folder / "bad.py").write_text("def score(:\n")
    (folder / "raises.py").write_text("\n{}['x']\n")
    (folder / "empty.py").write_text("")
    (folder / "notes.txt").write_text("")
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigError, match=message):
        function_reward(spec)
