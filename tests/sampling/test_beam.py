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


WIDE = 4**3 * 5
"""Beams that hold all continuations of four actions out of five."""


def chosen(table, penalty, batch):
    """The text that a search finds from which nothing is left out."""
    found = BeamSearch(TablePolicy(table), WIDE, 4, length_penalty=penalty)([], batch)
    return found.actions[0, 0][found.mask[0, 0]].tolist()


@pytest.mark.parametrize(("seed", "penalty"), [(850, 0.5), (362, 1.0), (35, 2.0)])
def test_so_it_does_with_a_length_penalty(seed, penalty, policy, rows):
    logits = np.random.default_rng(seed).normal(size=(5, 5))
    table = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    best = best_by_force(table, 4, penalty)
    for other in (0.0, penalty / 2, 2 * penalty, -penalty):
        assert best_by_force(table, 4, other) != best  # what a wrong exponent finds
    assert chosen(table, penalty, policy.codec.batch(rows[:1])) == best


# Of the texts 2, 3 2, 3 4 2 and 3 4 0 2 (2 ends them, others are rare) the log-probs
# are ln .13 = -2.04, ln(.84 * .15) = -2.07, ln(.84 * .82 * .15) = -2.27 and
# ln(.84 * .82 * .82 * .11) = -2.78. Over (6/6, 7/6, 8/6, 9/6) ** penalty they are, with
# 0.5: -2.04 -1.92 -1.97 -2.27; 1: -2.04 -1.78 -1.70 -1.85; 2: -2.04 -1.52 -1.28 -1.24.
CHAIN = np.log(
    [
        [0.22, 0.22, 0.11, 0.22, 0.23],
        [0.01, 0.01, 0.13, 0.84, 0.01],
        [0.20, 0.20, 0.20, 0.20, 0.20],
        [0.01, 0.01, 0.15, 0.01, 0.82],
        [0.82, 0.01, 0.15, 0.01, 0.01],
    ]
)


@pytest.mark.parametrize(
    ("penalty", "text"),
    [(0.0, [2]), (0.5, [3, 2]), (1.0, [3, 4, 2]), (2.0, [3, 4, 0, 2])],
)
def test_the_length_penalty_decides_how_long_a_text_is(penalty, text, policy, rows):
    assert best_by_force(CHAIN, 4, penalty) == text
    assert chosen(CHAIN, penalty, policy.codec.batch(rows[:1])) == text


def one_of(*likely):
    """Log-probs of five actions, of which those given are likely."""
    shares = np.full(5, 0.01)
    shares[list(likely)] = np.linspace(0.6, 0.4, len(likely))
    return np.log(shares / shares.sum())


ENDING = np.tile(one_of(EOS, 3), (5, 1))
"""Ends at each step what is likeliest."""
GOING = np.stack([one_of(EOS), one_of(3), one_of(EOS), one_of(4), one_of(0)])
"""The likeliest text is 3 4 0 and the end."""


class RowsPolicy(TablePolicy):
    """Has a table of its own for each prompt."""

    def __init__(self, tables):
        super().__init__(tables)
        self.vocabulary_size = self.table.shape[-1]

    def step(self, memory, state, last):
        from keras import ops

        tables = ops.convert_to_tensor(self.table)
        return ops.take_along_axis(tables, last[..., None], axis=1), state


@pytest.mark.parametrize(
    ("tables", "beams", "steps"),
    [
        ([ENDING, ENDING], 1, 1),
        ([ENDING, ENDING], 2, 2),
        ([GOING, GOING], 1, 4),
        ([ENDING, GOING], 1, 4),
    ],
)
def test_no_step_is_taken_when_all_rows_are_done(tables, beams, steps, policy, rows):
    search = BeamSearch(RowsPolicy(tables), beams, 9)
    ended_at = []
    best = search._best

    def spy(beam):
        ended_at.append(int(beam.time))
        return best(beam)

    search._best = spy
    search._run([], policy.codec.batch(rows[:2]))
    assert ended_at == [steps]


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
