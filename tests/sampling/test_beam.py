import itertools

import numpy as np
import pytest

from nutgraf import backend
from nutgraf.arrays import EOS, Processors
from nutgraf.errors import ConfigError
from nutgraf.sampling.beam import BLOCK, BeamSearch, _largest
from nutgraf.sampling.sample import Sampler
from nutgraf.testing.toys import toy_policy, weights_of


@pytest.mark.parametrize("penalty", [pytest.param(0.0, marks=pytest.mark.xla), 1.0])
def test_beam_of_one_is_greedy(policy, rows, penalty):
    batch = policy.codec.batch(rows[:6])
    values = weights_of(policy)
    greedy = Sampler(policy, 1, 12, greedy=True)(values, batch)
    beam = BeamSearch(policy, 1, 12, length_penalty=penalty)(values, batch)
    np.testing.assert_array_equal(beam.actions, greedy.actions)
    np.testing.assert_allclose(beam.log_probs, greedy.log_probs, rtol=1e-4, atol=1e-5)


class TablePolicy:
    """A made-up policy whose distribution depends on the last action alone."""

    variables: list = []

    def __init__(self, table):
        self.table = np.asarray(table, "float32")
        self.vocabulary_size = len(self.table)

    def encode(self, batch, dropout=None):
        return {"ids": batch.source_ids}

    def init(self, memory, samples, length):
        return np.zeros((memory["ids"].shape[0], samples), "float32")

    def step(self, memory, state, last):
        from keras import ops

        return ops.take(ops.convert_to_tensor(self.table), last, axis=0), state

    def reorder(self, state, parents):
        return state


def best_by_force(table, length, penalty):
    """The best text of all, by trying each."""
    best = (-np.inf, None)
    others = [token for token in range(len(table)) if token != EOS]
    for size in range(length):
        for text in itertools.product(others, repeat=size):
            path = [1, *text, EOS]
            score = sum(table[a][b] for a, b in itertools.pairwise(path))
            score /= ((5 + size + 1) / 6) ** penalty
            best = max(best, (score, path[1:]))
    return best[1]


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_text_of_all(seed, policy, rows):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(5, 5)) * 1.5
    table = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    batch = policy.codec.batch(rows[:2])
    found = BeamSearch(TablePolicy(table), 60, 4, length_penalty=0.0)([], batch)
    assert found.actions[0, 0][found.mask[0, 0]].tolist() == best_by_force(
        table, 4, 0.0
    )


def test_wider_beams_find_likelier_texts(tokenizer, rows):
    policy = toy_policy(tokenizer)
    batch = policy.codec.batch(rows[:12])
    values = weights_of(policy)
    totals = [
        BeamSearch(policy, beams, 8, length_penalty=0.0)(values, batch).log_probs.sum()
        for beams in (1, 6)
    ]
    assert totals[1] > totals[0]


def test_blocking_and_minimum_length_hold(policy, rows):
    batch = policy.codec.batch(rows[:6])
    settings = Processors(min_length=6, no_repeat_ngram=1)
    found = BeamSearch(policy, 3, 12, processors=settings)(weights_of(policy), batch)
    for actions, mask in zip(found.actions[:, 0], found.mask[:, 0], strict=True):
        text = actions[mask].tolist()
        assert len(set(text)) == len(text)
        assert EOS not in text[:6]


@pytest.mark.xla
def test_nothing_is_compiled_again(policy, rows):
    beam = BeamSearch(policy, 2, 8)
    for start in (0, 3):
        beam(weights_of(policy), policy.codec.batch(rows[start : start + 3], 48))
    assert beam.compiled.compilations == (0 if backend.name == "torch" else 1)


def test_settings_are_checked(policy):
    with pytest.raises(ConfigError, match="beams=0"):
        BeamSearch(policy, 0)
    with pytest.raises(ConfigError, match="no top_k or top_p"):
        BeamSearch(policy, processors=Processors(top_k=3))


@pytest.mark.parametrize("size", [5, 3 * BLOCK, 20 * BLOCK, 20 * BLOCK + 7])
def test_largest_in_blocks_are_the_largest_of_all(size):
    from keras import ops

    random = np.random.default_rng(0)
    scores = random.integers(-50, 50, (6, size)).astype("float32")  # many are equal
    scores[0] = -1e9
    values, places = backend.to_numpy(_largest(ops.convert_to_tensor(scores), 4))
    order = np.argsort(-scores, axis=1, kind="stable")[:, :4]
    if backend.name != "torch":  # which promises no order among equals
        np.testing.assert_array_equal(places, order)
    np.testing.assert_array_equal(values, np.take_along_axis(scores, places, axis=1))
    np.testing.assert_array_equal(values, np.take_along_axis(scores, order, axis=1))
