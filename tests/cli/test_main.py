from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest

from nutgraf import __version__
from nutgraf.cli.main import COMMANDS, main
from nutgraf.errors import DataError


@pytest.fixture
def command(monkeypatch):
    """Replace the command `demo` by a function."""

    def replace(run):
        module = SimpleNamespace(run=run)
        monkeypatch.setitem(sys.modules, "nutgraf.cli.demo", module)

    return replace


def raising(error):
    def run(argv):
        raise error

    return run


def test_every_command_has_its_file():
    names = [name.replace("-", "_") for name in COMMANDS]
    absent = [n for n in names if not importlib.util.find_spec(f"nutgraf.cli.{n}")]
    assert absent == []


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_the_commands(argv, capsys):
    assert main(argv) == 0
    text = capsys.readouterr().out
    for name, line in COMMANDS.items():
        assert f"  {name} " in text
        assert line in text


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nutgraf {__version__}\n"


def test_unknown_command_names_the_nearest(capsys):
    assert main(["trian"]) == 2
    text = capsys.readouterr().err
    assert "Received: 'trian'. Did you mean `train`?" in text


def test_the_command_gets_its_arguments_and_gives_the_code(command):
    seen = []
    command(lambda argv: seen.append(argv) or 1)
    assert main(["demo", "--seed", "1"]) == 1
    assert seen == [["--seed", "1"]]


def test_mistakes_are_shown_without_traceback(command, capsys):
    command(raising(DataError("a.jsonl:3: no text.")))
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == "error: a.jsonl:3: no text.\n"


@pytest.mark.parametrize("argv", [["demo", "--debug"], ["--debug", "demo"]])
def test_debug_shows_the_traceback(argv, command, capsys):
    command(raising(DataError("no text.")))
    assert main(argv) == 2
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("error: no text.\n")


def test_our_own_faults_are_not_hidden(command):
    command(raising(KeyError("bug")))
    with pytest.raises(KeyError):
        main(["demo"])


def test_interruption_says_what_is_kept(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert main(["demo"]) == 130
    assert "Kept: everything up to the last checkpoint" in capsys.readouterr().err


def test_help_of_a_command_ends_with_zero(capsys):
    assert main(["doctor", "--help"]) == 0
    assert "nutgraf doctor" in capsys.readouterr().out


def test_a_reader_that_leaves_is_no_error():
    code = (
        "import sys, types\n"
        "module = types.SimpleNamespace(run=lambda argv: print('x' * 10**6) or 0)\n"
        "sys.modules['nutgraf.cli.demo'] = module\n"
        "from nutgraf.cli.main import main\n"
        "sys.exit(main(['demo']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 141
