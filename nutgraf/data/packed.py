"""Documents as rows of tokens of one length, several to a row, memory-mapped.

Documents share a row, each with a segment number of its own, so that nothing is
attended to across them and hardly anything is padding. For a language model a document
is written `<bos> d1 … dn <eos>`, and one longer than a row is cut into pieces that
overlap by one token, so every token but `<bos>` is predicted exactly once.

Each piece goes where the least room is left that holds it, among a few rows that are
open: best-fit packing as a stream, after Ding et al. 2024, "Fewer Truncations Improve
Language Modeling", arXiv 2404.10830, section 3.

Difference from the paper: the pieces are not sorted by length first, so memory does not
grow with the data.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from nutgraf.arrays import BOS, EOS, PAD
from nutgraf.data.rows import Row
from nutgraf.errors import DataError
from nutgraf.files import atomic_folder, write_json

__all__ = ["Cut", "PackedBatch", "PackedTokens", "build_packed", "language_pieces"]
__all__ += ["packed_batches"]

Cut: TypeAlias = Callable[[list[int], int], Iterable[list[int]]]

CHUNK = 64
"""Documents that are tokenised at once."""
OPEN = 64
"""Rows that wait for a piece that fits."""
META = "packed.json"


class PackedBatch(NamedTuple):
    """Rows of several texts each, ready for a language model.

    Attributes:
        ids: (B, L) int32, padded with `PAD`.
        positions: (B, L) int32, of each token in its own text.
        segments: (B, L) int32, number of the text in the row from 1; 0 = padding.
        targets: (B, L) int32, the token that follows in the same text.
        mask: (B, L) bool, True = there is one.
    """

    ids: np.ndarray
    positions: np.ndarray
    segments: np.ndarray
    targets: np.ndarray
    mask: np.ndarray


def _batch(ids: np.ndarray, segments: np.ndarray) -> PackedBatch:
    """Positions and targets of (B, L) rows."""
    steps = np.broadcast_to(np.arange(ids.shape[1], dtype=np.int32), ids.shape)
    first = np.ones(ids.shape, bool)
    first[:, 1:] = segments[:, 1:] != segments[:, :-1]
    starts = np.maximum.accumulate(np.where(first, steps, 0), axis=1)
    mask = np.zeros(ids.shape, bool)
    mask[:, :-1] = ~first[:, 1:] & (segments[:, :-1] > 0)
    targets = np.full(ids.shape, PAD, np.int32)
    targets[:, :-1] = np.where(mask[:, :-1], ids[:, 1:], PAD)
    return PackedBatch(ids, steps - starts, segments, targets, mask)


def language_pieces(ids: list[int], length: int) -> Iterator[list[int]]:
    """Write a document for a language model.

    Args:
        ids: tokens of the document.
        length: longest piece.

    Yields:
        `<bos>`, the document and `<eos>`, in pieces each of which begins with the end
        of the one before.

    Example:
        >>> list(language_pieces([7, 8, 9], 3))
        [[1, 7, 8], [8, 9, 2]]
    """
    whole = [BOS, *ids, EOS]
    for start in range(0, len(whole) - 1, length - 1):
        yield whole[start : start + length]


class PackedTokens:
    """Packed rows, read from disk as they are asked for.

    Attributes:
        length: L, tokens of a row.
        documents: number of documents.
        tokens: of all pieces without their first: what a language model predicts.
        bytes: number of bytes of the documents' texts in UTF-8.
    """

    def __init__(self, folder: Path) -> None:
        """Open a folder of `build_packed`.

        Raises:
            DataError: it is no such folder.
        """
        self.folder = Path(folder)
        try:
            meta = json.loads((self.folder / META).read_text(encoding="utf-8"))
            self.length: int = meta["length"]
            self.documents: int = meta["documents"]
            self.tokens: int = meta["tokens"]
            self.bytes: int = meta["bytes"]
            shape = (meta["rows"], self.length)
            self._ids = self._open("ids", meta["dtype"], shape)
            self._segments = self._open("segments", "uint16", shape)
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder} must hold packed tokens. Received: {error!r}. Delete the "
                "folder; it is made again."
            ) from error

    def _open(self, name: str, dtype: str, shape: tuple[int, int]) -> np.ndarray:
        path = self.folder / f"{name}.bin"
        return np.memmap(path, dtype, "r", shape=shape) if shape[0] else np.zeros(shape)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._ids)

    def batch(self, indices: np.ndarray, rows: int) -> PackedBatch:
        """Read rows.

        Args:
            indices: (n,) places of rows.
            rows: B >= n; what is missing is padding.

        Returns:
            The batch.
        """
        shape = (rows, self.length)
        ids, segments = np.full(shape, PAD, np.int32), np.zeros(shape, np.int32)
        ids[: len(indices)] = self._ids[indices]
        segments[: len(indices)] = self._segments[indices]
        return _batch(ids, segments)


def packed_batches(
    packed: PackedTokens, rows: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Return which rows make the batches of a pass, in order.

    Args:
        packed: the rows.
        rows: B, rows of a batch.
        seed: run seed.
        epoch: number of the pass.

    Returns:
        Every row once; the last batch may hold fewer rows.
    """
    random = np.random.Generator(np.random.Philox([seed, epoch, 0x9AC4]))
    order = random.permutation(len(packed))
    return [order[start : start + rows] for start in range(0, len(order), rows)]


def build_packed(
    documents: Iterable[Row],
    tokenizer: Any,
    folder: Path,
    length: int,
    name: str,
    cut: Cut = language_pieces,
) -> PackedTokens:
    """Tokenise and pack documents into a folder, or open the one that holds them.

    Args:
        documents: the documents, read once, a few at a time.
        tokenizer: a `Tokenizer`, or another with `encode_batch`.
        folder: where such folders lie.
        length: L >= 2, tokens of a row.
        name: what the documents are, of `documents_name`; the same name with the same
            tokenizer and length means the same folder.
        cut: from the ids of a document and the length to the pieces that are packed,
            each of 2 to L tokens.

    Returns:
        The open rows.
    """
    key = f"{name}|{tokenizer.fingerprint}|{length}"
    target = Path(folder) / hashlib.sha256(key.encode()).hexdigest()[:16]
    if not (target / META).is_file():
        with atomic_folder(target) as part:
            _write(documents, tokenizer, part, length, key, cut)
    return PackedTokens(target)


def _write(
    documents: Iterable[Row],
    tokenizer: Any,
    folder: Path,
    length: int,
    key: str,
    cut: Cut,
) -> None:
    dtype = "uint16" if tokenizer.vocabulary_size <= 2**16 else "int32"
    count = {"documents": 0, "tokens": 0, "bytes": 0}

    def pieces() -> Iterator[list[int]]:
        texts = (row.document for row in documents)
        while chunk := list(itertools.islice(texts, CHUNK)):
            count["documents"] += len(chunk)
            count["bytes"] += sum(len(text.encode("utf-8")) for text in chunk)
            for ids in tokenizer.encode_batch(chunk):
                for piece in cut(ids, length):
                    count["tokens"] += len(piece) - 1
                    yield piece

    rows = 0
    with (
        (folder / "ids.bin").open("wb") as ids_file,
        (folder / "segments.bin").open("wb") as segments_file,
    ):
        for row in _packed(pieces(), length):
            ids, segments = np.full(length, PAD, dtype), np.zeros(length, "uint16")
            end = 0
            for number, piece in enumerate(row, 1):
                ids[end : end + len(piece)] = piece
                segments[end : end + len(piece)] = number
                end += len(piece)
            ids_file.write(ids.tobytes())
            segments_file.write(segments.tobytes())
            rows += 1
    meta = {"key": key, "dtype": dtype, "length": length, "rows": rows, **count}
    write_json(folder / META, meta)


def _packed(pieces: Iterable[list[int]], length: int) -> Iterator[list[list[int]]]:
    """Rows of pieces, each row as soon as it is full or the fullest of too many."""
    waiting: list[tuple[int, list[list[int]]]] = []  # room left, and the pieces
    for piece in pieces:
        size = len(piece)
        fitting = [place for place, (room, _) in enumerate(waiting) if room >= size]
        if fitting:
            place = min(fitting, key=lambda place: waiting[place][0])
            room, row = waiting.pop(place)
        else:
            room, row = length, []
        row.append(piece)
        if room - size < 2:  # no piece is shorter
            yield row
            continue
        waiting.append((room - size, row))
        if len(waiting) > OPEN:
            fullest = min(range(len(waiting)), key=lambda place: waiting[place][0])
            yield waiting.pop(fullest)[1]
    yield from (row for _, row in waiting)
