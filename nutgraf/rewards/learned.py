"""The reward that a reward model has learned from preferences.

    parse_parts(["learned:runs/reward-model/best=1", "repetition=0.5"])

What is pickled is the path alone; each process loads the model when it first judges.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, ModelError
from nutgraf.models.checkpoint import CONFIG, REWARD_MODEL, WEIGHTS, read_config
from nutgraf.rewards.protocol import Values

__all__ = ["LearnedReward"]

_TEXTS = 32  # texts that are judged at once
_MOST = 8  # of them, for one prompt
_SMALLEST = 16  # length to which texts and prompts are padded at least


class _Block(NamedTuple):
    """Some texts of one prompt, by their numbers in the call."""

    prompt: str
    numbers: list[int]


def _blocks(prompts: Sequence[str], most: int) -> list[_Block]:
    """Gather the texts of each prompt, at most so many in a block."""
    found: list[_Block] = []
    newest: dict[str, _Block] = {}
    for number, prompt in enumerate(prompts):
        if prompt not in newest or len(newest[prompt].numbers) == most:
            newest[prompt] = _Block(prompt, [])
            found.append(newest[prompt])
        newest[prompt].numbers.append(number)
    return found


def _padded(length: int, limit: int) -> int:
    """The limit, halved as often as the length still fits: few lengths in all."""
    size = limit
    while size // 2 >= max(length, _SMALLEST):
        size //= 2
    return size


class _Judge:
    """A loaded reward model with its compiled function."""

    def __init__(self, path: str) -> None:
        from nutgraf.backend import jit
        from nutgraf.models.reward_model import load_reward_model

        self.model = load_reward_model(path)
        self.values = [variable.value for variable in self.model.variables]
        self.compiled = jit(self.model.scores)

    def __call__(self, prompts: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """Return the (n,) rewards."""
        from nutgraf.models.texts import text_ids

        counts: dict[str, int] = {}
        for prompt in prompts:
            counts[prompt] = counts.get(prompt, 0) + 1
        largest = max(counts.values(), default=1)
        most = min(_MOST, 2 ** (largest - 1).bit_length())
        blocks = _blocks(prompts, most)
        ids = text_ids(self.model.codec.tokenizer, texts)
        found = np.zeros(len(texts))
        for chosen in self._batches(blocks, _TEXTS // most):
            scores = self._scores(chosen, ids, most, _TEXTS // most)
            for block, row in zip(chosen, scores, strict=False):
                found[block.numbers] = row[: len(block.numbers)]
        return found

    def _batches(self, blocks: list[_Block], size: int) -> Iterator[list[_Block]]:
        """Blocks of similar prompts together."""
        blocks = sorted(blocks, key=lambda block: len(block.prompt))
        for start in range(0, len(blocks), size):
            yield blocks[start : start + size]

    def _scores(
        self, blocks: list[_Block], ids: list[list[int]], most: int, size: int
    ) -> np.ndarray:
        """Judge blocks in a batch of `size`, which is filled up with the first ones."""
        from nutgraf.backend import to_numpy
        from nutgraf.models.texts import actions_of

        codec = self.model.codec
        filled = [blocks[place % len(blocks)] for place in range(size)]
        rows = [Row(str(place), block.prompt) for place, block in enumerate(filled)]
        sources = codec.tokenizer.encode_batch([row.document for row in rows])
        source = _padded(max(map(len, sources)), codec.max_source)
        batch = codec.batch(rows, source)
        groups = [[ids[number] for number in block.numbers] for block in filled]
        longest = max(len(text) for texts in groups for text in texts)
        length = _padded(longest, codec.max_target)
        actions, mask = actions_of(groups, most, length)
        found = self.compiled(self.values, batch, actions, mask)
        return np.asarray(to_numpy(found))


@functools.lru_cache(maxsize=4)
def _judge(path: str, stamp: tuple[int, int]) -> _Judge:
    """The model of a folder, loaded once for each state of its file."""
    del stamp
    return _Judge(path)


@dataclass(frozen=True)
class LearnedReward:
    """What a reward model gives a text for its prompt; it reads no references.

    A reward model orders the texts of one prompt; its numbers have no unit and no zero.
    Through the sigmoid they are about the probability that the text would be preferred
    to one of reward 0.

    Range: [0, 1]; without `squash` any number.

    Attributes:
        path: folder of a reward model, of `nutgraf reward-model`. A prompt or text that
            is longer than the model reads is cut.
        squash: take the sigmoid.

    Raises:
        ModelError: the folder holds no reward model.
        ConfigError: `squash` is neither True nor False.
    """

    path: str
    squash: bool = True

    def __post_init__(self) -> None:
        """Look at the folder, so that mistakes are told at once; load nothing."""
        if not isinstance(self.squash, bool):
            raise ConfigError(
                f"squash must be true or false. Received: {self.squash!r}. Leave it "
                "out for true."
            )
        folder = Path(self.path)
        if not (folder / CONFIG).is_file():
            state = f"has no {CONFIG}" if folder.is_dir() else "is no folder"
            raise ModelError(
                "A learned reward must be the folder of a reward model. Received: "
                f"{folder}, which {state}. Give the folder `best` that `nutgraf "
                "reward-model` wrote."
            )
        kind, _ = read_config(folder)
        if kind != REWARD_MODEL:
            raise ModelError(
                f"A learned reward must be a reward model. Received: {self.path}, a "
                f"model of the kind {kind!r}. Train one with `nutgraf reward-model`, "
                "and give its folder `best`."
            )

    def __call__(
        self,
        prompts: list[str],
        completions: list[str],
        references: list[Sequence[str]],
        rows: list[Row] | None = None,
    ) -> Values:
        """See `nutgraf.rewards.base.Reward`."""
        del references, rows
        if not completions:
            return []
        state = (Path(self.path) / WEIGHTS).stat()
        judge = _judge(self.path, (state.st_mtime_ns, state.st_size))
        scores = judge(prompts, completions)
        if self.squash:
            scores = 0.5 * (1.0 + np.tanh(0.5 * scores))  # sigmoid, without overflow
        values: Values = scores.tolist()
        return values
