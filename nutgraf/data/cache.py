"""Tokenised rows on disk, memory-mapped: memory does not grow with the data.

A cache folder holds the ids of all sources and targets end to end, where each begins,
and the row numbers. It is named by what it was made from, so it is used again exactly
when rows, tokenizer and limits are the same.
"""

from __future__ import annotations

import functools
import hashlib
import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nutgraf.arrays import EOS
from nutgraf.data.rows import Row, row_number
from nutgraf.errors import DataError
from nutgraf.files import atomic_folder, write_json

__all__ = ["TokenCache", "build_cache"]

CHUNK = 512

Encode = Callable[[Sequence[Row]], tuple[list[Any], list[Any]]]
META = "cache.json"


class TokenCache:
    """Tokenised rows, read from disk as they are asked for.

    Attributes:
        row_numbers: (N,) int32, `row_number` of each row.
        source_lengths: (N,) int64 tokens.
        target_lengths: (N,) int64 actions, the end among them.
        truncated: number of sources and of targets that were cut.
    """

    def __init__(self, folder: Path) -> None:
        """Open a cache folder.

        Raises:
            DataError: it is no whole cache.
        """
        self.folder = Path(folder)
        try:
            meta = json.loads((self.folder / META).read_text(encoding="utf-8"))
            self._source, source = self._open("source", meta["dtype"])
            self._target, target = self._open("target", meta["dtype"])
            self.row_numbers = np.load(self.folder / "rows.npy")
        except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
            raise DataError(
                f"{folder} must be a token cache. Received: {error!r}. Delete the "
                "folder; it is made again."
            ) from error
        self._source_starts, self._target_starts = source, target
        self.source_lengths = np.diff(source)
        self.target_lengths = np.diff(target)
        self.truncated: dict[str, int] = meta["truncated"]

    def _open(self, name: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        starts = np.load(self.folder / f"{name}_starts.npy")
        path = self.folder / f"{name}.bin"
        if starts[-1] == 0:
            return np.zeros(0, dtype), starts
        return np.memmap(path, dtype=dtype, mode="r", shape=(int(starts[-1]),)), starts

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row_numbers)

    def source(self, index: int) -> np.ndarray:
        """Return the source ids of a row.

        Args:
            index: place of the row in the cache.

        Returns:
            (n,) integers, cut at the source limit.
        """
        return self._source[self._source_starts[index] : self._source_starts[index + 1]]

    def target(self, index: int) -> np.ndarray:
        """Return the target actions of a row.

        Args:
            index: place of the row in the cache.

        Returns:
            (n,) integers, the end last unless it was cut off.
        """
        return self._target[self._target_starts[index] : self._target_starts[index + 1]]


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _encode(tokenizer: Any, rows: Sequence[Row]) -> tuple[list[Any], list[Any]]:
    references = [row.references[0] if row.references else "" for row in rows]
    sources = tokenizer.encode_batch([row.document for row in rows])
    return sources, [[*ids, EOS] for ids in tokenizer.encode_batch(references)]


def build_cache(
    rows: Iterable[Row],
    tokenizer: Any,
    folder: Path,
    max_source: int,
    max_target: int,
    name: str,
    encode: Encode | None = None,
) -> TokenCache:
    """Tokenise rows into a folder, or open the one that already holds them.

    Args:
        rows: the rows, read once, a few hundred at a time.
        tokenizer: a `Tokenizer`.
        folder: where caches lie.
        max_source: sources are cut to so many tokens.
        max_target: targets are cut to so many actions.
        name: what the rows are, of `data_name`; the same name with the same tokenizer
            and limits means the same cache.
        encode: rows -> the ids of their sources, and their actions; None = documents
            and first references by the tokenizer, an end action behind.

    Returns:
        The open cache.
    """
    key = f"{name}|{tokenizer.fingerprint}|{max_source}|{max_target}"
    target = Path(folder) / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not (target / META).is_file():
        with atomic_folder(target) as part:
            _write(rows, tokenizer, part, max_source, max_target, key, encode)
    return TokenCache(target)


def _write(
    rows: Iterable[Row],
    tokenizer: Any,
    folder: Path,
    max_source: int,
    max_target: int,
    key: str,
    encode: Encode | None,
) -> None:
    encode = encode or functools.partial(_encode, tokenizer)
    dtype = "uint16" if tokenizer.vocabulary_size <= 2**16 else "int32"
    numbers = array("i")  # 4 and 8 bytes a row, where a list takes 36
    starts = {"source": array("q", [0]), "target": array("q", [0])}
    truncated = {"source": 0, "target": 0}
    limits = {"source": max_source, "target": max_target}
    with (
        (folder / "source.bin").open("wb") as source_file,
        (folder / "target.bin").open("wb") as target_file,
    ):
        files = {"source": source_file, "target": target_file}
        for chunk in _chunks(rows):
            numbers.extend(row_number(row.id) for row in chunk)
            for kind, lists in zip(("source", "target"), encode(chunk), strict=True):
                for ids in lists:
                    truncated[kind] += len(ids) > limits[kind]
                    kept = np.asarray(ids[: limits[kind]], dtype)
                    files[kind].write(kept.tobytes())
                    starts[kind].append(starts[kind][-1] + len(kept))
    for kind, places in starts.items():
        np.save(folder / f"{kind}_starts.npy", np.asarray(places, np.int64))
    np.save(folder / "rows.npy", np.asarray(numbers, np.int32))
    write_json(folder / META, {"key": key, "dtype": dtype, "truncated": truncated})
