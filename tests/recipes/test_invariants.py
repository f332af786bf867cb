"""Signs and masks of every algorithm: of its formulas, and of whole updates."""

import dataclasses
import zlib

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy, to_tensor, value_and_grad
from nutgraf.recipes.algorithms import ALGORITHMS, make_recipe
from nutgraf.rl.algorithm import Experience, Signals
from nutgraf.rl.settings import RLSettings
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of
from tests.rl.test_trainer import without_times
from tests.rl.tiny import tiny_policy

RL = [name for name in ALGORITHMS if name != "supervised"]
SETTINGS = RLSettings(
    updates=2,
    prompts=4,
    samples=4,
    length=5,
    learning_rate=1e-2,
    warmup=0,
    kl_weight=0.05,
    entropy_weight=0.01,
    source_bounds=(48,),
)
OPTIONS = {
    "ppo": ["critic=separate", "kl_target=1", "kl_horizon=10"],
    "reinforce": ["baseline=learned"],
    "dapo": ["resample=0"],  # or prompts without a reward are replaced
}
every = pytest.mark.parametrize("name", RL)
RECURRENT = [("grpo", "lstm"), ("ppo", "lstm")]
every_model = pytest.mark.parametrize(
    ("name", "kind"), [*((name, "tiny") for name in RL), *RECURRENT]
)


def algorithm_of(name, tokenizer):
    options = OPTIONS.get(name, ())
    settings = dataclasses.replace(SETTINGS, kl_weight=0.0)
    policy = tiny_policy(tokenizer)
    return make_recipe(
        name, policy, Judge(), settings, options=options
    ).trainer.algorithm


def signals_of(algorithm, valid=None):
    """Two prompts with four texts of up to five actions; the baseline is the mean."""
    random = np.random.default_rng(0)
    rewards = np.float32([[0.1, 0.9, 0.4, 0.6], [1.0, 0.3, 0.0, 0.7]])
    lengths = np.array([[3, 5, 1, 2], [4, 2, 5, 3]])
    shape = (2, 4, 5)
    log_probs = random.uniform(-3, -0.1, shape).astype("float32")
    known = {"baseline": 0.5, "count": 100.0}
    return Signals(
        rewards=rewards,
        valid=np.ones((2, 4), bool) if valid is None else valid,
        actions=random.integers(3, 300, shape).astype("int32"),
        mask=np.arange(5) < lengths[..., None],
        log_probs=log_probs,
        ref_log_probs=log_probs,
        values=np.full(shape, 0.5, "float32") if algorithm.critic else None,
        truncated=np.zeros((2, 4), bool),
        memory={n: known.get(n, v) for n, v in algorithm.memory.items()},
        greedy=np.float32([0.5, 0.5]) if algorithm.greedy_baseline else None,
    )


def slopes(algorithm, signals):
    """(P, G, T) derivatives of the loss by the log-prob of each action."""
    estimate = algorithm.estimate(signals)
    keep = signals.valid
    if estimate.keep is not None:
        keep = keep & to_numpy(estimate.keep)
    advantages = to_numpy(estimate.advantages)
    if advantages.ndim == 2:
        advantages = np.repeat(advantages[..., None], 5, axis=-1)
    given = Experience(
        batch=None,
        actions=signals.actions,
        mask=signals.mask & keep[..., None],
        old_log_probs=signals.log_probs,
        ref_log_probs=signals.ref_log_probs,
        advantages=advantages.astype("float32"),
    )

    def loss(values):
        tokens = algorithm.token_loss(values[0], given)
        total, count = algorithm.reduce(tokens, given.mask)
        return total / ops.maximum(count, 1.0), 0.0

    _, (found,) = value_and_grad(loss)([to_tensor(signals.log_probs)])
    return to_numpy(found)


@every
def test_the_best_text_is_made_likelier_and_the_worst_is_not(tokenizer, name):
    algorithm = algorithm_of(name, tokenizer)
    signals = signals_of(algorithm)
    found = slopes(algorithm, signals)
    for prompt in range(2):
        best, worst = (
            int(place(signals.rewards[prompt])) for place in (np.argmax, np.argmin)
        )
        mask = signals.mask[prompt]
        assert (found[prompt, best][mask[best]] < 0).all()
        if name == "rejection":
            assert not found[prompt, worst].any()
        else:
            assert (found[prompt, worst][mask[worst]] > 0).all()
    assert not found[~signals.mask].any()


@every
def test_what_is_said_of_a_masked_text_is_not_read(tokenizer, name):
    algorithm = algorithm_of(name, tokenizer)
    valid = np.ones((2, 4), bool)
    valid[0, 1] = valid[1, 2] = False  # the best of one prompt, the worst of the other
    signals = signals_of(algorithm, valid)
    out = ~valid[..., None] | ~signals.mask
    other = signals._replace(
        rewards=np.where(valid, signals.rewards, 77.0).astype("float32"),
        log_probs=np.where(out, -9.0, signals.log_probs).astype("float32"),
        ref_log_probs=np.where(out, -9.0, signals.log_probs).astype("float32"),
    )
    found = slopes(algorithm, signals)
    np.testing.assert_array_equal(found, slopes(algorithm, other))
    assert not found[out].any() and found.any()


@every
def test_with_no_text_left_nothing_is_learned(tokenizer, name):
    algorithm = algorithm_of(name, tokenizer)
    signals = signals_of(algorithm, np.zeros((2, 4), bool))
    assert not slopes(algorithm, signals).any()


class Judge:
    """Scores by the letters of a text; chosen samples and rows have no score."""

    def __init__(self, sample=None, row=None):
        self.sample, self.row = sample, row

    def __call__(self, prompts, completions, references, rows=None):
        size = len(rows) // len({row.id for row in rows})
        scores = [
            zlib.crc32(f"{row.id} {text}".encode()) % 100 / 100
            for row, text in zip(rows, completions, strict=True)
        ]
        for place, row in enumerate(rows):
            left = size - 1 - place % size  # counted from behind: the greedy is first
            if self.sample == "all" or row.id == self.row or left == self.sample:
                scores[place] = None
        return scores


SHORT = {"tiny": {}, "lstm": {"source_bounds": (8,), "length": 3}}
"""Settings by kind of model: recurrent ones read word by word."""


def policy_of(kind, tokenizer):
    if kind == "tiny":
        return tiny_policy(tokenizer)
    return toy_policy(tokenizer, architecture=kind, width=16, decoder_layers=1)


@pytest.fixture
def few(rows, kind):
    """Four prompts."""
    return rows[:4] if kind == "tiny" else toy_rows(4, 3)


def updated(name, tokenizer, rows, reward, kind="tiny", **changes):
    """Weights and numbers after two updates, each from all rows."""
    policy = policy_of(kind, tokenizer)
    changes |= {"prompts": len(rows), **SHORT[kind]}
    settings = dataclasses.replace(SETTINGS, **changes)
    options = OPTIONS.get(name, ())
    recipe = make_recipe(name, policy, reward, settings, options=options)
    records = without_times(recipe.fit(rows))
    return np.concatenate([w.ravel() for w in weights_of(policy)]), records


def check_same(one, two):
    """Whether both learned the same from what counts."""
    for a, b in zip(one[1], two[1], strict=True):
        assert all(np.isfinite(list(numbers.values())).all() for numbers in (a, b))
        shown = [n for n in a if n.split("/")[0] not in ("sample", "train")]
        expected = {n: a[n] for n in shown}
        # losses are sums of terms of both signs, in float32
        assert {n: b[n] for n in shown} == pytest.approx(expected, rel=1e-4, abs=1e-5)
    # Adam moves a weight by the sign of its gradient: where that is near 0 it may flip
    far = np.abs(one[0] - two[0]) > 1e-4
    assert far.mean() < 1e-3


@every_model
def test_masked_samples_and_prompts_are_as_if_dropped(tokenizer, few, name, kind):
    judge = Judge(sample=0, row=few[1].id)
    masked = updated(name, tokenizer, few, judge, kind)
    left = [few[number] for number in (0, 2, 3)]
    dropped = updated(name, tokenizer, left, Judge(), kind, samples=3)
    check_same(masked, dropped)


@every_model
def test_with_all_masked_no_weight_moves(tokenizer, few, name, kind):
    judge = Judge(sample="all")
    weights, records = updated(name, tokenizer, few, judge, kind, updates=1)
    start = np.concatenate(
        [weight.ravel() for weight in weights_of(policy_of(kind, tokenizer))]
    )
    np.testing.assert_array_equal(weights, start)
    assert all(np.isfinite(list(record.values())).all() for record in records)


@every
def test_a_second_epoch_learns_more_from_the_same_samples(tokenizer, rows, name):
    """It has moved on from the policy that sampled: the ratio is no longer 1."""
    found = []
    for epochs in (1, 2):
        weights, (record,) = updated(
            name, tokenizer, rows[:4], Judge(), updates=1, epochs=epochs
        )
        assert np.isfinite(weights).all() and np.isfinite(list(record.values())).all()
        found.append((weights, record))
    (once, first), (twice, second) = found
    assert first["policy/ratio"] == pytest.approx(1, abs=1e-4)
    assert abs(second["policy/ratio"] - 1) > 1e-3
    assert second["reward/mean"] == first["reward/mean"]
    assert np.abs(twice - once).max() > SETTINGS.learning_rate / 10


@pytest.mark.parametrize(("name", "kind"), [("grpo", "tiny"), *RECURRENT])
def test_an_update_makes_what_was_rewarded_likelier(tokenizer, few, name, kind):
    """Weighed by how much better each text was than the others of its prompt."""
    policy, judge, seen = policy_of(kind, tokenizer), Judge(), []

    def reward(prompts, completions, references, rows=None):
        seen.append(judge(prompts, completions, references, rows))
        return seen[-1]

    settings = dataclasses.replace(SETTINGS, updates=1, **SHORT[kind])
    recipe = make_recipe(name, policy, reward, settings, options=OPTIONS.get(name, ()))
    sampler = recipe.trainer.sampler
    recipe.trainer.sampler = lambda *given: seen.append(sampler(*given)) or seen[-1]
    recipe.fit(few)
    rollout, scores = seen
    memory = policy.encode(rollout.batch)
    hidden = policy.hidden(memory, rollout.actions)
    after = to_numpy(policy.score(memory, hidden, rollout.actions).log_probs)
    change = ((after - rollout.log_probs) * rollout.mask).sum(axis=-1)  # (P, G)
    better = np.reshape(scores, (4, 4))
    better = better - better.mean(axis=1, keepdims=True)
    assert (better * change).sum() > 0.5 * (abs(better) * abs(change)).sum()
