import json
import subprocess
import sys

import pytest

from nutgraf.cli import init, rl
from nutgraf.cli.main import main
from nutgraf.training.log import read_metrics
from tests.recipes.test_improve import toy_run


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """The config that `nutgraf init rl` writes, and flags that make it a toy run."""
    folder = tmp_path_factory.mktemp("rl")
    settings = toy_run(folder)
    file = folder / "rl.toml"
    init.run(["rl", str(file)])
    flags = ["--data.source", "files", "--data.train", settings.data.train]
    flags += ["--start", settings.start, "--rl.updates", "2", "--rl.prompts", "4"]
    flags += ["--rl.samples", "4", "--rl.length", "8", "--rl.source_bounds", "48"]
    return [str(file), *flags]


def test_a_config_and_flags_make_a_run(config, tmp_path, capsys):
    flags = ["--out", str(tmp_path / "run"), "--reward.parts", "random"]
    assert rl.run([*config, *flags]) == 0
    printed = capsys.readouterr()
    assert "finished at update 2; model in" in printed.out
    assert "grpo 2/2 reward" in printed.err  # the live display, on a pipe
    records = read_metrics(tmp_path / "run")
    assert [record["reward/random"] == record["reward/mean"] for record in records] == [
        True,
        True,
    ]
    card = json.loads((tmp_path / "run" / "run.json").read_text())
    assert card["settings"]["reward"]["parts"] == ["random"]


def test_mistakes_are_told_without_a_traceback(config, tmp_path, capsys):
    out = ["--out", str(tmp_path / "run")]
    assert main(["rl", *config, *out, "--algorithm", "trpo"]) == 2
    assert '--algorithm must be one of "grpo", "dr-grpo"' in (capsys.readouterr().err)
    assert main(["rl", *config, *out, "--start", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: A model is a folder")
    assert "Traceback" not in error
    nowhere = f"learned:{tmp_path / 'none'}"
    assert main(["rl", *config, *out, "--reward.parts", nowhere]) == 2
    error = capsys.readouterr().err
    assert f"{tmp_path / 'none'}, which is no folder" in error
    assert "that `nutgraf reward-model` wrote" in error
    assert not (tmp_path / "run").exists()


def test_help_loads_no_framework():
    code = (
        "import sys; from nutgraf.cli.main import main; main(['rl', '--help']);"
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--reward.parts" in done.stdout
    assert "nutgraf rl news-rl.toml --guard.on return" in done.stdout
