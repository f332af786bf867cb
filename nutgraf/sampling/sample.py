"""Draw G texts of each prompt in one compiled loop, with their log-probs.

The prompt is encoded once; the loops keep caches and stop when all texts have ended.
Each draw is a function of (seed, update, row id, sample, step) alone, so batch size,
order and padding change no text (up to rounding of the model's own arithmetic).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from nutgraf.arrays import EOS, Batch, Processors, Rollout
from nutgraf.backend import jit, to_numpy, with_values
from nutgraf.backend.random import uniform
from nutgraf.errors import ConfigError
from nutgraf.layers.categorical import categorical
from nutgraf.layers.processors import process
from nutgraf.sampling.loops import Choice, Loop, empty_texts, run_loops

__all__ = ["Sampler"]

Array = Any


class Sampler:
    """A compiled sampler of one policy, for fixed settings.

    Args:
        policy: the policy.
        samples: G >= 1, texts per prompt.
        length: T >= 1, most actions per text.
        processors: changes to the distribution; the default samples the policy itself.
        greedy: which of the G samples take the likeliest action instead of a draw;
            one bool per sample, or one for all.
        masked: top-k and top-p keep what is likely under a lagged copy of the policy,
            whose weights are given with each call, not under the policy itself.

    Raises:
        ConfigError: a count is out of range.
    """

    def __init__(
        self,
        policy: Any,
        samples: int,
        length: int,
        processors: Processors = Processors(),  # noqa: B008 - frozen
        greedy: bool | Sequence[bool] = False,
        masked: bool = False,
    ) -> None:
        """Compile at the first call with each shape."""
        if samples < 1 or length < 1:
            raise ConfigError(
                "samples and length must be integers >= 1. Received: "
                f"samples={samples}, length={length}. Use the codec's limit, "
                f"{policy.codec.max_target}, for length."
            )
        self.policy = policy
        self.samples = samples
        self.length = length
        self.processors = processors
        flags = [greedy] * samples if isinstance(greedy, bool) else list(greedy)
        if len(flags) != samples:
            raise ConfigError(
                f"greedy must hold one bool per sample ({samples}). Received: {flags}. "
                "Or give one bool for all."
            )
        self.greedy = np.array(flags, bool)
        if masked and not processors.filters:
            raise ConfigError(
                "A mask is the top-k or top-p set of the lagged copy. Received: "
                "top_k=0 and top_p=1, which keep all. Set one of them."
            )
        self.masked = masked
        self.compiled = jit(self._run)

    def __call__(
        self,
        values: Sequence[Array],
        batch: Batch,
        seed: int = 0,
        update: int = 0,
        lagged: Sequence[Array] | None = None,
    ) -> Rollout:
        """Sample.

        Args:
            values: the policy's weights.
            batch: P prompts.
            seed: run seed.
            update: number of updates so far; another number, other draws.
            lagged: the weights of the lagged copy, for a masked sampler.

        Returns:
            The rollout, as numpy arrays.
        """
        copy = list(lagged) if self.masked and lagged is not None else []
        numbers = np.int32(seed), np.int32(update)
        out = to_numpy(self.compiled(list(values), copy, batch, *numbers))
        ended = out["ended"]
        return Rollout(
            batch=batch,
            actions=out["actions"],
            log_probs=out["log_probs"],
            mask=out["mask"],
            ended=ended,
            truncated=~ended,
            processors=self.processors,
            support=out.get("support"),
            version=update,
        )

    def _run(
        self,
        values: list[Array],
        lagged: list[Array],
        batch: Batch,
        seed: Array,
        update: Array,
    ) -> dict[str, Array]:
        prompts = batch.row_ids.shape[0]
        weights = [values, lagged][: 1 + self.masked]
        memories = []
        for each in weights:
            with with_values(self.policy.variables, each):
                memories.append(self.policy.encode(batch))

        def draws(loop: Loop) -> Array:
            of = loop.texts
            return uniform(seed, update, of.row_ids, of.samples, loop.time)

        def draw(loop: Loop) -> Choice:
            """Draw from the policy itself."""
            (memory,), (state,) = memories, loop.states
            with with_values(self.policy.variables, values):
                actions, log_probs, state = self.policy.draw(
                    memory, state, loop.texts.last, draws(loop)
                )
            return Choice(actions, ops.cast(log_probs, "float32"), None, [state])

        def process_and_choose(loop: Loop) -> Choice:
            """Change the distributions first, or take the likeliest action."""
            final: Array = None
            kept: Array | None = None
            now = ops.reshape(loop.time, (1,))
            raw, states = self._step(weights, memories, loop)
            for log_probs in reversed(raw):  # what the copy keeps, the policy draws
                final, kept = process(
                    log_probs, self.processors, loop.texts.actions, now, kept
                )
            final = ops.cast(final[:, 0], "float32")  # (N, V)
            actions = self._choose(final, draws(loop), loop.texts.samples)
            chosen = ops.take_along_axis(final, actions[:, None], axis=-1)[:, 0]
            return Choice(actions, chosen, kept, states)

        plain = self.processors.plain and not self.greedy.any()
        words = -(-self.policy.vocabulary_size // 32) if self.processors.filters else 1
        texts = run_loops(
            draw if plain else process_and_choose,
            self.policy.select,
            [self.policy.init(each, self.samples, self.length) for each in memories],
            empty_texts(batch.row_ids, self.samples, self.length, words),
        )
        shape = (prompts, self.samples, self.length)
        out = {
            name: ops.reshape(getattr(texts, name), shape)
            for name in ("actions", "log_probs", "mask")
        }
        out["ended"] = ops.any(out["actions"] == EOS, axis=-1)
        if self.processors.filters:
            out["support"] = ops.reshape(texts.support, (*shape, words))
        return out

    def _step(
        self, weights: list[Any], memories: list[Any], loop: Loop
    ) -> tuple[list[Array], list[Any]]:
        """One step of the policy, and of its lagged copy when that masks."""
        raw, after = [], []
        for each, memory, state in zip(weights, memories, loop.states, strict=True):
            with with_values(self.policy.variables, each):
                log_probs, new = self.policy.step(memory, state, loop.texts.last)
            raw.append(log_probs[:, None])  # (N, 1, V)
            after.append(new)
        return raw, after

    def _choose(self, log_probs: Array, draws: Array, samples: Array) -> Array:
        """(N, V) and (N,) -> (N,) int32; `samples` (N,) says which of G each is."""
        if self.greedy.all():
            return ops.cast(ops.argmax(log_probs, axis=-1), "int32")
        drawn, _ = categorical(log_probs, draws)
        if not self.greedy.any():
            return drawn
        likeliest = ops.cast(ops.argmax(log_probs, axis=-1), "int32")
        flags = ops.take(ops.convert_to_tensor(self.greedy), samples)
        return ops.where(flags, likeliest, drawn)
