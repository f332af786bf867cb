"""What pages and `--help` say to type exists: each flag is declared by its command.

Read are code blocks and inline code of README.md, docs/*.md and docs/algorithms/*.md. A
flag belongs to the `nutgraf COMMAND` that it follows; one that stands alone in inline
code to one of the commands that its page has named before, or to any if there is none.
"""

from __future__ import annotations

import importlib
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nutgraf.cli.config import load_settings
from nutgraf.cli.declared import settings_of
from nutgraf.cli.main import COMMANDS
from nutgraf.recipes.algorithms import ALGORITHMS, options_of

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "algorithms").glob("*.md")),
]
EVERYWHERE = {"help", "config", "debug"}

CODE = re.compile(
    r"^```.*?^```"  # a fenced block
    r"|(?:^ {4}[^\n]*\n?)+"  # an indented one
    r"|`[^`]+`",  # inline code
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"(?<!from )\bnutgraf ([a-z][a-z-]*)(?![\w/.])([^\n|;&>#]*)")
FLAG = re.compile(r"(?<!\S)\[?--([a-z][\w.-]*)")


class Declared(NamedTuple):
    """What a command tells `load_settings`."""

    cls: type
    named: dict[str, Any]


@cache
def declared(command: str) -> Declared:
    """Run a command up to where it reads its settings."""
    module = importlib.import_module(f"nutgraf.cli.{command.replace('-', '_')}")
    found: list[Declared] = []

    def read(cls, argv, **named):
        found.append(Declared(cls, named))
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "load_settings", read)
        with pytest.raises(KeyboardInterrupt):
            module.run([])
    return found[0]


@cache
def flags_of(command: str) -> set[str]:
    return {*settings_of(declared(command).cls), *EVERYWHERE}


def wrong_flags(page: str) -> list[str]:
    """Return what a page says to type that does not exist, with its line."""
    problems, seen = [], list[str]()
    for code in CODE.finditer(page):
        line = page.count("\n", 0, code.start()) + 1
        text = re.sub(r"\\\n", " ", code[0])
        if not text.startswith(("```", "    ")):
            text = " ".join(text.strip("`").split())  # inline code may be wrapped
        if text.startswith("--"):
            known = set().union(*map(flags_of, seen or COMMANDS))
            problems += [
                f"{line}: --{flag} is no flag of {', '.join(seen) or 'any command'}"
                for flag in FLAG.findall(text)
                if flag.replace("-", "_") not in known
            ]
        for command, rest in COMMAND.findall(text):
            if command not in COMMANDS:
                problems.append(f"{line}: nutgraf {command} is no command")
                continue
            seen.append(command)
            problems += [
                f"{line}: --{flag} is no flag of nutgraf {command}"
                for flag in FLAG.findall(rest)
                if flag.replace("-", "_") not in flags_of(command)
            ]
    return problems


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_flags_of_a_page_are_declared(page):
    where = page.relative_to(ROOT)
    found = wrong_flags(page.read_text(encoding="utf-8"))
    assert [f"{where}:{problem}" for problem in found] == []


@pytest.mark.parametrize(
    ("page", "problems"),
    [
        ("    nutgraf rl --reward.length 1 --rl.updates=3\n", ["1: --reward.length"]),
        ("```sh\nx | nutgraf rl a.toml \\\n  --seed 1\n```\n", ["1: --seed"]),
        ("a\n`nutgraf\nevaluate --splits valid` and `--beam 4`", ["2: --spl", "3: --"]),
        ("`nutgraf demo`, `--minutes 3`, `--data.path x`", ["1: --data.path"]),
        ("`--data.path x` `--nonsense`", ["1: --nonsense is no flag of any command"]),
        ("`nutgraf transcribe x`", ["1: nutgraf transcribe is no command"]),
        ("`nutgraf audit-reward FILE [--rewards a] [--prize b]`", ["1: --prize"]),
        ("`nutgraf demo; other --x` `pip --x` `nutgraf/cli` --x `nutgraf --help`", []),
        ("    python bench.py --rounds 5 # nutgraf rl --x\n", ["1: --x"]),
    ],
)
def test_what_is_not_declared_is_found(page, problems):
    found = wrong_flags(page)
    assert len(found) == len(problems), found
    for one, start in zip(found, problems, strict=True):
        assert one.startswith(start)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help_are_declared(command, tmp_path, monkeypatch):
    """They are read like what is typed: names, types and ranges; nothing is run."""
    monkeypatch.chdir(tmp_path)
    examples = declared(command).named.get("examples", ())
    for example in examples:
        typed = example.rpartition("| nutgraf ")[2].partition(" | ")[0]
        name, *argv = shlex.split(typed.removeprefix("nutgraf "))
        for argument in argv:
            if argument.endswith(".toml"):
                Path(argument).write_text("")
        cls, named = declared(name)
        load_settings(cls, argv, **named)
    assert examples


def test_the_chinese_readme_says_to_type_the_same_and_has_the_same_numbers():
    english, chinese = (
        (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md")
    )
    fenced = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    places = [english.find(block) for block in fenced.findall(chinese)]
    assert len(places) > 10 and -1 not in places and places == sorted(places)
    cells = re.compile(r"[-+]?\d+\.\d+")
    rows = [
        [cells.findall(line) for line in page.splitlines() if line.startswith("| ")]
        for page in (english, chinese)
    ]
    assert rows[0] == rows[1]


def test_the_options_of_each_algorithm_are_on_the_page():
    page = (ROOT / "docs" / "algorithms" / "README.md").read_text("utf-8")

    def typed(value):
        return str(value).lower() if isinstance(value, bool | None) else value

    for name in ALGORITHMS:
        options = (
            f"`{option}={typed(default)}`"
            for option, (_, default) in options_of(name).items()
        )
        assert f"\n| {name} | {', '.join(options) or 'none'} |\n" in page
