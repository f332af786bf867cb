"""`import nutgraf` and `nutgraf --help` are quick and load no framework."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

LIMIT_SECONDS = 0.3
COMMANDS = {
    "import": "import nutgraf",
    "help": "from nutgraf.cli.main import main; main(['--help'])",
}
HEAVY = ("tensorflow", "jax", "torch", "keras", "numpy", "pyarrow", "tokenizers")


def children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


@pytest.mark.parametrize("name", COMMANDS)
def test_loads_nothing_heavy(name: str) -> None:
    code = f"{COMMANDS[name]}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = {word.partition(".")[0] for word in done.stderr.split()}
    assert "nutgraf" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("name", COMMANDS)
def test_takes_at_most_three_tenths_of_a_second(name: str) -> None:
    """Of the processor: what else runs on the machine has no say."""
    seconds = []
    for _ in range(5):
        start = children_seconds()
        subprocess.run(
            [sys.executable, "-c", COMMANDS[name]], check=True, capture_output=True
        )
        seconds.append(children_seconds() - start)
    assert min(seconds) <= LIMIT_SECONDS, seconds
