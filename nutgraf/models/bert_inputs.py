"""Texts as the arrays that a BERT reads, in few shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from nutgraf.models.codec import pad_ids
from nutgraf.text.bert_tokenizer import BertTokenizer, Joined, Pieces

__all__ = ["BertBatch", "bert_batch", "bert_batches", "joined_texts", "padded_length"]

Array = Any

_SHORTEST = 16
_TOKENS = 8192  # of a batch, padding counted
_ROWS = (1, 8, 64)  # of small batches


class BertBatch(NamedTuple):
    """Inputs side by side.

    Attributes:
        ids: (B, S) int32, special tokens included, padded with `PAD` on the right.
        mask: (B, S) bool.
        segments: (B, S) int32.
    """

    ids: Array
    mask: Array
    segments: Array


def padded_length(length: int, limit: int) -> int:
    """Return one of few lengths: 16, 32, 48, 64, 96, 128, ..., and the limit.

    Args:
        length: in tokens.
        limit: largest length returned.

    Returns:
        The smallest that holds `length`, or the limit.

    Example:
        >>> padded_length(17, 100), padded_length(97, 100), padded_length(3, 10)
        (32, 100, 10)
    """
    size = _SHORTEST
    while size < length:
        size *= 2
    between = size * 3 // 4
    size = between if length <= between > 2 * _SHORTEST else size
    return min(size, limit)


def bert_batch(
    inputs: Sequence[Joined], length: int, rows: int | None = None
) -> BertBatch:
    """Lay inputs side by side.

    Args:
        inputs: of `BertTokenizer.join`.
        length: S; what is longer is cut.
        rows: B; fillers without any token follow the inputs. None = as many as these.

    Returns:
        The batch, numpy arrays.
    """
    fillers: list[Sequence[int]] = [()] * ((rows or len(inputs)) - len(inputs))
    ids, mask = pad_ids([*(one.ids for one in inputs), *fillers], length)
    segments, _ = pad_ids([*(one.segments for one in inputs), *fillers], length)
    return BertBatch(ids, mask, segments)


def joined_texts(
    tokenizer: BertTokenizer,
    texts: Sequence[str],
    seconds: Sequence[str] | None = None,
    max_length: int = 512,
) -> list[Joined]:
    """Encode texts, or pairs of texts, with their special tokens.

    Args:
        tokenizer: the tokenizer.
        texts: n texts.
        seconds: n texts that follow them, such as contexts of questions; None = alone.
        max_length: longest input in tokens; what is longer is cut.

    Returns:
        n inputs.

    Raises:
        ConfigError: `max_length` is too small.
        DataError: a text has a lone surrogate.

    Example:
        >>> tokenizer = BertTokenizer.train(["red cat red cat"], 40)
        >>> batch = bert_batch(joined_texts(tokenizer, ["red", "red cat"]), 4)
        >>> batch.mask.sum(axis=1).tolist()
        [3, 4]
    """
    first = tokenizer.pieces_batch(texts)
    if seconds is None:
        return [tokenizer.join(one, None, max_length) for one in first]
    second: list[Pieces] = tokenizer.pieces_batch(seconds)
    pairs = zip(first, second, strict=True)
    return [tokenizer.join(one, two, max_length) for one, two in pairs]


def bert_batches(
    inputs: Sequence[Joined], limit: int
) -> Iterator[tuple[list[int], BertBatch]]:
    """Lay inputs of similar length side by side, in few shapes.

    Args:
        inputs: of `BertTokenizer.join`.
        limit: longest input in tokens; what is longer is cut.

    Yields:
        Numbers of the inputs, n of them, and the batch; its first n rows are theirs,
        the others are fillers.
    """
    groups: dict[int, list[int]] = {}
    for number, one in enumerate(inputs):
        length = padded_length(len(one.ids), limit)
        groups.setdefault(length, []).append(number)
    for length, numbers in sorted(groups.items()):
        most = max(1, _TOKENS // length)
        for start in range(0, len(numbers), most):
            part = numbers[start : start + most]
            rows = next((n for n in _ROWS if len(part) <= n < most), most)
            yield part, bert_batch([inputs[n] for n in part], length, rows)
