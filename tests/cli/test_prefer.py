import subprocess
import sys

import pytest

from nutgraf.cli import prefer
from nutgraf.cli.main import main
from nutgraf.recipes.pair_settings import PreferSettings
from tests.cli.test_reward_model import flags_of
from tests.recipes.test_pair_run import toy_settings


@pytest.fixture
def flags(tmp_path):
    return flags_of(toy_settings(PreferSettings, tmp_path))


def test_a_config_and_a_file_of_pairs_make_a_run(flags, tmp_path, capsys):
    config = tmp_path / "prefer.toml"
    config.write_text('loss = "ipo"\nbeta = 0.5\n[training]\nwarmup = 1\n')
    assert prefer.run([*flags, "--config", str(config)]) == 0
    printed = capsys.readouterr()
    assert f"model in {tmp_path / 'run' / 'best'}; accuracy" in printed.out
    assert "pairs 2/2 loss" in printed.err and "KL 0.0" in printed.err


def test_mistakes_are_told_without_a_traceback(flags, tmp_path, capsys):
    for wrong, message in (
        (["--beta", "0"], "beta=0"),
        (["--loss", "kto"], '--loss must be one of "dpo", "ipo"'),
        (["--loss", "ipo", "--label_smoothing", "0.1"], "label_smoothing=0.1"),
    ):
        assert main(["prefer", *flags, *wrong]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and message in error
    assert not (tmp_path / "run").exists()


def test_help_loads_no_framework():
    code = (
        "import sys; from nutgraf.cli.main import main; main(['prefer', '--help']);"
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--label_smoothing" in done.stdout
