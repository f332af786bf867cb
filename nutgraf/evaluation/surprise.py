"""How surprised a model is by a text: the nats of each token, and what it expected.

The surprise of a token is -ln p(token | what came before), Shannon 1948, "A
Mathematical Theory of Communication", section 6. A language model reads a text that is
longer than its context in windows, each of which begins after as many tokens as the
model can read.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from nutgraf.arrays import EOS, Batch
from nutgraf.backend import Compiled, jit, to_numpy, with_values
from nutgraf.errors import ConfigError, DataError
from nutgraf.models.codec import pad_ids, round_up
from nutgraf.models.teacher_forcing import decoder_inputs
from nutgraf.training.language import bits_per_byte

__all__ = ["TextSurprise", "TokenSurprise", "batch_of_ids", "is_language_model"]
__all__ += ["text_surprise"]

Array = Any


class TokenSurprise(NamedTuple):
    """A token of a text.

    Attributes:
        token: the piece of text, or `<eos>`.
        nats: its surprise, >= 0.
        likeliest: the tokens that were likeliest in its place, with their
            probabilities, highest first.
    """

    token: str
    nats: float
    likeliest: tuple[tuple[str, float], ...]


class TextSurprise(NamedTuple):
    """A text.

    Attributes:
        tokens: its tokens, in order.
        bytes: bytes of the text in UTF-8.
        unread: tokens of the source beyond the longest that the model reads.
    """

    tokens: tuple[TokenSurprise, ...]
    bytes: int
    unread: int = 0

    @property
    def nats(self) -> float:
        """Surprise of the whole text."""
        return sum(token.nats for token in self.tokens)

    @property
    def perplexity(self) -> float:
        """Exp of the mean surprise of a token."""
        return math.exp(self.nats / len(self.tokens))

    @property
    def bits_per_byte(self) -> float:
        """Bits of surprise per byte of text; with any tokenizer the same scale."""
        return bits_per_byte(self.nats, self.bytes)


def is_language_model(policy: Any) -> bool:
    """Return whether a policy goes on from its source, as a language model does.

    Args:
        policy: any policy.

    Returns:
        False where something stands between source and text.
    """
    config = getattr(policy.model, "config", None)
    return not getattr(config, "separator", True)


def _stepper(policy: Any, top: int) -> Compiled:
    """Compile the steps over given actions.

    `(values, batch, actions (T,)) -> log-probs (T,), the highest (T, top) and theirs`.
    """

    def run(values: list[Array], batch: Batch, actions: Array) -> Any:
        length = actions.shape[0]
        inputs = decoder_inputs(actions)
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            state = policy.init(memory, 1, length)

            def step(
                time: Array, state: Any, chosen: Array, high: Array, of: Array
            ) -> Any:
                last = ops.reshape(ops.take(inputs, time), (1, 1))
                log_probs, state = policy.step(memory, state, last)
                log_probs = ops.cast(ops.reshape(log_probs, (-1,)), "float32")
                highest, places = ops.top_k(log_probs, top)
                own = ops.take(log_probs, ops.take(actions, time))
                return (
                    time + 1,
                    state,
                    ops.slice_update(chosen, (time,), own[None]),
                    ops.slice_update(high, (time, 0), highest[None]),
                    ops.slice_update(of, (time, 0), ops.cast(places, "int32")[None]),
                )

            start = (
                ops.convert_to_tensor(np.int32(0)),
                state,
                ops.zeros((length,), "float32"),
                ops.zeros((length, top), "float32"),
                ops.zeros((length, top), "int32"),
            )
            return ops.while_loop(lambda time, *_: time < length, step, start)[2:]

    return jit(run)


def batch_of_ids(source: list[int], length: int) -> Batch:
    """Make a batch of one source that is tokens already.

    Args:
        source: the ids.
        length: S, at least as many; the rest is padding.

    Returns:
        The batch, without a target.
    """
    ids, mask = pad_ids([source], length)
    target = np.zeros((1, 1), "int32")
    return Batch(np.zeros(1, "int32"), ids, mask, target, target.astype(bool))


def text_surprise(
    policy: Any, text: str, source: str | None = None, end: bool = True, top: int = 5
) -> TextSurprise:
    """Return how surprised a model is by a text.

    Args:
        policy: a language model, or with a source any policy with a `TextCodec`.
        text: the text.
        source: what the text answers, sums up or goes on from; None = nothing, which
            only a language model can do.
        end: whether the end of the text is judged too.
        top: how many of the likeliest tokens are told, >= 1.

    Returns:
        The surprise of each token.

    Raises:
        ConfigError: the model needs a source, or writes no text as long as this.
        DataError: there is no token to judge.

    Example:
        >>> from nutgraf.testing.toys import toy_policy
        >>> policy = toy_policy(architecture="decoder-only", separator=False)
        >>> found = text_surprise(policy, "the red house", top=2)
        >>> found.tokens[-1].token, len(found.tokens[0].likeliest)
        ('<eos>', 2)
    """
    codec, language = policy.codec, is_language_model(policy)
    if source is None and not language:
        raise ConfigError(
            "A text without a source can be scored by a language model only. Received: "
            "a model that writes from a source. Give what the text was written from as "
            "`--source`, or a model of `nutgraf pretrain`."
        )
    if top < 1:
        raise ConfigError(f"top must be >= 1. Received: top={top}. 5 is usual.")
    if not text:
        raise DataError("A text must hold a token. Received: none. Give another text.")
    ids = codec.tokenizer.encode(text) + [EOS] * end
    if not language and len(ids) > codec.max_target:
        raise ConfigError(
            f"The model writes texts of at most {codec.max_target} tokens. Received: a "
            f"text of {len(ids)}. Shorten it."
        )
    before = codec.tokenizer.encode(source or "")
    unread = max(0, len(before) - codec.max_source)
    before = before[unread:] if language else before[: codec.max_source]
    length = min(len(ids), codec.max_target)
    longest = min(len(before) + len(ids) - 1, codec.max_source)
    room = round_up(longest if language else len(before), 32, codec.max_source)
    run = _stepper(policy, min(top, policy.vocabulary_size))
    values = [variable.value for variable in policy.variables]
    tokens: list[TokenSurprise] = []
    for start in range(0, len(ids), length):
        window = ids[start : start + length]
        context = (before + ids[:start])[-codec.max_source :]
        batch = batch_of_ids(context, room)
        actions = np.array(window + [EOS] * (length - len(window)), "int32")
        found = to_numpy(run(values, batch, actions))
        rows = zip(window, *(part.tolist() for part in found), strict=False)
        tokens += [_token(codec.tokenizer, *row) for row in rows]
    return TextSurprise(tuple(tokens), len(text.encode("utf-8")), unread)


def _token(
    tokenizer: Any, token: int, log_prob: float, high: list[float], of: list[int]
) -> TokenSurprise:
    likeliest = tuple(
        (tokenizer.token(place), math.exp(value))
        for place, value in zip(of, high, strict=True)
    )
    return TokenSurprise(tokenizer.token(token), -log_prob, likeliest)
