import dataclasses

import numpy as np
import pytest

from nutgraf import backend
from nutgraf.arrays import EOS, PAD, Batch, Processors
from nutgraf.backend import to_numpy, with_values
from nutgraf.data.rows import Row
from nutgraf.errors import ConfigError
from nutgraf.models.checkpoint import load_policy
from nutgraf.models.logits_policy import LogitsPolicy
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, weights_of

SETTINGS = {
    "plain": Processors(),
    "tempered": Processors(temperature=0.6),
    "top-k": Processors(top_k=5),
    "top-p": Processors(top_p=0.7),
    "all": Processors(0.8, top_k=40, top_p=0.9, min_length=3, no_repeat_ngram=2),
}


def trainer_log_probs(policy, rollout):
    """The trainer's side of the first ratio."""

    def score(values, batch, actions, support):
        with with_values(policy.variables, values):
            memory = policy.encode(batch)
            hidden = policy.hidden(memory, actions)
            return policy.score(
                memory, hidden, actions, rollout.processors, support=support
            ).log_probs

    return to_numpy(
        backend.jit(score)(
            weights_of(policy), rollout.batch, rollout.actions, rollout.support
        )
    )


def sharp(policy):
    """Make the policy's distributions less flat, as after training."""
    for variable in policy.variables:
        if "embedding" in variable.path:
            variable.assign(variable.value * 4.0)
    return policy


@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.xla) if n == "all" else n for n in SETTINGS],
)
def test_sampler_and_trainer_agree_the_first_ratio_is_one(tokenizer, rows, name, copy):
    policy = sharp(toy_policy(tokenizer, copy=copy))
    sampler = Sampler(policy, 3, 12, SETTINGS[name])
    rollout = sampler(weights_of(policy), policy.codec.batch(rows[:4]), seed=1)
    found = trainer_log_probs(policy, rollout)
    ratio = np.exp(found - rollout.log_probs)[rollout.mask]
    np.testing.assert_allclose(ratio, 1.0, rtol=1e-4)
    if SETTINGS[name].filters:
        # unfiltered log-probs would be smaller: the ratio's mean would be kept mass
        plain = dataclasses.replace(rollout, processors=Processors(), support=None)
        unfiltered = trainer_log_probs(policy, plain)[rollout.mask]
        assert (unfiltered - rollout.log_probs[rollout.mask]).mean() < -1e-3


BODIES = [
    "Return the number of rows that were changed. Rows that were only read are left "
    "out.",
    "The file is opened for reading, and closed when the block is left or an error is "
    "raised inside it. A missing file raises FileNotFoundError.",
]


@pytest.fixture(scope="module")
def starter():
    return load_policy("starter")


@pytest.mark.parametrize("name", SETTINGS)
def test_on_the_starter_too_the_first_ratio_is_one(starter, name):
    rows = [Row(str(number), body) for number, body in enumerate(BODIES)]
    sampler = Sampler(starter, 2, 12, SETTINGS[name], greedy=[False, True])
    rollout = sampler(weights_of(starter), starter.codec.batch(rows, 64), seed=1)
    ratio = np.exp(trainer_log_probs(starter, rollout) - rollout.log_probs)
    np.testing.assert_allclose(ratio[rollout.mask], 1.0, rtol=1e-4)


def test_greedy_agrees_with_the_trainer_and_takes_the_likeliest(policy, rows):
    batch = policy.codec.batch(rows[:4])
    rollout = Sampler(policy, 1, 12, greedy=True)(weights_of(policy), batch)
    found = trainer_log_probs(policy, rollout)
    np.testing.assert_allclose(
        found[rollout.mask], rollout.log_probs[rollout.mask], rtol=1e-4, atol=1e-5
    )
    memory = policy.encode(batch)
    log_probs, _ = policy.step(
        memory, policy.init(memory, 1, 12), np.ones((4, 1), "int32")
    )
    first = to_numpy(log_probs).argmax(-1)
    np.testing.assert_array_equal(rollout.actions[..., 0], first)


def test_the_end_counts_and_nothing_after_it(policy, rows):
    batch = policy.codec.batch(rows[:8])
    rollout = Sampler(policy, 16, 12)(weights_of(policy), batch, seed=1)
    assert rollout.ended.any() and rollout.truncated.any()
    for actions, mask, ended in zip(
        rollout.actions.reshape(-1, 12),
        rollout.mask.reshape(-1, 12),
        rollout.ended.ravel(),
        strict=True,
    ):
        length = mask.sum()
        assert mask[:length].all()
        assert (actions[length:] == PAD).all()
        assert (actions[length - 1] == EOS) == ended
        assert (actions[: length - 1] != EOS).all()
    assert (rollout.log_probs[~rollout.mask] == 0).all()
    np.testing.assert_array_equal(rollout.truncated, ~rollout.ended)


def test_a_sample_depends_on_seed_update_row_and_number_alone(policy, rows):
    """Another batch, order, group size or padding draws the same texts."""
    values = weights_of(policy)
    whole = Sampler(policy, 4, 12)(values, policy.codec.batch(rows[:6], 48), 3, 7)
    part = Sampler(policy, 2, 12)(
        values, policy.codec.batch([rows[4], rows[1]], 32), 3, 7
    )
    np.testing.assert_array_equal(part.actions[0], whole.actions[4, :2])
    np.testing.assert_array_equal(part.actions[1], whole.actions[1, :2])
    for seed, update in ((4, 7), (3, 8)):
        other = Sampler(policy, 4, 12)(
            values, policy.codec.batch(rows[:6], 48), seed, update
        )
        assert (other.actions != whole.actions).mean() > 0.3


def test_samples_follow_the_policys_distribution(policy, rows):
    batch = policy.codec.batch(rows[:1])
    rollout = Sampler(policy, 4000, 1)(weights_of(policy), batch, seed=5)
    memory = policy.encode(batch)
    log_probs, _ = policy.step(
        memory, policy.init(memory, 1, 1), np.ones((1, 1), "int32")
    )
    probs = np.exp(to_numpy(log_probs)[0, 0])
    counts = np.bincount(rollout.actions.ravel(), minlength=len(probs))
    likely = probs * 4000 > 10
    expected = probs[likely] * 4000
    chi2 = ((counts[likely] - expected) ** 2 / expected).sum()
    assert chi2 < likely.sum() + 5 * np.sqrt(2 * likely.sum())
    assert counts[:2].sum() == 0  # neither <pad> nor <bos>


@pytest.mark.xla
def test_nothing_is_compiled_again_in_steady_state(policy, rows):
    sampler = Sampler(policy, 2, 12)
    values = weights_of(policy)
    for update in range(3):
        sampler(values, policy.codec.batch(rows[update : update + 4], 48), 1, update)
    assert sampler.compiled.compilations == (0 if backend.name == "torch" else 1)


def test_mixed_greedy_and_drawn_samples(policy, rows):
    batch = policy.codec.batch(rows[:3])
    values = weights_of(policy)
    mixed = Sampler(policy, 3, 12, greedy=[True, False, False])(values, batch, 2)
    greedy = Sampler(policy, 1, 12, greedy=True)(values, batch)
    other = Sampler(policy, 3, 12, greedy=[False, True, False])(values, batch, 2)
    np.testing.assert_array_equal(mixed.actions[:, :1], greedy.actions)
    np.testing.assert_array_equal(other.actions[:, 1:2], greedy.actions)
    np.testing.assert_array_equal(mixed.actions[:, 2:], other.actions[:, 2:])
    assert (mixed.actions[:, 1:] != greedy.actions).mean() > 0.3


def test_any_keras_model_is_a_policy(rows):
    policy = toy_policy(copy=False)
    wrapped = LogitsPolicy(policy.model, policy.codec, policy.vocabulary_size)
    batch = policy.codec.batch(rows[:3])
    values = weights_of(policy)
    one = Sampler(policy, 2, 8)(values, batch, 4)
    two = Sampler(wrapped, 2, 8)(values, batch, 4)
    np.testing.assert_array_equal(one.actions, two.actions)
    np.testing.assert_allclose(one.log_probs, two.log_probs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        trainer_log_probs(wrapped, two)[two.mask], two.log_probs[two.mask], atol=1e-5
    )


def test_settings_out_of_range_are_named(policy):
    with pytest.raises(ConfigError, match="samples=0"):
        Sampler(policy, 0, 12)
    with pytest.raises(ConfigError, match=r"one bool per sample \(2\)"):
        Sampler(policy, 2, 12, greedy=[True])


def test_batch_is_a_plain_tree(policy, rows):
    assert isinstance(policy.codec.batch(rows[:2]), Batch)
