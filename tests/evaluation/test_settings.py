import subprocess
import sys

import pytest

from nutgraf.errors import ConfigError
from nutgraf.evaluation.settings import EvaluateSettings


def test_the_name_tells_what_is_evaluated():
    assert EvaluateSettings().name == "starter"
    assert EvaluateSettings(model="runs/a", beams=4).name == "runs/a, beam 4"
    assert EvaluateSettings(predictions="a.jsonl", beams=4).name == "a.jsonl"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beams": 0}, "beams must be an integer >= 1. Received: beams=0"),
        ({"lead": -1}, "lead must be an integer >= 0. Received: lead=-1"),
        ({"length_penalty": float("nan")}, "length_penalty must be a number >= 0"),
        (
            {"model": "runs/a", "predictions": "b.jsonl"},
            "model=runs/a and --predictions b.jsonl. Leave one out",
        ),
        ({"best_of": 8}, r"a reward that chooses. Received: best_of=8, reward=\[\]"),
        ({"reward": ("coverage",)}, "best_of must be at least 2.*best_of=0"),
        (
            {"best_of": 8, "reward": ("coverage",), "beams": 4},
            "best_of=8, beams=4, .*Leave all but one out",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        EvaluateSettings(**wrong)


@pytest.mark.parametrize("command", ["train", "evaluate", "compare"])
def test_help_loads_no_framework(command):
    code = (
        "import sys\n"
        "from nutgraf.cli.main import main\n"
        f"code = main(['{command}', '--help'])\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"usage: nutgraf {command}" in done.stdout
    assert done.stdout.endswith("[]\n")
