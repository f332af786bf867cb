"""Sources of training rows, changed a little in every epoch.

Token dropout leaves out some of a source's tokens: Iyyer et al. 2015, "Deep Unordered
Composition Rivals Syntactic Methods", section 3.2 (word dropout). Sentence shuffle
puts a source's sentences into another order, so that less depends on where a sentence
stands: one of the noises of Lewis et al. 2020, "BART", section 2.2, arXiv 1910.13461
(sentence permutation). Targets stay as they are, and so does the question where the
first line of a source is one.

The change is a function of (seed, epoch, row) alone: an interrupted training goes on
with the same sources, and cached tokens stay as they are.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

import numpy as np

from nutgraf.data.questions import ask, split_asked
from nutgraf.ranges import check_ranges
from nutgraf.text.sentences import join_sentences, split_sentences

__all__ = ["AugmentSettings", "Augmenter"]


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
        asked: whether sources are of `data.questions.ask`: their question stays whole,
            the text below it is changed.

    Example:
        >>> from nutgraf.text.tokenizer import Tokenizer
        >>> tokenizer = Tokenizer.train(["One. Two. Three."], 300)
        >>> change = Augmenter(AugmentSettings(sentence_shuffle=1.0), tokenizer, 0, 0)
        >>> tokenizer.decode(change(tokenizer.encode("One. Two. Three."), row=1))
        'Two. One. Three.'
    """

    def __init__(
        self,
        settings: AugmentSettings,
        tokenizer: Any,
        seed: int,
        epoch: int,
        asked: bool = False,
    ) -> None:
        """Keep the arguments."""
        self.settings = settings
        self.tokenizer = tokenizer
        self.seed = seed
        self.epoch = epoch
        self.asked = asked

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
        kept[: self._question(ids)] = 1.0
        return ids[kept >= self.settings.token_dropout]

    def _question(self, ids: np.ndarray) -> int:
        """How many ids the question has, with the line break after it."""
        if not self.asked:
            return 0

        def broken(count: int) -> bool:
            return "\n" in self.tokenizer.decode(ids[:count])

        return bisect_left(range(len(ids)), True, key=broken)

    def _shuffled(self, ids: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The ids of the sentences in another order."""
        # a source that was cut may end within a letter
        text = self.tokenizer.decode(ids).rstrip("\ufffd")
        question, context = split_asked(text) if self.asked else ("", text)
        sentences = split_sentences(context)
        if len(sentences) < 2:
            return ids
        order = random.permutation(len(sentences))
        again = join_sentences([sentences[place] for place in order])
        again = ask(question, again) if self.asked else again
        return np.asarray(self.tokenizer.encode(again), ids.dtype)
