"""Atomic files and folders, whole under their final names; hashes of what they hold.

Everything is written under a temporary name beside the target, flushed to the disk and
then renamed. A process killed at any moment leaves the old file, or the new one. No
rename puts a folder in the place of another, so folders take two: killed between them,
a process leaves the old folder whole as `.NAME.HOST.PID.old`, and nothing under its
name until the next `atomic_folder` of that name puts it back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
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


def _host() -> str:
    return platform.node().replace(".", "-") or "here"


def _beside(path: Path, ending: str) -> Path:
    """A name next to the final one that no other process has."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{ending}")


def _at_work(pid: int) -> bool:
    """Whether another process of this machine has the number."""
    if pid == os.getpid():
        return False  # a process before this one had it
    try:
        os.kill(pid, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _tidy(path: Path) -> None:
    """Put back an old folder that has lost its name, remove what dead processes left.

    A process of another machine may be at work: what it writes stays.
    """
    name = re.compile(rf"\.{re.escape(path.name)}\.([^.]+)\.(\d{{1,9}})\.(old|part)")
    for left in sorted(path.parent.iterdir(), reverse=True):  # parts come before olds
        if match := name.fullmatch(left.name):
            host, pid, ending = match.groups()
            if host == _host() and _at_work(int(pid)):
                continue
            with contextlib.suppress(OSError):  # another process was faster
                if ending == "old" and not path.exists():
                    left.replace(path)
                elif host == _host():  # what is called old is whole: another name
                    _remove(left.replace(left.with_suffix(".part")))


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that appears under its name only when it is whole.

    What processes killed before have left of this name is put back or removed first.

    Args:
        path: final name; an older folder of that name is replaced.

    Yields:
        A temporary folder to write into.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path)
    temporary, old = _beside(path, "part"), _beside(path, "old")
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.rglob("*"):
            _sync(file)
        if path.exists():
            path.replace(old)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        _remove(temporary)
        if old.exists():  # whole as long as it is called that
            old.replace(temporary if path.exists() else path)
            _remove(temporary)


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
