"""How a language model goes on from a prompt: one or more samples, or the likeliest."""

from __future__ import annotations

from typing import Any, NamedTuple

from nutgraf.arrays import Processors
from nutgraf.errors import ConfigError, ModelError
from nutgraf.evaluation.surprise import batch_of_ids, is_language_model
from nutgraf.models.codec import round_up
from nutgraf.sampling.sample import Sampler

__all__ = ["Continuation", "continuations"]


class Continuation(NamedTuple):
    """What follows a prompt.

    Attributes:
        text: the text, without the prompt.
        ended: whether the model ended it, before the limit.
        nats: negative log-probability under the distribution it was drawn from.
    """

    text: str
    ended: bool
    nats: float


def continuations(
    policy: Any,
    prompt: str,
    samples: int = 1,
    length: int = 0,
    processors: Processors = Processors(),  # noqa: B008 - frozen
    greedy: bool = False,
    seed: int = 0,
) -> tuple[list[Continuation], int]:
    """Go on from a prompt.

    Args:
        policy: a language model, with a `TextCodec`.
        prompt: the text to go on from; empty = a text from its beginning.
        samples: how many continuations.
        length: most tokens of each; 0 = as many as the model learned to write.
        processors: temperature, top-k, top-p.
        greedy: take the likeliest token each time.
        seed: of the draws; the same seed gives the same texts.

    Returns:
        The continuations, and how many tokens at the beginning of the prompt were not
        read, for it was longer than the model's context leaves room for.

    Raises:
        ConfigError: a number is out of range.
        ModelError: the model is no language model.

    Example:
        >>> from nutgraf.testing.toys import toy_policy
        >>> policy = toy_policy(architecture="decoder-only", separator=False)
        >>> found, unread = continuations(policy, "the red", samples=2, length=3)
        >>> len(found), unread
        (2, 0)
    """
    if not is_language_model(policy):
        raise ModelError(
            "To go on from a prompt takes a language model, as `nutgraf pretrain` "
            "writes it. Received: a model that writes from a source. Use `nutgraf "
            "summarize`, or another model."
        )
    codec, context = policy.codec, policy.model.config.context
    length = length or codec.max_target
    if not 0 < length < context:
        raise ConfigError(
            f"length must be below {context}, the model's context in tokens. Received: "
            f"length={length}. 0 = {codec.max_target}."
        )
    ids = codec.tokenizer.encode(prompt)
    kept = ids[-(context - length) :]
    sampler = Sampler(policy, samples, length, processors, greedy)
    batch = batch_of_ids(kept, round_up(len(kept), 32, context - length))
    rollout = sampler([variable.value for variable in policy.variables], batch, seed)
    texts = codec.tokenizer.decode_batch(rollout.actions[0].tolist())
    found = [
        Continuation(text, bool(ended), -float(log_probs[mask].sum()))
        for text, ended, log_probs, mask in zip(
            texts,
            rollout.ended[0],
            rollout.log_probs[0],
            rollout.mask[0],
            strict=True,
        )
    ]
    return found, len(ids) - len(kept)
