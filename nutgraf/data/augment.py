"""Sources of training rows, changed a little in every epoch.

Token dropout leaves out some of a source's tokens: Iyyer et al. 2015, "Deep Unordered
Composition Rivals Syntactic Methods", section 3.2 (word dropout). Sentence shuffle
puts a source's sentences into another order, so that less depends on where a sentence
stands: one of the noises of Lewis et al. 2020, "BART", section 2.2, arXiv 1910.13461
(sentence permutation). Targets stay as they are.

The change is a function of (seed, epoch, row) alone: an interrupted training goes on
with the same sources, and cached tokens stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nutgraf.ranges import check_ranges
from nutgraf.text.sentences import split_sentences
from nutgraf.text.words import contains_cjk

__all__ = ["AugmentSettings", "Augmenter", "join_sentences"]


@dataclass(frozen=True)
class AugmentSettings:
    """How sources are changed while training; validation rows stay as they are."""

    token_dropout: float = 0.0
    """Share of a source's tokens that is left out, in [0, 1)."""
    sentence_shuffle: float = 0.0
    """Share of the rows whose source's sentences come in another order, in [0, 1]."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, token_dropout="[0, 1)", sentence_shuffle="[0, 1]")

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return bool(self.token_dropout or self.sentence_shuffle)


def join_sentences(sentences: list[str]) -> str:
    """Put sentences behind each other.

    Args:
        sentences: without white space around them.

    Returns:
        The text; a space between two sentences, none between two that are Chinese or
        Japanese.

    Example:
        >>> join_sentences(["It rains.", "好。", "很好。"])
        'It rains. 好。很好。'
    """
    text = "".join(sentences[:1])
    for before, after in zip(sentences, sentences[1:], strict=False):
        close = contains_cjk(before) and contains_cjk(after)
        text += after if close else f" {after}"
    return text


class Augmenter:
    """Changes the source ids of rows.

    Sentences are found in the text that the ids stand for, by the rules of
    `text/sentences.py`, and their new order is tokenised again: line breaks become
    spaces.

    Args:
        settings: what is changed.
        tokenizer: the tokenizer of the ids.
        seed: of the run.
        epoch: number of the pass over the rows.

    Example:
        >>> from nutgraf.text.tokenizer import Tokenizer
        >>> tokenizer = Tokenizer.train(["One. Two. Three."], 300)
        >>> change = Augmenter(AugmentSettings(sentence_shuffle=1.0), tokenizer, 0, 0)
        >>> tokenizer.decode(change(tokenizer.encode("One. Two. Three."), row=1))
        'Two. One. Three.'
    """

    def __init__(
        self, settings: AugmentSettings, tokenizer: Any, seed: int, epoch: int
    ) -> None:
        """Keep the arguments."""
        self.settings = settings
        self.tokenizer = tokenizer
        self.seed = seed
        self.epoch = epoch

    def __call__(self, ids: Any, row: int) -> np.ndarray:
        """Change a source.

        Args:
            ids: (n,) integers.
            row: the row's number, see `data.rows.row_number`.

        Returns:
            (m,) integers; at least one where there was one.
        """
        random = np.random.Generator(
            np.random.Philox([self.seed, self.epoch, int(row), 0xA06])
        )
        shuffled, kept = random.random(), random.random(len(ids))
        ids = np.asarray(ids)
        if shuffled < self.settings.sentence_shuffle:
            ids = self._shuffled(ids, random)
            kept = random.random(len(ids))
        if not self.settings.token_dropout or not len(ids):
            return ids
        kept[int(kept.argmax())] = 1.0  # one token is always left
        return ids[kept >= self.settings.token_dropout]

    def _shuffled(self, ids: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The ids of the sentences in another order."""
        # a source that was cut may end within a letter
        text = self.tokenizer.decode(ids).rstrip("\ufffd")
        sentences = split_sentences(text)
        if len(sentences) < 2:
            return ids
        order = random.permutation(len(sentences))
        again = join_sentences([sentences[place] for place in order])
        return np.asarray(self.tokenizer.encode(again), ids.dtype)
