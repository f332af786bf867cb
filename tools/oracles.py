"""Make the frozen numbers of other libraries again, and say whether they changed.

    python tools/oracles.py [NAME ...]

Runs the commands that each tests/oracles/make_*.py has in its head, in a new
environment of its own (minutes and gigabytes; PyTorch is among the packages). Exits
with 1 when a number comes out different from the one that the tests compare with.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = sorted((ROOT / "tests" / "oracles").glob("make_*.py"))


def commands_of(program: Path) -> str:
    """Return the shell commands in the head of a program.

    Args:
        program: file whose docstring has them, indented by four spaces.

    Returns:
        One script, its backslashes at the ends of lines kept.

    Raises:
        ValueError: there are none.
    """
    text = ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))) or ""
    lines = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    if not lines:
        raise ValueError(f"{program} must begin with the commands that run it.")
    return "\n".join(lines)


def changed() -> list[str]:
    """Return the frozen files that differ from the committed ones."""
    done = subprocess.run(
        ["git", "status", "--porcelain", "--", "tests/*/frozen/*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line[3:] for line in done.stdout.splitlines()]


def main(names: list[str]) -> int:
    """Run the programs of these names, or all.

    Args:
        names: such as "llama" for tests/oracles/make_llama.py.

    Returns:
        0 when every file came out as it was, 1 when one did not, 2 for a wrong name.
    """
    known = {program.stem.removeprefix("make_"): program for program in PROGRAMS}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"A name must be one of {', '.join(known)}. Received: {unknown[0]}.")
        return 2
    before = changed()
    for name in names or known:
        with tempfile.TemporaryDirectory() as folder:
            script = re.sub(r"/tmp/oracle[\w-]*", folder, commands_of(known[name]))
            print(f"{known[name].relative_to(ROOT)}", flush=True)
            subprocess.run(["bash", "-ec", script], cwd=ROOT, check=True)
    new = [file for file in changed() if file not in before]
    for file in new:
        print(f"changed: {file}")
    print("all frozen numbers are the same" if not new else f"{len(new)} files changed")
    return int(bool(new))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
