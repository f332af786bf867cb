"""Options of a run reach what they are about: each test fails without its option."""

import dataclasses

import numpy as np
import pytest

from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy
from nutgraf.recipes.algorithms import make_recipe
from nutgraf.recipes.grpo import GRPO
from nutgraf.recipes.ppo import PPO
from nutgraf.rewards.base import RewardFailed
from nutgraf.rl.experience import experience_of
from nutgraf.rl.learner import Counts, gradient_of
from nutgraf.rl.settings import RLSettings
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import weights_of
from tests.rl.tiny import tiny_policy

SETTINGS = RLSettings(
    updates=1,
    prompts=4,
    samples=4,
    length=4,
    learning_rate=0.05,
    warmup=0,
    source_bounds=(48,),
)


def nothing(prompts, completions, references, rows=None):
    return [0.0] * len(completions)


def by_place(prompts, completions, references, rows=None):
    """Different in each group, whatever the texts are."""
    return [float(place % 4) for place in range(len(completions))]


def seen_by(recipe):
    """The list of signals that estimates are made of, filled during the run."""
    seen = []
    trainer = recipe.trainer
    honest = trainer.algorithm.estimate

    def estimate(signals):
        seen.append(signals)
        return honest(signals)

    trainer.algorithm = dataclasses.replace(trainer.algorithm, estimate=estimate)
    return seen


def signals_of(tokenizer, rows, reward=nothing, **changes):
    """What the samples of one update were taken for."""
    settings = dataclasses.replace(SETTINGS, **changes)
    recipe = GRPO(tiny_policy(tokenizer), reward, settings)
    seen = seen_by(recipe)
    recipe.fit(rows)
    (found,) = seen
    return found


def test_truncated_samples_are_left_out_when_that_is_asked(tokenizer, rows):
    kept = signals_of(tokenizer, rows)
    assert kept.valid.all() and kept.truncated.any() and not kept.truncated.all()
    masked = signals_of(tokenizer, rows, mask_truncated=True)
    np.testing.assert_array_equal(masked.truncated, kept.truncated)
    np.testing.assert_array_equal(masked.valid, ~kept.truncated)


def test_the_last_actions_before_the_limit_cost_reward(tokenizer, rows):
    """A buffer of 2 below a limit of 4: free up to 2 actions, then a half each."""
    penalties = np.array([0, 0, 0, -0.5, -1.0])
    charged = signals_of(tokenizer, rows, by_place, overlong_buffer=2)
    lengths = charged.mask.sum(axis=-1)
    assert {2, 3, 4} <= set(lengths.ravel())
    expected = np.arange(4.0) + penalties[lengths]
    np.testing.assert_allclose(charged.rewards, expected, rtol=1e-6)
    free = signals_of(tokenizer, rows, by_place)
    np.testing.assert_array_equal(free.rewards, [np.arange(4.0)] * 4)


class Calls:
    """Rewards groups alike, but for those named of each call; adds its number."""

    def __init__(self, *different):
        self.different, self.rows = different, []

    def __call__(self, prompts, completions, references, rows=None):
        call = len(self.rows)
        self.rows.append([row.id for row in rows[::4]])
        different = self.different[call]
        return [
            call + place % 4 / 8 * (place // 4 in different)
            for place in range(len(completions))
        ]


@pytest.mark.parametrize(
    ("resample", "groups"), [(0, [0, 0]), (1, [1, 0]), (2, [1, 2]), (3, [1, 2])]
)
def test_groups_rewarded_alike_are_drawn_again(tokenizer, rows, resample, groups):
    """`groups`: the draw that each is from. Draw 0 has no useful group, draw 1 one."""
    calls = Calls((), (1,), (0, 1))
    settings = dataclasses.replace(SETTINGS, prompts=2)
    recipe = GRPO(tiny_policy(tokenizer), calls, settings, resample=resample)
    seen = seen_by(recipe)
    recipe.fit(rows)
    np.testing.assert_array_equal(seen[0].rewards.astype(int)[:, 0], groups)
    assert [len(set(group)) > 1 for group in seen[0].rewards] == [g > 0 for g in groups]
    assert len(calls.rows) == min(resample, 2) + 1  # no more once all are useful
    drawn = sum(calls.rows, [])
    assert len(set(drawn)) == len(drawn)  # each draw is of the next prompts


LIMIT = 1.1
"""Largest importance weight; after one update, some ratios are already higher."""


def run_of(tokenizer, rows, stale, updates):
    """Of each update: the sampler's weights and rollout, and what is learned from."""
    settings = dataclasses.replace(SETTINGS, updates=updates, learning_rate=0.3)
    recipe = GRPO(tiny_policy(tokenizer), by_place, settings, stale=stale)
    trainer, found = recipe.trainer, []
    trainer.algorithm = dataclasses.replace(trainer.algorithm, importance_limit=LIMIT)
    sampler, gradient = trainer.sampler, trainer._gradient

    def sample(values, *rest):
        rollout = sampler(values, *rest)
        found.append([to_numpy(values), rollout])
        return rollout

    def learn(values, part, *rest):
        found[-1] += [to_numpy(values), part]
        return gradient(values, part, *rest)

    trainer.sampler, trainer._gradient = sample, learn
    records = recipe.fit(rows)
    assert all(r["policy/ratio"] == pytest.approx(1, abs=1e-4) for r in records)
    return found


@pytest.fixture(scope="module")
def stale(tokenizer, rows):
    return run_of(tokenizer, rows, stale=2, updates=4)


@pytest.fixture(scope="module")
def fresh(tokenizer, rows):
    return run_of(tokenizer, rows, stale=0, updates=2)


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_stale_samples_are_drawn_from_weights_of_some_updates_ago(stale, fresh):
    drawn_from, _, learning, _ = zip(*stale, strict=True)
    lagged = [learning[0], learning[0], learning[2], learning[2]]
    assert [same(*pair) for pair in zip(drawn_from, lagged, strict=True)] == [True] * 4
    assert not same(learning[0], learning[1]) and not same(learning[2], learning[3])
    drawn_from, _, learning, _ = zip(*fresh, strict=True)
    assert [same(*pair) for pair in zip(drawn_from, learning, strict=True)] == [
        True
    ] * 2
    assert not same(*learning)


def test_stale_samples_have_truncated_importance_weights(stale, fresh):
    for number, (_, rollout, _, given) in enumerate(stale):
        ratio = np.exp(given.old_log_probs - rollout.log_probs)
        weights = np.minimum(ratio, np.float32(LIMIT))[rollout.mask]
        np.testing.assert_allclose(given.importance[rollout.mask], weights, rtol=1e-4)
        if number % 2 == 0:  # the lagged weights are renewed
            np.testing.assert_allclose(weights, 1, rtol=1e-4)
        else:
            assert weights.min() < 0.9 and weights.max() == np.float32(LIMIT)
    assert [given.importance for *_, given in fresh] == [None, None]


def test_importance_weighs_what_a_token_teaches(tokenizer, rows):
    """As at a ratio of 1 the loss is linear in the advantages, it is as if they were
    multiplied."""
    policy = tiny_policy(tokenizer)
    drawn = Sampler(policy, 4, 4)(weights_of(policy), policy.codec.batch(rows[:4]))
    random = np.random.default_rng(0)
    shape = drawn.mask.shape
    advantages, importance = random.normal(size=shape), random.uniform(0, 2, shape)
    algorithm = GRPO(policy, nothing, SETTINGS).trainer.algorithm
    step = gradient_of(policy, algorithm, Processors())
    given, _ = experience_of(dataclasses.replace(drawn, valid=np.ones((4, 4), bool)))
    counts = Counts(*[np.float32(given.mask.sum())] * 3)

    def gradient(advantages, importance=None):
        part = given._replace(
            advantages=np.float32(advantages),
            ref_log_probs=given.old_log_probs,
            importance=None if importance is None else np.float32(importance),
        )
        return to_numpy(step(weights_of(policy), part, counts, np.float32(1))[0])

    weighed = gradient(advantages, importance)
    for one, two in zip(weighed, gradient(advantages * importance), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6)  # sums reordered
    assert max(np.abs(values).max() for values in weighed) > 1e-3


def refuses_empty(prompts, completions, references, rows=None):
    if not all(completions):
        raise ValueError("nothing was written")
    return [float(len(text)) for text in completions]


def test_a_reward_that_raises_stops_the_run_or_leaves_the_sample_out(tokenizer, rows):
    def run(**changes):
        settings = dataclasses.replace(SETTINGS, **changes)
        recipe = GRPO(tiny_policy(tokenizer), refuses_empty, settings)
        return seen_by(recipe), recipe.fit(rows)

    with pytest.raises(RewardFailed, match="nothing was written"):
        run()
    with pytest.raises(RewardFailed, match="nothing was written"):
        run(on_error="stop")
    ((signals,), (record,)) = run(on_error="skip")
    empty = signals.mask.sum(axis=-1) == 1  # the end alone
    assert 0 < empty.sum() < empty.size
    np.testing.assert_array_equal(signals.valid, ~empty)
    assert record["sample/failed"] == empty.sum()


@pytest.mark.parametrize("name", ["grpo", "gspo", "cispo", "ppo"])
def test_updates_tell_the_share_of_clipped_tokens(tokenizer, rows, name):
    settings = dataclasses.replace(SETTINGS, epochs=2, learning_rate=0.5)
    recipe = make_recipe(name, tiny_policy(tokenizer), by_place, settings)
    (record,) = recipe.fit(rows)
    assert 0 < record["policy/clip_share"] <= 1


def test_the_limit_of_the_critic_reaches_its_loss(tokenizer):
    values, returns, old = (np.float32([value]) for value in (1.0, 2.0, 0.5))
    for limit, expected in ((None, 0.5), (0.25, 0.78125)):  # (1 - 2)^2 / 2, (0.75 - ...
        recipe = PPO(tiny_policy(tokenizer), nothing, SETTINGS, critic_clip=limit)
        loss = recipe.trainer.algorithm.critic_loss(values, returns, old)
        assert to_numpy(loss).tolist() == [expected]


def test_a_critic_that_has_moved_enough_rests(tokenizer, rows):
    """In the second epoch, a guess beyond the limit has no gradient any more."""
    found = []
    for limit in (None, 1e-6):
        settings = dataclasses.replace(SETTINGS, epochs=2)
        policy = tiny_policy(tokenizer)
        recipe = PPO(policy, by_place, settings, critic="separate", critic_clip=limit)
        (record,) = recipe.fit(rows)
        found.append(record["loss/critic"])
    free, limited = found
    assert limited > free * 1.05
