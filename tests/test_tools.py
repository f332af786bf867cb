from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools"


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_large_files_are_named_with_their_size(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x" * 250 * 1024)
    large.write_bytes(b"x" * (250 * 1024 + 1))
    check = load("check_large_files").too_large
    (message,) = check([str(small), str(large), str(tmp_path / "absent")])
    assert message.startswith(f"{large}: files of at most 250 KB are allowed.")


def test_lock_lines_of_tensorflow_cover_every_platform():
    lines = load("lock").lines_of("tensorflow-cpu", "2.21.0")
    names = [line.partition("==")[0] for line in lines]
    assert names == ["tensorflow-cpu", "tensorflow"]


def test_lock_requirements_hold_the_extras():
    lines = load("lock").requirements("jax")
    assert any(line.startswith("keras") for line in lines)
    assert any(line.startswith("jax") for line in lines)


def test_each_oracle_has_the_commands_that_run_it():
    oracles = load("oracles")
    assert len(oracles.PROGRAMS) >= 5
    for program in oracles.PROGRAMS:
        commands = oracles.commands_of(program)
        assert "-m venv /tmp/oracle" in commands
        assert f"/bin/python tests/oracles/{program.name}" in commands
    assert oracles.main(["unknown"]) == 2


@pytest.mark.parametrize(
    ("reason", "counted"),
    [("needs the jax backend", 1), ("the folder ../shared/data is absent", 0)],
)
def test_backend_skips_are_counted(reason, counted):
    counter = load("run_backend").SkipCounter()
    report = pytest.TestReport(
        nodeid="a::b",
        location=("a", 1, "b"),
        keywords={},
        outcome="skipped",
        longrepr=("a", 1, f"Skipped: {reason}"),
        when="setup",
    )
    counter.pytest_runtest_logreport(report)
    assert len(counter.reasons) == counted
