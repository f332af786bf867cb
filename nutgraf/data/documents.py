"""Plain documents to learn a language from: files and folders, or the built-in sources.

Documents come one at a time, and a text file longer than `PIECE` characters comes in
pieces, so memory does not grow with the data.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TextIO

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.files import KINDS, check_file, read_rows
from nutgraf.data.rows import Row
from nutgraf.data.sources import DataSettings, data_name, load_split
from nutgraf.defaults import changed
from nutgraf.errors import ConfigError, DataError
from nutgraf.files import hash_files
from nutgraf.ranges import check_ranges

__all__ = ["DocumentSettings", "documents_name", "load_documents"]

PIECE = 2**20
"""Most characters of a document that is a text file."""
TEXTS = ("txt", "text", "md", "rst")
"""Ends of names of text files; in a folder all others but those of `KINDS` are left
out."""
_FILES_ONLY = ("train", "valid", "valid_share", "source_field")


@dataclass(frozen=True)
class DocumentSettings:
    """Where documents come from."""

    source: Literal["docstrings", "cnn_dailymail", "files"] = "docstrings"
    """Installed packages, the news corpus (the documents of either, not what sums them
    up), or files (train and valid below)."""
    path: str = ""
    """For cnn_dailymail: folder of .story files or copy; "" = Hugging Face hub."""
    train: tuple[str, ...] = field(default=(), metadata={"whole": True})
    """For files: text files, each a document, data files (jsonl, csv, tsv, parquet) and
    folders of both."""
    valid: tuple[str, ...] = field(default=(), metadata={"whole": True})
    """For files: the same for validation; nothing = a share of the training documents,
    which are not trained on."""
    valid_share: float = 0.05
    """For files: that share."""
    source_field: str = "text"
    """For data files: name of the field with the text."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """For data files and cnn_dailymail: what to do with rows that cannot be used: stop,
    or leave them out."""
    max_documents: int = 0
    """Use the first documents of each split only; 0 = all."""

    def __post_init__(self) -> None:
        """Check the values, and that the source reads what is set."""
        check_ranges(self, max_documents=">= 0", valid_share="[0, 1)")
        BadRowLog(self.bad_rows, "data.")  # refuses other policies
        if self.source != "files":
            _as_rows(self)  # refuses other sources
        elif not self.train:
            raise ConfigError(
                "data.train must name files or folders when data.source is files. "
                "Received: nothing. Add `--data.train FILE`."
            )
        names = ("path",) if self.source == "files" else _FILES_ONLY
        idle = changed(self, *names)
        if idle:
            given = ", ".join(f"data.{name}={value!r}" for name, value in idle.items())
            raise ConfigError(
                f"The source {self.source} reads no such setting. Received: {given}. "
                "Leave it out, or set data.source."
            )


def _as_rows(settings: DocumentSettings) -> DataSettings:
    """A built-in source as a source of rows."""
    return DataSettings(
        source=settings.source, path=settings.path, bad_rows=settings.bad_rows
    )


def _kind(path: Path) -> str:
    """The end of a file's name, without .gz."""
    return path.name.lower().removesuffix(".gz").rpartition(".")[2]


def _paths(given: tuple[str, ...]) -> Iterator[Path]:
    """Files, and the text and data files of folders, sorted."""
    for name in given:
        path = Path(name)
        if not path.is_dir():
            check_file(path)
            yield path
            continue
        found = [
            file
            for file in sorted(path.rglob("*"))
            if file.is_file()
            and _kind(file) in (*TEXTS, *KINDS)
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        ]
        if not found:
            raise DataError(
                "A folder of documents must hold files that end in "
                f"{', '.join((*TEXTS, *KINDS))}. Received: {path} with none. Rename "
                "the files, or name them one by one."
            )
        yield from found


def _pieces(stream: TextIO) -> Iterator[str]:
    """A text in pieces that end at white space."""
    rest = ""
    while block := stream.read(PIECE - len(rest)):
        text = rest + block
        end = len(text)
        if end == PIECE:
            end = 1 + max(text.rfind(space) for space in "\n ") or end
        yield text[:end]
        rest = text[end:]
    yield rest


def _text_file(path: Path) -> Iterator[Row]:
    """The pieces of a text file that hold a word."""
    import gzip

    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as stream:
            for number, text in enumerate(_pieces(stream), 1):
                if text.strip():
                    name = str(path) if number == 1 else f"{path}#{number}"
                    yield Row(name, text, (), name)
    except UnicodeDecodeError as error:
        raise DataError(
            f"A text must be UTF-8. Received: {path}: byte 0x"
            f"{error.object[error.start]:02x}. Convert it: `iconv -f latin1 -t utf-8`."
        ) from error
    except (OSError, EOFError) as error:
        raise DataError(
            f"A text must be a file that can be read to its end. Received: {path}: "
            f"{error}. Copy it again."
        ) from error


def _held_out(row: Row, share: float) -> bool:
    """Whether a document is one for validation: a function of its text alone.

    So a text that occurs twice is not trained on and held out at once.
    """
    digest = hashlib.sha256(row.document.encode("utf-8")).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def _of_files(settings: DocumentSettings, split: str, log: BadRowLog) -> Iterator[Row]:
    own = split == "valid" and settings.valid
    for path in _paths(settings.valid if own else settings.train):
        if _kind(path) in KINDS:
            rows = read_rows(path, settings.source_field, None, log=log)
        else:
            rows = _text_file(path)
        for row in rows:
            held = not settings.valid and _held_out(row, settings.valid_share)
            if own or held == (split == "valid"):
                yield row


def load_documents(
    settings: DocumentSettings,
    split: str,
    report: Callable[[str], None] | None = None,
) -> Iterator[Row]:
    """Yield the documents of a split.

    Args:
        settings: the source.
        split: "train" or "valid".
        report: called with the rows that were left out; None warns.

    Yields:
        Rows without reference, in an order that repeats.

    Raises:
        DataError: a file cannot be read, a folder holds none, or there is no text to
            train on.
    """
    log = BadRowLog(settings.bad_rows, "data.")
    if settings.source == "files":
        documents = _of_files(settings, split, log)
    else:
        rows = load_split(_as_rows(settings), split, report)
        documents = (row._replace(references=()) for row in rows)
    count = 0
    for row in itertools.islice(documents, settings.max_documents or None):
        count += 1
        yield row
    log.tell(report)
    if not count and split == "train":
        raise DataError(
            "There must be a document to train on. Received: none that holds a word in "
            f"{', '.join(settings.train) or settings.source}. Name other files, or "
            "lower data.valid_share."
        )


def documents_name(settings: DocumentSettings) -> str:
    """Return a name that changes when the documents may have changed.

    Args:
        settings: the source.

    Returns:
        A short text: a hash of the settings and of what is behind them.

    Raises:
        DataError: a file is missing.
    """
    stamp = hashlib.sha256(repr(settings).encode())
    if settings.source != "files":
        stamp.update(data_name(_as_rows(settings)).encode())
    stamp.update(hash_files(_paths((*settings.train, *settings.valid))).encode())
    return f"{settings.source}-{stamp.hexdigest()[:16]}"
