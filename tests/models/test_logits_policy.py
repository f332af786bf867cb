"""A plain Keras model, made of Keras layers alone, in the place of ours."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

from nutgraf.arrays import BOS, EOS, PAD, Processors
from nutgraf.backend import to_numpy
from nutgraf.errors import ModelError
from nutgraf.models.codec import TextCodec
from nutgraf.models.logits_policy import LogitsPolicy
from nutgraf.rl.experience import experience_of
from nutgraf.rl.learner import scorer
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, weights_of
from tests.models.own_models import own_policy
from tests.models.passes import check_parents

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def policy(tokenizer):
    """Words of the source on average, and the last three words of the text."""
    keras.utils.set_random_seed(1)
    size = tokenizer.vocabulary_size
    source = keras.Input((None,), dtype="int32", name="source_ids")
    target = keras.Input((None,), dtype="int32", name="target_ids")
    words = layers.Embedding(size, 16, embeddings_initializer="normal")
    read = keras.ops.mean(words(source), axis=1, keepdims=True)
    written = layers.Conv1D(16, 3, padding="causal")(words(target) * 20.0)
    logits = layers.Dense(size)(written + 20.0 * read)
    model = keras.Model({"source_ids": source, "target_ids": target}, logits)
    return LogitsPolicy(model, TextCodec(tokenizer, 48, 12), size)


@pytest.fixture(scope="module")
def batch(policy, rows):
    return policy.codec.batch(rows[:3])


@pytest.mark.parametrize(
    "processors",
    [Processors(), Processors(0.7, top_p=0.8), Processors(top_k=4, min_length=3)],
    ids=["plain", "top-p", "top-k"],
)
def test_sampler_and_trainer_agree(policy, batch, processors):
    values = weights_of(policy)
    rollout = Sampler(policy, 2, 6, processors)(values, batch, seed=3)
    nothing = np.zeros((3, 2), "float32")
    part, _ = experience_of(dataclasses.replace(rollout, rewards=nothing))
    found = to_numpy(scorer(policy, processors)(values, part))
    np.testing.assert_allclose(
        found[rollout.mask], rollout.log_probs[rollout.mask], rtol=1e-4, atol=1e-5
    )
    assert rollout.log_probs.min() < -0.5


def test_samples_go_on_from_their_parents(policy, batch):
    actions = np.random.default_rng(0).integers(3, 300, (3, 2, 4)).astype("int32")
    check_parents(policy, batch, actions)


def test_pad_and_bos_are_never_drawn(policy, batch):
    memory = policy.encode(batch)
    actions = np.full((3, 1, 4), EOS, "int32")
    hidden = to_numpy(policy.hidden(memory, actions))
    probs = np.exp(hidden[..., -policy.vocabulary_size :])
    assert probs[..., [PAD, BOS]].max() == 0.0
    np.testing.assert_allclose(probs.sum(-1), 1.0, rtol=1e-4)


def test_label_smoothing_sees_the_same_mean_as_the_model_itself(tokenizer, rows):
    policy = toy_policy(tokenizer, copy=False)
    wrapped = LogitsPolicy(policy.model, policy.codec, policy.vocabulary_size)
    batch = policy.codec.batch(rows[:2])
    actions, want = batch.target_ids[:, None], frozenset({"mean_log_probs"})
    means = []
    for one in (policy, wrapped):
        memory = one.encode(batch)
        hidden = one.hidden(memory, actions)
        scored = one.score(memory, hidden, actions, Processors(), want)
        means.append(to_numpy(scored.mean_log_probs)[:, 0][batch.target_mask])
    np.testing.assert_allclose(*means, rtol=1e-4)


class Forbids(keras.Model):
    """Built late; most words are forbidden, by numbers of any size."""

    def __init__(self, size, never):
        super().__init__()
        self.words = layers.Embedding(size, size, embeddings_initializer="normal")
        never = np.where(np.arange(size) < size // 2, 0.0, never)
        self.never = keras.ops.convert_to_tensor(never.astype("float32"))

    def call(self, inputs):
        return self.words(inputs["target_ids"]) + self.never


@pytest.mark.parametrize("never", [-1e9, -np.inf, 0.0])
def test_heads_read_numbers_below_one(tokenizer, rows, never):
    size = tokenizer.vocabulary_size
    policy = LogitsPolicy(Forbids(size, never), TextCodec(tokenizer, 48, 12), size)
    assert len(policy.variables) == 1 and policy.state_width == size - 2
    batch = policy.codec.batch(rows[:2])
    hidden = to_numpy(policy.hidden(policy.encode(batch), batch.target_ids[:, None]))
    states = hidden[..., : policy.state_width]
    lengths = np.linalg.norm(states, axis=-1)
    assert 0.3 < lengths.min() and lengths.max() < 1
    np.testing.assert_allclose(states.mean(-1), 0, atol=1e-6)


def test_heads_read_the_states_of_a_model_that_gives_them(tokenizer, rows):
    policy, plain = own_policy(tokenizer, states=True), own_policy(tokenizer)
    assert policy.state_width == 32
    batch = policy.codec.batch(rows[:2])
    actions = batch.target_ids[:, None]
    hidden = [
        to_numpy(one.hidden(one.encode(batch), actions)) for one in (policy, plain)
    ]
    size = policy.vocabulary_size
    np.testing.assert_allclose(*(one[..., -size:] for one in hidden), rtol=1e-4)
    inputs = {"source_ids": batch.source_ids, "target_ids": np.full((2, 1), BOS)}
    states = to_numpy(policy.model(inputs)[1])[:, 0]
    np.testing.assert_allclose(hidden[0][:, 0, 0, :32], states, rtol=1e-4, atol=1e-6)


def test_another_vocabulary_is_refused(tokenizer):
    policy = own_policy(tokenizer)
    wrong = LogitsPolicy(policy.model, policy.codec, 50)
    with pytest.raises(ModelError, match="has pieces, 50. Received: 3"):
        assert wrong.state_width
