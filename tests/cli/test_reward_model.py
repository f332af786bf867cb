import gzip
import json
import subprocess
import sys

import pytest

from nutgraf.cli import reward_model
from nutgraf.cli.main import main
from nutgraf.recipes.pair_settings import RewardModelSettings
from nutgraf.training.log import read_metrics
from tests.recipes.test_pair_run import toy_settings


def flags_of(settings):
    """The command line of toy settings."""
    flags = [settings.pairs, "--start", settings.start, "--out", settings.out]
    flags += ["--folds", "4", "--training.epochs", "1", "--training.prompts", "8"]
    return [*flags, "--training.learning_rate", "5e-3"]


@pytest.fixture
def flags(tmp_path):
    return flags_of(toy_settings(RewardModelSettings, tmp_path))


def test_a_file_of_pairs_makes_a_reward(flags, tmp_path, capsys):
    assert reward_model.run([*flags, "--centring_weight", "0.02"]) == 0
    printed = capsys.readouterr()
    assert "prompts; " in printed.out and "held out" in printed.out
    assert f"model in {tmp_path / 'run' / 'best'}; accuracy" in printed.out
    assert "pairs 2/2 loss 0.6" in printed.err  # the live display, on a pipe
    assert "held out " in printed.err and "tokens/s" in printed.err
    card = json.loads((tmp_path / "run" / "run.json").read_text())
    assert card["settings"]["centring_weight"] == 0.02
    assert "valid/accuracy" in read_metrics(tmp_path / "run")[-1]


def test_mistakes_are_told_without_a_traceback(flags, tmp_path, capsys):
    for wrong, message in (
        (["--folds", "1"], "folds=1"),
        (["--training.epochs", "0"], "[training] epochs must be"),
        (["--human", "fluency"], "human must be left out for a file of pairs"),
        (["--training.epoch", "2"], "Did you mean `--training.epochs`"),
        (["--start", str(tmp_path / "none")], "which is no folder"),
    ):
        assert main(["reward-model", *flags, *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error
        assert "Received: " in error and "Traceback" not in error
    assert main(["reward-model"]) == 2
    assert "`pairs` is needed" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def broken_files(folder):
    """File -> what is said of it."""
    good = json.dumps({"prompt": "p", "chosen": "a", "rejected": "b"}) + "\n"
    files = {
        "empty.jsonl": (b"", "at least one usable row"),
        "json.jsonl": (f'{good}{{"prompt": '.encode(), ":2: broken JSON"),
        "same.jsonl": (good.replace('"b"', '"a"').encode(), ":1: `chosen` and `reje"),
        "torn.jsonl.gz": (gzip.compress(good.encode() * 99)[:-9], "torn.jsonl.gz"),
        "bytes.jsonl": (good.encode() + b"\xff\xfe\n", "bytes.jsonl"),
    }
    for name, (content, message) in files.items():
        (folder / name).write_bytes(content)
        yield str(folder / name), message
    yield str(folder / "absent.jsonl"), "absent.jsonl"


@pytest.mark.parametrize("command", ["reward-model", "prefer"])
def test_pairs_that_cannot_be_read_are_told(command, flags, tmp_path, capsys):
    for path, message in broken_files(tmp_path):
        assert main([command, path, *flags[1:]]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error
        assert "Received: " in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_help_loads_no_framework():
    code = (
        "import sys; from nutgraf.cli.main import main; main(['reward-model', '-h']);"
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--margin_weight" in done.stdout and "nutgraf audit-reward" in done.stdout
