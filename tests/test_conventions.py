"""The rules of this code base, read from the syntax tree: nothing is imported.

Every violation is printed as `file:line: what is wrong. What to do.`
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "nutgraf"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# A file imports only from layers above its own, or from its own folder.
LAYERS = """
errors arrays files ranges defaults backend
text objectives metrics
data layers models sampling training rewards rl tasks envs
evaluation search report serve export
recipes testing cli
""".split()

FRAMEWORKS = {"tensorflow", "jax", "jaxlib", "torch"}
MAY_IMPORT_FRAMEWORKS = {"backend", "export"}
MAX_LINES, MAX_FUNCTION_LINES = 400, 60
LOOSEST_TOLERANCE = 1e-4

# Source files that are tested under another name, each with the reason.
TESTED_ELSEWHERE = {
    "backend/tensorflow.py": "tests/backend/test_init.py, on each backend",
    "backend/jax.py": "tests/backend/test_init.py, on each backend",
    "backend/torch.py": "tests/backend/test_init.py, on each backend",
    "errors.py": "every test of a message",
    "search/embedder.py": "a protocol; tests/search/test_dense.py",
    "models/policy.py": "a protocol; tests/testing/test_policies.py",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def at(path: Path, line: int, message: str) -> str:
    return f"{path.relative_to(ROOT)}:{line}: {message}"


def fail_on(violations: list[str]) -> None:
    if violations:
        pytest.fail("\n" + "\n".join(violations), pytrace=False)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def typing_only(path: Path) -> set[int]:
    """Lines inside `if TYPE_CHECKING:`; they are not imported when it runs."""
    found: set[int] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            last = node.body[-1].end_lineno or node.lineno
            found |= set(range(node.lineno, last + 1))
    return found


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of every import, those in functions included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                yield node.lineno, f"{node.module or ''}.{name.name}"


def docstring_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(node) is None:
        return 0
    return (node.body[0].end_lineno or 0) - node.body[0].lineno + 1


def test_files_are_short() -> None:
    fail_on(
        [
            at(
                path,
                len(lines(path)),
                f"more than {MAX_LINES} lines. Split it by idea.",
            )
            for path in SOURCES + TESTS
            if len(lines(path)) > MAX_LINES
        ]
    )


def test_functions_are_short() -> None:
    violations = []
    for path in SOURCES + TESTS:
        for node in functions(path):
            length = (node.end_lineno or 0) - node.lineno + 1 - docstring_lines(node)
            if length > MAX_FUNCTION_LINES:
                message = (
                    f"`{node.name}` has {length} lines without its docstring, more "
                    f"than {MAX_FUNCTION_LINES}. Move a step into a helper."
                )
                violations.append(at(path, node.lineno, message))
    fail_on(violations)


def test_every_folder_has_a_layer() -> None:
    fail_on(
        [
            at(path, 1, f"`{layer(path)}` has no place in LAYERS. Give it one.")
            for path in SOURCES
            if layer(path) not in (*LAYERS, "__init__", "starter")
        ]
    )


def test_imports_go_one_way() -> None:
    violations = []
    for path in SOURCES:
        own = layer(path)
        if own not in LAYERS:
            continue
        skipped = typing_only(path)
        for line, name in imports(path):
            parts = name.split(".")
            if parts[0] != "nutgraf" or line in skipped or len(parts) < 2:
                continue
            other = parts[1]
            known = other in LAYERS
            if known and LAYERS.index(other) > LAYERS.index(own):
                message = (
                    f"`{own}` imports `{name}`, a layer below it. Move the shared part "
                    "up, or hand the thing over as an argument."
                )
                violations.append(at(path, line, message))
    fail_on(violations)


def test_imports_are_absolute() -> None:
    fail_on(
        [
            at(path, node.lineno, "relative import. Write `from nutgraf...`.")
            for path in SOURCES
            for node in ast.walk(tree(path))
            if isinstance(node, ast.ImportFrom) and node.level
        ]
    )


def test_frameworks_stay_in_backend() -> None:
    violations = []
    for path in SOURCES:
        if layer(path) in MAY_IMPORT_FRAMEWORKS:
            continue
        for line, name in imports(path):
            if name.split(".")[0] in FRAMEWORKS:
                message = f"imports `{name}`. Only nutgraf/backend/ may; use keras.ops."
                violations.append(at(path, line, message))
    fail_on(violations)


def test_only_public_keras() -> None:
    private = re.compile(r"\bkeras(_hub)?\.src\b")
    fail_on(
        [
            at(path, node.lineno, "uses `keras.src`. Use the public name.")
            for path in SOURCES + TESTS
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Import | ast.ImportFrom | ast.Attribute)
            and private.search(ast.unparse(node))
        ]
    )


def test_no_assert_in_the_package() -> None:
    fail_on(
        [
            at(path, node.lineno, "`assert` in the package. Raise from errors.py.")
            for path in SOURCES
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Assert)
        ]
    )


def test_package_inits_hold_only_a_docstring() -> None:
    """`import nutgraf` stays light. backend and the lazy names of the top have code."""
    violations = []
    for path in SOURCES:
        body = tree(path).body
        if path.name != "__init__.py" or layer(path) == "backend":
            continue
        if path.parent == PACKAGE:  # tests/test_public.py
            continue
        if not ast.get_docstring(tree(path)) or len(body) > 1:
            message = "must hold a docstring and nothing else. Move the code to a file."
            violations.append(at(path, 1, message))
    fail_on(violations)


def test_every_source_file_has_a_test_file() -> None:
    violations = []
    for path in SOURCES:
        relative = path.relative_to(PACKAGE)
        if path.name == "__init__.py" or relative.as_posix() in TESTED_ELSEWHERE:
            continue
        expected = Path("tests", relative.parent, f"test_{relative.name}")
        if not (ROOT / expected).is_file():
            violations.append(at(path, 1, f"no test file. Write {expected}."))
    fail_on(violations)


def test_exceptions_are_still_needed() -> None:
    fail_on(
        [
            f"tests/test_conventions.py: {name} is gone. Take it out of the list."
            for name in TESTED_ELSEWHERE
            if not (PACKAGE / name).is_file()
        ]
    )


def public_functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Module functions and methods of public classes, without properties."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in tree(path).body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for item in node.body:
                if isinstance(item, kinds) and not item.name.startswith("_"):
                    yield item


def parameter_names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    decorators = {ast.unparse(item) for item in node.decorator_list}
    every = every[1:] if "classmethod" in decorators else every
    for star in (node.args.vararg, node.args.kwarg):
        if star is not None:
            every.append(star)
    return sorted(item.arg for item in every if item.arg != "self")


def documented_names(docstring: str) -> list[str] | None:
    """Names in the `Args:` section; None when there is no such section."""
    section = re.search(
        r"^Args:\n(.*?)(?=^\S|\Z)", docstring, flags=re.MULTILINE | re.DOTALL
    )
    if section is None:
        return None
    entries = re.findall(
        r"^ {4}([*\w][\w, *`]*?)(?: \([^)]*\))?:", section[1], flags=re.MULTILINE
    )
    names = [name.strip(" *`") for entry in entries for name in entry.split(",")]
    return sorted(names)


# Said once by Keras or by a protocol, not again by each class that follows it.
INHERITED = {"build", "call", "compute_output_shape", "get_config", "from_config"}


def contract_is_elsewhere(path: Path, name: str, line: int, docstring: str) -> bool:
    """Whether the arguments are explained where Keras or nutgraf declares them."""
    engine = layer(path) == "backend" and path.name != "__init__.py"
    of_protocol = name in protocol_methods() and not declares_protocol(path, line)
    return (
        name in INHERITED
        or docstring.startswith("See `")
        or (engine and name in backend_functions())
        or of_protocol
    )


@cache
def backend_functions() -> set[str]:
    return {node.name for node in functions(PACKAGE / "backend" / "__init__.py")} | {
        "compile"
    }


def protocols(path: Path) -> Iterator[ast.ClassDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            bases = " ".join(ast.unparse(base) for base in node.bases)
            if "Protocol" in bases:
                yield node


@cache
def protocol_methods() -> set[str]:
    return {
        item.name
        for path in SOURCES
        for node in protocols(path)
        for item in node.body
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_")
    }


def declares_protocol(path: Path, line: int) -> bool:
    return any(
        node.lineno <= line <= (node.end_lineno or 0) for node in protocols(path)
    )


def test_public_functions_are_documented() -> None:
    violations = []
    for path in SOURCES:
        for node in public_functions(path):
            docstring = ast.get_docstring(node)
            if docstring is None:
                message = f"`{node.name}` has no docstring. Write one, Args included."
                violations.append(at(path, node.lineno, message))
                continue
            expected, found = parameter_names(node), documented_names(docstring)
            if contract_is_elsewhere(path, node.name, node.lineno, docstring):
                continue
            if found != expected and (found is not None or expected):
                message = (
                    f"Args of `{node.name}` are {found or 'not there'}, its signature "
                    f"has {expected}. Make them the same."
                )
                violations.append(at(path, node.lineno, message))
    fail_on(violations)


def constant(node: ast.expr) -> float | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    return None


def test_loose_tolerances_give_a_reason() -> None:
    violations = []
    for path in TESTS:
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.keyword):
                continue
            if node.arg not in ("rtol", "atol", "rel", "abs", "rel_tol", "abs_tol"):
                continue
            value = constant(node.value)
            line = lines(path)[node.value.lineno - 1]
            if value is not None and value > LOOSEST_TOLERANCE and "#" not in line:
                message = (
                    f"{node.arg}={value:g} is looser than {LOOSEST_TOLERANCE:g}. "
                    "Tighten it, or give the reason in a comment on the line."
                )
                violations.append(at(path, node.value.lineno, message))
    fail_on(violations)
