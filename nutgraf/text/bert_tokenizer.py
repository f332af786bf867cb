"""WordPiece, the tokenizer of BERT: pieces of words with their places in the text.

`nutgraf.text.wordpiece` has the pipeline. The special tokens are plain entries here,
which no text contains: the letters `[SEP]` in a user's text are ordinary pieces.

Reference: Schuster and Nakajima 2012, "Japanese and Korean voice search"; Devlin et al.
2019, arXiv 1810.04805.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nutgraf.errors import ConfigError, DataError
from nutgraf.text.tokenizer import check_text
from nutgraf.text.wordpiece import (
    GOES_ON,
    SPECIAL_TOKENS,
    read_pipeline,
    trained_pipeline,
    write_pipeline,
)

if TYPE_CHECKING:
    import tokenizers

__all__ = ["BertTokenizer", "Joined", "Pieces"]


class Pieces(NamedTuple):
    """A text as word pieces, without special tokens.

    Attributes:
        ids: n ids.
        offsets: n pairs: first character of the piece in the text, and the one after
            its last.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]

    def cut(self, start: int, stop: int | None = None) -> Pieces:
        """Return the pieces from number `start` up to `stop`, such as a window.

        Args:
            start: number of the first piece.
            stop: number of the piece after the last; None = the end.

        Returns:
            The pieces; their offsets still count from the start of the text.
        """
        return Pieces(self.ids[start:stop], self.offsets[start:stop])


class Joined(NamedTuple):
    """One or two texts as a BERT reads them: `[CLS] first [SEP] second [SEP]`.

    Attributes:
        ids: n ids.
        segments: n numbers, 1 for the second text and its `[SEP]`, else 0.
        offsets: n pairs of characters, in the text that the piece comes from; (0, 0)
            for special tokens.
    """

    ids: list[int]
    segments: list[int]
    offsets: list[tuple[int, int]]


def _truncated(lengths: tuple[int, int], room: int) -> tuple[int, int]:
    """Shorten the longer of two lengths, token by token, until both fit."""
    first, second = lengths
    if first + second <= room:
        return lengths
    half = room // 2
    if first > half and second > half:
        return room - half, half
    return (first, room - first) if first <= half else (room - second, second)


class BertTokenizer:
    """A WordPiece vocabulary with `[PAD]` = 0, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]`.

    Make one with `BertTokenizer.train` or `BertTokenizer.load`. Objects can be pickled
    and are not changed after they are made.

    Attributes:
        pad_id: 0.
        unknown_id: id of `[UNK]`, a word that cannot be made of pieces.
        cls_id: id of `[CLS]`, which begins every input.
        sep_id: id of `[SEP]`, which ends every text.
        mask_id: id of `[MASK]`, a hidden piece.

    Example:
        >>> tokenizer = BertTokenizer.train(["the cat sat", "the cat ran"], 60)
        >>> tokenizer.decode(tokenizer.encode("The cat [SEP]"))
        'the cat [UNK] [UNK] [UNK]'
    """

    def __init__(self, pieces: tokenizers.Tokenizer) -> None:
        """Wrap a pipeline; use `train` or `load` instead of calling this."""
        self._pieces = pieces
        vocabulary = pieces.get_vocab()
        ids = [vocabulary[name] for name in SPECIAL_TOKENS]
        self.pad_id, self.unknown_id, self.cls_id, self.sep_id, self.mask_id = ids

    @classmethod
    def train(
        cls, texts: Iterable[str], vocabulary_size: int = 30_000, lower: bool = True
    ) -> BertTokenizer:
        """Learn a vocabulary from texts that are read once, as a stream.

        Every Chinese character is a word of its own. The vocabulary holds the frequent
        characters first; rare ones may be left out and are `[UNK]` then.

        Args:
            texts: training texts, at least one.
            vocabulary_size: upper limit of entries, the five special tokens included.
            lower: lower case, and no accents.

        Returns:
            The tokenizer; special tokens are 0 to 4.

        Raises:
            ConfigError: `vocabulary_size` is too small.
            DataError: there is no text, or one has a lone surrogate.

        Example:
            >>> BertTokenizer.train(["to be or not to be"], 40).vocabulary_size <= 40
            True
        """
        if vocabulary_size < 6:
            raise ConfigError(
                "vocabulary_size must be at least 6 (five special tokens and a piece). "
                f"Received: {vocabulary_size}. 30000 is the default."
            )
        return cls(trained_pipeline(texts, vocabulary_size, lower))

    @classmethod
    def load(cls, folder: str | Path) -> BertTokenizer:
        """Read the tokenizer of a model folder, ours or one of Hugging Face.

        Args:
            folder: has `tokenizer.json`, or else `vocab.txt` with or without
                `tokenizer_config.json`.

        Returns:
            The tokenizer.

        Raises:
            ModelError: the files are missing, torn, or of another kind of tokenizer.

        Example:
            >>> BertTokenizer.load("/nowhere")  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            nutgraf.errors.ModelError: The folder of a BERT must hold tokenizer.json ...
        """
        return cls(read_pipeline(Path(folder)))

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, as Hugging Face has them.

        Args:
            folder: made if it is missing.

        Example:
            >>> import tempfile
            >>> tokenizer = BertTokenizer.train(["one two one two"], 40)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     tokenizer.save(folder)
            ...     BertTokenizer.load(folder).fingerprint == tokenizer.fingerprint
            True
        """
        write_pipeline(self._pieces, Path(folder))

    def __getstate__(self) -> dict[str, Any]:
        """Return the pipeline alone."""
        return {"_pieces": self._pieces}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Wrap the pipeline again."""
        self.__init__(state["_pieces"])  # type: ignore[misc]

    @property
    def vocabulary_size(self) -> int:
        """Number of entries, special tokens included."""
        return int(self._pieces.get_vocab_size())

    @property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the pipeline."""
        state = json.loads(self._pieces.to_str())
        content = json.dumps([state["normalizer"], state["model"]], sort_keys=True)
        return hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]

    @cached_property
    def starts_word(self) -> np.ndarray:
        """(V,) bool: True for a piece that begins a word, and for special tokens."""
        names = map(self._pieces.id_to_token, range(self.vocabulary_size))
        return np.array([not str(name).startswith(GOES_ON) for name in names])

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without any special token but `[UNK]`.

        Args:
            text: any Unicode string; `[SEP]` and the like are ordinary letters.

        Returns:
            Ids; empty for an empty text.

        Raises:
            DataError: the text has a lone surrogate.
        """
        return self.pieces(text).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return `encode` of each text; many texts are encoded in parallel.

        Args:
            texts: any Unicode strings.

        Returns:
            One list of ids per text, in order.

        Raises:
            DataError: a text has a lone surrogate.
        """
        checked = [check_text(text) for text in texts]
        return [item.ids for item in self._pieces.encode_batch_fast(checked)]

    def pieces(self, text: str) -> Pieces:
        """Return the pieces of a text with their places in it.

        Args:
            text: any Unicode string.

        Returns:
            Ids and character offsets, without special tokens.

        Raises:
            DataError: the text has a lone surrogate.

        Example:
            >>> tokenizer = BertTokenizer.train(["the cat sat", "the cat ran"], 60)
            >>> [("The  cat"[a:b]) for a, b in tokenizer.pieces("The  cat").offsets]
            ['The', 'cat']
        """
        found = self._pieces.encode(check_text(text))
        return Pieces(found.ids, found.offsets)

    def pieces_batch(self, texts: Sequence[str]) -> list[Pieces]:
        """Return `pieces` of each text; many texts are encoded in parallel.

        Args:
            texts: any Unicode strings.

        Returns:
            The pieces of each text, in order.

        Raises:
            DataError: a text has a lone surrogate.
        """
        found = self._pieces.encode_batch([check_text(text) for text in texts])
        return [Pieces(item.ids, item.offsets) for item in found]

    def join(
        self, first: Pieces, second: Pieces | None = None, max_length: int = 512
    ) -> Joined:
        """Put special tokens around one text or two, and cut them to a length.

        A text is cut at its end; of two, always the longer one.

        Args:
            first: pieces of a text, such as a question.
            second: pieces of another, such as a context.
            max_length: longest result in tokens, at least 3, with a second text 5.

        Returns:
            `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.

        Raises:
            ConfigError: `max_length` is too small.

        Example:
            >>> tokenizer = BertTokenizer.train(["red cat red cat"], 40)
            >>> one, two = tokenizer.pieces("red"), tokenizer.pieces("red cat")
            >>> tokenizer.join(one, two).segments
            [0, 0, 0, 1, 1, 1]
        """
        least = 3 if second is None else 5
        if max_length < least:
            raise ConfigError(
                f"max_length must be at least {least}, special tokens included. "
                f"Received: max_length={max_length}. 512 is the most that a BERT reads."
            )
        if second is None:
            first = first.cut(0, max_length - 2)
        else:
            sizes = _truncated((len(first.ids), len(second.ids)), max_length - 3)
            first, second = first.cut(0, sizes[0]), second.cut(0, sizes[1])
        ids = [self.cls_id, *first.ids, self.sep_id]
        offsets = [(0, 0), *first.offsets, (0, 0)]
        segments = [0] * len(ids)
        if second is not None:
            ids += [*second.ids, self.sep_id]
            offsets += [*second.offsets, (0, 0)]
            segments += [1] * (len(second.ids) + 1)
        return Joined(ids, segments, offsets)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words of ids, to be shown to people; not the text they came from.

        Args:
            ids: token ids in [0, vocabulary_size).

        Returns:
            Pieces of a word put together, words with spaces between, `[PAD]` left out.
        """
        names = [str(self._pieces.id_to_token(i)) for i in map(int, ids) if i]
        return " ".join(names).replace(f" {GOES_ON}", "")

    def token(self, token_id: int) -> str:
        """Return what one id stands for.

        Args:
            token_id: in [0, vocabulary_size).

        Returns:
            The piece, such as `cat` or `##s`.

        Raises:
            DataError: the id is outside the vocabulary.
        """
        name = self._pieces.id_to_token(token_id)
        if name is None:
            raise DataError(
                f"Token ids must be in [0, {self.vocabulary_size}). Received: "
                f"{token_id}. Use the tokenizer the model was trained with."
            )
        return str(name)
