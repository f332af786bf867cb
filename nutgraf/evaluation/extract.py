"""The likeliest answers of a text, over all of its windows.

Every span of a window is scored, so the best one is exact: no beam, no greedy start.
Devlin et al. 2019, sections 4.2 and 4.3, arXiv 1810.04805.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nutgraf.arrays import EOS, Batch
from nutgraf.backend import jit, to_numpy, with_values
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.models.bert_inputs import padded_length
from nutgraf.models.span_codec import Window
from nutgraf.models.span_policy import SpanPolicy

__all__ = ["Answer", "Extractor", "span_log_probs"]

Array = Any

_IMPOSSIBLE = -1e8
_CHUNK = 256
"""Rows whose windows are sorted by length together."""


class Answer(NamedTuple):
    """A span of a text.

    Attributes:
        text: its words; "" for no answer.
        start: its first character in the text; -1 for no answer.
        end: the character after its last; -1 for no answer.
        score: its probability among the spans of its window and "no answer".
    """

    text: str
    start: int
    end: int
    score: float


def span_log_probs(
    start: np.ndarray, end: np.ndarray, longest: int
) -> tuple[np.ndarray, float]:
    """Return the log-prob of every span, and of no answer.

    Args:
        start: (V,) float logits of the first action.
        end: (V,) float logits of the second, all together; -1e9 outside of the text.
        longest: L, longest answer in pieces.

    Returns:
        (V, L) float64 nats, of the span that begins with action v and has l + 1 pieces,
        below -1e8 where there is none; and the log-prob of "no answer".
    """
    start, end = start.astype("float64"), end.astype("float64")
    start = start - np.logaddexp.reduce(start)
    padded = np.concatenate([end, np.full(longest - 1, -1e9)])
    ends = np.lib.stride_tricks.sliding_window_view(padded, longest)  # (V, L)
    after = ends - np.logaddexp.reduce(ends, axis=1)[:, None]
    known = (ends > _IMPOSSIBLE) & (end > _IMPOSSIBLE)[:, None]
    return np.where(known, start[:, None] + after, -1e9), float(start[EOS])


class Extractor:
    """Finds the answers of questions in their texts.

    Args:
        policy: a `SpanPolicy`.
        no_answer: whether "no answer" may be the answer.
        threshold: with `no_answer`: an answer must be so many nats likelier than none;
            chosen on validation rows in the paper.
        rows: windows of a batch.

    Raises:
        ConfigError: a threshold is given where there is always an answer.
    """

    def __init__(
        self,
        policy: SpanPolicy,
        no_answer: bool = False,
        threshold: float = 0.0,
        rows: int = 32,
    ) -> None:
        """Compile at the first batch of each shape."""
        if threshold and not no_answer:
            raise ConfigError(
                "threshold is for no_answer, which says that a text has none. "
                f"Received: threshold={threshold} without it. Add --no_answer, or "
                "leave it out."
            )
        self.policy = policy
        self.no_answer = no_answer
        self.threshold = threshold
        self.rows = rows

        def tables(values: list[Array], batch: Batch) -> tuple[Array, Array]:
            with with_values(policy.variables, values):
                memory = policy.encode(batch)
            return memory["start"], memory["end"]

        self._tables = jit(tables)

    def __call__(
        self,
        rows: Sequence[Row],
        values: Sequence[Array] | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> list[str]:
        """Return the words of the best answer of each row.

        Args:
            rows: questions and their texts.
            values: weights; by default the policy's own.
            advance: called with the number of rows just done.

        Returns:
            One text per row, in order; "" for no answer.
        """
        texts = []
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            texts += [answers[0].text for answers in self.find(chunk, 1, values)]
            if advance is not None:
                advance(len(chunk))
        return texts

    def find(
        self,
        rows: Sequence[Row],
        count: int = 1,
        values: Sequence[Array] | None = None,
    ) -> list[list[Answer]]:
        """Return the best answers of each row.

        Args:
            rows: questions and their texts; long ones are read in windows.
            count: at most so many answers, all different, best first.
            values: weights; by default the policy's own.

        Returns:
            One answer or more for each row. "No answer" is the first one or none of
            them; it is the only one of a text without any word.

        Raises:
            DataError: a question leaves no room for its text.
        """
        if values is None:
            values = [variable.value for variable in self.policy.variables]
        owners, windows = [], []
        for number, row in enumerate(rows):
            for window in self.policy.codec.windows_of(row):
                owners.append(number)
                windows.append(window)
        spans: list[dict[tuple[int, int], float]] = [{} for _ in rows]
        none = np.zeros(len(rows))  # the window that is least sure of it decides
        for place, found, nothing in self._scored(values, windows, count):
            number, offset = owners[place], windows[place].offset
            none[number] = min(none[number], nothing)
            best = spans[number]
            for (first, last), log_prob in found:
                key = first + offset, last + offset
                best[key] = max(log_prob, best.get(key, -np.inf))
        return [
            self._answers(row, best, float(nothing), count)
            for row, best, nothing in zip(rows, spans, none, strict=True)
        ]

    def _answers(
        self,
        row: Row,
        spans: dict[tuple[int, int], float],
        none: float,
        count: int,
    ) -> list[Answer]:
        from nutgraf.data.answer_spans import asked_of

        text = asked_of(row.document).context
        order = sorted(spans, key=lambda key: (-spans[key], key))[:count]
        found = [Answer(text[a:b], a, b, float(np.exp(spans[a, b]))) for a, b in order]
        nothing = Answer("", -1, -1, float(np.exp(none)))
        if not found:
            return [nothing]
        if self.no_answer and none - spans[order[0]] > -self.threshold:
            return [nothing, *found][:count]
        return found

    def _scored(
        self, values: Sequence[Array], windows: Sequence[Window], count: int
    ) -> list[tuple[int, list[tuple[tuple[int, int], float]], float]]:
        """Of each window: its number, its best spans, the log-prob of none."""
        codec = self.policy.codec
        lengths = codec.source_lengths([window.row for window in windows])
        order = np.argsort(lengths, kind="stable")
        sizes = sorted({1, min(4, self.rows), self.rows})  # few shapes are compiled
        size = next(n for n in sizes if n >= min(len(order), self.rows))
        out = []
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            filled = np.resize(chosen, size)
            length = padded_length(
                int(max(lengths[n] for n in chosen)), codec.max_source
            )
            batch = codec.batch([windows[int(n)].row for n in filled], length)
            starts, ends = to_numpy(self._tables(list(values), batch))
            for place, number in enumerate(chosen):
                log_probs, none = span_log_probs(
                    starts[place], ends[place], codec.max_answer
                )
                one = Batch(*(part[place : place + 1] for part in batch))
                out.append((int(number), self._best(one, log_probs, count), none))
        return out

    def _best(
        self, batch: Batch, log_probs: np.ndarray, count: int
    ) -> list[tuple[tuple[int, int], float]]:
        """The best spans of a window, in characters."""
        flat = log_probs.ravel()
        best = np.argsort(-flat, kind="stable")[:count]
        best = best[flat[best] > _IMPOSSIBLE]
        if not len(best):
            return []
        first, more = np.divmod(best, log_probs.shape[1])
        last = np.where(more > 0, first + more, EOS)
        actions = np.stack([first, last, np.full_like(first, EOS)], axis=-1)[None]
        places = self.policy.codec.places(batch, actions)
        return [
            (place, float(log_prob))
            for place, log_prob in zip(places, flat[best], strict=True)
            if place is not None
        ]
