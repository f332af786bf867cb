import math
import re

import numpy as np
import pytest
from keras import ops

from nutgraf import backend
from nutgraf.arrays import EOS, Processors
from nutgraf.backend import jit, to_numpy, value_and_grad
from nutgraf.models import scoring
from nutgraf.models.scoring import (
    LARGEST_CHUNK,
    chunks,
    in_chunks,
    of_actions,
    score_full,
    score_known,
)


def test_chunks_hold_all_steps_in_order_and_not_too_many_scores():
    size = LARGEST_CHUNK // 1000
    found = chunks(3 * size + 5, 1000)
    assert len(found) == 4
    steps = np.concatenate([np.arange(3 * size + 5)[part] for part in found])
    np.testing.assert_array_equal(steps, np.arange(3 * size + 5))
    assert [len(range(10)[part]) for part in chunks(10, LARGEST_CHUNK * 2)] == [1] * 10


def test_log_probs_of_actions_and_their_mean_equal_a_log_softmax():
    random = np.random.default_rng(0)
    logits = random.normal(size=(6, 9)).astype("float32") * 5
    actions = random.integers(EOS, 9, 6).astype("int32")
    log_probs = logits - np.log(np.exp(logits.astype("float64")).sum(-1))[:, None]
    found = to_numpy(of_actions(ops.convert_to_tensor(logits), actions, mean=True))
    np.testing.assert_allclose(found[:, 0], log_probs[np.arange(6), actions], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], log_probs[:, EOS:].mean(-1), rtol=1e-5)
    alone = of_actions(ops.convert_to_tensor(logits), actions, mean=False)
    assert tuple(alone.shape) == (6, 1)


def test_rows_in_chunks_are_the_rows_at_once():
    random = np.random.default_rng(0)
    table = random.normal(size=(5, 3)).astype("float32")
    rows = random.normal(size=(11, 3)).astype("float32")
    numbers = np.arange(11, dtype="int32")

    def product(table, rows, numbers):
        scores = ops.matmul(rows, ops.transpose(table))
        return scores * ops.cast(numbers, "float32")[:, None]

    def loss(values, numbers, per_row):
        found = in_chunks(product, *values, numbers, per_row)
        return ops.sum(found**3), found

    def run(per_row):
        compiled = jit(
            lambda values, numbers: value_and_grad(lambda v, n: loss(v, n, per_row))(
                values, numbers
            )
        )
        return to_numpy(compiled([table, rows], numbers))

    (_, whole), expected = run(1)
    (_, parts), gradients = run(LARGEST_CHUNK // 4)
    np.testing.assert_allclose(parts, whole, rtol=1e-5)
    np.testing.assert_allclose(whole, rows @ table.T * numbers[:, None], rtol=1e-4)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)  # reordered sums


TEXTS, LENGTH, WIDTH, VOCABULARY = 6, 16, 8, 100
SCORED = {
    "entropy": Processors(),
    "filtered": Processors(temperature=0.7, top_k=5, top_p=0.9),
}


def score_loss(processors):
    """Log-probs and entropies of actions, weighed into a loss."""

    def loss(values, actions):
        def log_probs_of(table, rows):
            return ops.log_softmax(ops.matmul(rows, ops.transpose(table)), axis=-1)

        scored = score_full(
            log_probs_of, *values, actions, processors, VOCABULARY, None
        )
        total = ops.sum(scored.log_probs * scored.entropy)
        return total, (scored.log_probs, scored.entropy)

    return lambda values, actions: value_and_grad(loss)(values, actions)


@pytest.fixture
def given():
    random = np.random.default_rng(0)
    table = random.normal(size=(VOCABULARY, WIDTH)).astype("float32")
    rows = random.normal(size=(2, 3, LENGTH, WIDTH)).astype("float32")
    log_probs = np.einsum("pgtd,vd->pgtv", rows, table)
    actions = np.argsort(log_probs, axis=-1)[..., -2].astype("int32")  # is never cut
    return table, rows, actions


@pytest.mark.backend
@pytest.mark.parametrize("name", SCORED)
def test_whole_distributions_in_chunks_are_those_at_once(name, given, monkeypatch):
    table, rows, actions = given
    found = []
    for chunk in (LARGEST_CHUNK, 5 * TEXTS * VOCABULARY):  # 16 steps in 4 chunks
        monkeypatch.setattr(scoring, "LARGEST_CHUNK", chunk)
        compiled = jit(score_loss(SCORED[name]))
        found.append(to_numpy(compiled([table, rows], actions)))
    ((_, whole), expected), ((_, parts), gradients) = found
    for one, two in zip((*parts, *gradients), (*whole, *expected), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    probs = np.exp(np.einsum("pgtd,vd->pgtv", rows, table).astype("float64"))
    probs /= probs.sum(-1, keepdims=True)
    if name == "entropy":
        np.testing.assert_allclose(
            whole[1], -(probs * np.log(probs)).sum(-1), rtol=1e-4
        )


@pytest.mark.backend
@pytest.mark.parametrize("name", SCORED)
def test_known_scores_are_those_of_what_makes_them(name, given):
    table, rows, actions = given

    def log_probs_of(table, rows):
        return ops.log_softmax(ops.matmul(rows, ops.transpose(table)), axis=-1)

    log_probs = log_probs_of(table, rows)
    found = score_known(log_probs, actions, SCORED[name], None)
    expected = score_full(
        log_probs_of, table, rows, actions, SCORED[name], VOCABULARY, None
    )
    for one, two in zip(to_numpy(found[:2]), to_numpy(expected[:2]), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    assert found.mean_log_probs is None


if backend.name == "tensorflow":  # the others do not show what they compiled

    @pytest.mark.parametrize("name", SCORED)
    def test_no_array_holds_the_distributions_of_all_steps(name, given, monkeypatch):
        """Read from what XLA has compiled, gradient and all."""
        import tensorflow as tf

        table, rows, actions = given
        monkeypatch.setattr(scoring, "LARGEST_CHUNK", 2 * TEXTS * VOCABULARY)
        function = tf.function(score_loss(SCORED[name]), jit_compile=True)
        values = [tf.constant(table), tf.constant(rows)]
        ir = function.experimental_get_compiler_ir(values, tf.constant(actions))
        shapes = re.findall(r"\w+\[([\d,]+)\]", ir(stage="optimized_hlo"))
        sizes = {math.prod(map(int, shape.split(","))) for shape in shapes}
        assert 2 * TEXTS * VOCABULARY in sizes  # a chunk's
        assert max(sizes) < TEXTS * LENGTH * VOCABULARY / 4
