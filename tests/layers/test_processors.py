import numpy as np
import pytest
from keras import ops

from nutgraf.arrays import EOS, Processors
from nutgraf.backend import to_numpy
from nutgraf.errors import ConfigError
from nutgraf.layers.processors import (
    count_into,
    pack_support,
    process,
    repeated_ngrams,
    unpack_support,
)


def probs_of(probs, processors, actions=((0,),), times=(0,)):
    log_probs = np.log(np.asarray(probs, "float32"))[None, None]
    final, kept = process(
        ops.convert_to_tensor(log_probs),
        processors,
        ops.convert_to_tensor(np.asarray(actions, "int32")),
        ops.convert_to_tensor(np.asarray(times, "int32")),
    )
    return np.exp(to_numpy(final))[0, 0], kept


PROBS = [0.1, 0.4, 0.2, 0.3]


def test_top_k_keeps_the_likeliest_and_normalises():
    found, _ = probs_of(PROBS, Processors(top_k=2))
    np.testing.assert_allclose(found, [0, 4 / 7, 0, 3 / 7], rtol=1e-5)


def test_top_p_keeps_the_smallest_set_that_reaches_the_mass():
    # 0.4 + 0.3 = 0.7 reaches 0.6; 0.4 alone does not
    found, kept = probs_of(PROBS, Processors(top_p=0.6))
    np.testing.assert_allclose(found, [0, 4 / 7, 0, 3 / 7], rtol=1e-5)
    assert to_numpy(kept)[0, 0].tolist() == [False, True, False, True]
    found, _ = probs_of(PROBS, Processors(top_p=0.3))
    np.testing.assert_allclose(found, [0, 1, 0, 0], rtol=1e-5)


def test_temperature_is_a_power_of_the_probabilities():
    found, _ = probs_of(PROBS, Processors(temperature=0.5))
    squares = np.square(PROBS)
    np.testing.assert_allclose(found, squares / squares.sum(), rtol=1e-5)


def test_minimum_length_forbids_the_end_only_before_it():
    early, _ = probs_of(PROBS, Processors(min_length=3), times=(2,))
    late, _ = probs_of(PROBS, Processors(min_length=3), times=(3,))
    assert early[EOS] == 0 and late[EOS] == pytest.approx(0.2)


def test_repeated_ngrams_by_hand():
    # text 5 6 7 5 6 _ : after "5 6" comes 7 again -> banned as third of a trigram
    actions = ops.convert_to_tensor(np.array([[5, 6, 7, 5, 6, 0, 0]], "int32"))
    found = to_numpy(
        repeated_ngrams(actions, ops.convert_to_tensor(np.array([5], "int32")), 3, 9)
    )
    assert np.flatnonzero(found[0, 0]).tolist() == [7]
    unigrams = to_numpy(
        repeated_ngrams(actions, ops.convert_to_tensor(np.array([3], "int32")), 1, 9)
    )
    assert np.flatnonzero(unigrams[0, 0]).tolist() == [5, 6, 7]
    early = to_numpy(
        repeated_ngrams(actions, ops.convert_to_tensor(np.array([1], "int32")), 3, 9)
    )
    assert not early.any()


def test_given_support_stands_in_for_the_filter():
    log_probs = ops.convert_to_tensor(np.log(np.array([[PROBS]], "float32")))
    support = np.array([[[True, False, False, True]]])
    final, _ = process(
        log_probs,
        Processors(top_k=2),
        ops.zeros((1, 1), "int32"),
        ops.zeros((1,), "int32"),
        ops.convert_to_tensor(support),
    )
    found = np.exp(to_numpy(final))[0, 0]
    np.testing.assert_allclose(found, [0.25, 0, 0, 0.75], rtol=1e-5)


@pytest.mark.parametrize("size", [1, 31, 32, 33, 100])
def test_support_bits_come_back(size):
    kept = np.random.default_rng(size).random((3, 2, size)) < 0.5
    packed = pack_support(ops.convert_to_tensor(kept))
    assert tuple(packed.shape) == (3, 2, -(-size // 32))
    np.testing.assert_array_equal(to_numpy(unpack_support(packed, size)), kept)


def test_count_into_adds_repeated_ids():
    weights = ops.convert_to_tensor(np.array([[[1.0, 2.0, 4.0]]], "float32"))
    ids = ops.convert_to_tensor(np.array([[[3, 1, 3]]], "int32"))
    assert to_numpy(count_into(weights, ids, 5))[0, 0].tolist() == [0, 2, 0, 5, 0]


@pytest.mark.parametrize(
    ("setting", "value"), [("temperature", 0.0), ("top_p", 1.5), ("top_k", -1)]
)
def test_values_out_of_range_are_named(setting, value):
    with pytest.raises(ConfigError, match=f"{setting} must be .* Received: {setting}="):
        Processors(**{setting: value})
