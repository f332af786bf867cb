"""Atomic files and folders, whole under their final names; hashes of what they hold.

Everything is written under a temporary name beside the target, flushed to the disk and
then renamed; a process killed at any moment leaves the old file, or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

__all__ = ["atomic_file", "atomic_folder", "hash_file", "hash_files", "write_json"]
__all__ += ["write_text"]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a file in one piece.

    Args:
        path: final name; its folder is made when absent.
        text: the content, written as UTF-8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_text(text, encoding="utf-8")
    _sync(temporary)
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON in one piece.

    Args:
        path: final name.
        value: anything that `json` can write; NaN is refused.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[TextIO]:
    """Write a file piece by piece that appears under its name only when it is whole.

    Args:
        path: final name; an older file of that name is replaced.

    Yields:
        A temporary file to write text into, as UTF-8.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears under its name only when it is whole.

    Args:
        path: final name; an older folder of that name is replaced.

    Yields:
        A temporary folder to write into.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        old = path.with_name(f".{path.name}.{os.getpid()}.old")
        if path.exists():
            path.replace(old)
        temporary.replace(path)
        _sync(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def hash_file(path: Path) -> str:
    """Return a hash of what a file holds.

    Args:
        path: the file.

    Returns:
        64 hexadecimal digits, of SHA-256.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(paths: Iterable[Path]) -> str:
    """Return a hash of what files hold, whatever their folder and their time.

    Args:
        paths: files, in an order that repeats.

    Returns:
        64 hexadecimal digits; another name or another byte gives others.
    """
    lines = (f"{path.name}|{hash_file(path)}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
