"""Draw G texts of each prompt in one compiled loop, with their log-probs.

The prompt is encoded once; the loop keeps caches and stops when all rows have ended.
Each draw is a function of (seed, update, row id, sample, step) alone, so batch size,
order and padding change no text (up to rounding of the model's own arithmetic).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.arrays import BOS, EOS, PAD, Batch, Processors, Rollout
from nutgraf.backend import jit, to_numpy, with_values
from nutgraf.backend.random import uniform
from nutgraf.errors import ConfigError
from nutgraf.layers.processors import pack_support, process
from nutgraf.sampling.categorical import categorical

__all__ = ["Sampler"]

Array = Any


class _Loop(NamedTuple):
    """What the loop carries; P prompts, G samples, T steps."""

    time: Array
    state: Any
    last: Array
    actions: Array
    log_probs: Array
    mask: Array
    alive: Array
    support: Array
    lagged: Any


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
        memories = []
        for weights in [values, lagged][: 1 + self.masked]:
            with with_values(self.policy.variables, weights):
                memories.append(self.policy.encode(batch))

        def goes_on(*carried: Any) -> Array:
            return ops.any(_Loop(*carried).alive)

        def step(*carried: Any) -> _Loop:
            loop = _Loop(*carried)
            raw, state, copy = self._both(loop, memories, values, lagged)
            loop = loop._replace(state=state, lagged=copy)
            return self._step(loop, raw, batch, seed, update)

        loop = self._start(memories, batch.row_ids.shape[0])
        loop = _Loop(
            *ops.while_loop(goes_on, step, loop, maximum_iterations=self.length)
        )
        out = {
            "actions": loop.actions,
            "log_probs": loop.log_probs,
            "mask": loop.mask,
            "ended": ops.any(loop.actions == EOS, axis=-1),
        }
        if self.processors.filters:
            out["support"] = loop.support
        return out

    def _both(
        self,
        loop: _Loop,
        memories: list[Any],
        values: list[Array],
        lagged: list[Array],
    ) -> tuple[list[Array], Any, Any]:
        """One step of the policy, and of its lagged copy when that masks."""
        with with_values(self.policy.variables, values):
            raw, state = self.policy.step(memories[0], loop.state, loop.last)
        if not self.masked:
            return [raw], state, ()
        with with_values(self.policy.variables, lagged):
            mask, copy = self.policy.step(memories[1], loop.lagged, loop.last)
        return [raw, mask], state, copy

    def _start(self, memories: list[Any], prompts: int) -> _Loop:
        states = [self.policy.init(m, self.samples, self.length) for m in memories]
        shape = (prompts, self.samples)
        words = -(-self.policy.vocabulary_size // 32) if self.processors.filters else 1
        return _Loop(
            ops.convert_to_tensor(np.int32(0)),
            states[0],
            ops.full(shape, BOS, dtype="int32"),
            ops.full((*shape, self.length), PAD, dtype="int32"),
            ops.zeros((*shape, self.length), dtype="float32"),
            ops.zeros((*shape, self.length), dtype="bool"),
            ops.ones(shape, dtype="bool"),
            ops.zeros((*shape, self.length, words), dtype="int32"),
            states[1] if self.masked else (),
        )

    def _step(
        self, loop: _Loop, raw: list[Array], batch: Batch, seed: Array, update: Array
    ) -> _Loop:
        prompts = loop.last.shape[0]
        rows, vocabulary = prompts * self.samples, self.policy.vocabulary_size
        texts = ops.reshape(loop.actions, (rows, self.length))
        now = ops.reshape(loop.time, (1,))
        final: Array = None
        kept: Array | None = None
        for log_probs in reversed(raw):  # what the copy keeps, the policy draws from
            flat = ops.reshape(log_probs, (rows, 1, vocabulary))
            final, kept = process(flat, self.processors, texts, now, kept)
        final = ops.cast(final[:, 0], "float32")  # (P·G, V)
        number = np.arange(self.samples, dtype="int32")[None, :]
        draws = uniform(seed, update, batch.row_ids[:, None], number, loop.time)
        actions = self._choose(final, ops.reshape(draws, (rows,)))
        chosen = ops.take_along_axis(final, actions[:, None], axis=-1)
        actions = ops.where(loop.alive, ops.reshape(actions, loop.last.shape), PAD)
        chosen = ops.where(loop.alive, ops.reshape(chosen, loop.last.shape), 0.0)
        at = (0, 0, loop.time)
        support = loop.support
        if kept is not None:
            packed = ops.reshape(pack_support(kept), (*loop.last.shape, 1, -1))
            support = ops.slice_update(support, (*at, 0), packed)
        return _Loop(
            loop.time + 1,
            loop.state,
            actions,
            ops.slice_update(loop.actions, at, actions[..., None]),
            ops.slice_update(loop.log_probs, at, chosen[..., None]),
            ops.slice_update(loop.mask, at, loop.alive[..., None]),
            ops.logical_and(loop.alive, actions != EOS),
            support,
            loop.lagged,
        )

    def _choose(self, log_probs: Array, draws: Array) -> Array:
        """(P·G, V) and (P·G,) -> (P·G,) int32."""
        if self.greedy.all():
            return ops.cast(ops.argmax(log_probs, axis=-1), "int32")
        drawn = ops.cast(categorical(log_probs, draws), "int32")
        if not self.greedy.any():
            return drawn
        likeliest = ops.cast(ops.argmax(log_probs, axis=-1), "int32")
        flags = np.tile(self.greedy, log_probs.shape[0] // self.samples)
        return ops.where(flags, likeliest, drawn)
