import dataclasses

import numpy as np
import pytest

from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy
from nutgraf.recipes.grpo import GRPO
from nutgraf.rl.experience import _up_to_last, experience_of, packed, split
from nutgraf.rl.learner import Counts, Weights, gradient_of, scorer
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, weights_of
from tests.rl.tiny import tiny_policy


def nothing(prompts, completions, references, rows=None):
    return [0.0] * len(prompts)


ALGORITHM = GRPO(toy_policy(), nothing, RLSettings(length=8)).trainer.algorithm


@pytest.fixture
def rollout(policy, rows):
    batch = policy.codec.batch(rows[:4])
    found = Sampler(policy, 3, 8)(weights_of(policy), batch, seed=2)
    return dataclasses.replace(found, valid=np.ones((4, 3), bool))


def learned(rollout, advantages, ref=None):
    """The experience of a rollout with given advantages (P, G)."""
    given, _ = experience_of(rollout)
    return given._replace(
        mask=given.mask & rollout.valid[..., None],
        advantages=np.asarray(advantages, "float32")[..., None]
        + np.zeros_like(rollout.log_probs),
        ref_log_probs=rollout.log_probs if ref is None else ref,
    )


def gradients(policy, rollout, advantages, size=4, kl=0.0, supervised=0.0, ref=None):
    """Gradient of the whole rollout, from micro-batches of `size` prompts."""
    step = gradient_of(policy, ALGORITHM, Processors(), Weights(kl, supervised))
    values = weights_of(policy)
    parts = split(learned(rollout, advantages, ref), size)
    count = np.float32(sum(part.mask.sum() for part in parts))
    counts = Counts(count, count, np.float32(rollout.batch.target_mask.sum()))
    total, statistics = None, []
    for part in parts:
        grads, found = to_numpy(step(values, part, counts, np.float32(1)))
        total = (
            grads
            if total is None
            else [a + b for a, b in zip(total, grads, strict=True)]
        )
        statistics.append(found)
    return total, statistics


ADVANTAGES = np.array([[1, -1, 0.5], [0, 2, -2], [1, 1, -2], [0.3, 0.3, -0.6]])


@pytest.mark.xla
def test_first_ratio_is_one_and_nothing_is_clipped(policy, rollout):
    _, (found,) = gradients(policy, rollout, ADVANTAGES)
    total, count = found["policy/ratio"]
    assert total / count == pytest.approx(1.0, abs=1e-4)
    assert found["policy/clip_share"][0] == 0
    assert found["policy/kl_to_start"][0] == pytest.approx(0.0, abs=1e-4)


def test_micro_batches_add_up_to_the_whole(policy, rollout):
    whole, _ = gradients(policy, rollout, ADVANTAGES, 4, 0.1, 0.3)
    parts, _ = gradients(policy, rollout, ADVANTAGES, 1, 0.1, 0.3)
    for one, two in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-6)  # sums reordered


@pytest.mark.xla
def test_a_raised_advantage_raises_the_log_prob(policy, rollout):
    advantages = np.zeros((4, 3))
    advantages[2, 1] = 1.0
    grads, _ = gradients(policy, rollout, advantages)
    values = weights_of(policy)
    moved = [v - 0.02 * g for v, g in zip(values, grads, strict=True)]
    score = scorer(policy, Processors())
    part = learned(rollout, advantages)
    before, after = (to_numpy(score(v, part)) for v in (values, moved))
    change = ((after - before) * rollout.mask)[2, 1].sum()
    assert change > 1e-4


def test_a_sample_that_is_not_valid_is_as_if_dropped(policy, rollout):
    valid = np.ones((4, 3), bool)
    valid[1, 2] = False
    invalid = dataclasses.replace(rollout, valid=valid)
    one, _ = gradients(policy, invalid, ADVANTAGES)
    other = ADVANTAGES.copy()
    other[1, 2] = 77.0
    two, _ = gradients(policy, invalid, other)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_all_masked_gives_zero_not_nan(policy, rollout):
    nobody = dataclasses.replace(rollout, valid=np.zeros((4, 3), bool))
    grads, _ = gradients(policy, nobody, ADVANTAGES, kl=0.1)
    assert all((grad == 0).all() for grad in grads)


def test_kl_pulls_back_to_the_reference(policy, rollout):
    """With no advantage, the gradient of the KL raises what the reference prefers."""
    ref = rollout.log_probs + np.where(rollout.mask, 0.5, 0.0).astype("float32")
    grads, _ = gradients(policy, rollout, np.zeros((4, 3)), kl=1.0, ref=ref)
    moved = [v - 0.02 * g for v, g in zip(weights_of(policy), grads, strict=True)]
    part = learned(rollout, ADVANTAGES, ref)
    score = scorer(policy, Processors())
    after = to_numpy(score(moved, part))
    assert ((after - rollout.log_probs) * rollout.mask).sum() > 1e-3


def test_the_kl_of_samples_of_another_policy_has_importance_weights(tokenizer, rows):
    policy = tiny_policy(tokenizer)
    batch = policy.codec.batch(rows[:4])
    drawn = Sampler(policy, 3, 8)(weights_of(policy), batch)
    rollout = dataclasses.replace(drawn, valid=np.ones((4, 3), bool))
    ref = drawn.log_probs + np.where(drawn.mask, 0.5, 0.0).astype("float32")
    given = learned(rollout, np.zeros((4, 3)), ref)
    counts = Counts(*[np.float32(given.mask.sum())] * 3)
    step = gradient_of(policy, ALGORITHM, Processors(), Weights(kl=1.0))

    def gradient(likelier=1.0, importance=None):
        old = given.old_log_probs - np.float32(np.log(likelier))
        part = given._replace(old_log_probs=old, importance=importance)
        return to_numpy(step(weights_of(policy), part, counts, np.float32(1))[0])

    own = gradient()
    half = np.full_like(given.old_log_probs, 0.5)
    for found, weight in (
        (gradient(likelier=1.5), 1.5),
        (gradient(likelier=9.0), 2.0),  # the limit
        (gradient(likelier=1.5, importance=half), 0.75),
    ):
        for one, two in zip(found, own, strict=True):
            np.testing.assert_allclose(one, weight * two, rtol=1e-4, atol=1e-6)


def test_the_mixed_in_loss_is_the_references_cross_entropy(policy, rollout):
    _, (found,) = gradients(policy, rollout, np.zeros((4, 3)), supervised=1.0)
    nll, count = found["loss/supervised"]
    batch = rollout.batch
    assert count == batch.target_mask.sum()
    memory = policy.encode(batch)
    actions = batch.target_ids[:, None]
    scored = policy.score(memory, policy.hidden(memory, actions), actions)
    expected = -to_numpy(scored.log_probs)[:, 0][batch.target_mask].sum()
    assert nll == pytest.approx(expected, rel=1e-4)


def test_what_does_not_count_is_not_computed_and_changes_nothing(policy, rollout):
    keep = np.ones((4, 3), bool)
    keep[0, 1] = keep[1, :2] = keep[2] = False
    given = learned(dataclasses.replace(rollout, valid=keep), ADVANTAGES)
    counts = Counts(*[np.float32(given.mask.sum())] * 3)
    step = gradient_of(policy, ALGORITHM, Processors(), Weights(0.1))
    whole, packs = split(given, 2), packed(split(given, 2))
    assert len({len(part.packing.tokens) for part in packs}) == 1
    assert len(packs[0].packing.tokens) < packs[0].mask.size
    for one, other in zip(whole, packs, strict=True):
        expected, found = (
            to_numpy(step(weights_of(policy), part, counts, np.float32(1)))
            for part in (one, other)
        )
        for two, three in zip(expected[0], found[0], strict=True):
            np.testing.assert_allclose(two, three, rtol=1e-3, atol=1e-6)  # reordered
        for name, numbers in expected[1].items():
            np.testing.assert_allclose(numbers, found[1][name], rtol=1e-4, atol=1e-5)


def test_tokens_before_one_that_counts_are_computed():
    mask = np.array([[[True, False, True, False], [False] * 4]])
    assert _up_to_last(mask).astype(int).tolist() == [[[1, 1, 1, 0], [0, 0, 0, 0]]]
