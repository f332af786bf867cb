"""A plain Keras model, made of Keras layers alone, in the place of ours."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers

from nutgraf.arrays import BOS, EOS, PAD, Processors
from nutgraf.backend import to_numpy
from nutgraf.models.codec import TextCodec
from nutgraf.models.logits_policy import LogitsPolicy
from nutgraf.rl.experience import experience_of
from nutgraf.rl.learner import scorer
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, weights_of
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
    probs = np.exp(to_numpy(policy.hidden(memory, actions)))
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
