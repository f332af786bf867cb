"""What the README says to type is run, top to bottom, in a folder of its own.

Every fenced `sh` and `python` block is run; a line `<!-- not run: REASON -->` right
above one leaves it out. What would install or download is replaced by a stand-in that
checks the names: `make demo` becomes `nutgraf demo --minutes 1`, other make targets
must exist, `pip install` names declared extras only, `git clone` copies this checkout.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK_SECONDS = 900

STAND_INS = {
    "nutgraf": r"""
case "${1-}" in
  demo) case " $* " in *" --minutes "*) ;; *) set -- "$@" --minutes 1 ;; esac ;;
esac
exec "$REAL_PYTHON" -m nutgraf.cli.main "$@"
""",
    "make": r"""
for word in "$@"; do
  case "$word" in
    demo) nutgraf demo ;;
    -* | *=*) ;;
    *) grep -q "^$word:" "$PROJECT/Makefile" || exit 1 ;;
  esac
done
""",
    "pip": r"""
exec "$REAL_PYTHON" "$PROJECT/tests/test_readme.py" pip "$@"
""",
    "git": r"""
[ "${1-}" = clone ] || { echo "only git clone has a stand-in" >&2; exit 1; }
mkdir -p nutgraf
cd "$PROJECT"
git_real=$(PATH=$REAL_PATH command -v git)
"$git_real" ls-files | tar -cf - -T - | tar -xf - -C "$OLDPWD/nutgraf"
""",
    "python": r"""
if [ "${1-} ${2-}" = "-m venv" ]; then
  mkdir -p "$3/bin" && : > "$3/bin/activate"
elif [ "${1-} ${2-}" = "-m pip" ]; then
  shift 2
  exec pip "$@"
else
  exec "$REAL_PYTHON" "$@"
fi
""",
}
STAND_INS["python3"] = STAND_INS["python"]


class Block(NamedTuple):
    line: int
    language: str
    text: str


def runnable_blocks(markdown: str) -> list[Block]:
    """Return the `sh` and `python` blocks that are not marked as not run."""
    blocks: list[Block] = []
    inside: tuple[int, str, bool] | None = None
    body: list[str] = []
    skip = False
    for number, line in enumerate(markdown.splitlines(), start=1):
        fence = re.match(r"\s*```\s*(\w*)", line)
        if fence and inside is None:
            inside, body = (number, fence[1], skip), []
        elif fence and inside is not None:
            start, language, skipped = inside
            if language in ("sh", "bash", "python") and not skipped:
                kind = "python" if language == "python" else "sh"
                text = textwrap.dedent("\n".join(body)) + "\n"
                blocks.append(Block(start, kind, text))
            inside = None
        elif inside is not None:
            body.append(line)
        if line.strip():
            skip = re.match(r"\s*<!-- not run: \S.*-->", line) is not None
    return blocks


def check_pip(arguments: list[str]) -> str | None:
    """Return what is wrong with a `pip install` line, None when nothing is."""
    import tomllib

    text = (ROOT / "pyproject.toml").read_text("utf-8")
    declared = set(tomllib.loads(text)["project"]["optional-dependencies"])
    named = set()
    for argument in arguments:
        extras = re.search(r"\[([^\]]*)\]", argument)
        named |= {name.strip() for name in extras[1].split(",")} if extras else set()
    unknown = named - declared
    return f"extras {sorted(unknown)} are not in pyproject.toml" if unknown else None


@pytest.fixture
def folder(tmp_path):
    """An empty folder with the stand-ins beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, body in STAND_INS.items():
        path = programs / name
        path.write_text("#!/usr/bin/env bash\nset -eu\n" + body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    work = tmp_path / "work"
    work.mkdir()
    return work


def run_block(block: Block, folder: Path, here: Path) -> Path:
    """Run one block in `here`; return the folder that it ends in."""
    programs, state = folder.parent / "bin", folder.parent / "pwd"
    environment = os.environ | {
        "XLA_FLAGS": "",  # not those of conftest.py: the commands run for long
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "REAL_PATH": os.environ["PATH"],
        "REAL_PYTHON": sys.executable,
        "PROJECT": str(ROOT),
        "MPLBACKEND": "Agg",
    }
    if block.language == "python":
        command = [sys.executable, "-c", block.text]
    else:
        script = f"set -euo pipefail\ntrap 'pwd > {state}' EXIT\n{block.text}"
        command = ["bash", "-c", script]
    done = subprocess.run(
        command,
        cwd=here,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BLOCK_SECONDS,
    )
    if done.returncode:
        pytest.fail(
            f"README.md:{block.line}: exit code {done.returncode}\n{block.text}\n"
            f"{done.stdout[-4000:]}",
            pytrace=False,
        )
    if block.language == "python":
        return here
    return Path(state.read_text().strip())


@pytest.mark.readme
def test_the_readme_runs(folder):
    blocks = runnable_blocks(README.read_text("utf-8"))
    assert blocks, "README.md has no fenced sh or python block that is run"
    here = folder
    for block in blocks:
        here = run_block(block, folder, here)


def test_blocks_are_found_and_left_out_as_marked():
    markdown = (
        "```sh\nmake demo\n```\n"
        "<!-- not run: needs a network -->\n\n```sh\ncurl x\n```\n"
        "```text\nout\n```\n1. item\n   ```python\n   1\n   ```\n"
    )
    found = [(block.line, block.language) for block in runnable_blocks(markdown)]
    assert found == [(1, "sh"), (13, "python")]


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("make test\nmake -j2 check\n", True),
        ("make nonsense\n", False),
        ('pip install "nutgraf[tensorflow]"\n', True),
        ('python -m pip install ".[tensorflow,nonsense]"\n', False),
        ("python3 -m venv .venv\n. .venv/bin/activate\ncd .venv\n", True),
        ("git clone https://example.org/nutgraf\ncd nutgraf\ntest -f Makefile\n", True),
        ("false | true\n", False),
        ("nutgraf --version\n", True),
    ],
)
def test_stand_ins_pass_what_is_right_and_nothing_else(text, passes, folder):
    block = Block(1, "sh", text)
    if passes:
        assert run_block(block, folder, folder).is_relative_to(folder)
    else:
        with pytest.raises(pytest.fail.Exception):
            run_block(block, folder, folder)


if __name__ == "__main__":  # the stand-in of pip
    problem = check_pip(sys.argv[2:])
    sys.exit(problem)
