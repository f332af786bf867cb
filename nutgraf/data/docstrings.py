"""The embedded data source: docstrings of the interpreter and its packages.

Every docstring written by PEP 257 is a small article with its nut graf on top: the
first paragraph sums up the body below. Files are parsed, never imported or run.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import json
import os
import re
import sysconfig
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from nutgraf.data.near_duplicates import Fingerprints, drop_near_duplicates
from nutgraf.data.rows import Row
from nutgraf.data.splits import split_by_module
from nutgraf.errors import DataError
from nutgraf.files import write_text

__all__ = ["cache_folder", "default_roots", "harvest_docstrings", "load_docstrings"]

MIN_BODY, MAX_BODY = 12, 6000
"""Fewest words and most characters of a body."""
MIN_SUMMARY, MAX_SUMMARY = 3, 40
"""Fewest and most words of a summary."""
SKIPPED = {"test", "tests", "testing", "idle_test", "__pycache__", "node_modules"}
SKIPPED |= {"_vendor", "vendored", "vendor", "third_party"}
SKIPPED |= {"site-packages", "dist-packages"}
VERSION = 1


def default_roots() -> list[Path]:
    """Return the standard library's folder and that of the installed packages."""
    paths = sysconfig.get_paths()
    roots = [paths["stdlib"], paths["purelib"], paths["platlib"]]
    return [Path(root) for root in dict.fromkeys(roots) if Path(root).is_dir()]


def cache_folder() -> Path:
    """Return the folder for things that can be made again (`NUTGRAF_CACHE`)."""
    given = os.environ.get("NUTGRAF_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(given) if given else Path(home) / "nutgraf"


def _modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Dotted names and paths of the Python files below a root, sorted."""
    for folder, names, files in os.walk(root):
        names[:] = sorted(
            name
            for name in names
            if name not in SKIPPED and not name.startswith((".", "test_"))
        )
        place = Path(folder).relative_to(root).parts
        for file in sorted(files):
            if file.endswith(".py") and not file.startswith(("test_", "conftest")):
                stem = file[:-3]
                parts = place if stem == "__init__" else (*place, stem)
                if parts:
                    yield ".".join(parts), Path(folder) / file


def _docstrings(tree: ast.Module) -> Iterator[tuple[str, int, str]]:
    """Qualified name, line and clean docstring of each definition."""
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        if isinstance(node, kinds):
            text = ast.get_docstring(node, clean=False)
            if text:
                line = getattr(node, "lineno", 1)
                yield prefix.rstrip("."), line, inspect.cleandoc(text)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, kinds[1:]):
                waiting.append((f"{prefix}{child.name}.", child))


def _row(text: str) -> tuple[str, str] | None:
    """Body and summary of a docstring, None when it is not of use."""
    head, _, body = text.partition("\n\n")
    summary = " ".join(head.split())
    body = body.strip()[:MAX_BODY]
    words = len(summary.split())
    if not MIN_SUMMARY <= words <= MAX_SUMMARY or len(body.split()) < MIN_BODY:
        return None
    if not re.match(r"[A-Z`'\"(\[]", summary) or re.search(r"[=\-~^]{4}|>>>", summary):
        return None  # headings, signatures, code
    letters = sum(char.isalpha() or char.isspace() for char in summary)
    if letters < 0.75 * len(summary) or body.isspace():
        return None
    return body, summary


def _read(name: str, path: Path) -> Iterator[Row]:
    try:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return  # not Python of this version
    for qualified, line, text in _docstrings(tree):
        found = _row(text)
        if found:
            try:
                "".join(found).encode("utf-8")
            except UnicodeEncodeError:
                continue  # escapes that are no characters
            yield Row(f"{name}:{qualified}", found[0], (found[1],), f"{path}:{line}")


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _unique(rows: list[Row]) -> list[Row]:
    """Keep the first of rows with the same words in the body, or in the summary."""
    kept: list[Row] = []
    seen: set[tuple[str, str]] = set()
    ids: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: (row.id, row.document)):
        body, summary = _normal(row.document), _normal(row.references[0])
        keys = {("body", body), ("summary", summary)}
        if keys & seen:
            continue
        seen |= keys
        number = ids[row.id] = ids.get(row.id, 0) + 1
        kept.append(row if number == 1 else row._replace(id=f"{row.id}#{number}"))
    return kept


def harvest_docstrings(roots: Sequence[Path] | None = None) -> list[Row]:
    """Return the docstrings below some folders as rows.

    The result is kept in `cache_folder()`, named by the paths, sizes and times of the
    files, so that the second call takes less than a second.

    Args:
        roots: folders that hold top-level modules and packages; by default those of
            the running interpreter.

    Returns:
        Rows with ids `module:qualified name`, sorted by id, without duplicates.

    Raises:
        DataError: a root is no folder.
    """
    roots = [Path(root) for root in roots] if roots is not None else default_roots()
    for root in roots:
        if not root.is_dir():
            raise DataError(
                f"A root of docstrings must be a folder. Received: {root}. Give a "
                "folder that holds Python packages."
            )
    modules: dict[str, Path] = {}
    stamp = hashlib.sha256(f"{VERSION}".encode())
    for root in roots:
        for name, path in _modules(root):
            if name in modules:
                continue
            try:
                stat = path.stat()
            except OSError:
                continue  # a link to nowhere, such as the lock of an editor
            modules[name] = path
            stamp.update(f"{path}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    kept = cache_folder() / "docstrings" / f"{stamp.hexdigest()[:24]}.json"
    if kept.is_file():
        try:
            stored = json.loads(kept.read_text(encoding="utf-8"))
            return [Row(r[0], r[1], (r[2],), r[3]) for r in stored]
        except (ValueError, IndexError):
            kept.unlink()
    rows = _unique([row for n, path in modules.items() for row in _read(n, path)])
    plain = [[row.id, row.document, row.references[0], row.origin] for row in rows]
    with contextlib.suppress(OSError):  # a folder that cannot be written: no cache
        write_text(kept, json.dumps(plain, ensure_ascii=False))
    return rows


def load_docstrings(
    fingerprints: Path | None = None, roots: Sequence[Path] | None = None
) -> dict[str, list[Row]]:
    """Return the docstrings in three splits; no test row nearly repeats in training.

    Args:
        fingerprints: `Fingerprints` file of the training data of a model that is to be
            tested; what nearly repeats there is dropped from test too.
        roots: as in `harvest_docstrings`.

    Returns:
        "train", "valid" and "test" rows, each sorted by id.

    Raises:
        DataError: a root is no folder, or the fingerprints cannot be read.
    """
    parts = split_by_module(harvest_docstrings(roots))
    extra = Fingerprints.load(fingerprints) if fingerprints else None
    parts["test"] = drop_near_duplicates(parts["test"], parts["train"], extra)
    return parts
