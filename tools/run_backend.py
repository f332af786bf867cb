"""Run the suite on the backend of `KERAS_BACKEND` and count the skips it caused.

    KERAS_BACKEND=jax .venv-jax/bin/python tools/run_backend.py

A test may skip for absent data. It may not skip because of the backend: that would
leave a promise untested, so any such skip makes this program fail.
"""

from __future__ import annotations

import os
import sys

import pytest

BACKEND_WORDS = ("backend", "tensorflow", "jax", "torch")


class SkipCounter:
    """A pytest plugin that collects the reasons of skips which name a backend."""

    def __init__(self) -> None:
        """Start with no skips."""
        self.reasons: list[str] = []

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped:
            return
        # longrepr of a skip is (file, line, reason)
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if any(word in reason.lower() for word in BACKEND_WORDS):
            self.reasons.append(f"{report.nodeid}: {reason}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at one finished test.

        Args:
            report: what pytest knows about it.
        """
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Look at one file that was collected, or skipped as a whole.

        Args:
            report: what pytest knows about it.
        """
        self._note(report)


def main(arguments: list[str]) -> int:
    """Run pytest with the counter.

    Args:
        arguments: passed on to pytest.

    Returns:
        The exit code: pytest's own, or 1 when only backend skips went wrong.
    """
    counter = SkipCounter()
    code = int(pytest.main(arguments, plugins=[counter]))
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    print(f"{backend}: {len(counter.reasons)} tests skipped for backend reasons")
    for reason in counter.reasons:
        print(f"  {reason}")
    return code or int(bool(counter.reasons))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
