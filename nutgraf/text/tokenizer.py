"""Texts to token ids and back without loss, by word pieces over bytes.

No character is unknown, and the three special tokens are entries of the vocabulary that
no text can give: the letters `<eos>` in a user's text are always encoded as ordinary
pieces, never as id 2. How pieces are learned: `pieces.py`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from nutgraf.errors import ConfigError, DataError, ModelError
from nutgraf.text.pieces import SPECIAL_TOKENS, PieceKind, learn_pieces, model_of

if TYPE_CHECKING:
    import tokenizers

__all__ = ["FILE_NAME", "SPECIAL_TOKENS", "Tokenizer", "check_text"]

FILE_NAME = "tokenizer.json"
_SMALLEST = 256 + len(SPECIAL_TOKENS)  # one entry per byte


def check_text(text: str) -> str:
    """Return a text that can be encoded, or say which character has no UTF-8 form.

    Args:
        text: any string.

    Returns:
        The text.

    Raises:
        DataError: it has a lone surrogate.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            "A text must be valid Unicode without lone surrogates. Received: "
            f"{text[error.start]!r} at character {error.start}. Read the file with "
            "errors='replace', or drop the character."
        ) from error
    return text


class Tokenizer:
    """A trained byte-level vocabulary with `<pad>`, `<bos>`, `<eos>` = 0, 1, 2.

    Make one with `Tokenizer.train` or `Tokenizer.load`. Objects can be pickled and
    are not changed after they are made.

    Example:
        >>> tokenizer = Tokenizer.train(["the cat sat", "the cat ran"], 300)
        >>> tokenizer.decode(tokenizer.encode("the 猫 <eos>"))
        'the 猫 <eos>'
    """

    pad_id: int = 0
    bos_id: int = 1
    eos_id: int = 2

    def __init__(self, pieces: tokenizers.Tokenizer) -> None:
        """Wrap a pipeline; use `train` or `load` instead of calling this."""
        self._pieces = pieces

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocabulary_size: int = 30_000,
        kind: PieceKind = "bpe",
    ) -> Tokenizer:
        """Learn a vocabulary from texts that are read once, as a stream.

        Pairs that occur only once are not merged, so a small corpus gives a smaller
        vocabulary than asked for. The same texts give the same vocabulary.

        Args:
            texts: training texts, at least one; memory grows with the number of
                distinct words, not with the number of texts.
            vocabulary_size: upper limit of entries, special tokens and the 256 bytes
                included; at least 259.
            kind: "bpe" or "unigram".

        Returns:
            The tokenizer, with at most `vocabulary_size` entries.

        Raises:
            ConfigError: `vocabulary_size` is too small, or the kind unknown.
            DataError: there is no text, or one has a lone surrogate.

        Example:
            >>> Tokenizer.train(["to be or not to be"], 400).vocabulary_size <= 400
            True
        """
        if vocabulary_size < _SMALLEST:
            raise ConfigError(
                f"vocabulary_size must be at least {_SMALLEST} (256 bytes and the "
                f"special tokens). Received: {vocabulary_size}. 30000 is the default."
            )
        kinds = get_args(PieceKind)
        if kind not in kinds:
            raise ConfigError(
                f"kind must be one of {', '.join(kinds)}. Received: {kind!r}. Leave it "
                "out for bpe."
            )
        stream = iter(texts)
        first = list(itertools.islice(stream, 1))
        if not first:
            raise DataError(
                "A tokenizer is trained on one or more texts. Received: none. Check "
                "that the data source yields rows."
            )
        checked = map(check_text, itertools.chain(first, stream))
        pieces = learn_pieces(checked, vocabulary_size, kind)
        return cls(pieces)

    @classmethod
    def load(cls, folder: str | Path) -> Tokenizer:
        """Read `tokenizer.json` from a model folder.

        Args:
            folder: the folder that `save` wrote to.

        Returns:
            The tokenizer.

        Raises:
            ModelError: the file is missing, is not a tokenizer, or is one without the
                three special tokens as plain entries 0, 1 and 2.

        Example:
            >>> Tokenizer.load("/nowhere")  # doctest: +ELLIPSIS
            Traceback (most recent call last):
            nutgraf.errors.ModelError: A model folder holds tokenizer.json. Received...
        """
        from tokenizers import Tokenizer as Pieces

        path = Path(folder) / FILE_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "no such file" if not path.exists() else str(error)
            raise ModelError(
                f"A model folder holds {FILE_NAME}. Received: {path}: {reason}. Give "
                "the folder of a trained model."
            ) from error
        try:
            pieces = Pieces.from_str(text)
        except Exception as error:  # the Rust side raises plain Exception
            raise ModelError(
                f"{FILE_NAME} must be a tokenizer written by nutgraf. Received: "
                f"{path}: {error}. Copy the file again from the trained model."
            ) from error
        found = [pieces.token_to_id(token) for token in SPECIAL_TOKENS]
        if found != [0, 1, 2] or pieces.get_added_tokens_decoder():
            raise ModelError(
                "<pad>, <bos>, <eos> must be the plain vocabulary entries 0, 1, 2. "
                f"Received: {path} with ids {found} and "
                f"{len(pieces.get_added_tokens_decoder())} added tokens. Use a "
                "tokenizer that nutgraf trained."
            )
        return cls(pieces)

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json` into a folder, whole or not at all.

        Args:
            folder: made if it is missing.

        Example:
            >>> import tempfile
            >>> tokenizer = Tokenizer.train(["one two one two"], 300)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     tokenizer.save(folder)
            ...     Tokenizer.load(folder).fingerprint == tokenizer.fingerprint
            True
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{FILE_NAME}.{os.getpid()}"
        with partial.open("w", encoding="utf-8") as file:
            file.write(self._pieces.to_str(pretty=True))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / FILE_NAME)

    @property
    def vocabulary_size(self) -> int:
        """Number of entries, special tokens included."""
        return int(self._pieces.get_vocab_size())

    @property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of entries, ids and merges.

        In a unigram vocabulary scores take the place of merges.
        """
        model = model_of(self._pieces)
        content = json.dumps([model["vocab"], model.get("merges")], sort_keys=True)
        return hashlib.sha256(content.encode("utf-8")).hexdigest()[:16]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without any special token.

        Args:
            text: any Unicode string; `<eos>` and the like are ordinary letters.

        Returns:
            Ids in [3, vocabulary_size); empty for an empty text.

        Raises:
            DataError: the text has a lone surrogate.

        Example:
            >>> 2 in Tokenizer.train(["<eos> <eos>"], 300).encode("<eos>")
            False
        """
        ids: list[int] = self._pieces.encode(check_text(text)).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return `encode` of each text; many texts are encoded in parallel.

        Args:
            texts: any Unicode strings.

        Returns:
            One list of ids per text, in order.

        Raises:
            DataError: a text has a lone surrogate.

        Example:
            >>> tokenizer = Tokenizer.train(["a b a b"], 300)
            >>> tokenizer.encode_batch(["a", "b"]) == [
            ...     tokenizer.encode("a"), tokenizer.encode("b")]
            True
        """
        checked = [check_text(text) for text in texts]
        return [item.ids for item in self._pieces.encode_batch_fast(checked)]

    def _content(self, ids: Iterable[int]) -> list[int]:
        """Return the ids before the first end token, without pad and bos."""
        kept: list[int] = []
        size = self.vocabulary_size
        for item in ids:
            token_id = int(item)
            if token_id == self.eos_id:
                break
            if not 0 <= token_id < size:
                raise DataError(
                    f"Token ids must be in [0, {size}). Received: "
                    f"{token_id}. Use the tokenizer the model was trained with."
                )
            if token_id > self.eos_id:
                kept.append(token_id)
        return kept

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text before the first end token; pad and bos are dropped.

        Args:
            ids: token ids in [0, vocabulary_size), a list or an integer array (T,).

        Returns:
            The text. Bytes that are no valid UTF-8 (a model may write them; `encode`
            never does) become U+FFFD.

        Raises:
            DataError: an id is outside the vocabulary.

        Example:
            >>> tokenizer = Tokenizer.train(["a b a b"], 300)
            >>> tokenizer.decode([1, *tokenizer.encode("a b"), 2, 0, 0])
            'a b'
        """
        text: str = self._pieces.decode(self._content(ids), skip_special_tokens=False)
        return text

    def decode_batch(self, batch: Iterable[Iterable[int]]) -> list[str]:
        """Return `decode` of each sequence of ids.

        Args:
            batch: sequences of token ids, lists or an integer array (P, T).

        Returns:
            One text per sequence, in order.

        Raises:
            DataError: an id is outside the vocabulary.

        Example:
            >>> tokenizer = Tokenizer.train(["a b a b"], 300)
            >>> tokenizer.decode_batch([tokenizer.encode("a"), [2]])
            ['a', '']
        """
        kept = [self._content(ids) for ids in batch]
        texts: list[str] = self._pieces.decode_batch(kept, skip_special_tokens=False)
        return texts

    def token(self, token_id: int) -> str:
        """Return what one id stands for, to be shown to people.

        Args:
            token_id: in [0, vocabulary_size).

        Returns:
            The name of a special token; else the text of the piece, or its byte
            letters where the piece is only part of a character.

        Raises:
            DataError: the id is outside the vocabulary.

        Example:
            >>> Tokenizer.train(["a b a b"], 300).token(2)
            '<eos>'
        """
        if 0 <= token_id < len(SPECIAL_TOKENS):
            return SPECIAL_TOKENS[token_id]
        text = self.decode([token_id])
        return str(self._pieces.id_to_token(token_id)) if "\ufffd" in text else text
