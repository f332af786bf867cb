"""The wheel works where there is no checkout: the program, and the starter it ships."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nutgraf import __version__
from nutgraf.cli.main import COMMANDS
from tests.test_packaging import build_wheel

pytestmark = pytest.mark.slow

TEXT = (
    "Return the path of the folder in which downloaded files are kept. The folder is "
    "made when it does not exist, and it is the same for all programs of a user."
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder that holds the installed wheel and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps"]
    command += ["--target", str(folder), str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def run(site, tmp_path):
    """Run a program of the installed wheel in an empty folder; return its output."""

    def run(*command: str, text: str = "") -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ
            | {"PYTHONPATH": str(site), "NUTGRAF_CACHE": str(tmp_path / "cache")},
            input=text,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def nutgraf(site, run):
    """The program that the wheel installs, after a look at where its code is."""
    where = run(sys.executable, "-c", "import nutgraf; print(nutgraf.__file__)")
    assert Path(where.strip()) == site / "nutgraf" / "__init__.py"
    return lambda *arguments, text="": run(
        sys.executable, str(site / "bin" / "nutgraf"), *arguments, text=text
    )


def test_help_and_version(nutgraf):
    found = nutgraf("--help")
    assert all(f"\n  {name} " in found for name in COMMANDS)
    assert nutgraf("--version") == f"nutgraf {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there(name, nutgraf):
    assert f"nutgraf {name}" in nutgraf(name, "--help")


def test_doctor_finds_the_starter_whole(nutgraf):
    found = nutgraf("doctor", "--model", "starter")
    assert __version__ in found
    assert "starter: whole" in found


def test_the_starter_summarizes(nutgraf):
    summary = nutgraf("summarize", text=TEXT)
    assert summary.count("\n") == 1
    assert 2 <= len(summary.split()) <= 40
