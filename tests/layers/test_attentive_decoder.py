"""Whole texts at once are their steps one by one; groups share their source."""

import numpy as np
import pytest
from keras import ops

from nutgraf.backend import to_numpy
from nutgraf.layers.attentive_decoder import AttentiveDecoder, Source
from nutgraf.layers.dropout import Dropout

pytestmark = pytest.mark.backend

PROMPTS, SAMPLES, STEPS, PLACES, WIDTH = 2, 3, 4, 5, 6
NOTHING = Dropout(0.0, None)


@pytest.fixture(scope="module", params=[("lstm", True), ("gru", False)])
def decoder(request):
    kind, coverage = request.param
    layer = AttentiveDecoder(kind, WIDTH, 2, coverage)
    layer.build()
    random = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape).astype("float32"))
    return layer


def random(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.fixture(scope="module")
def source(decoder):
    states = random(PROMPTS, PLACES, WIDTH)
    visible = np.ones((PROMPTS, 1, PLACES), bool)
    visible[1, 0, 3:] = False
    return Source(*map(ops.convert_to_tensor, (decoder.keys(states), states, visible)))


@pytest.fixture(scope="module")
def first(decoder):
    parts = 2 if decoder.settings["kind"] == "lstm" else 1
    return [
        [
            ops.convert_to_tensor(random(PROMPTS, WIDTH, seed=s))
            for s in range(n, n + parts)
        ]
        for n in (10, 20)
    ]


def test_steps_are_the_whole_text(decoder, source, first):
    x = random(PROMPTS * SAMPLES, STEPS, WIDTH, seed=9)
    state = decoder.start(first, SAMPLES, PLACES)
    whole = to_numpy(decoder.read(source, state, x, NOTHING))
    np.testing.assert_array_equal(to_numpy(decoder(source, state, x)), whole.output)
    for time in range(STEPS):
        found, state = decoder.step(source, state, x[:, time])
        for one, two in zip(to_numpy(found), whole, strict=True):
            np.testing.assert_allclose(one, two[:, time], rtol=1e-4, atol=1e-5)
    assert whole.attention[SAMPLES:, :, 3:].max() == 0
    assert whole.attention[:SAMPLES].std() > 0.05


def test_samples_of_a_source_are_the_source_repeated(decoder, source, first):
    x = random(PROMPTS * SAMPLES, STEPS, WIDTH, seed=9)
    begin = decoder.start(first, SAMPLES, PLACES)
    grouped = to_numpy(decoder.read(source, begin, x, NOTHING))
    alone = Source(*(ops.repeat(part, SAMPLES, axis=0) for part in source))
    other = to_numpy(decoder.read(alone, begin, x, NOTHING))
    for one, two in zip(grouped, other, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    steps = [decoder.step(of, begin, x[:, 0])[0] for of in (source, alone)]
    for one, two in zip(*map(to_numpy, steps), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_dropout_reaches_the_upper_layer(decoder, source, first):
    x = random(PROMPTS, STEPS, WIDTH, seed=9)
    begin = decoder.start(first, 1, PLACES)
    seed = ops.convert_to_tensor(np.int32(3))
    one = to_numpy(decoder.read(source, begin, x, Dropout(0.5, seed)))
    two = to_numpy(decoder.read(source, begin, x, NOTHING))
    np.testing.assert_array_equal(one.attention, two.attention)
    assert abs(one.output - two.output).max() > 0.01


def test_config_round_trip(decoder):
    again = AttentiveDecoder.from_config(decoder.get_config())
    assert again.settings == decoder.settings
