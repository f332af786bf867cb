"""Log-probs of actions, of whole texts at once and step by step; batches that differ.

For the tests of all models that a policy may have.
"""

import contextlib

import keras
import numpy as np

from nutgraf import backend
from nutgraf.arrays import BOS, PAD, Batch, Processors
from nutgraf.backend import to_numpy


@contextlib.contextmanager
def float64():
    """Models that are made in it compute in float64."""
    with contextlib.ExitStack() as stack:
        if backend.name == "jax":
            import jax

            stack.enter_context(jax.enable_x64(True))
        stack.callback(keras.config.set_dtype_policy, keras.config.dtype_policy())
        keras.config.set_dtype_policy("float64")
        yield


def scored(policy, batch, actions, processors=Processors(), **options):  # noqa: B008
    memory = policy.encode(batch)
    hidden = policy.hidden(memory, actions)
    return to_numpy(policy.score(memory, hidden, actions, processors, **options))


def step_by_step(policy, batch, actions):
    """(P, G, T, V) log-probs from the cached decoding."""
    memory = policy.encode(batch)
    state = policy.init(memory, *actions.shape[1:])
    last, found = np.full_like(actions[..., 0], BOS), []
    for time in range(actions.shape[-1]):
        log_probs, state = policy.step(memory, state, last)
        found.append(to_numpy(log_probs))
        last = actions[..., time]
    return np.stack(found, axis=2)


def chosen(log_probs, actions):
    return np.take_along_axis(log_probs, actions[..., None], axis=-1)[..., 0]


def repeated(batch, samples):
    """Each prompt as often as it has samples."""
    return Batch(*(np.repeat(part, samples, axis=0) for part in batch))


def padded(batch, left, right):
    """The same prompts with more padding on both sides."""
    wide = [(0, 0), (left, right)]
    return batch._replace(
        source_ids=np.pad(batch.source_ids, wide, constant_values=PAD),
        source_mask=np.pad(batch.source_mask, wide),
    )


def check_parents(policy, batch, actions):
    """After three of (3, 2, T) actions, samples go on from others of their prompt."""
    parents = np.array([[1, 1], [1, 0], [0, 0]], "int32")
    memory = policy.encode(batch)
    state = policy.init(memory, *actions.shape[1:])
    last = np.full_like(actions[..., 0], BOS)
    for time in range(3):
        _, state = policy.step(memory, state, last)
        last = actions[..., time]
    moved = np.take_along_axis(actions, parents[..., None], axis=1)
    found, _ = policy.step(memory, policy.reorder(state, parents), moved[..., 2])
    found, expected, unmoved = (
        to_numpy(found),
        step_by_step(policy, batch, moved)[:, :, 3],
        step_by_step(policy, batch, actions)[:, :, 3],
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert abs(found - unmoved).max() > 0.01
