"""The same in float64 to 1e-9: what is left over is rounding, not a wrong formula."""

import contextlib

import keras
import numpy as np
import pytest

from nutgraf import backend
from nutgraf.arrays import Processors
from nutgraf.backend import to_numpy, value_and_grad, with_values
from nutgraf.testing.toys import toy_policy, toy_rows, weights_of

# Some of Keras' operations narrow float64 to float32 on JAX and PyTorch.
EXACT = 1e-9 if backend.name == "tensorflow" else 1e-4
CLOSE = {"rtol": EXACT, "atol": EXACT}
PROCESSORS = {"plain": Processors(), "tempered": Processors(temperature=0.7)}


@pytest.fixture(scope="module")
def policy():
    with contextlib.ExitStack() as stack:
        if backend.name == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float64")
        stack.callback(keras.config.set_dtype_policy, before)
        yield toy_policy()


@pytest.fixture(scope="module")
def actions():
    return np.random.default_rng(0).integers(3, 300, (2, 3, 5)).astype("int32")


def scored(policy, values, batch, actions, processors=PROCESSORS["plain"]):
    with with_values(policy.variables, values):
        memory = policy.encode(batch)
        hidden = policy.hidden(memory, actions)
        return policy.score(memory, hidden, actions, processors).log_probs


def repeated(batch, samples):
    return type(batch)(*(np.repeat(array, samples, axis=0) for array in batch))


def test_a_float64_model_stays_float64(policy, actions):
    batch = policy.codec.batch(toy_rows(2))
    found = to_numpy(scored(policy, weights_of(policy), batch, actions))
    assert found.dtype == np.float64


@pytest.mark.parametrize("name", PROCESSORS)
def test_cached_steps_are_the_full_pass(policy, actions, name):
    batch = policy.codec.batch(toy_rows(2))
    whole = scored(policy, weights_of(policy), batch, actions, PROCESSORS[name])
    memory = policy.encode(batch)
    state, last = policy.init(memory, 3, 5), np.ones((2, 3), "int32")
    parts = []
    for step in range(5):
        logits, state = policy.step(memory, state, last)
        logits = to_numpy(logits) / PROCESSORS[name].temperature
        logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
        last = actions[..., step]
        parts.append(np.take_along_axis(logits, last[..., None], -1)[..., 0])
    np.testing.assert_allclose(np.stack(parts, -1), to_numpy(whole), **CLOSE)


def test_a_group_is_its_prompt_repeated_gradient_included(policy, actions):
    batch = policy.codec.batch(toy_rows(2))

    def loss(values, batch, actions):
        log_probs = scored(policy, values, batch, actions)
        return keras.ops.sum(log_probs * log_probs), log_probs

    values = [variable.value for variable in policy.variables]
    (one, _), grouped = value_and_grad(loss)(values, batch, actions)
    (two, _), alone = value_and_grad(loss)(
        values, repeated(batch, 3), actions.reshape(6, 1, 5)
    )
    np.testing.assert_allclose(to_numpy(one), to_numpy(two), **CLOSE)
    for a, b in zip(to_numpy(grouped), to_numpy(alone), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def test_padding_changes_nothing(policy, actions):
    values, rows = weights_of(policy), toy_rows(2)
    short = scored(policy, values, policy.codec.batch(rows, 32), actions)
    long = scored(policy, values, policy.codec.batch(rows, 48), actions)
    np.testing.assert_allclose(to_numpy(short), to_numpy(long), **CLOSE)
