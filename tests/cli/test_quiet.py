from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nutgraf.cli.quiet import quiet_stderr


def test_holds_back_what_is_written_below_python(capfd):
    with quiet_stderr():
        os.write(2, b"noise\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_shows_it_when_the_block_fails(capfd):
    with pytest.raises(ValueError, match="bad"), quiet_stderr():
        os.write(2, b"the reason\n")
        raise ValueError("bad")
    assert capfd.readouterr().err == "the reason\n"


def test_the_backend_loads_without_a_word():
    code = "from nutgraf.cli.quiet import load_backend; load_backend()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
