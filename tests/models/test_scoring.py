import numpy as np
from keras import ops

from nutgraf.arrays import EOS
from nutgraf.backend import jit, to_numpy, value_and_grad
from nutgraf.models.scoring import LARGEST_CHUNK, chunks, in_chunks, of_actions


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
