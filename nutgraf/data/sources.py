"""One door to all data sources: a few settings in, the rows of a split out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nutgraf.data.bad_rows import BadRowLog
from nutgraf.data.rows import Row
from nutgraf.defaults import changed
from nutgraf.errors import ConfigError
from nutgraf.files import hash_files
from nutgraf.ranges import check_ranges

__all__ = ["DataSettings", "data_files", "data_name", "load_split"]

SPLITS = ("train", "valid", "test")
READ = {
    "docstrings": ("roots",),
    "cnn_dailymail": ("path", "bad_rows"),
    "files": (
        *SPLITS,
        "source_field",
        "target_field",
        "question_field",
        "no_answers",
        "bad_rows",
    ),
}
"""Source -> the settings that it alone reads."""
STARTER_FINGERPRINTS = Path(__file__).parents[1] / "starter/fingerprints.safetensors"
"""Of the shipped model's training data; what nearly repeats there is no test row."""


@dataclass(frozen=True)
class DataSettings:
    """Where rows come from."""

    source: Literal["docstrings", "cnn_dailymail", "files"] = "docstrings"
    """Installed packages, the news corpus, or files (train, valid and test below)."""
    path: str = ""
    """For cnn_dailymail: folder of .story files or copy; "" = Hugging Face hub."""
    train: str = ""
    """For files: jsonl, csv, tsv or parquet with the training rows."""
    valid: str = ""
    """For files: the validation rows."""
    test: str = ""
    """For files: the test rows."""
    source_field: str = ""
    """For files: name of the field with the text to read; "" = as the task has it."""
    target_field: str = ""
    """For files: name of the field with the text to write; "" = as the task has it."""
    question_field: str = ""
    """For files: name of the field with the question about the text; "" = as the task
    has it."""
    no_answers: bool = False
    """For files: whether an empty list of answers says that a text has no answer to its
    question, as in SQuAD 2; otherwise such a row is bad."""
    bad_rows: Literal["fail", "skip"] = "fail"
    """For files and cnn_dailymail: what to do with rows that cannot be used: stop, or
    leave them out; some stories of CNN/DailyMail have no highlight."""
    roots: tuple[str, ...] = field(default=(), metadata={"whole": True})
    """For docstrings: folders of more packages, beside those installed."""
    max_rows: int = 0
    """Use the first rows of each split only; 0 = all."""

    def __post_init__(self) -> None:
        """Check the values, and that the source reads what is set."""
        if self.source not in READ:
            raise ConfigError(
                f"data.source must be one of {', '.join(READ)}. Received: "
                f"{self.source!r}. Leave it out for docstrings."
            )
        check_ranges(self, max_rows=">= 0")
        BadRowLog(self.bad_rows, "data.")  # refuses other policies
        others = {
            name: source
            for source, names in READ.items()
            for name in names
            if name not in READ[self.source]
        }
        idle = changed(self, *others)
        if idle:
            given = ", ".join(f"data.{name}={value!r}" for name, value in idle.items())
            raise ConfigError(
                f"The source {self.source} reads {', '.join(READ[self.source])} and "
                f"max_rows alone. Received: {given}. Leave out what is not read, or "
                f"set data.source to {others[next(iter(idle))]}."
            )

    def require(self, *splits: str) -> None:
        """Refuse a split that is to be read and for which no file is named.

        Args:
            *splits: "train", "valid" or "test".

        Raises:
            ConfigError: the source is files, and one of these is not given.
        """
        for split in splits:
            if self.source == "files" and not getattr(self, split):
                raise ConfigError(
                    f"data.{split} must name a file when data.source is files. "
                    f"Received: nothing. Add `--data.{split} FILE`."
                )


def data_files(settings: DataSettings) -> list[Path]:
    """List the files of a source on this machine, and refuse those that are missing.

    Args:
        settings: the source.

    Returns:
        Every file but for Python packages.

    Raises:
        DataError: a file is missing.
    """
    if settings.source == "files":
        from nutgraf.data.files import check_file

        paths = [Path(name) for split in SPLITS if (name := getattr(settings, split))]
        for path in paths:
            check_file(path)
        return paths
    if settings.path:
        from nutgraf.data.cnn_dailymail import copy_files

        return copy_files(Path(settings.path))
    return []


def data_name(settings: DataSettings) -> str:
    """Return a name that changes when the data may have changed.

    Args:
        settings: the source.

    Returns:
        A short text: a hash of the settings and of what all files behind them hold;
        for docstrings, of the rows to train on.

    Raises:
        DataError: a file is missing.
    """
    stamp = hashlib.sha256(repr(settings).encode())
    stamp.update(hash_files(data_files(settings)).encode())
    if settings.source == "docstrings":
        for split in ("train", "valid"):
            for row in load_split(settings, split):
                stamp.update(repr((row.id, row.document, row.references)).encode())
    return f"{settings.source}-{stamp.hexdigest()[:16]}"


def load_split(
    settings: DataSettings,
    split: str,
    report: Callable[[str], None] | None = None,
) -> Iterator[Row]:
    """Yield the rows of a split.

    Args:
        settings: the source.
        split: "train", "valid" or "test".
        report: called with the rows that were left out; None warns.

    Yields:
        Rows, in an order that repeats.

    Raises:
        ConfigError: the split is unknown, or a file is not given.
        DataError: a file cannot be read.
    """
    if split not in SPLITS:
        raise ConfigError(
            f"split must be one of {', '.join(SPLITS)}. Received: {split!r}. Choose "
            "one of them."
        )
    log = BadRowLog(settings.bad_rows, "data.")
    yield from itertools.islice(_rows(settings, split, log), settings.max_rows or None)
    log.tell(report)


def _rows(settings: DataSettings, split: str, log: BadRowLog) -> Iterator[Row]:
    if settings.source == "docstrings":
        return _docstring_rows(settings, split)
    if settings.source == "cnn_dailymail":
        from nutgraf.data.cnn_dailymail import load_cnn_dailymail

        return load_cnn_dailymail(split, settings.path or None, log)
    from nutgraf.data.files import read_rows

    settings.require(split)
    return read_rows(
        getattr(settings, split),
        settings.source_field or "document",
        settings.target_field or "summary",
        log=log,
        question_field=settings.question_field or None,
        no_answers=settings.no_answers,
    )


def _docstring_rows(settings: DataSettings, split: str) -> Iterator[Row]:
    from nutgraf.data.docstrings import (
        default_roots,
        harvest_docstrings,
        load_docstrings,
    )
    from nutgraf.data.splits import split_by_module

    roots = [Path(root) for root in settings.roots] + default_roots()
    if split != "test":
        return iter(split_by_module(harvest_docstrings(roots))[split])
    shipped = STARTER_FINGERPRINTS if STARTER_FINGERPRINTS.is_file() else None
    return iter(load_docstrings(shipped, roots)["test"])
