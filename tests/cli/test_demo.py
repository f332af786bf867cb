import subprocess
import sys

import pytest

from nutgraf.cli import demo
from nutgraf.errors import ConfigError
from tests.recipes.test_demo_report import shown_rows, toy_result


@pytest.fixture(scope="module")
def result():
    return toy_result()


@pytest.fixture
def seen(result, monkeypatch):
    """Settings that reach the recipe, which is not run."""
    seen = []

    def fake(settings, report):
        seen.append(settings)
        report("working")
        return result

    monkeypatch.setattr("nutgraf.recipes.demo.demo", fake)
    return seen


def test_shows_samples_table_and_files(seen, result, capsys):
    assert demo.run(["--out", "somewhere", "--minutes", "3", "--seed", "1"]) == 0
    assert (seen[0].out, seen[0].minutes, seen[0].seed) == ("somewhere", 3.0, 1)
    text = capsys.readouterr().out
    assert text.startswith("working\n")
    for index in shown_rows(result):
        assert f"\n{result.rows[index].id}\n" in text
        assert f"  RL          {result.texts['RL'][index]}\n" in text
    assert "ROUGE-Lsum" in text
    assert result.rl.signature.split("|")[0] in text
    assert "somewhere/report.html" in text
    assert "somewhere/result.json: the same as numbers; 12 s in all" in text


def test_no_time_is_refused(seen):
    with pytest.raises(ConfigError, match="minutes must be a number > 0"):
        demo.run(["--minutes", "0"])
    assert seen == []


def test_help_loads_no_framework():
    code = (
        "import sys; from nutgraf.cli.main import main; main(['demo', '--help']);"
        "sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--minutes" in done.stdout
