"""The mixture of vocabulary and pointer, by hand; models test the rest."""

import types

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.models.pointer_mixture import PointerMixture

pytestmark = pytest.mark.backend


@pytest.fixture
def output():
    made = PointerMixture()
    made.config = types.SimpleNamespace(vocabulary_size=5)
    made.compute_dtype = "float32"
    made.embedding = types.SimpleNamespace(embeddings=np.eye(5, 3, dtype="float32"))
    return made


LOGITS = np.float32([[[-1e9, -1e9, 0.0, 1.0, 2.0]]])
SOURCE = np.int32([[3, 4, 3]])
WEIGHTS, GATE = np.float32([[[0.25, 0.5, 0.25]]]), np.float32([[np.log(3.0)]])


def tensors(*arrays):
    return [ops.convert_to_tensor(array) for array in arrays]


def expected():
    """3/4 of the softmax of 0, 1, 2 and 1/4 of 1/2 for each of 3 and 4."""
    words = np.exp([0.0, 1.0, 2.0])
    return 0.75 * words / words.sum() + 0.25 * np.array([0, 0.5, 0.5])


def test_the_mixture_adds_both_parts(output):
    found = to_numpy(output.mixture(LOGITS, (WEIGHTS, GATE), SOURCE))[0, 0]
    np.testing.assert_allclose(np.exp(found[2:]), expected(), rtol=1e-5)
    assert np.exp(found[:2]).max() == 0
    alone = to_numpy(output.mixture(LOGITS, None, SOURCE))[0, 0]
    words = np.exp([0.0, 1.0, 2.0])
    np.testing.assert_allclose(np.exp(alone[2:]), words / words.sum(), rtol=1e-5)


def test_given_actions_get_what_the_whole_distribution_gives(output):
    whole = output.mixture(*tensors(LOGITS), None, SOURCE)[..., 4]
    weights, gate, source, actions = tensors(WEIGHTS, GATE, SOURCE, np.int32([[4]]))
    mixed = output.mixture_of_actions(whole, (weights, gate), source, actions)
    np.testing.assert_allclose(np.exp(to_numpy(mixed)), [[expected()[2]]], rtol=1e-5)
    same = output.mixture_of_actions(whole, None, source, actions)
    np.testing.assert_array_equal(to_numpy(same), to_numpy(whole))


@pytest.mark.parametrize("copies", [True, False])
def test_draws_know_their_log_prob(output, copies):
    shares = expected() if copies else np.exp(LOGITS[0, 0, 2:] - 2.4076)
    logits, source, *pointers = tensors(LOGITS[0], SOURCE, WEIGHTS[0], GATE[0])
    for uniform in (0.05, 0.4, 0.9):
        (uniforms,) = tensors(np.float32([uniform]))
        chosen = tuple(pointers) if copies else None
        action, log_prob = output.draw(logits, chosen, source, uniforms)
        share = shares[int(to_numpy(action)[0]) - 2]
        np.testing.assert_allclose(np.exp(to_numpy(log_prob)), [share], rtol=1e-4)


def test_padding_and_beginning_are_never_predicted(output):
    hidden = np.float32([[1.0, 2.0, 3.0, 99.0]])  # what follows the width is not read
    logits = to_numpy(output.vocabulary_logits(hidden, output.output_table()))
    np.testing.assert_allclose(logits[0], [1 - 1e9, 2 - 1e9, 3.0, 0.0, 0.0])
