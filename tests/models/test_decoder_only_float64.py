"""The same in float64 to 1e-9: what is left over is rounding, not a wrong formula."""

import contextlib

import keras
import numpy as np
import pytest

from nutgraf import backend
from nutgraf.arrays import BOS, PAD, Batch, Processors
from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.models.build import policy_of
from nutgraf.models.config import ModelConfig
from nutgraf.testing.toys import toy_rows, toy_tokenizer, weights_of

pytestmark = pytest.mark.backend

# Some of Keras' operations narrow float64 to float32 on JAX and PyTorch.
EXACT = 1e-9 if backend.name == "tensorflow" else 1e-4
CLOSE = {"rtol": EXACT, "atol": EXACT}
PROCESSORS = {"plain": Processors(), "tempered": Processors(temperature=0.7)}
CONFIG = {
    "width": 32,
    "heads": 2,
    "feed_forward": 48,
    "encoder_layers": 0,
    "decoder_layers": 3,
    "copy": False,
    "max_source": 48,
    "max_target": 12,
    "architecture": "decoder-only",
}


VARIANTS = {
    "llama": {},
    "grouped": {"tied": False, "key_value_heads": 1},
    "gpt2 goes on": {"block": "gpt2", "separator": False},
}


@pytest.fixture(scope="module", params=VARIANTS)
def policy(request):
    with contextlib.ExitStack() as stack:
        if backend.name == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float64")
        stack.callback(keras.config.set_dtype_policy, before)
        keras.utils.set_random_seed(0)
        tokenizer = toy_tokenizer()
        size = tokenizer.vocabulary_size
        config = ModelConfig(size, **CONFIG, **VARIANTS[request.param])
        yield policy_of(config, tokenizer, source_step=16)


@pytest.fixture(scope="module")
def batch(policy):
    """Two prompts of different lengths."""
    return policy.codec.batch([*toy_rows(1, 6), *toy_rows(1, 12, seed=1)])


@pytest.fixture(scope="module")
def actions():
    return np.random.default_rng(0).integers(3, 300, (2, 3, 5)).astype("int32")


def scored(policy, values, batch, actions, processors=PROCESSORS["plain"]):
    with with_values(policy.variables, values):
        memory = policy.encode(batch)
        hidden = policy.hidden(memory, actions)
        return policy.score(memory, hidden, actions, processors).log_probs


def test_a_float64_model_stays_float64(policy, batch, actions):
    found = to_numpy(scored(policy, weights_of(policy), batch, actions))
    if backend.name != "torch":  # there Keras' products are float32 without a bias
        assert found.dtype == np.float64


@pytest.mark.parametrize("name", PROCESSORS)
def test_cached_steps_are_the_full_pass(policy, batch, actions, name):
    whole = scored(policy, weights_of(policy), batch, actions, PROCESSORS[name])
    memory = policy.encode(batch)
    state, last = policy.init(memory, 3, 5), np.full((2, 3), BOS, "int32")
    parts = []
    for step in range(5):
        logits, state = policy.step(memory, state, last)
        logits = to_numpy(logits) / PROCESSORS[name].temperature
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        last = actions[..., step]
        parts.append(np.take_along_axis(logits, last[..., None], -1)[..., 0])
    np.testing.assert_allclose(np.stack(parts, -1), to_numpy(whole), **CLOSE)


def compare_gradients(policy, one, two):
    """Loss and gradient of two (batch, actions) pairs are the same."""

    def loss(values, batch, actions):
        log_probs = scored(policy, values, batch, actions)
        return keras.ops.sum(log_probs * log_probs), log_probs

    values = [variable.value for variable in policy.variables]
    found = [value_and_grad(loss)(values, *pair) for pair in (one, two)]
    (first, _), first_grads = found[0]
    (second, _), second_grads = found[1]
    np.testing.assert_allclose(to_numpy(first), to_numpy(second), **CLOSE)
    for a, b in zip(to_numpy(first_grads), to_numpy(second_grads), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    assert max(abs(grad).max() for grad in to_numpy(first_grads)) > 0.1


def test_a_group_is_its_prompt_repeated_gradient_included(policy, batch, actions):
    repeated = Batch(*(np.repeat(array, 3, axis=0) for array in batch))
    alone = (repeated, actions.reshape(6, 1, 5))
    compare_gradients(policy, (batch, actions), alone)


@pytest.mark.parametrize(("left", "right"), [(0, 6), (9, 0)])
def test_padding_changes_nothing_gradient_included(policy, batch, actions, left, right):
    wide = [(0, 0), (left, right)]
    padded = batch._replace(
        source_ids=np.pad(batch.source_ids, wide, constant_values=PAD),
        source_mask=np.pad(batch.source_mask, wide),
    )
    compare_gradients(policy, (batch, actions), (padded, actions))
