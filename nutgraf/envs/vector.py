"""Many texts side by side as a Gymnasium vector environment.

A policy reads the N observations as one batch, and the reward judges all texts that end
in a step in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from nutgraf.data.rows import Row
from nutgraf.envs.episodes import Episodes
from nutgraf.envs.text_generation import action_space, observation_space
from nutgraf.rewards.base import Reward

__all__ = ["TextGenerationVectorEnv"]


class TextGenerationVectorEnv(VectorEnv):
    """N texts at a time; like N `TextGenerationEnv`, with one generator.

    A text that has ended is followed by a new one in the next step, whose action is
    ignored and earns 0 (`AutoresetMode.NEXT_STEP`). `infos["text"]` holds the texts
    that have just ended, `infos["_text"]` says which they are.

    Args:
        num_envs: N.
        rows: what may be written about.
        codec: a `nutgraf.models.codec.TextCodec`.
        reward: the judge of the finished texts.
        length: most actions per text; None = the codec's limit.
        chunk: actions per step.
        shaped: see `Episodes.advance`.

    Raises:
        ConfigError: a setting is out of range.

    Example:
        >>> from nutgraf.models.codec import TextCodec
        >>> from nutgraf.rewards.rouge import RougeReward
        >>> from nutgraf.testing.toys import toy_rows, toy_tokenizer
        >>> codec = TextCodec(toy_tokenizer(), max_source=32, max_target=8)
        >>> envs = TextGenerationVectorEnv(3, toy_rows(4), codec, RougeReward())
        >>> seen, infos = envs.reset(seed=1)
        >>> seen["source"].shape
        (3, 32)
        >>> envs.step(np.array([2, 7, 7]))[2].tolist()  # the first takes the end action
        [True, False, False]
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        num_envs: int,
        rows: Sequence[Row],
        codec: Any,
        reward: Reward,
        length: int | None = None,
        chunk: int = 1,
        shaped: bool = False,
    ) -> None:
        """Build the spaces."""
        self._episodes = Episodes(rows, codec, reward, num_envs, length, shaped)
        self.num_envs = num_envs
        self.single_action_space = action_space(codec, chunk)
        self.single_observation_space = observation_space(codec, self._episodes.length)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._over = np.zeros(num_envs, bool)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin all texts anew.

        Args:
            seed: of the generator; None goes on with it.
            options: {"rows": (N,) numbers} names the rows.

        Returns:
            The observations and `infos`.
        """
        super().reset(seed=seed)
        rows = (options or {}).get("rows")
        self._start(np.arange(self.num_envs), rows)
        self._over[:] = False
        return self._seen(), {}

    def step(
        self, actions: Any
    ) -> tuple[
        dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]
    ]:
        """Write the next word piece or chunk of each text.

        Args:
            actions: (N,) or (N, chunk) int.

        Returns:
            Observations, (N,) float64 rewards, (N,) bool terminated, (N,) bool
            truncated, infos.
        """
        chosen = np.reshape(actions, (self.num_envs, -1))
        rewards = np.zeros(self.num_envs)
        ended, cut = (np.zeros(self.num_envs, bool) for _ in range(2))
        new, going = np.flatnonzero(self._over), np.flatnonzero(~self._over)
        if len(new):
            self._start(new)
        if len(going):
            rewards[going], ended[going], cut[going] = self._episodes.advance(
                going, chosen[going]
            )
        self._over = ended | cut
        infos: dict[str, Any] = {}
        if self._over.any():
            texts = np.full(self.num_envs, None, dtype=object)
            done = np.flatnonzero(self._over)
            texts[done] = self._episodes.texts(done)
            infos = {"text": texts, "_text": self._over.copy()}
        return self._seen(), rewards, ended, cut, infos

    def _start(self, which: np.ndarray, rows: Any = None) -> None:
        if rows is None:
            rows = self.np_random.integers(len(self._episodes.rows), size=len(which))
        self._episodes.start(which, np.asarray(rows))

    def _seen(self) -> dict[str, np.ndarray]:
        found = self._episodes
        return {
            "source": found.source.copy(),
            "actions": found.actions.copy(),
            "taken": found.taken[:, None].copy(),
        }
