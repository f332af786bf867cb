"""Hide words of a text, so that a BERT learns to tell them: whole-word masking.

15 % of the tokens are chosen, all pieces of a word together; of the chosen, 80 % become
`[MASK]`, 10 % a random piece and 10 % stay as they are, so that the model cannot tell
which tokens it will be asked for. Devlin et al. 2019, section 3.1 and appendix A.1,
arXiv 1810.04805; whole words as in the authors' later models (their code of May 2019).

Which words are hidden depends on (seed, pass, text) alone: another batch, or a resumed
run, changes nothing. Each pass hides others (Liu et al. 2019, arXiv 1907.11692).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nutgraf.ranges import check_ranges

__all__ = ["MaskedBatch", "Masking", "hide_words"]

Array = Any


class MaskedBatch(NamedTuple):
    """Texts with hidden words, and what they were.

    Attributes:
        ids: (B, S) int32, with `[MASK]` or random pieces at the places chosen.
        mask: (B, S) bool, True = a token.
        segments: (B, S) int32.
        places: (B, M) int32, the places chosen; 0 for a filler.
        labels: (B, M) int32, the pieces that were there.
        asked: (B, M) bool, False for a filler.
    """

    ids: Array
    mask: Array
    segments: Array
    places: Array
    labels: Array
    asked: Array


@dataclass(frozen=True)
class Masking:
    """How words are hidden.

    Attributes:
        starts_word: (V,) bool, True for a piece that begins a word.
        special: ids that are never hidden and never put in place of a word.
        mask_id: id of `[MASK]`.
        share: in (0, 1), of the tokens that are chosen.
        hidden: in [0, 1], of the chosen, that become `[MASK]`.
        random: in [0, 1], of the chosen, that become another piece.

    Raises:
        ConfigError: a share is out of range.
    """

    starts_word: np.ndarray
    special: tuple[int, ...]
    mask_id: int
    share: float = 0.15
    hidden: float = 0.8
    random: float = 0.1

    def __post_init__(self) -> None:
        """Check the ranges."""
        check_ranges(self, share="(0, 1)", hidden="[0, 1]", random="[0, 1]")

    def places(self, length: int) -> int:
        """Return M, the most places that are chosen in a text.

        Args:
            length: S, in tokens.

        Returns:
            M >= 1.
        """
        return max(1, round(self.share * length))


def _words(ids: np.ndarray, masking: Masking) -> list[np.ndarray]:
    """Places of the pieces of each word; special tokens are no words."""
    special = np.isin(ids, masking.special)
    number = np.cumsum(masking.starts_word[ids] | special)
    places = np.flatnonzero(~special)
    ends = np.flatnonzero(np.diff(number[places])) + 1
    return np.split(places, ends) if len(places) else []


def _chosen(words: list[np.ndarray], most: int, random: Any) -> np.ndarray:
    """Whole words in a random order, as many as fit."""
    chosen: list[np.ndarray] = []
    room = most
    for number in random.permutation(len(words)):
        if len(words[number]) <= room:
            chosen.append(words[number])
            room -= len(words[number])
        if not room:
            break
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, int)


def hide_words(
    ids: np.ndarray,
    mask: np.ndarray,
    segments: np.ndarray,
    keys: np.ndarray,
    masking: Masking,
    seed: tuple[int, ...] = (0,),
) -> MaskedBatch:
    """Hide words of texts.

    Args:
        ids: (B, S) int32, special tokens included.
        mask: (B, S) bool.
        segments: (B, S) int32.
        keys: (B,) int >= 0, the number of each text.
        masking: how.
        seed: ints >= 0, such as the run's seed and the number of the pass.

    Returns:
        The batch; `round(share · tokens)` places of each text, at least 1, and fewer
        where no further word fits.

    Example:
        >>> starts = np.array([True] * 6 + [False])  # 5 = a word, 6 = its second piece
        >>> masking = Masking(starts, (0, 1, 2, 3, 4), 4, share=0.5, hidden=1, random=0)
        >>> ids = np.array([[2, 5, 6, 5, 6, 3]], "int32")
        >>> batch = hide_words(ids, ids > 0, 0 * ids, np.array([7]), masking)
        >>> batch.ids.tolist(), batch.places.tolist()
        ([[2, 4, 4, 5, 6, 3]], [[1, 2, 0]])
    """
    hidden = np.array(ids, np.int32)
    most = masking.places(ids.shape[1])
    places = np.zeros((len(ids), most), np.int32)
    asked = np.zeros((len(ids), most), bool)
    ordinary = np.setdiff1d(np.arange(len(masking.starts_word)), masking.special)
    for row, key in enumerate(keys):
        random = np.random.default_rng((*seed, int(key)))
        words = _words(ids[row][mask[row]], masking)
        tokens = sum(map(len, words))
        room = min(most, max(1, round(masking.share * tokens)))
        chosen = np.flatnonzero(mask[row])[_chosen(words, room, random)]
        places[row, : len(chosen)], asked[row, : len(chosen)] = chosen, True
        draw = random.random(len(chosen))
        other = ordinary[random.integers(0, len(ordinary), len(chosen))]
        hide = draw < masking.hidden
        swap = ~hide & (draw < masking.hidden + masking.random)
        hidden[row, chosen[hide]] = masking.mask_id
        hidden[row, chosen[swap]] = other[swap]
    labels = np.where(asked, np.take_along_axis(ids, places, axis=1), 0)
    return MaskedBatch(
        hidden,
        np.asarray(mask, bool),
        np.asarray(segments, np.int32),
        places,
        labels.astype(np.int32),
        asked,
    )
