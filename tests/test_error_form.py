"""Every message for users has three parts: what is allowed, received, what to do.

Read from the syntax tree: nothing is imported. Each hole of an f-string stands for
one letter, so a value or a hint that is filled in counts as text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "nutgraf"
SOURCES = sorted(PACKAGE.rglob("*.py"))
BUILT_IN = {"ValueError", "TypeError"}
MARK = "Received: "
FORM = re.compile(rf"\S.*[.:] {MARK}\S.*?(\. |\n)\S", re.DOTALL)


def text_of(node: ast.expr | None) -> str | None:
    """Return a literal, an f-string or a sum of them as text, None for all else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "x" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return (text_of(node.left) or "x") + (text_of(node.right) or "x")
    return None


def names(nodes: list[ast.expr]) -> set[str]:
    inside = (found for node in nodes for found in ast.walk(node))
    return {found.id for found in inside if isinstance(found, ast.Name)}


def error_classes(trees: list[ast.Module]) -> set[str]:
    """Names of `NutgrafError` and of the classes below it that have no own `__init__`.

    One with an `__init__` writes its message there, with the mark.
    """
    classes = [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    found = {"NutgrafError"}
    while True:
        more = {
            node.name
            for node in classes
            if names(node.bases) & found
            and not any(getattr(item, "name", "") == "__init__" for item in node.body)
        }
        if more <= found:
            return found
        found |= more


def caught(tree: ast.Module) -> set[str]:
    """Built-in errors that a file catches itself: there they are reasons, not messages.

    What the user sees is the error that is raised from them.
    """
    handlers = (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler))
    return BUILT_IN & names([node.type for node in handlers if node.type is not None])


def messages(tree: ast.Module, errors: set[str]) -> Iterator[tuple[int, str]]:
    """Line and text of what is given to an error, and of all else with the mark."""
    checked = errors | (BUILT_IN - caught(tree))
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):  # from the outside inwards
        if isinstance(node, ast.Call) and ast.unparse(node.func) in checked:
            message = text_of(node.args[0]) if node.args else ""
        elif isinstance(node, ast.expr) and node not in inside:
            message = text_of(node)
            message = message if message and MARK in message else None
        else:
            continue
        if message is not None:
            inside.update(ast.walk(node))
            yield node.lineno, message


def mistakes(source: str, errors: set[str]) -> list[int]:
    """Lines of the messages that lack a part."""
    return [
        line
        for line, message in messages(ast.parse(source), errors)
        if not FORM.match(message)
    ]


def test_messages_for_users_have_three_parts() -> None:
    sources = {path: path.read_text("utf-8") for path in SOURCES}
    errors = error_classes([ast.parse(source) for source in sources.values()])
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: the message must say what is allowed, then "
        f'"{MARK}" and the value, then what to do. Add what is missing.'
        for path, source in sources.items()
        for line in mistakes(source, errors)
    ]
    if wrong:
        pytest.fail("\n" + "\n".join(wrong), pytrace=False)


@pytest.mark.parametrize(
    ("source", "right"),
    [
        ('raise ConfigError(f"n must be > 0. Received: n={n}. Use 3.")', True),
        ('raise ConfigError(f"n must be > 0. Received: {n}. {hint}")', True),
        ('raise ConfigError(f"Rows must hold text. Received: {n}\\nMend it.")', True),
        ('raise ConfigError(f"n must be > 0. Received: n={n}.")', False),
        ('raise ConfigError(f"n must be > 0. Received: " + n + ".")', False),
        ('raise ConfigError("Received: 0. Use 3.")', False),
        ('raise ConfigError("n must be > 0.")', False),
        ("raise ConfigError()", False),
        ('raise PoolError("n must be > 0.")', False),
        ('raise ValueError(f"{n} is odd")', False),
        ('def wrong():\n    return DataError("odd")', False),
        ('problems.append(f"n must be > 0. Received: {n}.")', False),
        ('try:\n    raise ValueError("odd")\nexcept ValueError:\n    pass', True),
        ('try:\n    raise DataError("odd")\nexcept ValueError:\n    pass', False),
        ("raise NotImplementedError", True),
        ("raise ConfigError(problems[0])", True),
    ],
)
def test_the_check_sees_each_missing_part(source, right):
    declared = ast.parse(
        "class ConfigError(NutgrafError): pass\n"
        "class DataError(NutgrafError, ValueError): pass\n"
        "class PoolError(ConfigError): pass\n"
    )
    assert (mistakes(source, error_classes([declared])) == []) is right
