"""`check_policy`: what sampling and RL rely on, checked on a policy of yours.

Where one of these fails, training goes wrong in silence: a ratio that is not 1 at first
is a wrong gradient, a cache that differs from the full pass draws from another model
than the one that is trained, an end that is not scored makes texts that never end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nutgraf.arrays import BOS, EOS, PAD, Batch, Processors
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError, ModelError

__all__ = ["check_policy"]

Array = Any

SAMPLES, LENGTH, DRAWS = 2, 6, 64

SETTINGS = {
    "top-k and top-p": Processors(top_k=20, top_p=0.7),
    "tempered": Processors(temperature=0.7),
    "plain": Processors(),
}
"""Processors under which the first ratio is looked at."""


class _Case(NamedTuple):
    """A policy with a batch of its rows and texts to score."""

    policy: Any
    rows: Sequence[Row]
    batch: Batch
    actions: np.ndarray  # (P, G, T), the last of each text is the end
    tolerance: float


def _fail(check: str, rule: str, received: Any, advice: str) -> None:
    raise ModelError(f"{check}: {rule}. Received: {received}. {advice}")


def _compare(
    check: str, rule: str, one: Array, two: Array, case: _Case, advice: str
) -> None:
    """Fail unless two arrays of log-probs (nats) are the same."""
    apart = np.abs(np.asarray(one, "float64") - np.asarray(two, "float64"))
    if not (apart <= case.tolerance * np.maximum(1.0, np.abs(two))).all():
        _fail(check, rule, f"log-probs up to {np.max(apart):.3g} nats apart", advice)


def _scored(case: _Case, batch: Batch, actions: Array, **options: Any) -> np.ndarray:
    """(P, G, T) log-probs of actions, as the trainer sees them."""
    from nutgraf.backend import to_numpy

    processors = options.pop("processors", Processors())
    memory = case.policy.encode(batch)
    hidden = case.policy.hidden(memory, actions)
    scored = case.policy.score(memory, hidden, actions, processors, **options)
    found: np.ndarray = to_numpy(scored.log_probs)
    return found


def _stepped(case: _Case, batch: Batch, actions: Array) -> np.ndarray:
    """(P, G, T, V) log-probs, step by step."""
    from nutgraf.backend import to_numpy

    memory = case.policy.encode(batch)
    state = case.policy.init(memory, *actions.shape[1:])
    last, found = np.full_like(actions[..., 0], BOS), []
    for time in range(actions.shape[-1]):
        log_probs, state = case.policy.step(memory, state, last)
        found.append(to_numpy(log_probs))
        last = actions[..., time]
    return np.stack(found, axis=2)


def _chosen(log_probs: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return np.take_along_axis(log_probs, actions[..., None], axis=-1)[..., 0]


def _check_literal_end(case: _Case) -> None:
    """The letters of the end token in a user's text are letters."""
    codec = case.policy.codec
    row = case.rows[0]
    plain = codec.batch([Row(row.id, "a b", ("b",))])
    typed = codec.batch([Row(row.id, "a <eos> b", ("<eos>",))])
    counts = [int((b.source_ids == EOS)[b.source_mask].sum()) for b in (plain, typed)]
    ends = int((typed.target_ids == EOS)[typed.target_mask].sum())
    text = codec.render(typed, typed.target_ids[:, None])[0]
    if counts[0] != counts[1] or ends != 1 or "<eos>" not in text:
        _fail(
            "literal <eos>",
            "the letters `<eos>` in a text must stay text in source, target and output",
            f"{counts[1] - counts[0]} end ids from the source's letters, {ends} in the "
            f"target, rendered as {text!r}",
            "Encode user text without special tokens, and render it whole.",
        )


def _check_targets(case: _Case) -> None:
    """A target that was not cut ends with the end action, which counts."""
    for ids, mask in zip(case.batch.target_ids, case.batch.target_mask, strict=True):
        counted = ids[mask]
        cut = mask.all() and counted[-1] != EOS
        good = cut or (len(counted) and counted[-1] == EOS)
        if not good or (counted[:-1] == EOS).any() or (counted == PAD).any():
            _fail(
                "end in targets",
                "`target_mask` must count each reference to its end action, no padding",
                f"counted ids {counted.tolist()}",
                "Append EOS to each reference in `codec.batch` and count it.",
            )


def _check_distribution(case: _Case) -> None:
    """A step gives a distribution; the end can be drawn, padding cannot."""
    probs = np.exp(_stepped(case, case.batch, case.actions).astype("float64"))
    total, never = probs.sum(-1), probs[..., [PAD, BOS]].max()
    if abs(total - 1.0).max() > 10 * case.tolerance:
        apart = total.flat[abs(total - 1.0).argmax()]
        _fail(
            "distribution",
            "the probabilities of a step must add up to 1",
            f"{apart:.6g}",
            "Return log_softmax of the logits from `step`.",
        )
    if never > 0 or probs[..., EOS].min() <= 0:
        _fail(
            "special tokens",
            "PAD and BOS must have probability 0, the end a positive one",
            f"up to {never:.3g} for PAD or BOS, from {probs[..., EOS].min():.3g} for "
            "the end",
            "Add -1e9 to the logits of PAD and BOS alone.",
        )


def _check_cache(case: _Case) -> None:
    """Cached decoding is the full pass; the end, last of each text, has its own."""
    steps = _chosen(_stepped(case, case.batch, case.actions), case.actions)
    whole = _scored(case, case.batch, case.actions)
    _compare(
        "cached == full",
        "`step` must give the log-probs that `score` gives of `hidden`",
        steps[..., :-1],
        whole[..., :-1],
        case,
        "Look at positions, at the mask over the cache, and at the first input, BOS.",
    )
    _compare(
        "end scored",
        "`score` must give the end action the log-prob that `step` gives it",
        steps[..., -1],
        whole[..., -1],
        case,
        "Score EOS as any other action; what follows it is masked by the caller.",
    )


def _check_groups(case: _Case) -> None:
    """G samples of a prompt are as G prompts with one sample each."""
    prompts, samples, length = case.actions.shape
    repeated = Batch(*(np.repeat(part, samples, axis=0) for part in case.batch))
    flat = case.actions.reshape(prompts * samples, 1, length)
    for name, of in (("score", _scored), ("step", _stepped)):
        grouped, alone = of(case, case.batch, case.actions), of(case, repeated, flat)
        _compare(
            "grouped == repeated",
            f"`{name}` must give samples of one prompt what it gives them alone",
            grouped,
            alone.reshape(grouped.shape),
            case,
            "Look at the order of axes where prompts (P) and samples (G) are joined.",
        )


def _check_padding(case: _Case) -> None:
    """A source cut short is the same with and without padding after it."""
    ids, mask = case.batch.source_ids, case.batch.source_mask
    kept = max(1, ids.shape[1] // 2)
    inside = np.arange(ids.shape[1]) < kept
    padded = case.batch._replace(
        source_ids=np.where(inside, ids, PAD).astype(ids.dtype),
        source_mask=mask & inside,
    )
    short = case.batch._replace(source_ids=ids[:, :kept], source_mask=mask[:, :kept])
    for name, of in (("score", _scored), ("step", _stepped)):
        _compare(
            "padding",
            f"`{name}` must not depend on the padding of the source",
            of(case, padded, case.actions),
            of(case, short, case.actions),
            case,
            "Use `batch.source_mask` wherever the source is read.",
        )


def _check_parents(case: _Case) -> None:
    """Samples go on from the samples that `reorder` names."""
    from nutgraf.backend import to_numpy

    half = LENGTH // 2
    parents = np.arange(SAMPLES)[::-1] + np.zeros((len(case.actions), 1), int)
    parents[0] = SAMPLES - 1
    memory = case.policy.encode(case.batch)
    state = case.policy.init(memory, *case.actions.shape[1:])
    last = np.full_like(case.actions[..., 0], BOS)
    for time in range(half):
        _, state = case.policy.step(memory, state, last)
        last = case.actions[..., time]
    state = case.policy.reorder(state, parents.astype("int32"))
    moved = np.take_along_axis(case.actions, parents[..., None], axis=1)
    found, _ = case.policy.step(memory, state, moved[..., half - 1])
    _compare(
        "reorder",
        "after `reorder(state, parents)` sample g must go on from sample parents[p, g]",
        to_numpy(found),
        _stepped(case, case.batch, moved)[:, :, half],
        case,
        "Move all of the state (caches of every block, texts) to the new order.",
    )


def _check_select(case: _Case) -> None:
    """Some of the texts go on as they would among all."""
    from nutgraf.backend import to_numpy
    from nutgraf.layers.packing import packing_of

    half = LENGTH // 2
    memory = case.policy.encode(case.batch)
    state = case.policy.init(memory, *case.actions.shape[1:])
    last = np.full_like(case.actions[..., 0], BOS)
    kept = np.ones(last.size, bool)
    for time in range(half):
        _, state = case.policy.step(memory, state, last)
        last = case.actions[..., time]
        if time < 2:  # twice, for what is selected is selected from again
            kept[time] = False
            packing = packing_of(kept, int(kept.sum()))
            state = case.policy.select(state, packing)
        last = last.reshape(-1)[kept]
    found, _ = case.policy.step(memory, state, last)
    whole = _stepped(case, case.batch, case.actions)[:, :, half]
    _compare(
        "select",
        "after `select(state, packing)` the texts `packing.tokens` must go on",
        to_numpy(found),
        whole.reshape(-1, whole.shape[-1])[kept],
        case,
        "Keep these rows of all of the state, and let `step` find their prompts.",
    )


def _check_draw(case: _Case) -> None:
    """A draw follows the distribution of a step, and knows its log-prob."""
    from nutgraf.backend import to_numpy, to_tensor

    memory = case.policy.encode(case.batch)
    state = case.policy.init(memory, *case.actions.shape[1:])
    last = np.full(case.actions[..., 0].size, BOS, "int32")
    log_probs = to_numpy(case.policy.step(memory, state, last)[0]).astype("float64")
    found = []
    for uniform in (np.arange(DRAWS, dtype="float32") + 0.5) / DRAWS:
        uniforms = to_tensor(np.full(last.shape, uniform, "float32"))
        actions, drawn, _ = case.policy.draw(memory, state, last, uniforms)
        found.append((to_numpy(actions), to_numpy(drawn)))
    actions, drawn = (np.stack(part, axis=1) for part in zip(*found, strict=True))
    _compare(
        "draw",
        "`draw` must give the log-probs of `step`",
        drawn,
        np.take_along_axis(log_probs, actions, axis=-1),
        case,
        "Take the log-prob of the action under the whole distribution.",
    )
    apart = drawn.mean(-1) - (np.exp(log_probs) * log_probs).sum(-1)
    if abs(apart).max() > 0.5:
        _fail(
            "draw",
            "evenly spread uniform numbers must give actions as often as is likely",
            f"a mean log-prob {abs(apart).max():.3g} nats from the entropy",
            "Invert the cumulative distribution, or draw in parts by their shares.",
        )


def _check_values(case: _Case) -> None:
    """Everything is a function of the values in force."""
    from nutgraf.backend import to_numpy, to_tensor, with_values

    variables = case.policy.variables
    others = [to_tensor(1.5 * to_numpy(v.value) + 0.01) for v in variables]
    before = _scored(case, case.batch, case.actions)
    with with_values(variables, others):
        within = _scored(case, case.batch, case.actions)
        steps = _chosen(_stepped(case, case.batch, case.actions), case.actions)
    rule = "`encode`, `step` and `score` must use the values of `with_values`"
    advice = "Read the weights from `policy.variables` at each call, keep no copy."
    _compare("values", rule, steps, within, case, advice)
    if variables and abs(within - before).max() <= case.tolerance:
        _fail("values", rule, "the same log-probs under other values", advice)
    after = _scored(case, case.batch, case.actions)
    _compare("values", "other values must leave no trace", after, before, case, advice)


def _check_ratio(case: _Case) -> None:
    """Sampler log-probs are scorer log-probs: the first policy ratio is 1."""
    from nutgraf.backend import to_numpy
    from nutgraf.sampling.sample import Sampler

    values = to_numpy([variable.value for variable in case.policy.variables])
    length = min(LENGTH, case.policy.codec.max_target)
    for name, processors in SETTINGS.items():
        sampler = Sampler(case.policy, SAMPLES, length, processors, [False, True])
        rollout = sampler(values, case.batch, seed=1)
        found = _scored(
            case,
            case.batch,
            rollout.actions,
            processors=processors,
            support=rollout.support,
        )
        _compare(
            f"ratio is 1 ({name})",
            "sampler and scorer must give the same log-probs",
            found[rollout.mask],
            rollout.log_probs[rollout.mask],
            case,
            "Apply `processors`, and `support` where it is given, in `score`.",
        )


CHECKS: tuple[Callable[[_Case], None], ...] = (
    _check_literal_end,
    _check_targets,
    _check_distribution,
    _check_cache,
    _check_groups,
    _check_padding,
    _check_parents,
    _check_select,
    _check_draw,
    _check_values,
    _check_ratio,
)


def check_policy(policy: Any, rows: Sequence[Row], tolerance: float = 1e-4) -> None:
    """Check that sampling, beam search and RL can rely on a policy.

    Checked, each with an error that begins with its name: literal <eos>, end in
    targets, distribution, special tokens, cached == full, end scored, grouped ==
    repeated, padding (on the right), reorder, select, draw, values, ratio is 1
    (filtered, tempered and plain, half of the samples greedy).

    Args:
        policy: the policy, without dropout.
        rows: 2 or more rows with documents of at least two tokens; the first three are
            used.
        tolerance: nats, relative beyond 1; wider for weights in half precision.

    Raises:
        ConfigError: there are fewer than two rows.
        ModelError: a check fails; the message names it and says what to look at.

    Example:
        >>> from nutgraf.testing.toys import toy_policy, toy_rows
        >>> check_policy(toy_policy(decoder_layers=1), toy_rows(2))
    """
    if len(rows) < 2:
        raise ConfigError(
            f"check_policy takes 2 or more rows. Received: {len(rows)}. Give another: "
            "samples of one prompt must not see another's."
        )
    batch = policy.codec.batch(rows[:3])
    random = np.random.default_rng(0)
    shape = (len(batch.row_ids), SAMPLES, LENGTH)
    actions = random.integers(EOS + 1, policy.vocabulary_size, shape).astype("int32")
    actions[..., -1] = EOS
    case = _Case(policy, rows[:3], batch, actions, tolerance)
    for check in CHECKS:
        check(case)
