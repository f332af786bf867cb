import math

import numpy as np
import pytest
from keras import ops

from nutgraf.arrays import EOS, Processors
from nutgraf.backend import to_numpy
from nutgraf.sampling import loops
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, weights_of

SAMPLES, LENGTH = 16, 10


@pytest.mark.parametrize("options", [{}, {"architecture": "decoder-only"}], ids=str)
@pytest.mark.parametrize(
    "processors",
    [Processors(), Processors(top_k=5, no_repeat_ngram=2)],
    ids=["plain", "filtered"],
)
def test_smaller_loops_write_the_same_texts(options, processors, rows, monkeypatch):
    policy = toy_policy(**options)
    batch = policy.codec.batch(rows[:4])
    monkeypatch.setattr(loops, "SMALLEST", 4)
    found = []
    for most in (1, 3):
        monkeypatch.setattr(loops, "MOST", most)
        sampler = Sampler(Hasty(policy), SAMPLES, LENGTH, processors)
        found.append(sampler(weights_of(policy), batch, seed=3))
    one, many = found
    lengths = one.mask.sum(-1)
    assert (lengths <= LENGTH // 2).mean() > 0.5  # so there is something to save
    np.testing.assert_array_equal(one.actions, many.actions)
    np.testing.assert_array_equal(one.mask, many.mask)
    np.testing.assert_allclose(one.log_probs, many.log_probs, rtol=1e-4, atol=1e-5)
    if processors.filters:
        np.testing.assert_array_equal(one.support[one.mask], many.support[one.mask])


class Hasty:
    """Ends its texts early; counts the texts of each step."""

    def __init__(self, policy):
        self.policy = policy
        self.sizes = []

    def __getattr__(self, name):
        return getattr(self.policy, name)

    def step(self, memory, state, last):
        self.sizes.append(int(np.prod(last.shape)))
        log_probs, state = self.policy.step(memory, state, last)
        return hasty(log_probs), state

    def draw(self, memory, state, last, uniforms):
        from nutgraf.layers.categorical import draw_logits

        log_probs, state = self.step(memory, state, last)
        return *draw_logits(log_probs, uniforms), state


def hasty(log_probs):
    ends = ops.arange(log_probs.shape[-1]) == EOS
    others = ops.log_softmax(ops.where(ends, -1e9, log_probs), axis=-1)
    return ops.where(ends, math.log(0.25), others + math.log(0.75))


@pytest.mark.xla
def test_loops_shrink_by_halves(rows, monkeypatch):
    policy = Hasty(toy_policy())
    monkeypatch.setattr(loops, "SMALLEST", 4)
    Sampler(policy, SAMPLES, LENGTH)(
        weights_of(policy.policy), policy.codec.batch(rows[:4])
    )
    assert list(dict.fromkeys(policy.sizes)) == [64, 32, 16]


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        ([2, 3, 5], [2] * 32 + [3] * 16 + [5] * 16),
        ([4, 4, 4], [4] * 64),
        ([1, 7, LENGTH], [1] * 40 + [7] * 23 + [LENGTH + 5]),
        ([LENGTH] * 3, [LENGTH + 5] * 64),
    ],
)
def test_a_loop_stops_as_soon_as_enough_texts_have_ended(steps, ends, monkeypatch):
    monkeypatch.setattr(loops, "SMALLEST", 16)
    monkeypatch.setattr(loops, "_run", timed := Timed(loops._run))
    ends = np.array(ends, "int32")

    def advance(loop):
        now = ops.take(ends, loop.texts.samples) == loop.time + 1
        actions = ops.where(now, np.int32(EOS), np.int32(5))
        return loops.Choice(actions, ops.zeros(now.shape, "float32"), None, [])

    texts = loops.empty_texts(np.zeros(1, "int32"), 64, LENGTH, 1)
    written = loops.run_loops(advance, lambda state, packing: state, [], texts)
    assert timed.times == steps
    lengths = to_numpy(written.mask).sum(-1)
    np.testing.assert_array_equal(lengths, np.minimum(ends, LENGTH))


class Timed:
    """Runs loops and keeps the time at the end of each."""

    def __init__(self, run):
        self.run = run
        self.times = []

    def __call__(self, *args):
        loop = self.run(*args)
        self.times.append(int(loop.time))
        return loop


def test_texts_go_on_from_among_those_before():
    alive = np.array([0, 1, 0, 1, 1, 0, 0, 0], bool)
    first = loops._going_first(ops.convert_to_tensor(alive), 4, None)
    assert sorted(to_numpy(first.tokens)) == [0, 1, 3, 4]
    alive[[1, 3]] = False  # one is left; who fills up was there before
    second = loops._going_first(ops.convert_to_tensor(alive), 2, first)
    assert to_numpy(second.tokens).tolist() == [4, 0]
    assert to_numpy(second.places).tolist() == [1, 2, 2, 2, 0, 2, 2, 2]
