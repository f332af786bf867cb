"""Questions and texts as windows of word pieces; actions are places in a window.

An answer is a span of the text. It is written in at most three actions: the piece it
begins with, the piece it ends with, the end. A piece at place i of the window is action
i + 1. The end as first action says that the window has no answer; as second action,
that the answer is one piece.

A text that is too long is read in windows that overlap, each a row of its own (Devlin
et al.'s code for SQuAD; section 4.2 of arXiv 1810.04805 has one window).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from nutgraf.arrays import EOS, Batch
from nutgraf.data.answer_spans import asked_of
from nutgraf.data.questions import ask
from nutgraf.data.rows import Row, row_number
from nutgraf.errors import DataError, ModelError
from nutgraf.models.codec import pad_ids, round_up
from nutgraf.models.span_settings import WindowSettings
from nutgraf.text.bert_tokenizer import BertTokenizer, Pieces

__all__ = ["SpanCodec", "Window"]

_KEPT = 8192
"""Windows whose texts are remembered, so that actions can be turned into texts."""


class Window(NamedTuple):
    """A part of a text that the model reads at once.

    Attributes:
        row: the question with this part, the answer in it, or "" when it is not.
        offset: characters of the text before the part.
    """

    row: Row
    offset: int


class _Read(NamedTuple):
    """A window as it was read: its text, and where each place of it stands there."""

    text: str
    first: int  # place of the text's first piece
    offsets: list[tuple[int, int]]


class SpanCodec:
    """Rows to arrays, and places back to the words of the text.

    Args:
        tokenizer: of the BERT.
        windows: how texts are cut.

    Attributes:
        max_source: longest window in word pieces.
        max_target: 3, actions of an answer.
        max_answer: longest answer in word pieces.
    """

    max_target = 3
    source_step = 32

    def __init__(
        self,
        tokenizer: BertTokenizer,
        windows: WindowSettings = WindowSettings(),  # noqa: B008 - frozen
    ) -> None:
        """Keep them."""
        self.tokenizer = tokenizer
        self.windows = windows
        self.max_source = windows.length
        self.max_answer = windows.answer
        self._seen: OrderedDict[bytes, _Read] = OrderedDict()

    @property
    def fingerprint(self) -> str:
        """What the arrays of a row depend on."""
        return f"{self.tokenizer.fingerprint}|{self.windows}"

    def cut(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the windows of rows, those without the answer as rows without one.

        Args:
            rows: of `nutgraf.data.answer_spans.located_rows`.

        Yields:
            Rows that fit the model.

        Raises:
            DataError: a question leaves no room for its text.
        """
        for row in rows:
            for window in self.windows_of(row):
                yield window.row

    def windows_of(self, row: Row) -> list[Window]:
        """Cut a text into windows; they begin with a word.

        Args:
            row: a question and its text; without starts, references stay as they are.

        Returns:
            One window or more; the row itself when it fits.

        Raises:
            DataError: the question has more word pieces than half a window.
        """
        question, context = asked_of(row.document)
        pieces = self.tokenizer.pieces_batch([question, context])
        asked, read = pieces
        most = self.max_source // 2
        if len(asked.ids) > most:
            raise DataError(
                f"A question must have at most {most} word pieces, half of what the "
                f"model reads at once. Received: {len(asked.ids)} in "
                f"{row.origin or row.id}. Shorten it."
            )
        room = self.max_source - 3 - len(asked.ids)
        if len(read.ids) <= room:
            return [Window(row, 0)]
        found = []
        for number, (start, stop) in enumerate(self._parts(read, room)):
            begin = read.offsets[start][0] if start else 0
            end = read.offsets[stop - 1][1] if stop < len(read.ids) else len(context)
            part = row._replace(
                id=f"{row.id}#{number + 1}",
                document=ask(question, context[begin:end]),
            )
            found.append(Window(_with_answer(part, begin, end), begin))
        return found

    def _parts(self, pieces: Pieces, room: int) -> Iterator[tuple[int, int]]:
        """First piece and the one after the last of each window."""
        starts_word = self.tokenizer.starts_word
        overlap = min(self.windows.overlap, room // 2)
        start, count = 0, len(pieces.ids)
        while start + room < count:
            yield start, start + room
            after = start + room - overlap
            word = (
                after  # back to the start of a word, so that its pieces stay the same
            )
            while word > start and not starts_word[pieces.ids[word]]:
                word -= 1
            start = word if word > start else after
        yield start, count

    def encode(self, rows: Sequence[Row]) -> tuple[list[list[int]], list[list[int]]]:
        """Return what the model reads and what it should do.

        Args:
            rows: windows; what is longer is cut.

        Returns:
            `[CLS] question [SEP] text [SEP]` of each, and its actions: start, end
            unless it is the start, and the end action.
        """
        sources, targets, _ = self._encoded(rows)
        return sources, targets

    def _encoded(
        self, rows: Sequence[Row]
    ) -> tuple[list[list[int]], list[list[int]], list[_Read]]:
        asked = [asked_of(row.document) for row in rows]
        questions = self.tokenizer.pieces_batch([one.question for one in asked])
        contexts = self.tokenizer.pieces_batch([one.context for one in asked])
        sources, targets, reads = [], [], []
        for row, one, question, context in zip(
            rows, asked, questions, contexts, strict=True
        ):
            question = question.cut(0, self.max_source // 2)
            context = context.cut(0, self.max_source - 3 - len(question.ids))
            joined = self.tokenizer.join(question, context, self.max_source)
            first = len(question.ids) + 2
            sources.append(joined.ids)
            reads.append(_Read(one.context, first, context.offsets))
            places = _places(row, one.context, context, self.max_answer)
            targets.append([*(first + place + 1 for place in places), EOS])
        return sources, targets, reads

    def batch(self, rows: Sequence[Row], source_length: int | None = None) -> Batch:
        """Encode rows.

        Args:
            rows: P windows; what is longer is cut.
            source_length: S; by default the longest source, rounded up.

        Returns:
            The batch; its texts are remembered for `render`.
        """
        sources, targets, reads = self._encoded(rows)
        longest = max((len(ids) for ids in sources), default=1)
        length = source_length or round_up(longest, self.source_step, self.max_source)
        source_ids, source_mask = pad_ids(sources, length)
        for number, target in enumerate(targets):
            if max(target) > length:  # cut off with the text
                targets[number] = [EOS]
        target_ids, target_mask = pad_ids(targets, self.max_target)
        numbers = np.array([row_number(row.id) for row in rows], np.int32)
        batch = Batch(numbers, source_ids, source_mask, target_ids, target_mask)
        for key, read in zip(_keys(batch), reads, strict=True):
            self._seen[key] = read
            self._seen.move_to_end(key)
        while len(self._seen) > max(_KEPT, len(rows)):
            self._seen.popitem(last=False)
        return batch

    def source_lengths(self, rows: Sequence[Row]) -> list[int]:
        """Return how many pieces the model reads of each row.

        Args:
            rows: windows.

        Returns:
            Special tokens included.
        """
        return [len(ids) for ids in self.encode(rows)[0]]

    def places(self, batch: Batch, actions: Any) -> list[tuple[int, int] | None]:
        """Return where each answer stands in the text of its window.

        Args:
            batch: the P prompts, of `batch`.
            actions: (P, ..., T) int32.

        Returns:
            First character and the one after the last, in C order; None = no answer.

        Raises:
            ModelError: the batch was not made here, or too long ago.
        """
        actions = np.asarray(actions)
        flat = actions.reshape(len(actions), -1, actions.shape[-1])
        found: list[tuple[int, int] | None] = []
        for key, samples in zip(_keys(batch), flat.tolist(), strict=True):
            read = self._seen.get(key)
            if read is None:
                raise ModelError(
                    "The words of an answer are looked up in the text of its batch. "
                    f"Received: a batch that this codec has not made among its last "
                    f"{_KEPT:,} rows. Make the batch anew with `codec.batch(rows)`."
                )
            found += [_characters(read, sample) for sample in samples]
        return found

    def render(self, batch: Batch, actions: Any) -> list[str]:
        """Return the words of each answer as they stand in the text.

        Args:
            batch: the P prompts, of `batch`.
            actions: (P, ..., T) int32.

        Returns:
            The answers in C order; "" for none.
        """
        places = self.places(batch, actions)
        each = len(places) // max(1, len(batch.row_ids))
        texts = [self._seen[key].text for key in _keys(batch) for _ in range(each)]
        return [
            "" if place is None else text[place[0] : place[1]]
            for text, place in zip(texts, places, strict=True)
        ]


def _with_answer(part: Row, begin: int, end: int) -> Row:
    """A window of a row: where its answer stands there, or that it has none."""
    if not part.starts:
        return part
    start = part.starts[0]
    if begin <= start and start + len(part.references[0]) <= end:
        return part._replace(starts=(start - begin,))
    return part._replace(references=("",), starts=())


def _places(row: Row, text: str, pieces: Pieces, longest: int) -> list[int]:
    """Numbers of the first and the last piece of the answer; one when it is one."""
    answer = row.references[0] if row.references else ""
    start = row.starts[0] if row.starts else text.find(answer)
    if not answer or start < 0:
        return []
    stop = start + len(answer)
    inside = [n for n, (a, b) in enumerate(pieces.offsets) if a < stop and b > start]
    if not inside:
        return []
    first, last = inside[0], min(inside[-1], inside[0] + longest - 1)
    return [first, last] if last > first else [first]


def _characters(read: _Read, actions: Sequence[int]) -> tuple[int, int] | None:
    """Where the actions point to in a text."""
    places = []
    for action in actions[:2]:
        place = action - 1 - read.first
        if action == EOS or not 0 <= place < len(read.offsets):
            break
        places.append(place)
    if not places:
        return None
    return read.offsets[places[0]][0], read.offsets[places[-1]][1]


def _keys(batch: Batch) -> list[bytes]:
    """What names each prompt of a batch: its row and what was read of it."""
    ids, mask = np.asarray(batch.source_ids, np.int32), np.asarray(batch.source_mask)
    numbers = np.asarray(batch.row_ids, np.int32)
    return [
        numbers[place].tobytes() + ids[place][mask[place]].tobytes()
        for place in range(len(numbers))
    ]
