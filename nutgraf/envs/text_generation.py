"""One text at a time as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from nutgraf.arrays import BOS, PAD
from nutgraf.data.rows import Row
from nutgraf.envs.episodes import Episodes
from nutgraf.errors import ConfigError
from nutgraf.rewards.base import Reward

__all__ = ["TextGenerationEnv", "action_mask", "action_space", "observation_space"]


def action_space(codec: Any, chunk: int) -> spaces.Space[Any]:
    """Return the space of one step.

    Args:
        codec: a `TextCodec`.
        chunk: word pieces per step, >= 1.

    Returns:
        One of V word pieces, or `chunk` of them.

    Raises:
        ConfigError: `chunk` is less than 1.
    """
    if chunk < 1:
        raise ConfigError(
            f"chunk must be at least 1 action per step. Received: chunk={chunk}. Leave "
            "it out for 1."
        )
    size = codec.tokenizer.vocabulary_size
    return spaces.Discrete(size) if chunk == 1 else spaces.MultiDiscrete([size] * chunk)


def observation_space(codec: Any, length: int) -> spaces.Dict:
    """Return the space of what is seen before a step.

    Args:
        codec: a `TextCodec`.
        length: T, most actions per text.

    Returns:
        `source` (S,) and `actions` (T,) int32 ids with `PAD` behind, `taken` the number
        of actions so far.
    """
    top = codec.tokenizer.vocabulary_size - 1
    return spaces.Dict(
        {
            "source": spaces.Box(0, top, (codec.max_source,), np.int32),
            "actions": spaces.Box(0, top, (length,), np.int32),
            "taken": spaces.Box(0, length, (1,), np.int32),
        }
    )


def action_mask(codec: Any) -> np.ndarray:
    """Return which actions make sense, in the form `Discrete.sample` takes.

    Args:
        codec: a `TextCodec`.

    Returns:
        (V,) int8, 0 for `<pad>` and `<bos>`, which write nothing.
    """
    mask = np.ones(codec.tokenizer.vocabulary_size, np.int8)
    mask[[PAD, BOS]] = 0
    return mask


class TextGenerationEnv(gymnasium.Env):
    """Writes a text about a row, one word piece per step.

    An episode is one text. `terminated`: the end action was taken; `truncated`: the
    text is full. The reward comes at the end, or with each step if `shaped`. `reset`
    draws a row from the environment's own generator; `options={"row": 3}` names one.
    `info` has the row's `id` and the `action_mask`; after the last step also `text`.

    Args:
        rows: what may be written about.
        codec: a `nutgraf.models.codec.TextCodec`.
        reward: the judge of the finished text.
        length: most actions per text; None = the codec's limit.
        chunk: actions per step.
        shaped: see `Episodes.advance`.
        render_mode: "ansi": `render` returns the text so far.

    Raises:
        ConfigError: a setting is out of range.

    Example:
        >>> from nutgraf.models.codec import TextCodec
        >>> from nutgraf.rewards.rouge import RougeReward
        >>> from nutgraf.testing.toys import toy_rows, toy_tokenizer
        >>> codec = TextCodec(toy_tokenizer(), max_source=32, max_target=8)
        >>> env = TextGenerationEnv(toy_rows(4), codec, RougeReward())
        >>> seen, info = env.reset(seed=1)
        >>> seen["source"].shape, seen["actions"].tolist()
        ((32,), [0, 0, 0, 0, 0, 0, 0, 0])
        >>> seen, reward, terminated, truncated, info = env.step(2)  # the end action
        >>> reward, terminated, truncated, info["text"]
        (0.0, True, False, '')
    """

    metadata = {"render_modes": ["ansi"], "render_fps": 4}

    def __init__(
        self,
        rows: Sequence[Row],
        codec: Any,
        reward: Reward,
        length: int | None = None,
        chunk: int = 1,
        shaped: bool = False,
        render_mode: str | None = None,
    ) -> None:
        """Build the spaces."""
        self._episodes = Episodes(rows, codec, reward, 1, length, shaped)
        self.action_space = action_space(codec, chunk)
        self.observation_space = observation_space(codec, self._episodes.length)
        self.render_mode = render_mode
        self._mask = action_mask(codec)
        self._here = np.zeros(1, np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin a text.

        Args:
            seed: of the environment's generator; None goes on with it.
            options: {"row": number} names the row.

        Returns:
            The observation and `info`.
        """
        super().reset(seed=seed)
        count = len(self._episodes.rows)
        row = (options or {}).get("row")
        if row is None:
            row = self.np_random.integers(count)
        elif not 0 <= row < count:
            raise ConfigError(
                f'options["row"] must be 0 to {count - 1}. Received: {row}. Leave it '
                "out to draw one."
            )
        self._episodes.start(self._here, np.array([row]))
        return self._seen(), self._info()

    def step(
        self, action: Any
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Write one word piece, or one chunk.

        Args:
            action: of the action space.

        Returns:
            Observation, reward, terminated, truncated, info.
        """
        chosen = np.reshape(action, (1, -1))
        rewards, ended, cut = self._episodes.advance(self._here, chosen)
        info = self._info()
        if ended[0] or cut[0]:
            info["text"] = self._episodes.texts(self._here)[0]
        return self._seen(), float(rewards[0]), bool(ended[0]), bool(cut[0]), info

    def render(self) -> str | None:
        """Return the text so far if `render_mode` is "ansi"."""
        if self.render_mode != "ansi":
            return None
        return self._episodes.texts(self._here)[0]

    def _seen(self) -> dict[str, np.ndarray]:
        found = self._episodes
        return {
            "source": found.source[0].copy(),
            "actions": found.actions[0].copy(),
            "taken": found.taken[:1].copy(),
        }

    def _info(self) -> dict[str, Any]:
        row = self._episodes.rows[int(self._episodes.row[0])]
        return {"id": row.id, "action_mask": self._mask.copy()}
