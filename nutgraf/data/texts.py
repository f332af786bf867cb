"""Plain texts that are to be summarised: each file, or standard input, is one text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from nutgraf.data.rows import Row
from nutgraf.errors import DataError

__all__ = ["decode", "read_texts", "text_or_file"]


def decode(content: bytes, name: str) -> str:
    r"""Decode UTF-8, with or without a byte order mark.

    Args:
        content: the bytes.
        name: the file as the user named it.

    Returns:
        The text, line breaks as `\n`.

    Raises:
        DataError: the bytes are no UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"A text must be UTF-8. Received: {name}:{line}: byte "
            f"0x{content[error.start]:02x}. Convert it: `iconv -f latin1 -t utf-8`."
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_texts(
    paths: Sequence[str | Path], stdin: BinaryIO | None = None
) -> Iterator[Row]:
    r"""Read texts to be summarised; a file is one document, however many lines it has.

    Args:
        paths: files; "-" stands for `stdin`. Nothing means "-".
        stdin: binary standard input, `sys.stdin.buffer`.

    Yields:
        Rows without reference; the id is the path as given.

    Raises:
        DataError: a file is missing, a folder, no UTF-8, or holds nothing but space.

    Example:
        >>> import io
        >>> next(read_texts([], io.BytesIO(b"It rained.\nAll day."))).document
        'It rained.\nAll day.'
    """
    for given in paths or ["-"]:
        name = str(given)
        if name == "-":
            if stdin is None:
                raise DataError(
                    "`-` reads standard input. Received: none. Give a file."
                )
            content = stdin.read()
        else:
            content = _content(Path(given))
        text = decode(content, name)
        if not text.strip():
            raise DataError(
                f"A text must hold at least one word. Received: {name}, which is "
                "empty. Give another file."
            )
        yield Row(name, text, (), name)


def text_or_file(given: str, stdin: BinaryIO | None = None) -> str:
    """Return a text that was given as such, or as the name of a file.

    Args:
        given: the text, the path of a file that there is, or "-" for `stdin`.
        stdin: binary standard input, `sys.stdin.buffer`.

    Returns:
        The text; that of a file without the line break at its end.

    Raises:
        DataError: a file holds nothing but space or no UTF-8, or what was given has
            the form of a path and no such file is there.

    Example:
        >>> text_or_file("It rained.")
        'It rained.'
    """
    if given == "-" or os.path.isfile(given):
        return next(read_texts([given], stdin)).document.removesuffix("\n")
    if given.endswith((".txt", ".md", ".rst")) and not given.count(" "):
        raise DataError(
            f"A text must be the text itself or a file. Received: {given}, which is no "
            "file that is there. Check the path."
        )
    return given


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise DataError(
            f"A text must be a file. Received: {path}, a folder. Give its files: "
            f"{path}/*.txt"
        ) from error
    except OSError as error:
        raise DataError(
            f"A text must be a file that can be read. Received: {path}: "
            f"{error.strerror}. Check the path."
        ) from error
