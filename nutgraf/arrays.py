"""The array contracts that every part of nutgraf shares.

Letters: P prompts, G samples per prompt, S source length, T actions per sample,
V action space, D width, H heads. `mask` means: True = this one counts. Log-probs are
natural logarithms (nats), float32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nutgraf.errors import ConfigError

__all__ = ["BOS", "EOS", "PAD", "Batch", "Processors", "Rollout", "Scored"]
__all__ += ["check_shapes"]

Array = Any

PAD, BOS, EOS = 0, 1, 2
"""Ids of the three special tokens, the same in every vocabulary of nutgraf."""


class Batch(NamedTuple):
    """Rows as arrays, ready for a policy.

    Attributes:
        row_ids: (P,) int32, `row_number` of each row; the key of its random draws.
        source_ids: (P, S) int32, padded with `PAD`.
        source_mask: (P, S) bool.
        target_ids: (P, T) int32, reference tokens and the end action, padded. A
            reference that was cut at T has no end action.
        target_mask: (P, T) bool.
    """

    row_ids: Array
    source_ids: Array
    source_mask: Array
    target_ids: Array
    target_mask: Array


class Scored(NamedTuple):
    """What a policy says of given actions.

    Attributes:
        log_probs: (P, G, T) float32 nats, of each action under the distribution that
            the `Processors` leave (filtered, tempered, normalised).
        entropy: (P, G, T) float32 nats of that distribution; None unless wanted.
        mean_log_probs: (P, G, T) float32 nats, mean over the vocabulary of the
            generator's log-probs (for label smoothing); None unless wanted.
        auxiliary: (P, G, T) float32, a loss of each action beside its likelihood, which
            supervised training adds; None in a policy that has none.
    """

    log_probs: Array
    entropy: Array | None = None
    mean_log_probs: Array | None = None
    auxiliary: Array | None = None


@dataclass(frozen=True)
class Processors:
    """How a distribution is changed before an action is drawn; static, hashable.

    One object serves the sampler and the scorer, so both sides of a policy ratio are
    normalised on the same support.

    Attributes:
        temperature: float > 0; log-probs are divided by it.
        top_k: int >= 0; keep the k likeliest actions, 0 keeps all.
        top_p: float in (0, 1]; keep the smallest set with at least this mass.
        min_length: int >= 0; the end action is forbidden before this many actions.
        no_repeat_ngram: int >= 0; no n-gram of this size occurs twice, 0 allows all.

    Raises:
        ConfigError: a value is out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_length: int = 0
    no_repeat_ngram: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, allowed, good in (
            ("temperature", "a number > 0", self.temperature > 0),
            ("top_k", "an integer >= 0 (0 = off)", self.top_k >= 0),
            ("top_p", "in (0, 1] (1 = off)", 0 < self.top_p <= 1),
            ("min_length", "an integer >= 0", self.min_length >= 0),
            ("no_repeat_ngram", "an integer >= 0 (0 = off)", self.no_repeat_ngram >= 0),
        ):
            if not good:
                raise ConfigError(
                    f"{name} must be {allowed}. Received: {name}={getattr(self, name)}."
                    f" Leave it out for {getattr(type(self), name)}."
                )

    @property
    def plain(self) -> bool:
        """True when the distribution is left as the model gives it."""
        return self == Processors()

    @property
    def filters(self) -> bool:
        """True when actions are removed by top-k or top-p."""
        return self.top_k > 0 or self.top_p < 1.0


@dataclass(frozen=True)
class Rollout:
    """Samples of a policy with all that an update needs to know of them.

    Attributes:
        batch: the prompts as they were encoded.
        actions: (P, G, T) int32.
        log_probs: (P, G, T) float32 nats, of the distribution that was really sampled
            (after temperature and filters); 0 where `mask` is False.
        mask: (P, G, T) bool; the end action counts, what follows does not.
        ended: (P, G) bool, the end action was drawn.
        truncated: (P, G) bool, cut by the length limit.
        processors: the static `Processors` of the draw.
        support: (P, G, T, ceil(V / 32)) int32, one bit per action: kept by top-k/top-p
            (action v is bit v % 32 of word v // 32); None when nothing was filtered.
        rewards: (P, G) float32, or None before rewarding.
        components: name -> (P, G) float32, the parts of the reward, before weighting.
        valid: (P, G) bool, False where a reward did not apply; None before rewarding.
        version: number of updates the policy had seen.
    """

    batch: Batch
    actions: Array
    log_probs: Array
    mask: Array
    ended: Array
    truncated: Array
    processors: Processors
    support: Array | None = None
    rewards: Array = None
    components: dict[str, Array] = field(default_factory=dict)
    valid: Array = None
    version: int = 0


def check_shapes(**named: tuple[Array, str]) -> dict[str, int]:
    """Check that arrays have the shapes that their letters name.

    Args:
        **named: name=(array, "P G T"); a letter stands for one size throughout the
            call, a number for itself, a leading `...` for any axes.

    Returns:
        dict letter -> size.

    Raises:
        ValueError: an array has another rank, or a letter two sizes.

    Example:
        >>> import numpy as np
        >>> check_shapes(mask=(np.ones((2, 3)), "P T"))
        {'P': 2, 'T': 3}
    """
    sizes: dict[str, int] = {}
    origin: dict[str, str] = {}
    for name, (array, letters) in named.items():
        shape = tuple(array.shape)
        axes = letters.split()
        if axes and axes[0] == "...":
            axes = axes[1:]
            shape = shape[len(shape) - len(axes) :] if len(shape) >= len(axes) else ()
        if len(axes) != len(shape):
            raise ValueError(
                f"{name} must have the shape ({letters}). Received: "
                f"{name}.shape={tuple(array.shape)}. Give it an axis for each letter."
            )
        for letter, size in zip(axes, shape, strict=True):
            expected = int(letter) if letter.isdigit() else sizes.get(letter, size)
            if size != expected and size is not None:
                raise ValueError(
                    f"{name} must have the shape ({letters}) with {letter}={expected}"
                    f"{' as in ' + origin[letter] if letter in origin else ''}. "
                    f"Received: {name}.shape={tuple(array.shape)}. Make that axis "
                    f"{expected} long, or check which array is meant."
                )
            if not letter.isdigit() and letter not in sizes:
                sizes[letter], origin[letter] = size, name
    return sizes
