"""One door to all data sources: a few settings in, the rows of a split out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError

__all__ = ["DataSettings", "data_name", "load_split"]

SPLITS = ("train", "valid", "test")
STARTER_FINGERPRINTS = Path(__file__).parents[1] / "starter/fingerprints.safetensors"
"""Of the shipped model's training data; what nearly repeats there is no test row."""


@dataclass(frozen=True)
class DataSettings:
    """Where rows come from."""

    source: str = "docstrings"
    """"docstrings", "cnn_dailymail", or "files" (with train, valid and test below)."""
    path: str = ""
    """For cnn_dailymail: folder of .story files or copy; "" = Hugging Face hub."""
    train: str = ""
    """For files: jsonl, csv, tsv or parquet with the training rows."""
    valid: str = ""
    """For files: the validation rows."""
    test: str = ""
    """For files: the test rows."""
    document_field: str = "document"
    """Name of the field with the text."""
    summary_field: str = "summary"
    """Name of the field with the summary."""
    bad_rows: str = "fail"
    """"fail" or "skip" rows that cannot be used."""
    roots: tuple[str, ...] = ()
    """For docstrings: folders of more packages, beside those installed."""
    max_rows: int = 0
    """Use the first rows of each split only; 0 = all."""


def data_name(settings: DataSettings) -> str:
    """Return a name that changes when the data may have changed.

    Args:
        settings: the source.

    Returns:
        A short text: settings, and sizes and times of the files behind them.
    """
    stamp = hashlib.sha256(repr(settings).encode())
    for name in ("path", "train", "valid", "test"):
        path = Path(getattr(settings, name) or "/nowhere")
        if path.exists():
            stat = path.stat()
            stamp.update(f"{name}|{stat.st_size}|{stat.st_mtime_ns}".encode())
    if settings.source == "docstrings":
        for row in load_split(settings, "valid"):
            stamp.update(row.id.encode())
    return f"{settings.source}-{stamp.hexdigest()[:16]}"


def load_split(settings: DataSettings, split: str) -> Iterator[Row]:
    """Yield the rows of a split.

    Args:
        settings: the source.
        split: "train", "valid" or "test".

    Yields:
        Rows, in an order that repeats.

    Raises:
        ConfigError: the source or split is unknown, or a file is not given.
        DataError: a file cannot be read.
    """
    if split not in SPLITS:
        raise ConfigError(
            f"split must be one of {', '.join(SPLITS)}. Received: {split!r}."
        )
    limit = settings.max_rows or None
    for number, row in enumerate(_rows(settings, split)):
        if number == limit:
            return
        yield row


def _rows(settings: DataSettings, split: str) -> Iterator[Row]:
    if settings.source == "docstrings":
        return _docstring_rows(settings, split)
    if settings.source == "cnn_dailymail":
        from nutgraf.data.cnn_dailymail import load_cnn_dailymail

        return iter(load_cnn_dailymail(split, settings.path or None))
    if settings.source == "files":
        return _file_rows(settings, split)
    raise ConfigError(
        'data.source must be "docstrings", "cnn_dailymail" or "files". Received: '
        f"{settings.source!r}."
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


def _file_rows(settings: DataSettings, split: str) -> Iterator[Row]:
    from nutgraf.data.files import read_rows

    path = getattr(settings, split)
    if not path:
        raise ConfigError(
            f"data.{split} must name a file when data.source is files. Received: "
            f"nothing. Add `--data.{split} FILE`."
        )
    return read_rows(
        path,
        document_field=settings.document_field,
        summary_field=settings.summary_field,
        bad_rows=settings.bad_rows,
    )
